"""What the server itself takes: a handler that does nothing, and a file sent as it is."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse


def create_app() -> FastAPI:
    """``/empty``, and the files of the folder that ``BENCH_FILES`` names under ``/files/``."""
    app = FastAPI()
    folder = Path(os.environ["BENCH_FILES"])

    @app.get("/empty")
    async def empty() -> dict[str, str]:
        return {}

    @app.get("/files/{name}")
    async def file(name: str) -> FileResponse:
        return FileResponse(folder / Path(name).name)

    return app
