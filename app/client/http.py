"""The registry as an object: one method a request of the contract.

::

    with Township("http://127.0.0.1:8000", key) as registry:
        registry.upload(Path("人口.xlsx"), dataset="population", period="2025")
        registry.pull("ecology-rural", Path("ecology.parquet"), period="2025")

Every call may raise ``TownshipError`` (``app.client.errors``). Numbers are ``int`` or ``Decimal``. For one thread at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import httpx

from app.client import following
from app.client.access import Access
from app.client.administration import Administration
from app.client.asking import Many, asked
from app.client.audit import Audit, KeptReceipt
from app.client.care import Care
from app.client.connection import TIMEOUT, Connection, Json, comma_list, decoded
from app.client.errors import Broken
from app.client.exact_json import joined
from app.client.forms import Forms
from app.client.mappings import Mappings
from app.client.pieces import send_in_pieces, submit_upload
from app.client.resuming import Sink
from app.client.retries import Retries
from app.client.settings import ClientSettings
from app.client.snapshots import Snapshots
from app.client.transfer import Download, Memory, Progress, Watched

Mode = Literal["apply", "check"]

FORMATS = ("csv", "json", "ndjson", "parquet", "arrow", "xlsx")
LARGEST_PAGE = 10_000
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Township:
    """A registry, seen with one key."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(url, key, timeout=timeout, retries=retries, transport=transport)
        self.admin = Administration(self._connection)
        self.forms = Forms(self._connection)
        self.mappings = Mappings(self._connection)
        self.care = Care(self._connection)
        self.audit, self.access = Audit(self._connection), Access(self._connection)
        self.snapshots = Snapshots(self._connection)

    @classmethod
    def from_environment(cls) -> Self:
        """With the address and key of ``TOWNSHIP_URL`` and ``TOWNSHIP_KEY``."""
        settings = ClientSettings()
        return cls(settings.url, settings.key.get_secret_value() if settings.key else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def url(self) -> str:
        return self._connection.url

    def _get(self, path: str, **parameters: str | Sequence[str] | int | None) -> Any:
        return decoded(self._connection.send("GET", path, parameters=parameters))

    def _listed(self, path: str, name: str, question: Mapping[str, str | int | None]) -> Iterator[Json]:
        cursor, more = None, True
        while more:
            page = self._get(path, **question, cursor=cursor)
            yield from page[name]
            cursor = page["next"]
            more = cursor is not None

    # What is there -------------------------------------------------------------------------------------------------

    def me(self) -> Json:
        """Who the key is: kind, department or region, role, agreements in force."""
        return dict(self._get("/v1/me"))

    def regions(
        self, level: str | None = None, parent: str | None = None, q: str | None = None, at: str | None = None
    ) -> list[Json]:
        """The regions in force on a day (default today); ``parent`` gives those directly below it."""
        listed: list[Json] = self._get("/v1/regions", level=level, parent=parent, q=q, at=at)["regions"]
        return listed

    def region(self, code: str) -> Json:
        answer: Json = self._get(f"/v1/regions/{code}")
        return answer

    def datasets(self) -> list[Json]:
        """The catalogue: every dataset this key may know of."""
        listed: list[Json] = self._get("/v1/datasets")["datasets"]
        return listed

    def dataset(self, code: str) -> Json:
        answer: Json = self._get(f"/v1/datasets/{code}")
        return answer

    # The source's side ---------------------------------------------------------------------------------------------

    def template(self, dataset: str, period: str | None = None, region: str | None = None) -> bytes:
        """The xlsx to fill, with what is already held."""
        parameters = {"period": period, "region": region}
        return self._connection.send("GET", f"/v1/datasets/{dataset}/template", parameters=parameters).content

    def records(
        self, dataset: str, period: Many = None, region: Many = None, as_of: str | None = None
    ) -> Iterator[Json]:
        """The canonical records this key may see, now or at an instant, one by one, through all pages."""
        question = {
            "period": comma_list(period),
            "region": comma_list(region),
            "as_of": as_of,
            "limit": LARGEST_PAGE,
        }
        return self._listed(f"/v1/datasets/{dataset}/records", "records", question)

    def withdraw(
        self,
        dataset: str,
        reason: str,
        *,
        region: str,
        period: str | None = None,
        key: Mapping[str, str] | None = None,
    ) -> Json:
        """The source withdraws one record; history keeps it, readers get a tombstone."""
        response = self._connection.send(
            "DELETE",
            f"/v1/datasets/{dataset}/records",
            parameters={"period": period, "region": region, **(key or {})},
            json={"reason": reason},
        )
        return dict(decoded(response)) if response.content else {}

    def upload(
        self,
        file: Path | tuple[str, bytes],
        *,
        dataset: str | None = None,
        period: str | None = None,
        region: str | None = None,
        mode: Mode = "apply",
        view: str | None = None,
        idempotency_key: str | None = None,
        progress: Progress | None = None,
    ) -> Json:
        """Sends a workbook as it is; the answer's ``status`` is applied, pending or checked.

        ``view``: it is laid out as that view, and is read back through its mapping.
        ``file`` is a path, or a name and its bytes. Raises ``Rejected`` with all findings when nothing was stored. Sent
        again after a failure under the same idempotency key, so it is stored once.
        """
        name, data = file if isinstance(file, tuple) else (file.name, file.read_bytes())
        parts = {"dataset": dataset, "period": period, "region": region, "mode": mode, "view": view}
        response = self._connection.send(
            "POST",
            "/v1/submissions",
            repeatable=True,
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            data={part: value for part, value in parts.items() if value is not None},
            files={"file": (name, Watched(data, progress) if progress else data)},
        )
        answer: Json = decoded(response)
        return answer

    def checked_workbook(
        self,
        file: Path | tuple[str, bytes],
        *,
        dataset: str | None = None,
        period: str | None = None,
        region: str | None = None,
        view: str | None = None,
    ) -> bytes:
        """The workbook itself as an xlsx with every finding marked at its cell and listed; nothing of it is stored."""
        name, data = file if isinstance(file, tuple) else (file.name, file.read_bytes())
        parts = {"dataset": dataset, "period": period, "region": region, "mode": "check", "view": view}
        response = self._connection.send(
            "POST",
            "/v1/submissions",
            repeatable=True,
            headers={"Idempotency-Key": str(uuid.uuid4()), "Accept": f"{XLSX}, application/problem+json"},
            data={part: value for part, value in parts.items() if value is not None},
            files={"file": (name, data)},
        )
        if not response.headers.get("Content-Type", "").startswith(XLSX):
            raise Broken("/v1/submissions: 没有返回工作簿 (no workbook came back)")
        return response.content

    def upload_in_pieces(
        self,
        file: Path,
        said: Mapping[str, str | None],
        *,
        name: str | None = None,
        upload: str | None = None,
        begun: Callable[[str], None] | None = None,
        idempotency_key: str | None = None,
        progress: Progress | None = None,
    ) -> Json:
        """As ``upload``, over lines that drop: sent as ``send_in_pieces`` has it, then submitted; ``.ndjson`` is a stream.

        ``said``: dataset, period, region, mode, view.
        """
        key = idempotency_key or str(uuid.uuid4())
        sent = send_in_pieces(
            self._connection, file, name=name or file.name, upload=upload, begun=begun, progress=progress
        )
        return submit_upload(self._connection, sent, dict(said), key)

    def submit_rows(
        self,
        dataset: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        period: str | None = None,
        region: str | None = None,
        mode: Mode = "apply",
        idempotency_key: str | None = None,
    ) -> Json:
        """Sends rows, each keyed by element code; else as ``upload``. Exact numbers are sent as strings."""
        body = {"dataset": dataset, "period": period, "region": region, "mode": mode, "rows": list(rows)}
        response = self._connection.send(
            "POST",
            "/v1/submissions",
            repeatable=True,
            headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
            json={part: value for part, value in body.items() if value is not None},
        )
        answer: Json = decoded(response)
        return answer

    def submissions(self, dataset: str | None = None, status: str | None = None) -> Iterator[Json]:
        """The submissions this key may see, newest first, through all pages."""
        return self._listed("/v1/submissions", "submissions", {"dataset": dataset, "status": status})

    def submission(self, submission: str) -> Json:
        answer: Json = self._get(f"/v1/submissions/{submission}")
        return answer

    def confirm(self, submission: str) -> Json:
        """The second person's word; not sent twice, since the first may have arrived."""
        answer: Json = decoded(self._connection.send("POST", f"/v1/submissions/{submission}/confirm"))
        return answer

    # The reader's side ---------------------------------------------------------------------------------------------

    def views(self) -> list[Json]:
        """The views this key may read today."""
        listed: list[Json] = self._get("/v1/views")["views"]
        return listed

    def view(self, code: str) -> Json:
        """The fields this key may see, with their provenance."""
        answer: Json = self._get(f"/v1/views/{code}")
        return answer

    def schema(self, code: str) -> Json:
        """JSON Schema of one record."""
        answer: Json = self._get(f"/v1/views/{code}/schema")
        return answer

    def explain(
        self,
        view: str,
        *,
        region: str,
        field: str,
        period: str | None = None,
        as_of: str | None = None,
        key: Mapping[str, str] | None = None,
    ) -> Json:
        """Why a value is what it is: its rule, the reported cells behind it, each step, and the rounding.

        ``key`` has the key elements of a list's row.
        """
        question = {"region": region, "field": field, "period": period, "as_of": as_of, **(key or {})}
        answer: Json = self._get(f"/v1/views/{view}/explain", **question)
        return answer

    def form(self, view: str, period: Many = None, region: Many = None) -> bytes:
        """The department's own form as xlsx, filled with what this key may read."""
        parameters = {"period": comma_list(period), "region": comma_list(region)}
        return self._connection.send("GET", f"/v1/views/{view}/form.xlsx", parameters=parameters).content

    def pages(self, view: str, *, limit: int = LARGEST_PAGE, **question: Any) -> Iterator[Json]:
        """The pages of a view's records as they come. ``question``: see ``asked``."""
        for response in self._pages(view, limit, question):
            page: Json = decoded(response)
            yield page

    def _pages(self, view: str, limit: int, question: Mapping[str, Any]) -> Iterator[httpx.Response]:
        parameters = {**asked(**question), "limit": limit}
        while True:
            response = self._connection.send("GET", f"/v1/views/{view}/records", parameters=parameters)
            yield response
            cursor = decoded(response)["next"]
            if cursor is None:
                return
            parameters["cursor"] = cursor

    def rows(self, view: str, **question: Any) -> Iterator[Json]:
        """A view's records, one by one, through all pages."""
        for page in self.pages(view, **question):
            yield from page["records"]

    def pull(
        self,
        view: str,
        target: Path | None = None,
        *,
        format: str = "csv",
        progress: Progress | None = None,
        receipt: KeptReceipt | None = None,
        **question: Any,
    ) -> bytes:
        """A whole view in one of ``FORMATS``: into ``target``, or given back where there is none.

        The file is there whole or not at all; one that stood there before is kept until then. ``json`` comes in
        pages, which are made one document. ``receipt`` is filled with the registry's receipt for these very bytes;
        there is none for ``json`` in pages.
        """
        if target is None:
            memory = Memory()
            self._fetch(view, format, question, memory, receipt)
            return memory.data
        with Download(target, progress) as download:
            self._fetch(view, format, question, download, receipt)
        return b""

    def _fetch(
        self, view: str, format: str, question: Mapping[str, Any], sink: Sink, receipt: KeptReceipt | None = None
    ) -> None:
        if receipt is not None:
            if format == "json":
                raise ValueError(
                    "分页的 json 没有一张回执，请用 ndjson (there is no one receipt for pages; use ndjson)"
                )
            parameters = {**asked(**question), "format": format}
            path = f"/v1/views/{view}/records"
            told = self._connection.fetch(path, parameters=parameters, sink=sink, headers={"Prefer": "receipt"})
            receipt.take(told, self.audit.keys())
            return
        if format == "json":
            sink.begin({})
            for chunk in joined(response.content for response in self._pages(view, LARGEST_PAGE, question)):
                sink.write(chunk)
            return
        parameters = {**asked(**question), "format": format}
        self._connection.fetch(f"/v1/views/{view}/records", parameters=parameters, sink=sink)

    def follow(self, view: str, since: str | None = None, *, wait: int = 30) -> Iterator[Json]:
        # Pages of changes for ever, each as soon as there is one.
        return following.pages(self._connection, f"/v1/views/{view}/changes", "changes", since, wait)

    def changes(self, view: str, since: str | None = None, *, limit: int | None = None) -> Iterator[Json]:
        """What changed since a cursor, page by page until there is no more; keep the last page's ``next``."""
        while True:
            page: Json = self._get(f"/v1/views/{view}/changes", since=since, limit=limit)
            yield page
            since = page["next"]
            if not page["more"]:
                return
