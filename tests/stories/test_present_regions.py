"""Two real editions of the lists of regions, figures reported under each, read under those of their time and of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.catalogue import region_lists
from tests.fixtures.house import House

DATA = Path(region_lists.__file__).parent / "data"
COUNTIES = ("230604", "360103", "330371", "330303")

DATASET = """
code: people
title: 人口
frequency: year
level: township
source: region
sharing: open
elements:
  - {code: total, title: 总人口, type: integer, unit: 人, measure: stock, min: 0}
"""
DEPARTMENTS = "departments:\n  - {code: ecology, name: 生态环境局}\n"
AGREEMENT = """
code: ecology
department: ecology
purpose: 考核
legal_basis: 示例依据
elements: [people.total]
regions: ["23", "33", "36"]
valid: {from: 2020-01-01, until: 2099-12-31}
"""


def view(code: str, level: str, *more: str) -> str:
    fields = "[{name: dm, from: region.code}, {name: mc, from: region.name}, {name: nd, from: period}, {name: rk, from: people.total}]"
    grain = f"grain: {{level: {level}, frequency: year}}"
    return "\n".join((f"code: {code}", "department: ecology", f"title: {code}", grain, f"fields: {fields}", *more))


FILES = {
    "datasets/people.yaml": DATASET,
    "departments.yaml": DEPARTMENTS,
    "agreements/ecology.yaml": AGREEMENT,
    "views/then.yaml": view("then", "township"),
    "views/then-counties.yaml": view("then-counties", "county"),
    "views/now.yaml": view("now", "township", "regions: present"),
    "views/now-counties.yaml": view("now-counties", "county", "regions: present"),
}


def townships(year: int, counties: tuple[str, ...] = COUNTIES) -> list[str]:
    names = region_lists.names(year)
    return sorted(code for code in names if len(code) == 9 and code[:6] in counties)


def report(house: House, period: str, figures: dict[str, int]) -> None:
    for county in sorted({code[:6] for code in figures}):
        rows = [
            {"region": code, "period": period, "total": figure}
            for code, figure in figures.items()
            if code.startswith(county)
        ]
        clerk = house.client(region=county)
        answer = clerk.post("/v1/submissions", json={"dataset": "people", "rows": rows})
        assert answer.status_code == 201, answer.text


def read(client: httpx.Client, name: str, **more: Any) -> dict[str, tuple[str, int | None]]:
    answer = client.get(f"/v1/views/{name}/records", params={"limit": 1000, **more})
    assert answer.status_code == 200, answer.text
    return {row["dm"]: (row["mc"], row["rk"]) for row in answer.json()["records"]}


@pytest.fixture
def told(empty_house: House) -> tuple[House, dict[str, int], dict[str, int]]:
    """The list of 2021, figures of 2022 under it; the list of 2023 with successions, figures of 2023 under that."""
    empty_house.apply({"regions.csv": (DATA / "regions-2021.csv").read_bytes(), **FILES})
    first = {code: number for number, code in enumerate(townships(2021), start=100)}
    report(empty_house, "2022", first)
    empty_house.apply(
        {
            "regions.csv": (DATA / "regions-2023.csv").read_bytes(),
            "successions.csv": (DATA / "successions.csv").read_bytes(),
        }
    )
    second = {code: number for number, code in enumerate(townships(2023, ("230604", "330303")), start=5000)}
    report(empty_house, "2023", second)
    return empty_house, first, second


def test_figures_stand_under_the_regions_of_their_time_or_of_today(
    told: tuple[House, dict[str, int], dict[str, int]],
) -> None:
    house, first, second = told
    ecology = house.client(department="ecology")
    old, new = region_lists.names(2021), region_lists.names(2023)
    assert read(ecology, "then", period="2022") == {code: (old[code], figure) for code, figure in first.items()}
    assert read(ecology, "then", period="2023") == {code: (new[code], figure) for code, figure in second.items()}
    # Worked out from the files alone: where each code went, several into one summed.
    moved = {row.old_code: row.new_code for row in region_lists.successions()}
    sums: dict[str, int] = {}
    for code, figure in first.items():
        target = moved.get(code, code)
        sums[target] = sums.get(target, 0) + figure
    present = read(ecology, "now", period="2022")
    assert {code: figure for code, (_, figure) in present.items()} == sums
    assert present["230604012"] == ("奋斗街道", first["230604004"])
    assert present["360103015"] == (new["360103015"], first["360103005"] + first["360103006"])
    assert read(ecology, "now", period="2023") == {code: (new[code], figure) for code, figure in second.items()}


def test_counties_are_those_of_the_period_or_of_today(told: tuple[House, dict[str, int], dict[str, int]]) -> None:
    house, first, _ = told
    ecology = house.client(department="ecology")

    def total(*prefixes: str) -> int:
        return sum(figure for code, figure in first.items() if code.startswith(prefixes))

    then = read(ecology, "then-counties", period="2022")
    assert {code: figure for code, (_, figure) in then.items()} == {county: total(county) for county in COUNTIES}
    now = read(ecology, "now-counties", period="2022")
    assert {code: figure for code, (_, figure) in now.items()} == {
        "230604": total("230604"),
        "360103": total("360103"),
        "330303": total("330303", "330371"),
    }


def test_a_region_is_asked_for_by_the_code_that_its_row_shows(
    told: tuple[House, dict[str, int], dict[str, int]],
) -> None:
    house, first, _ = told
    ecology = house.client(department="ecology")
    assert read(ecology, "now", period="2022", region="230604012") == {"230604012": ("奋斗街道", first["230604004"])}
    assert read(ecology, "then", period="2022", region="230604012") == {"230604012": ("怡园街道", first["230604012"])}


def test_a_carried_value_is_explained_by_what_the_former_places_reported(
    told: tuple[House, dict[str, int], dict[str, int]],
) -> None:
    house, first, _ = told
    ecology = house.client(department="ecology")
    asked = {"region": "360103015", "period": "2022", "field": "rk"}
    answer = ecology.get("/v1/views/now/explain", params=asked)
    assert answer.status_code == 200, answer.text
    (given,) = answer.json()["inputs"]
    cells = {cell["region"]["code"]: cell["reported"]["number"] for cell in given["cells"]}
    assert {code: int(value) for code, value in cells.items()} == {
        code: first[code] for code in ("360103005", "360103006")
    }
    assert all(cell["submission"] for cell in given["cells"])
    noted = ecology.get("/v1/views/now/records", params={"region": "360103015", "period": "2022", "provenance": 1})
    assert noted.status_code == 200, noted.text
    (record,) = noted.json()["records"]
    assert record["_provenance"]["rk"] == sorted({cell["submission"] for cell in given["cells"]})
