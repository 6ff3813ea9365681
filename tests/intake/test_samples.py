from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from app.intake import compare
from tests.intake.county import CATALOGUE, context, errors, read, values, warnings

FOLDER = Path(__file__).parent / "data" / "samples"
EXPECTED = {case["file"]: case for case in json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))}
APPLIED = [name for name, case in EXPECTED.items() if case["outcome"] == "applied"]


def exact(expected: Any) -> Any:
    return Fraction(expected) if isinstance(expected, str) else expected


@pytest.mark.parametrize("name", APPLIED)
def test_a_sample_gives_the_records_it_should(name: str) -> None:
    case = EXPECTED[name]
    given = context(CATALOGUE.datasets[case["dataset"]], case["period"])
    reading = read((FOLDER / name).read_bytes(), given, name)
    changes = compare(reading, {}, given)
    assert errors(changes.findings) == []
    expected = {
        record["region"]: {code: exact(value) for code, value in record.items() if code != "region"}
        for record in case["records"]
    }
    assert values(reading, given.dataset) == expected
    assert len(changes.new) == len(expected)
    assert changes.counts == {"rows": 14, "new": 14, "changed": 0, "unchanged": 0}


def test_the_sample_full_of_faults_is_refused_with_every_one_of_them() -> None:
    case = EXPECTED["04-人口-处处有错.xlsx"]
    given = context()
    changes = compare(read((FOLDER / case["file"]).read_bytes(), given, case["file"]), {}, given)
    found = {cell for _, cell in errors(changes.findings)}
    assert set(case["cells"]) <= found
    assert {"A7", "B7"} <= found
    assert found <= {*case["cells"], "A7", "B7", "E8", "F8"}, "nothing else is wrong with it"
    assert {cell: code for code, cell in errors(changes.findings)} == {
        "G1": "unknown_column", "C3": "approximate", "C4": "out_of_range", "A5": "unknown_region", "A6": "duplicate_record",
        "A7": "region_mismatch", "B7": "region_mismatch", "C8": "check_failed", "E8": "check_failed", "F8": "check_failed",
        "C9": "not_integer", "C10": "error_value",
    }  # fmt: skip


def test_the_total_row_the_signatures_and_the_title_are_passed_over_and_said_so() -> None:
    name = "01-人口-合并表头-合计行.xlsx"
    reading = read((FOLDER / name).read_bytes())
    messages = [finding.message for finding in reading.findings if finding.code == "row_passed_over"]
    assert [message for message in messages if "合计" in message and "19" in message]
    assert [message for message in messages if "签署" in message and "21" in message]
    assert reading.passed_over == 3


def test_a_hidden_row_counts_and_the_sheet_without_a_table_is_named() -> None:
    reading = read((FOLDER / "05-人口-第二张表-万人.xlsx").read_bytes())
    assert sorted(warnings(reading.findings)) == ["hidden_row", "sheet_passed_over"]
    assert [finding.row for finding in reading.findings if finding.code == "hidden_row"] == [7]
    assert reading.rows[1].values["resident_population"].unit == "万人"
    assert str(reading.rows[1].values["resident_population"].number) == "0.8731"
    assert reading.rows[1].place.cells == {"resident_population": "D6"}
