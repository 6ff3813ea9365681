"""A value is explained to the reported cell, to whoever may read it, and says nothing of anything else."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from app.client import Township
from tests.fixtures.house import House
from tests.fixtures.small import AGREEMENT, FILES

PATH = "/v1/views/people-view/explain"
RECORDS = "/v1/views/people-view/records"
COUNTY = "/v1/views/county-view/explain"
WELLS = """
code: wells-view
department: ecology
title: 水井
grain: {level: township, frequency: once}
fields:
  - {name: dm, from: region.code}
  - {name: js, title: 井深, from: wells.depth, unit: 厘米}
"""
WELL_COUNT = """
code: well-count
department: ecology
title: 水井数
grain: {level: county, frequency: once}
fields:
  - {name: dm, from: region.code}
  - {name: zs, title: 最深, from: wells.depth, aggregate: max, decimals: 2}
"""
MONTHS = """
code: months
department: ecology
title: 案件累计
grain: {level: township, frequency: month}
fields:
  - {name: dm, from: region.code}
  - {name: lj, title: 累计, expr: ytd(cases.received)}
"""
MORE = AGREEMENT.replace("ecology-2026", "more")
WHOLE = MORE.replace("[people.total, people.area]", "[people.total, cases.received]").replace('"430101"', '"*"')
DEPTHS = MORE.replace("[people.total, people.area]", "[wells.depth]").replace('"430101"', '"*"')


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    return empty_house


def workbook(*rows: list[Any]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "人口表"
    for row in rows:
        sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def upload(house: House, region: str = "430101", name: str = "一季度人口.xlsx") -> str:
    data = workbook(
        ["区划代码", "总人口", "男", "女", "面积（亩）"],
        ["430101101", 12345, 6000, 6345, 1000],
        ["430101102", 200, 100, 100, 22.5],
    )
    answer = house.client(region=region).post(
        "/v1/submissions", data={"dataset": "people", "period": "2024"}, files={"file": (name, data)}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def report(house: House, rows: list[dict[str, Any]], dataset: str = "people", **who: Any) -> str:
    answer = house.client(**(who or {"region": "43"})).post("/v1/submissions", json={"dataset": dataset, "rows": rows})
    assert answer.status_code in {201, 202}, answer.text
    if answer.status_code == 202:
        confirmed = house.client(region="43", role="confirmer").post(f"/v1/submissions/{answer.json()['id']}/confirm")
        assert confirmed.status_code == 200, confirmed.text
    return str(answer.json()["id"])


def cases(*given: tuple[str, str, int]) -> list[dict[str, Any]]:
    return [{"region": region, "period": period, "received": number} for region, period, number in given]


def asked(client: httpx.Client, path: str = PATH, **question: Any) -> dict[str, Any]:
    answer = client.get(path, params=question)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_figure_is_followed_to_the_cell_of_the_workbook_it_came_in(small: House) -> None:
    submission = upload(small)
    told = asked(small.client(department="ecology"), region="430101101", period="2024", field="mj")
    assert told["value"] == 1000
    assert told["region"] == {"code": "430101101", "name": "一镇"}
    assert told["rule"] == {
        "from": "people.area", "expr": None, "value": None, "codes": None, "otherwise": None, "default": 0, "aggregate": None,
        "complete": None, "unit": "亩", "decimals": 1, "rounding": "half_up",
    }  # fmt: skip
    (area,) = told["inputs"]
    assert (area["element"], area["unit"], area["counts"]) == ("people.area", "公顷", None)
    assert area["value"] == {"fraction": "200/3", "decimal": "66." + "6" * 20, "complete": False}
    (cell,) = area["cells"]
    assert cell["reported"] == {"number": "1000", "unit": "亩", "text": None, "flag": None, "missing": None}
    assert (cell["factor"], cell["submission"], cell["sheet"], cell["cell"]) == ("1/15", submission, "人口表", "E2")
    assert told["steps"] == [
        {
            "expression": "people.area * 15", "period": "2024", "factor": "15", "unit": "亩",
            "value": {"fraction": "1000", "decimal": "1000", "complete": True},
        }
    ]  # fmt: skip
    assert told["rounding"] == {
        "before": {"fraction": "1000", "decimal": "1000", "complete": True}, "decimals": 1, "mode": "half_up",
        "after": 1000,
    }  # fmt: skip
    (origin,) = told["submissions"]
    assert (origin["id"], origin["filename"], origin["channel"]) == (submission, "一季度人口.xlsx", "workbook")
    assert origin["by"] == {"region": {"code": "430101", "name": "东县"}, "department": None}
    assert origin["submitted_at"]
    assert not told["default_used"]


def test_each_step_of_an_expression_is_exact_and_the_rounding_is_the_only_one(small: House) -> None:
    report(small, [{"region": "430101101", "period": "2024", "total": 12345, "area": 100}])
    told = asked(small.client(department="ecology"), region="430101101", period="2024", field="rj")
    assert [(step["expression"], step["value"]["fraction"]) for step in told["steps"]] == [
        ("people.area * 15", "1500"),
        ("people.area * 15 / people.total", "100/823"),
    ]
    assert told["rounding"]["before"]["decimal"] == "0.12150668286755771567"
    assert (told["rounding"]["after"], told["value"]) == (0.122, 0.122)


def test_a_missing_value_and_the_default_in_its_place_are_told_apart(small: House) -> None:
    report(small, [{"region": "430101101", "period": "2024", "total": 5}])
    ecology = small.client(department="ecology")
    told = asked(ecology, region="430101101", period="2024", field="mj")
    assert (told["value"], told["default_used"], told["rounding"]) == (0, True, None)
    assert told["covered"]
    attribute = asked(ecology, region="430101101", period="2024", field="mc")
    assert (attribute["value"], attribute["rule"]["from"], attribute["inputs"]) == ("一镇", "region.name", [])


def test_an_aggregate_names_what_went_in_and_how_many_could(small: House) -> None:
    small.apply({"agreements/more.yaml": WHOLE})
    report(small, cases(("430101101", "2024-01", 3), ("430101101", "2024-02", 4), ("430102101", "2024-01", 9)), "cases")
    told = asked(small.client(department="ecology"), COUNTY, region="430101", period="2024", field="aj")
    assert told["value"] == 7
    (received,) = told["inputs"]
    assert (received["over_time"], received["over_regions"]) == ("sum", "sum")
    assert [(cell["region"]["code"], cell["period"], cell["value"]["fraction"]) for cell in received["cells"]] == [
        ("430101101", "2024-01", "3"),
        ("430101101", "2024-02", "4"),
    ]
    assert received["cells_in_all"] == 2
    assert received["counts"] == {"values": [2, 24], "regions": [1, 2], "periods": [2, 12]}
    assert told["submissions"][0]["confirmed_at"] is not None


def test_a_sum_over_months_tells_the_months(small: House) -> None:
    small.apply({"agreements/more.yaml": WHOLE, "views/months.yaml": MONTHS})
    report(small, cases(("430101101", "2024-01", 3), ("430101101", "2024-02", 4)), "cases")
    told = asked(
        small.client(department="ecology"), "/v1/views/months/explain",
        region="430101101", period="2024-02", field="lj",
    )  # fmt: skip
    assert [(each["period"], each["value"]["fraction"]) for each in told["inputs"]] == [
        ("2024-01", "3"),
        ("2024-02", "4"),
    ]
    assert told["steps"][-1]["expression"] == "ytd(cases.received)"
    assert told["value"] == 7


def test_the_row_of_a_list_is_asked_for_by_its_key(small: House) -> None:
    small.apply({"agreements/more.yaml": DEPTHS, "views/wells-view.yaml": WELLS})
    wells = [{"number": n, "region": "430101101", "depth": d} for n, d in (("W1", "3.25"), ("W2", "4"))]
    report(small, wells, "wells", department="water")
    ecology, path = small.client(department="ecology"), "/v1/views/wells-view/explain"
    told = asked(ecology, path, region="430101101", field="js", number="W1")
    assert (told["value"], told["key"], told["period"]) == (325, {"number": "W1"}, None)
    assert told["inputs"][0]["cells"][0]["key"] == {"number": "W1"}
    assert told["submissions"][0]["by"] == {"region": None, "department": "water"}
    refused: list[tuple[dict[str, Any], int]] = [
        ({}, 400),
        ({"number": ["W1", "W1"]}, 400),
        ({"number": "W1", "depth": "3.25"}, 400),
        ({"number": "W1", "period": "2024"}, 400),
        ({"number": "W9"}, 404),
    ]
    for key, status in refused:
        assert ecology.get(path, params={"region": "430101101", "field": "js", **key}).status_code == status, key


def test_the_key_of_a_list_behind_an_aggregate_is_told_only_where_it_is_covered(small: House) -> None:
    small.apply({"agreements/more.yaml": DEPTHS, "views/well-count.yaml": WELL_COUNT})
    report(small, [{"number": "W1", "region": "430101101", "depth": "3.25"}], "wells", department="water")
    ecology = small.client(department="ecology")
    question = {"path": "/v1/views/well-count/explain", "region": "430101", "field": "zs"}
    told = asked(ecology, **question)
    assert told["inputs"][0]["cells"][0]["key"] == {}
    assert told["inputs"][0]["counts"] == {"values": [1, None], "regions": [1, 2], "periods": [1, 1]}
    everything = DEPTHS.replace("wells.depth", "wells.*").replace('periods: {from: "2024"}\n', "")
    small.apply({"agreements/more.yaml": everything})
    assert asked(ecology, **question)["inputs"][0]["cells"][0]["key"] == {"number": "W1"}


def test_it_is_refused_as_reading_the_value_is(small: House) -> None:
    upload(small)
    report(small, [{"region": "430102101", "period": "2024", "total": 9}])
    ecology, water = small.client(department="ecology"), small.client(department="water")
    row = {"region": "430101101", "period": "2024"}

    def detail(answer: httpx.Response) -> tuple[int, str, str]:
        return answer.status_code, answer.json()["code"], answer.json()["detail"]

    assert detail(water.get(PATH, params=row | {"field": "rk"})) == detail(water.get(RECORDS, params=row))
    assert detail(ecology.get("/v1/views/none/explain", params=row | {"field": "rk"}))[0] == 404
    for name in ("nan", "nix"):
        assert detail(ecology.get(PATH, params=row | {"field": name})) == detail(
            ecology.get(RECORDS, params=row | {"fields": name})
        )
    for elsewhere in ({"region": "430102101"}, {"period": "2023"}):
        told = ecology.get(PATH, params=row | {"field": "rk"} | elsewhere)
        assert told.status_code == 403
        assert detail(told) == detail(ecology.get(RECORDS, params=row | elsewhere))
    assert ecology.get(PATH, params=row | {"field": "rk", "region": "430101"}).status_code == 404
    for wrong in ({"period": "2024,2025"}, {"period": "2024-01"}, {"region": "x"}, {"limit": "1"}, {"as_of": "x"}):
        assert ecology.get(PATH, params=row | {"field": "rk"} | wrong).status_code == 400, wrong
    for left_out in ("region", "field", "period"):
        question = {**row, "field": "rk"}
        del question[left_out]
        assert ecology.get(PATH, params=question).status_code == 400, left_out
    for other in (small.client(admin=True), small.client(region="43")):
        assert other.get(PATH, params=row | {"field": "rk"}).status_code == 404


def test_an_explanation_of_the_past_tells_what_was_held_then(small: House) -> None:
    first = upload(small)
    ecology = small.client(department="ecology")
    snapshot = ecology.get(RECORDS).json()["snapshot"]
    second = report(small, [{"region": "430101101", "period": "2024", "total": 12346, "men": 6001}])
    question = {"region": "430101101", "period": "2024", "field": "rk"}
    assert [each["id"] for each in asked(ecology, **question)["submissions"]] == [second]
    past = asked(ecology, **question, as_of=snapshot)
    assert [each["id"] for each in past["submissions"]] == [first]
    assert past["inputs"][0]["value"]["fraction"] == "12345"
    assert past["snapshot"] == snapshot


def test_it_is_witnessed_and_has_an_entity_tag(small: House) -> None:
    upload(small)
    ecology = small.client(department="ecology")
    question = {"region": "430101101", "period": "2024", "field": "rk"}
    answer = ecology.get(PATH, params=question)
    again = ecology.get(PATH, params=question, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    entries = small.client(admin=True).get("/v1/admin/audit", params={"action": "explain"}).json()["entries"]
    intents = [entry for entry in entries if entry["kind"] == "intent"]
    assert intents[0]["question"] == question
    assert intents[0]["agreements"] == ["ecology-2026"]


def test_the_client_asks_for_it(small: House) -> None:
    upload(small)
    with Township(small.url, small.key(department="ecology")) as ecology:
        told = ecology.explain("people-view", region="430101101", period="2024", field="rk")
    assert str(told["value"]) == "1.2345"


# -- beside records -------------------------------------------------------------------------------------------------
def test_records_name_the_submissions_behind_each_field(small: House) -> None:
    first = upload(small)
    second = report(small, [{"region": "430101101", "period": "2024", "area": "5.5", "men": 6001, "women": 6344}])
    ecology = small.client(department="ecology")
    page = ecology.get(RECORDS, params={"provenance": "1"}).json()
    assert page["records"][0]["_provenance"] == {"rk": [first], "mj": [second], "rj": sorted([first, second])}
    assert page["records"][1]["_provenance"] == {"rk": [first], "mj": [first], "rj": [first]}
    lines = ecology.get(RECORDS, params={"provenance": "1", "format": "ndjson", "fields": "dm,mj"}).text.splitlines()
    assert lines[0] == f'{{"dm":"430101101","mj":82.5,"_provenance":{{"mj":["{second}"]}}}}'
    plain = [{k: v for k, v in record.items() if k != "_provenance"} for record in page["records"]]
    assert plain == ecology.get(RECORDS).json()["records"]


def test_records_tell_how_much_stands_behind_an_aggregate(small: House) -> None:
    small.apply({"agreements/more.yaml": WHOLE.replace('"*"', '"430101"')})
    report(small, [{"region": "430101101", "period": "2024", "total": 5}])
    report(small, [{"region": "430102101", "period": "2024", "total": 6}])
    report(small, cases(("430101102", "2024-03", 1)), "cases")
    only = AGREEMENT.replace("ecology-2026", "one").replace('"430101"', '"430102101"')
    small.apply({"agreements/one.yaml": only})
    ecology = small.client(department="ecology")
    page = ecology.get("/v1/views/county-view/records", params={"counts": "1", "provenance": "1"}).json()
    east, west = page["records"]
    assert east["_counts"] == {
        "rk": {"values": [1, 2], "regions": [1, 2], "periods": [1, 1]},
        "aj": {"values": [1, 24], "regions": [1, 2], "periods": [1, 12]},
    }
    assert (west["rk"], west["_counts"], west["_provenance"]) == (None, {"rk": None, "aj": None}, {"rk": [], "aj": []})
    assert ecology.get(RECORDS, params={"counts": "1"}).json()["records"][0]["_counts"] == {}


def test_pages_with_notes_go_on_like_others(small: House) -> None:
    upload(small)
    ecology = small.client(department="ecology")
    first = ecology.get(RECORDS, params={"provenance": "1", "limit": 1}).json()
    second = ecology.get(RECORDS, params={"provenance": "1", "limit": 1, "cursor": first["next"]}).json()
    assert [page["records"][0]["dm"] for page in (first, second)] == ["430101101", "430101102"]
    assert second["records"][0]["_provenance"]["rk"]


def test_notes_are_refused_where_they_have_no_place(small: House) -> None:
    ecology = small.client(department="ecology")
    for question in ({"provenance": "2"}, {"counts": ""}, {"provenance": "1", "format": "csv"}):
        assert ecology.get(RECORDS, params=question).status_code == 400, question
    small.apply({"views/people-view.yaml": FILES["views/people-view.yaml"].replace("name: ly", "name: _counts")})
    assert ecology.get(RECORDS, params={"counts": "1"}).status_code == 400


# -- two worlds -----------------------------------------------------------------------------------------------------
def test_what_may_not_be_seen_changes_no_byte_of_any_explanation(small: House) -> None:
    small.apply({"agreements/more.yaml": DEPTHS, "views/well-count.yaml": WELL_COUNT, "views/wells-view.yaml": WELLS})
    upload(small)
    wells = [{"number": n, "region": "430101101", "depth": d} for n, d in (("W1", "3.25"), ("W2", "3.25"))]
    report(small, wells, "wells", department="water")
    one = AGREEMENT.replace("ecology-2026", "one").replace('"430101"', '"430102101"')
    small.apply({"agreements/one.yaml": one})
    report(small, [{"region": "430102101", "period": "2024", "total": 6}])
    ecology = small.client(department="ecology")
    questions: list[tuple[str, dict[str, str]]] = [
        *((PATH, {"region": "430101101", "period": "2024", "field": field}) for field in ("rk", "mj", "rj", "mc")),
        (PATH, {"region": "430101102", "period": "2024", "field": "mj"}),
        (PATH, {"region": "430101101", "period": "2023", "field": "rk"}),
        (PATH, {"region": "430102102", "period": "2024", "field": "rk"}),
        (PATH, {"region": "430101101", "period": "2024", "field": "nan"}),
        (COUNTY, {"region": "430101", "period": "2024", "field": "rk"}),
        (COUNTY, {"region": "430102", "period": "2024", "field": "rk"}),
        ("/v1/views/well-count/explain", {"region": "430101", "field": "zs"}),
        ("/v1/views/wells-view/explain", {"region": "430101101", "field": "js", "number": "W1"}),
        (RECORDS, {"provenance": "1", "counts": "1"}),
        (RECORDS, {"provenance": "1", "format": "ndjson"}),
        ("/v1/views/county-view/records", {"provenance": "1", "counts": "1"}),
        ("/v1/views/well-count/records", {"provenance": "1", "counts": "1"}),
    ]

    def answers() -> list[tuple[int, bytes, dict[str, str]]]:
        found = []
        for path, parameters in questions:
            answer = ecology.get(path, params=parameters)
            headers = {k: v for k, v in answer.headers.items() if k not in {"date", "x-request-id"}}
            found.append((answer.status_code, answer.content, headers))
        return found

    before = answers()
    assert [status for status, _, _ in before] == [200] * 5 + [403, 403, 400] + [200] * 8
    # Beside a covered value in the same record, in the same county, in another period, and in another dataset.
    report(small, [{"region": "430101101", "period": "2024", "watched": 9, "men": 6001, "women": 6344}])
    report(small, [{"region": "430102102", "period": "2024", "total": 5, "area": 3}])
    report(small, [{"region": "430102101", "period": "2024", "men": 1, "women": 5}])
    report(small, [{"region": "430101101", "period": "2023", "total": 2, "men": 1, "women": 1}])
    report(small, cases(("430101101", "2024-01", 3)), "cases")
    assert answers() == before


def test_an_uncovered_value_is_explained_alike_whether_or_not_it_is_held(small: House) -> None:
    one = AGREEMENT.replace("ecology-2026", "one").replace('"430101"', '"430102101"')
    small.apply({"agreements/one.yaml": one})
    report(small, [{"region": "430102101", "period": "2024", "total": 6}])
    ecology = small.client(department="ecology")
    told = asked(ecology, COUNTY, region="430102", period="2024", field="rk")
    assert not told["covered"]
    assert "not covered" in told["detail"]
    nothing = {name: told[name] for name in ("value", "inputs", "steps", "rounding", "code", "submissions")}
    assert nothing == {"value": None, "inputs": [], "steps": [], "rounding": None, "code": None, "submissions": []}
    report(small, [{"region": "430102102", "period": "2024", "total": 1000}])
    assert asked(ecology, COUNTY, region="430102", period="2024", field="rk") == told
