"""A heading is an element's own with its unit behind it too, also where its name begins like a comparison's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.catalogue.building import Definition, build_catalogue
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState
from app.intake import Context, Grid, Reading, Workbook, read_workbook_rows

DATASET = {
    "code": "pop", "title": "人口", "frequency": "year", "level": "township", "sharing": "open",
    "elements": [
        {"code": "growth", "title": "增长率", "type": "decimal", "decimals": 2, "unit": "%", "measure": "ratio"},
        {"code": "total", "title": "总人口", "type": "integer", "unit": "人", "measure": "stock"},
    ],
}  # fmt: skip


def read(*headings: str) -> Reading:
    catalogue, faults = build_catalogue([Definition("dataset", "pop", DATASET, "pop")])
    assert not faults
    regions = RegionIndex([RegionState(1, "430101101", "城关镇", "township", None, None, None)], [])
    context = Context(catalogue.datasets["pop"], catalogue, regions, date(2026, 1, 1), period=Period.parse("2025"))
    grid = Grid("表", [list(headings), ["430101101", *[Decimal(5)] * (len(headings) - 1)]])
    return read_workbook_rows(Workbook((grid,)), context)


@pytest.mark.parametrize("heading", ["增长率", "增长率（%）", "增长率(%)", "growth"])
def test_an_element_whose_name_begins_like_a_comparison_is_read(heading: str) -> None:
    reading = read("区划代码", "总人口", heading)
    assert not [finding for finding in reading.findings if finding.severity == "error"]
    assert reading.rows[0].values["growth"].number == 5


def test_a_comparison_that_no_element_is_named_by_is_not_taken_for_one() -> None:
    reading = read("区划代码", "总人口", "比上年增长（%）")
    assert [finding.code for finding in reading.findings if finding.severity == "error"] == ["unknown_column"]


def test_a_bare_word_for_the_region_is_enough() -> None:
    assert [row.region_id for row in read("区划", "总人口").rows] == [1]
