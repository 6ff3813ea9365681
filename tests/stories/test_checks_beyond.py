"""Checks that look beyond their record, over HTTP: other datasets, villages against their township, the past; and who learns what."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.small import FILES, PEOPLE

VILLAGE_REGIONS = """430101101001,一村,village,430101101
430101101002,二村,village,430101101
"""
VILLAGES = """
code: villages
title: 村情
frequency: year
level: village
source: region
sharing: open
elements:
  - {code: total, title: 人口, type: integer, unit: 人, measure: stock}
  - {code: area, title: 面积, type: decimal, decimals: 1, unit: 亩, measure: stock}
"""
CARDS = """
code: cards
title: 证件
frequency: month
level: township
source: department:water
sharing: open
elements:
  - {code: issued, title: 发证, type: integer, unit: 人, measure: flow}
checks:
  - {code: not_more_than_people, rule: issued <= people.total, message: 发证数不应超过总人口}
"""
CHECKED_PEOPLE = (
    PEOPLE
    + """  - code: villages_sum
    rule: total == sum_below(villages.total)
    tolerance: "1%"
    message: 总人口应等于各村之和
  - {code: villages_area, rule: area >= sum_below(villages.area), severity: warning, tolerance: "0.5"}
  - {code: cards, rule: total >= cards.issued, severity: warning}
"""
).replace("type: integer, unit: 人, measure: stock, required: true, min: 0}", "type: integer, unit: 人, measure: stock, required: true, min: 0, plausible: {change: '0.5', neighbours: '0.3'}}", 1)  # fmt: skip
ROW = {"region": "430101101", "period": "2024", "total": 100, "area": 10}


@pytest.fixture
def watched(empty_house: House) -> House:
    empty_house.apply(
        {
            **FILES,
            "regions.csv": FILES["regions.csv"] + VILLAGE_REGIONS,
            "datasets/people.yaml": CHECKED_PEOPLE.replace("total >= cards.issued", "total >= men"),
            "datasets/villages.yaml": VILLAGES,
        }
    )
    return empty_house


def post(client: httpx.Client, dataset: str, *rows: dict[str, Any], **more: Any) -> httpx.Response:
    return client.post("/v1/submissions", json={"dataset": dataset, "rows": list(rows), **more})


def told(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(finding["code"], finding["message"]) for finding in answer.json()["findings"]]


def test_the_villages_are_held_against_their_township_once_all_have_reported(watched: House) -> None:
    clerk = watched.client(region="430101101")
    one = {"region": "430101101001", "period": "2024", "total": 60, "area": 100}
    two = {"region": "430101101002", "period": "2024", "total": 30, "area": 60}
    assert post(clerk, "villages", one).status_code == 201
    assert post(clerk, "people", ROW, mode="check").json()["findings"] == []  # part of a sum proves nothing
    assert post(clerk, "villages", two).status_code == 201
    refused = post(clerk, "people", ROW)
    assert refused.status_code == 422
    assert told(refused) == [
        ("check_failed", "总人口应等于各村之和（总人口 100人，村情·人口（下级合计） 90人）"),
        ("check_failed", "villages_area（面积 10公顷，村情·面积（下级合计） 160亩）"),
    ]
    assert [finding["accepted"] for finding in refused.json()["findings"]] == [
        "total == sum_below(villages.total)（允许相差 1%）",
        "area >= sum_below(villages.area)（允许相差 0.5）",
    ]
    within = post(clerk, "people", {**ROW, "total": 90, "area": 11})
    assert within.status_code == 201
    assert within.json()["findings"] == []


def test_a_yearly_figure_stands_beside_the_months_of_its_year_for_those_who_may_read_it(empty_house: House) -> None:
    empty_house.apply(
        {
            **FILES,
            "datasets/cards.yaml": CARDS.replace("department:water", "region"),
        }
    )
    clerk = empty_house.client(region="430101")
    assert post(clerk, "people", ROW).status_code == 201
    answer = post(clerk, "cards", {"region": "430101101", "period": "2024-03", "issued": 101})
    assert answer.status_code == 422
    assert told(answer) == [("check_failed", "发证数不应超过总人口（发证 101人，人口·总人口 100人）")]
    assert post(clerk, "cards", {"region": "430101101", "period": "2023-03", "issued": 101}).status_code == 201


def test_a_check_tells_a_source_nothing_of_a_dataset_that_it_may_not_read(empty_house: House) -> None:
    empty_house.apply({**FILES, "datasets/cards.yaml": CARDS})
    water = empty_house.client(department="water")
    row = {"region": "430101101", "period": "2024-03", "issued": 101}
    without = post(water, "cards", row, mode="check").json()
    assert post(empty_house.client(region="430101"), "people", ROW).status_code == 201
    with_people = post(water, "cards", row, mode="check").json()
    assert (without["findings"], without["counts"]) == (with_people["findings"], with_people["counts"])
    assert with_people["findings"] == []


def test_oddities_are_warnings_with_the_own_numbers_and_store_nothing_less(watched: House) -> None:
    clerk = watched.client(region="430101")
    assert post(clerk, "people", ROW).status_code == 201
    answer = post(clerk, "people", {**ROW, "period": "2025", "total": 200})
    assert answer.status_code == 201
    assert told(answer) == [("plausible_change", "总人口为200人，上一期为100人，变化+100%，超过50%，请核对")]
    assert post(clerk, "people", {**ROW, "period": "2025", "total": 200}).json()["findings"] == []


def test_a_withdrawn_record_is_no_past(watched: House) -> None:
    clerk = watched.client(region="430101")
    post(clerk, "people", ROW)
    gone = clerk.request(
        "DELETE",
        "/v1/datasets/people/records",
        params={"period": "2024", "region": "430101101"},
        json={"reason": "误报"},
    )
    assert gone.status_code == 200
    assert post(clerk, "people", {**ROW, "period": "2025", "total": 200}).json()["findings"] == []


def test_the_new_keys_are_kept_told_and_come_out_as_they_went_in(watched: House) -> None:
    clerk = watched.client(region="430101")
    checks = {check["code"]: check for check in clerk.get("/v1/datasets/people").json()["checks"]}
    assert checks["villages_sum"]["tolerance"] == "1%"
    assert "tolerance" not in checks["cards"]
    files = {
        "datasets/people.yaml": CHECKED_PEOPLE.replace("total >= cards.issued", "total >= men"),
        "datasets/villages.yaml": VILLAGES,
    }
    again = watched.apply(files)
    assert not again.changes


def test_a_rule_that_cannot_be_is_refused_with_its_place(watched: House) -> None:
    wrong = CHECKED_PEOPLE.replace("cards.issued", "villages.total")
    with pytest.raises(AssertionError, match=r"sum_below\(villages.total\)"):
        watched.apply({"datasets/people.yaml": wrong})


def test_villages_that_come_second_question_the_record_of_their_township(watched: House) -> None:
    clerk, own = watched.client(region="430101101"), watched.client(region="430101101001")
    one = {"region": "430101101001", "period": "2024", "total": 60, "area": 100}
    two = {"region": "430101101002", "period": "2024", "total": 30, "area": 40}
    assert post(clerk, "people", ROW).status_code == 201
    assert post(own, "villages", one).json()["findings"] == []
    words = "总人口应等于各村之和（人口·总人口 100人，村情·人口（下级合计） 90人）"
    finding = ("check_failed_elsewhere", f"与已报的一镇2024“人口”不符：{words}，请核对；入库后该记录列为存疑")
    tried = post(clerk, "villages", two, mode="check")
    assert told(tried) == [finding]
    assert questioned(clerk) == []
    stored = post(clerk, "villages", two)
    assert (stored.status_code, told(stored)) == (201, [finding])
    assert stored.json()["findings"][0]["row"] == 0
    assert questioned(clerk) == questioned(watched.client(admin=True)) == [("430101101", ["total"], [words])]
    assert questioned(own) == []
    # What may not be read is not told: a village does not see its township's record.
    hidden = post(watched.client(region="430101101002"), "villages", {**two, "total": 29})
    assert (hidden.status_code, told(hidden)) == (201, [])
    # Looked at again, it stands; other figures later, and it is questioned again; mended, it is not.
    assert clerk.post("/v1/datasets/people/still-true", json={"period": "2024"}).status_code == 200
    assert questioned(clerk) == []
    post(clerk, "villages", {**one, "total": 61})
    assert len(questioned(clerk)) == 1
    assert post(clerk, "people", {**ROW, "total": 90}).status_code == 201
    assert questioned(clerk) == []


def questioned(client: httpx.Client) -> list[tuple[str, list[str], list[str]]]:
    found = client.get("/v1/due", params={"state": "questioned"}).json()["due"]
    return [(each["region"], each["elements"], each["checks"]) for each in found]


def test_a_stream_of_villages_is_held_against_its_townships_once_it_is_whole(watched: House) -> None:
    clerk = watched.client(region="430101101")
    assert post(clerk, "people", ROW).status_code == 201
    lines = [
        '{"region":"430101101001","period":"2024","total":60,"area":100}',
        '{"region":"430101101002","period":"2024","total":20,"area":40}',
    ]
    headers = {"Content-Type": "application/x-ndjson"}
    for mode in ("check", "apply"):
        answer = clerk.post(
            f"/v1/submissions?dataset=villages&mode={mode}", content="\n".join(lines).encode(), headers=headers
        )
        assert answer.status_code == (200 if mode == "check" else 201)
        (code, message) = told(answer)[0]
        assert code == "check_failed_elsewhere"
        assert "80人" in message
    assert len(questioned(clerk)) == 1
