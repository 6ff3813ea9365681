# Two stages: uv builds a virtual environment from the lock, the runtime holds nothing but it.
# Without any setting the container keeps an embedded SQLite registry in its volume; see docs/guide/operator.md.

FROM python:3.11-slim AS builder
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv
WORKDIR /src
# The packages change seldom, the code often: two layers.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-dev --no-install-project
COPY app ./app
COPY migrations ./migrations
COPY schemas ./schemas
COPY alembic.ini ./
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.11-slim AS runtime
RUN useradd --system --uid 10001 --home-dir /var/lib/township --create-home township
COPY --from=builder --chown=root:root /src/.venv /src/.venv
ENV PATH=/src/.venv/bin:$PATH PYTHONUNBUFFERED=1 TOWNSHIP_DATA_DIR=/var/lib/township
USER township
WORKDIR /var/lib/township
VOLUME ["/var/lib/township"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import httpx; httpx.get('http://127.0.0.1:8000/healthz', timeout=2).raise_for_status()"]
CMD ["sh", "-c", "township migrate && exec township serve --host 0.0.0.0 --port 8000"]
