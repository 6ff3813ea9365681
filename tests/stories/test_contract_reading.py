"""Questions are read strictly: what is not of the right form is 400, what is not accepted 406, and nothing is 500."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.mixed import FILES, agreement, view

PATH = "/v1/views/v/records"
VIEW = view(
    "v", "township", "year",
    "name: dm, from: region.code", "name: nd, from: period", 'name: "万人:人,口", from: pop.total, unit: 万人, decimals: 4',
    "name: mj, from: pop.land", "name: sm, from: pop.note", "name: mm, from: pop.secret",
)  # fmt: skip
LIST = view(
    "list", "township", "once", "name: dm, from: region.code", "name: id, from: site.id", "name: gl, from: site.power"
)
ROWS = [
    {"region": "430101101", "period": "2024", "total": 20240, "land": "1.5", "note": "甲,乙:丙"},
    {"region": "430101101", "period": "2025", "total": 20250, "land": None, "note": "=1+1"},
    {"region": "430101102", "period": "2025", "total": 5, "land": "-2.5", "note": None},
    {"region": "441900001", "period": "2025", "total": 7, "land": "10", "note": "Ａ😀"},
]


@pytest.fixture
def house(empty_house: House) -> House:
    empty_house.apply({**FILES, "views/v.yaml": VIEW, "views/list.yaml": LIST, "agreements/a1.yaml": agreement()})
    clerk, water = empty_house.client(region="43"), empty_house.client(department="water")
    assert clerk.post("/v1/submissions", json={"dataset": "pop", "rows": ROWS}).status_code == 201
    sites = [{"region": "430101101", "id": "A", "lane": 1}, {"region": "430102101", "id": "B", "lane": 2, "power": 3}]
    assert water.post("/v1/submissions", json={"dataset": "site", "rows": sites}).status_code == 201
    return empty_house


@pytest.fixture
def reader(house: House) -> httpx.Client:
    return house.client(department="eco")


def ids(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    return [(record["dm"], record["nd"]) for record in answer.json()["records"]]


def test_a_limit_is_a_plain_whole_number_in_bounds(reader: httpx.Client) -> None:
    for path in (PATH, "/v1/views/v/changes"):
        for limit in ("0", "-1", "10001", "1.0", "+5", " 5", "1_0", "1e1", "", "五"):
            refused = reader.get(path, params={"limit": limit})
            assert refused.status_code == 400, limit
            assert refused.headers["content-type"] == "application/problem+json"
        assert reader.get(path, params={"limit": "10000"}).status_code == 200


def test_other_lists_read_their_parameters_as_strictly(house: House) -> None:
    clerk = house.client(region="43")
    for path in ("/v1/submissions", "/v1/datasets/pop/records"):
        for limit in ("0", "1.0", " 5"):
            assert clerk.get(path, params={"limit": limit}).status_code == 400
    assert clerk.get("/v1/submissions", params={"status": "lost"}).status_code == 400
    assert clerk.get("/v1/submissions", params={"status": "applied"}).status_code == 200


def test_the_format_liked_most_is_answered(reader: httpx.Client) -> None:
    wanted = {
        "application/json;q=0.1, text/csv;q=0.9": "text/csv",
        "text/html, */*;q=0.1": "application/json",
        "text/*": "text/csv",
        "application/*;q=0.5, text/csv;q=0.4": "application/json",
        "text/csv, application/json": "text/csv",
        "APPLICATION/X-NDJSON": "application/x-ndjson",
        "application/json;q=0, text/csv;q=0.2, */*;q=0.1": "text/csv",
        "": "application/json",
    }
    for accept, expected in wanted.items():
        answer = reader.get(PATH, headers={"Accept": accept})
        assert answer.headers["content-type"].partition(";")[0] == expected, accept


def test_a_format_that_is_refused_by_name_is_not_answered_for_a_wildcard(reader: httpx.Client) -> None:
    answer = reader.get(PATH, headers={"Accept": "application/json;q=0, */*"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] != "application/json"
    for accept in ("application/json;q=0", "text/html", "application/json;q=nan", "text/csv;q=0, text/*;q=0"):
        assert reader.get(PATH, headers={"Accept": accept}).status_code == 406


def test_filters_take_names_and_values_with_colons_and_commas(reader: httpx.Client) -> None:
    def found(*filters: str) -> list[tuple[str, str]]:
        return ids(reader.get(PATH, params={"filter": list(filters)}))

    assert found("sm:eq:甲,乙:丙") == [("430101101", "2024")]
    assert found("sm:contains:,乙:") == [("430101101", "2024")]
    assert found("万人:人,口:eq:2.024") == [("430101101", "2024")]
    assert found("mj:ne:1.5") == [("430101102", "2025"), ("441900001", "2025")]
    assert found("mj:lt:0") == [("430101102", "2025")]
    assert found("mj:in:1.50,10", "nd:eq:2025") == [("441900001", "2025")]
    assert found("sm:gt:甲,乙:丙") == [("441900001", "2025")]
    for wrong in ("mj", "mj:eq", "mj:eq:", "mj:eq:NaN", "mj:zz:1", "mj:contains:1", "mm:eq:1", "zz:eq:1"):
        assert reader.get(PATH, params={"filter": wrong}).status_code == 400


def test_missing_values_sort_last_both_ways(reader: httpx.Client) -> None:
    upwards, downwards = (
        [record["mj"] for record in reader.get(PATH, params={"sort": sort}).json()["records"]] for sort in ("mj", "-mj")
    )
    assert upwards == [-2.5, 1.5, 10, None]
    assert downwards == [10, 1.5, -2.5, None]


def test_a_cursor_goes_on_only_with_its_question(house: House, reader: httpx.Client) -> None:
    first = reader.get(PATH, params={"limit": 2, "sort": "-mj"}).json()
    cursor = first["next"]
    asked: dict[str, Any] = {"limit": 9, "sort": "-mj", "cursor": cursor}
    rest = reader.get(PATH, params=asked).json()
    assert first["records"] + rest["records"] == reader.get(PATH, params={"sort": "-mj"}).json()["records"]
    for changed in ({"sort": "mj"}, {"filter": "nd:eq:2025"}, {"cursor": cursor[:-2] + "zz"}, {"cursor": ""}):
        refused = reader.get(PATH, params={**asked, **changed})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
    other = house.client(department="water")
    assert other.get(PATH, params=asked).status_code == 404


def test_facts_without_a_period_are_read_under_an_agreement_bounded_in_time(house: House, reader: httpx.Client) -> None:
    house.apply({"agreements/a1.yaml": agreement(elements='["site.*"]', periods='{from: "2030"}')})
    listed = reader.get("/v1/views/list/records")
    assert listed.status_code == 200, listed.text
    assert [(record["dm"], record["gl"]) for record in listed.json()["records"]] == [
        ("430101101", None),
        ("430102101", 3),
    ]
    assert reader.get("/v1/views/list/records", params={"period": "2025"}).status_code == 400
