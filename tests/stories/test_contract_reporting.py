"""Every fault of what was handed in is told in one shape; a check is answered whatever it finds."""

from __future__ import annotations

from itertools import product
from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.mixed import FILES, PEOPLE

ROW = {"region": "430101101", "period": "2025", "total": 5}
WITH_NUMBER = '{"dataset":"pop","rows":[{"region":"430101101","period":"2025","total":NUMBER}]}'


@pytest.fixture
def clerk(empty_house: House) -> httpx.Client:
    empty_house.apply(FILES)
    return empty_house.client(region="430101")


def post(client: httpx.Client, rows: list[Any], dataset: str = "pop", **more: Any) -> httpx.Response:
    return client.post("/v1/submissions", json={"dataset": dataset, "rows": rows, **more})


def upload(client: httpx.Client, name: str, data: bytes, **parts: str) -> httpx.Response:
    return client.post("/v1/submissions", files={"file": (name, data)}, data={"dataset": "pop", **parts})


def errors(answer: httpx.Response) -> list[tuple[str, int | None]]:
    return [(each["code"], each["row"]) for each in answer.json()["findings"] if each["severity"] == "error"]


def test_a_fault_of_the_whole_is_a_finding_like_any_other(clerk: httpx.Client) -> None:
    faults = {"wrong_frequency": {"period": "2025-01"}, "unknown_region": {"region": "999999"}}
    for code, wrong in faults.items():
        checked = post(clerk, [ROW], mode="check", **wrong)
        assert (checked.status_code, checked.json()["status"], errors(checked)) == (200, "checked", [(code, None)])
        refused = post(clerk, [ROW], **wrong)
        assert (refused.status_code, errors(refused)) == (422, [(code, None)])
        assert clerk.get(f"/v1/submissions/{refused.json()['id']}").json()["status"] == "rejected"


def test_a_row_that_is_no_object_is_told_by_its_index(clerk: httpx.Client) -> None:
    refused = post(clerk, [ROW, 5, {**ROW, "region": "430101102", "total": -1}])
    assert refused.status_code == 422
    assert errors(refused) == [("bad_row", 1), ("out_of_range", 2)]
    assert refused.json()["findings"][0]["cell"] is None


def test_numbers_beyond_any_measure_are_findings_not_bad_json(clerk: httpx.Client) -> None:
    for number in ("9" * 5_000, "1e999999", "1e-999999"):
        body = WITH_NUMBER.replace("NUMBER", number)
        refused = clerk.post("/v1/submissions", content=body, headers={"Content-Type": "application/json"})
        assert (refused.status_code, errors(refused)) == (422, [("too_large_number", 0)])
    for word in ("NaN", "Infinity"):
        body = WITH_NUMBER.replace("NUMBER", word)
        answer = clerk.post("/v1/submissions", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400


def test_a_value_with_its_unit_is_quoted_as_it_was_given(clerk: httpx.Client) -> None:
    refused = post(clerk, [{**ROW, "total": {"value": "1.5", "unit": "亩"}}])
    (finding,) = refused.json()["findings"]
    assert (finding["code"], finding["value"], finding["row"]) == ("unit_mismatch", "1.5 亩", 0)


def test_a_record_is_withdrawn_by_its_key_however_that_is_written(clerk: httpx.Client, empty_house: House) -> None:
    water = empty_house.client(department="water")
    row = {"region": "430101101", "id": "S/1,2", "lane": "02", "power": 1}
    assert post(water, [row], "site").status_code == 201
    path = "/v1/datasets/site/records"
    place = {"region": "430101101", "id": "S/1,2"}

    def withdraw(**key: str) -> httpx.Response:
        return water.request("DELETE", path, params={**place, **key}, json={"reason": "停用"})

    for wrong in ({}, {"lane": "2", "colour": "red"}, {"lane": "x"}, {"lane": "2", "period": "2025"}):
        assert withdraw(**wrong).status_code == 400
    assert withdraw(lane="3").status_code == 404
    done = withdraw(lane="002")
    assert done.status_code == 200, done.text
    assert (done.json()["region"], done.json()["lane"]) == ("430101101", "2")
    assert water.get(path).json()["records"] == []


def test_a_withdrawal_names_the_region_that_the_key_stands_for(clerk: httpx.Client, empty_house: House) -> None:
    assert post(clerk, [ROW]).status_code == 201
    town = empty_house.client(region="430101101")
    asked = {"period": "2025"}
    done = town.request("DELETE", "/v1/datasets/pop/records", params=asked, json={"reason": "填错"})
    assert (done.status_code, done.json()["region"]) == (200, "430101101")
    twice = {"period": ["2025", "2024"]}
    assert town.request("DELETE", "/v1/datasets/pop/records", params=twice, json={"reason": "错"}).status_code == 400


def test_a_template_sent_back_as_it_came_changes_nothing(clerk: httpx.Client) -> None:
    full = {**ROW, "growth": "12.345", "land": "0.3333333", "note": "=1+1", "since": "1899-12-31"}
    assert post(clerk, [full, {**ROW, "region": "430101102", "since": "1900-01-01", "growth": -1}]).status_code == 201
    before = clerk.get("/v1/datasets/pop/records").json()
    workbook = clerk.get("/v1/datasets/pop/template", params={"period": "2025"}).content
    again = upload(clerk, "填报.xlsx", workbook, period="2025")
    assert again.status_code == 201, again.text
    assert again.json()["counts"] == {"rows": 2, "new": 0, "changed": 0, "unchanged": 2}
    assert clerk.get("/v1/datasets/pop/records").json() == before


def test_a_csv_is_read_in_any_hand(clerk: httpx.Client) -> None:
    table = "区划;总人口;面积（亩）;增长率(%);设立日期\n430101101;5;15;0.5;2024年3月5日\n合计;5;;;\n注：示例;;;;\n"
    hands = product(["utf-8", "utf-8-sig", "utf-16", "gb18030"], [",", ";", "\t"])
    for year, (encoding, mark) in enumerate(hands, 2001):
        answer = upload(clerk, "表.csv", table.replace(";", mark).encode(encoding), period=str(year))
        assert answer.status_code == 201, answer.text
        assert answer.json()["counts"]["new"] == 1
        assert {each["code"] for each in answer.json()["findings"]} == {"row_passed_over"}
    records = clerk.get("/v1/datasets/pop/records").json()["records"]
    assert len(records) == 12
    for record in records:
        assert (record["total"], record["land"], record["growth"], record["since"]) == (5, 1, 0.5, "2024-03-05")


def test_a_region_is_known_by_a_name_that_is_unique_below_the_callers_own(
    clerk: httpx.Client, empty_house: House
) -> None:
    assert post(clerk, [{**ROW, "region": "城关镇"}]).status_code == 201
    province = empty_house.client(region="43")
    assert errors(post(province, [{**ROW, "region": "城关镇"}])) == [("ambiguous_region", 0)]


def test_pages_of_records_have_one_catalogue_also_where_that_is_younger_than_the_data(
    clerk: httpx.Client, empty_house: House
) -> None:
    assert post(clerk, [{**ROW, "period": str(year)} for year in (2023, 2024, 2025)]).status_code == 201
    younger = PEOPLE.replace("code: growth", "code: fresh, title: 新, type: text}\n  - {code: growth")
    empty_house.apply({"datasets/pop.yaml": younger})
    path = "/v1/datasets/pop/records"
    first = clerk.get(path, params={"limit": 2}).json()
    empty_house.apply(
        {
            "datasets/pop.yaml": younger.replace(
                "code: fresh", "code: fresher, title: 更新, type: text}\n  - {code: fresh"
            )
        }
    )
    second = clerk.get(path, params={"limit": 2, "cursor": first["next"]}).json()
    assert [record["period"] for record in first["records"] + second["records"]] == ["2023", "2024", "2025"]
    assert len({tuple(record) for record in first["records"] + second["records"]}) == 1
    assert "fresh" in second["records"][0]
