"""A catalogue that is not the sample: 285 elements of other names, units and codes walk the same way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.fixtures.house import House, folder_files
from tests.fixtures.small import REGIONS

FOLDER = Path(__file__).resolve().parents[1] / "data" / "another_catalogue"

VIEW = """
code: yearbook
department: statistics
title: 年鉴
grain: {level: county, frequency: year}
fields:
  - {name: 县, from: region.name}
  - {name: 户籍人口_万, from: pop.pop001, unit: 万人, decimals: 4}
  - {name: 户均, expr: pop.pop001 / pop.pop003, decimals: 2}
"""
AGREEMENT = """
code: statistics
department: statistics
purpose: 年鉴
elements: [pop.*]
regions: ["*"]
valid: {from: 2026-01-01, until: 2099-12-31}
"""


def test_it_is_applied_walked_and_exported(empty_house: House) -> None:
    files: dict[str, bytes | str] = {
        **folder_files(FOLDER),
        "regions.csv": REGIONS,
        "departments.yaml": "departments: [{code: statistics, name: 统计局}]",
        "views/yearbook.yaml": VIEW,
        "agreements/statistics.yaml": AGREEMENT,
    }
    plan = empty_house.apply(files)
    assert sum(line.kind == "dataset" for line in plan.lines) == 19
    assert not empty_house.apply(files).changes
    clerk = empty_house.client(region="430101")
    text = '行政区划代码,户籍人口（万人）,户籍户数\n430101101,1.2345,4000\n430101102,"2,000",700\n'.replace(
        '"2,000"', "0.2"
    )
    answer = clerk.post(
        "/v1/submissions",
        files={"file": ("人口.csv", text.encode("gb18030"))},
        data={"dataset": "pop", "period": "2025"},
    )
    assert answer.status_code == 201, answer.text
    page = empty_house.client(department="statistics").get("/v1/views/yearbook/records").json()
    (record,) = page["records"]
    assert record["县"] == "东县"
    assert record["户籍人口_万"] == 1.4345
    assert record["户均"] == float(round(Fraction(14345, 4700), 2))
