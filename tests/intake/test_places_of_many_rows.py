"""Whose row it is and of which month, told once for all rows that say it alike, is what each row alone is told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

from app.catalogue.regions import RegionIndex, RegionState
from app.formats import reading
from app.formats.reading import read_workbook
from app.intake import read_workbook_rows
from app.intake.packed import PackedValues
from tests.intake.county import CATALOGUE, COUNTY, PREFECTURE, PROVINCE, context, dataset, element, xlsx
from tests.intake.test_bulk_rows import slowly, told

CHANGE = date(2025, 7, 1)
REGIONS = RegionIndex(
    [
        RegionState(PROVINCE, "43", "湖南省", "province", None),
        RegionState(PREFECTURE, "4306", "岳阳市", "prefecture", PROVINCE),
        RegionState(COUNTY, "430682", "临湘市", "county", PREFECTURE),
        RegionState(71, "430682101", "东镇", "township", COUNTY, valid_to=CHANGE - timedelta(days=1)),
        RegionState(72, "430682101", "新东镇", "township", COUNTY, valid_from=CHANGE),
        RegionState(73, "430682102", "西镇", "township", COUNTY),
    ]
)
MONTHLY = dataset("monthly", "月报", [element("monthly", "total", "总量", unit="人")], frequency="month")


def test_a_code_that_changes_hands_in_july_names_each_months_own_region() -> None:
    chance = random.Random(3)
    months = [*(f"2025-{month:02d}" for month in range(1, 13)), "2025年8月", "2025", "x", None, "2024-01"]
    names = ["430682101", "430682102", "东镇", "新东镇", "西镇", "430682", "合计", "999999999", None]
    rows: list[Sequence[Any]] = [[chance.choice(names), chance.choice(months), at] for at in range(600)]
    data = xlsx([["区划代码", "期间", "总量"], *rows])
    around = replace(context(MONTHLY, None), regions=REGIONS, catalogue=CATALOGUE, may_write=lambda *_: True)
    around = replace(around, today=date(2026, 1, 15))
    with slowly():
        slow = read_workbook_rows(read_workbook(data, "x.xlsx"), around)
    with patch.object(reading, "MANY_ROWS", 1):
        quick = read_workbook_rows(read_workbook(data, "x.xlsx"), around)
    assert told(quick) == told(slow)
    assert any(isinstance(row.values, PackedValues) for row in quick.rows)
    by_code = {
        (str(row.period), row.region_id)
        for row in quick.rows
        if row.place.row is not None and rows[row.place.row - 2][0] == "430682101"
    }
    assert {region for month, region in by_code if month < "2025-07"} == {71}
    assert {region for month, region in by_code if month >= "2025-07"} == {72}
