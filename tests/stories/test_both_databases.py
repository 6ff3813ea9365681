"""The same requests on SQLite and PostgreSQL give the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import update

from app.store import tables as t
from app.store.database import Database
from tests.fixtures.databases import KINDS, Kind
from tests.fixtures.house import ROOT, House, folder_files, serving

SAMPLES = ROOT / "app" / "demo" / "data"
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("ecology-rural/records", {}),
    ("ecology-rural/records", {"period": "2025", "limit": 3, "sort": "-czrk_w", "count": "exact"}),
    ("ecology-rural/records", {"filter": "czrk_w:ge:1.2", "fields": "xzqhdm,rjgd"}),
    *(("ecology-rural/records", {"format": name}) for name in ("ndjson", "csv", "arrow", "parquet", "xlsx")),
    ("ecology-rural/schema", {}),
    ("ecology-rural", {}),
]


def same_key(url: str, folder: Path) -> None:
    """Give a database a known sealing key, so that sealed tokens can be compared as bytes."""
    database = Database.open(url, folder)
    with database.write() as write:
        write.connection.execute(update(t.setting).where(t.setting.c.name == "sealing_key").values(value="ab" * 32))
    database.close()


def session(house: House) -> list[tuple[int, bytes, str | None]]:
    clerk = house.client(region="430682")
    found: list[tuple[int, bytes, str | None]] = []

    def keep(answer: httpx.Response) -> None:
        found.append((answer.status_code, answer.content, answer.headers.get("etag")))

    for name, dataset in (
        ("01-人口-合并表头-合计行.xlsx", "population"),
        ("02-耕地-亩-旧格式.xls", "land"),
        ("04-人口-处处有错.xlsx", "population"),
    ):
        file = SAMPLES / name
        answer = clerk.post(
            "/v1/submissions", files={"file": (name, file.read_bytes())}, data={"dataset": dataset, "period": "2025"}
        )
        body = answer.json()
        body.pop("id")
        found.append((answer.status_code, repr(body).encode(), None))
    keep(clerk.get("/v1/datasets/land/records", params={"limit": 5}))
    ecology = house.client(department="ecology")
    for path, parameters in QUESTIONS:
        keep(ecology.get(f"/v1/views/{path}", params=parameters))
    feed = ecology.get("/v1/views/ecology-rural/changes", params={"limit": 4})
    keep(feed)
    keep(ecology.get("/v1/views/ecology-rural/changes", params={"since": feed.json()["next"]}))
    return found


def test_the_same_requests_give_the_same_bytes(new_url: Callable[[Kind], str], tmp_path: Path) -> None:
    sessions = {}
    for kind in KINDS:
        url = new_url(kind)
        same_key(url, tmp_path / kind)
        with ExitStack() as stack:
            house = stack.enter_context(serving(url, tmp_path / kind))
            house.apply(folder_files(ROOT / "schemas"))
            sessions[kind] = session(house)
    assert all(status < 500 for status, _, _ in sessions["sqlite"])
    for one, other in zip(sessions["sqlite"], sessions["postgresql"], strict=True):
        assert one == other
