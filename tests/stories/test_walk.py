"""From a clerk's workbook to a department's own view, over HTTP, on both databases."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.house import ROOT, House

SAMPLES = ROOT / "app" / "demo" / "data"
EXPECTED: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))


def upload(clerk: httpx.Client, file: Path, **parts: str) -> httpx.Response:
    return clerk.post("/v1/submissions", files={"file": (file.name, file.read_bytes())}, data=parts)


def exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize("sample", EXPECTED, ids=[sample["file"] for sample in EXPECTED])
def test_each_sample_workbook_gives_what_it_must(house: House, sample: dict[str, Any]) -> None:
    clerk = house.client(region="430682")
    answer = upload(clerk, SAMPLES / sample["file"], dataset=sample["dataset"], period=sample["period"])
    body = answer.json()
    if sample["outcome"] == "rejected":
        assert answer.status_code == 422
        errors = {finding["cell"] for finding in body["findings"] if finding["severity"] == "error"}
        assert set(sample["cells"]) <= errors
        held = clerk.get(f"/v1/datasets/{sample['dataset']}/records").json()
        assert held["records"] == []
        return
    assert answer.status_code == 201, answer.text
    assert body["counts"]["new"] == len(sample["records"])
    records = {
        record["region"]: record
        for record in exact(clerk.get(f"/v1/datasets/{sample['dataset']}/records", params={"period": "2025"}).text)[
            "records"
        ]
    }
    assert len(records) == len(sample["records"])
    digits = {"population": 0, "land": 1}[sample["dataset"]]
    for wanted in sample["records"]:
        for code, value in wanted.items():
            if code == "region":
                continue
            found = records[wanted["region"]][code]
            assert found is None if value is None else Fraction(found) == half_up(Fraction(value), digits)


def half_up(value: Fraction, digits: int) -> Fraction:
    """The value with so many digits after the point, for values that are not negative."""
    return Fraction(floor(value * 10**digits + Fraction(1, 2)), 10**digits)


def test_a_department_reads_its_own_names_and_units(house: House) -> None:
    clerk = house.client(region="430682")
    for sample in EXPECTED:
        if sample["file"][:2] in {"01", "02"}:
            assert upload(clerk, SAMPLES / sample["file"], dataset=sample["dataset"], period="2025").status_code == 201
    ecology = house.client(department="ecology")
    answer = ecology.get("/v1/views/ecology-rural/records", params={"period": "2025", "region": "430682101"})
    assert answer.status_code == 200, answer.text
    page = exact(answer.text)
    population = {r["region"]: r for r in EXPECTED[0]["records"]}["430682101"]["resident_population"]
    land = {r["region"]: r for r in EXPECTED[1]["records"]}["430682101"]["cultivated_land_area"]
    mu = Fraction(land) * 15
    (record,) = page["records"]
    assert record["xzqhdm"] == "430682101"
    assert record["nd"] == "2025"
    assert record["czrk_w"] == Decimal(population) / 10000
    assert Fraction(record["gdmj_mu"]) == mu
    assert abs(Fraction(record["rjgd"]) - mu / population) <= Fraction(1, 2000)
    assert record["ly"] == "统一采集"
    assert page["next"] is None
    again = ecology.get(
        "/v1/views/ecology-rural/records",
        params={"period": "2025", "region": "430682101"},
        headers={"If-None-Match": answer.headers["ETag"]},
    )
    assert again.status_code == 304
    assert again.content == b""


def test_a_view_of_another_department_is_not_there(house: House) -> None:
    ecology = house.client(department="ecology")
    hidden = ecology.get("/v1/views/forestry-annual/records")
    unknown = ecology.get("/v1/views/no-such-view/records")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.content == unknown.content
