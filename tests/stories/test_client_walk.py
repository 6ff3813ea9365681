"""The three walks of the design with the real client, against a real server, on both databases."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import load_workbook

from app.client.errors import Refused
from app.client.http import Township
from tests.fixtures.house import ROOT, House

SAMPLES = ROOT / "app" / "demo" / "data"
EXPECTED: dict[str, Any] = {
    sample["file"][:2]: sample for sample in json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
}


def test_a_clerk_uploads_fills_the_template_and_sends_it_back(house: House, tmp_path: Path) -> None:
    with Township(house.url, house.key(region="430682")) as clerk:
        with pytest.raises(Refused) as refused:
            clerk.upload(SAMPLES / EXPECTED["04"]["file"], dataset="population", period="2025")
        assert set(EXPECTED["04"]["cells"]) <= {finding["cell"] for finding in refused.value.findings}
        done = clerk.upload(SAMPLES / EXPECTED["01"]["file"], dataset="population", period="2025")
        assert done["counts"]["new"] == len(EXPECTED["01"]["records"])
        filled = tmp_path / "population.xlsx"
        filled.write_bytes(clerk.template("population", "2025"))
        again = clerk.upload(filled, dataset="population", period="2025")
        assert again["counts"] == {"rows": 14, "new": 0, "changed": 0, "unchanged": 14}
        book = load_workbook(filled)
        sheet = book.active
        assert sheet is not None
        places = {str(cell.value): cell for row in sheet.iter_rows() for cell in row if cell.value is not None}
        column = next(cell.column for text, cell in places.items() if text.startswith("户籍户数"))
        row = places["430682101"].row
        sheet.cell(row, column, 4321)
        book.save(filled)
        changed = clerk.upload(filled, dataset="population", period="2025")
        assert changed["counts"]["changed"] == 1
        (record,) = clerk.records("population", "2025", "430682101")
        assert record["registered_households"] == 4321
        assert record["resident_population"] == 10924
        statuses = [submission["status"] for submission in clerk.submissions("population")]
        assert statuses == ["applied", "applied", "applied", "rejected"]


def test_a_department_pulls_its_view_in_every_format_and_follows_its_changes(house: House, tmp_path: Path) -> None:
    with Township(house.url, house.key(region="430682")) as clerk:
        clerk.upload(SAMPLES / EXPECTED["01"]["file"], dataset="population", period="2025")
        clerk.upload(SAMPLES / EXPECTED["02"]["file"], dataset="land", period="2025")
        with Township(house.url, house.key(department="ecology")) as ecology:
            assert [view["code"] for view in ecology.views()] == ["ecology-environment", "ecology-rural"]
            rows = list(ecology.rows("ecology-rural", period="2025"))
            wanted = {r["region"]: Decimal(r["resident_population"]) / 10000 for r in EXPECTED["01"]["records"]}
            assert {row["xzqhdm"]: row["czrk_w"] for row in rows} == wanted
            copies = {}
            for form in ("csv", "ndjson", "parquet", "arrow", "xlsx"):
                file = tmp_path / f"ecology.{form}"
                ecology.pull("ecology-rural", file, format=form, period="2025")
                copies[form] = read_back(file.read_bytes(), form)
            for form, copy in copies.items():
                assert copy == [(row["xzqhdm"], row["czrk_w"], row["gdmj_mu"]) for row in rows], form
            pages = list(ecology.changes("ecology-rural", limit=5))
            assert [change["record"] for page in pages for change in page["changes"]] == rows
            explained = ecology.explain("ecology-rural", region="430682101", period="2025", field="gdmj_mu")
            assert "02-耕地-亩-旧格式.xls" in json.dumps(explained, ensure_ascii=False, default=str)


def read_back(data: bytes, form: str) -> list[tuple[str, Decimal, Decimal]]:
    """(xzqhdm, czrk_w, gdmj_mu) of every row, whatever the format."""
    if form == "csv":
        records: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(data.decode())))
    elif form == "ndjson":
        records = [json.loads(line, parse_float=Decimal) for line in data.decode().splitlines()]
    elif form == "xlsx":
        sheet = load_workbook(io.BytesIO(data)).active
        assert sheet is not None
        header, *rows = sheet.iter_rows(values_only=True)
        records = [dict(zip(map(str, header), row, strict=True)) for row in rows]
    else:
        frame = pl.read_parquet(io.BytesIO(data)) if form == "parquet" else pl.read_ipc_stream(io.BytesIO(data))
        records = frame.to_dicts()
    return [(r["xzqhdm"], Decimal(str(r["czrk_w"])), Decimal(str(r["gdmj_mu"]))) for r in records]


def test_an_administrator_changes_a_mapping_and_the_department_sees_it_at_once(house: House) -> None:
    with Township(house.url, house.key(region="430682")) as clerk:
        clerk.upload(SAMPLES / EXPECTED["01"]["file"], dataset="population", period="2025")
    with (
        Township(house.url, house.key(admin=True)) as admin,
        Township(house.url, house.key(department="ecology")) as ecology,
    ):
        document, etag = admin.admin.definition("views", "ecology-rural")
        for field in document["fields"]:
            if field["name"] == "czrk_w":
                field["decimals"] = 1
        told = admin.admin.preview("ecology-rural", {k: v for k, v in document.items() if k != "version"})
        assert any(loss["field"] == "czrk_w" for loss in told["rounding_losses"])
        saved = admin.admin.put("views", "ecology-rural", document, if_match=etag)
        assert saved["version"] == 2
        with pytest.raises(Refused) as stale:
            admin.admin.put("views", "ecology-rural", document, if_match=etag)
        assert stale.value.status == 412
        (row,) = ecology.rows("ecology-rural", period="2025", region="430682101")
        assert row["czrk_w"] == Decimal("1.1")
