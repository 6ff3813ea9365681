"""校核: a figure is questioned, its source answers, and those who had the old value are told old and new; nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services.reminding import remind
from tests.fixtures.caring import CARED, due, on, people, report
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import AGREEMENT, VIEW

OTHER = AGREEMENT.replace("ecology-2026", "water-2026").replace("department: ecology", "department: water")
SHARED = {
    **CARED,
    "views/water-view.yaml": VIEW.replace("people-view", "water-view").replace(
        "department: ecology", "department: water"
    ),
    "agreements/water-2026.yaml": OTHER,
}
QUESTION = {
    "dataset": "people",
    "element": "total",
    "region": "430101101",
    "period": "2025",
    "value": 10,
    "reason": "与户籍数不符",
}


@pytest.fixture
def lone(new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    """As ``small``, on one kind of database: for what no database has a say in."""
    with serving(new_url("sqlite"), tmp_path / "data") as house:
        on(house, "2026-03-10")
        house.apply(SHARED)
        report(house.client(region="4301"), "people", people("430101101"), people("430101102", total=20))
        yield house


@pytest.fixture
def small(empty_house: House) -> House:
    on(empty_house, "2026-03-10")
    empty_house.apply(SHARED)
    report(empty_house.client(region="4301"), "people", people("430101101"), people("430101102", total=20))
    return empty_house


def ask(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/v1/corrections", json={**QUESTION, **more})


def read(client: httpx.Client, view: str, **asked: Any) -> None:
    answer = client.get(f"/v1/views/{view}/records", params=asked)
    assert answer.status_code == 200, answer.text


def notices(client: httpx.Client) -> list[tuple[str, dict[str, Any]]]:
    return [(one["type"], one["data"]) for one in client.get("/v1/notices").json()["notices"]]


def figures(client: httpx.Client) -> list[tuple[str, str, str, Any, Any]]:
    told = [(kind, data) for kind, data in notices(client) if kind.startswith("figure.")]
    return [(kind, data["region"], f["element"], f["old"], f["new"]) for kind, data in told for f in data["figures"]]


def test_a_question_is_answered_by_a_new_submission_and_all_who_had_the_old_value_are_told(small: House) -> None:
    clerk, ecology, water = (
        small.client(**who) for who in ({"region": "430101101"}, {"department": "ecology"}, {"department": "water"})
    )
    late = small.client(department="water")
    read(ecology, "people-view")
    read(water, "water-view", fields="dm,rk", region="430101", period="2025")
    asked = ask(ecology)
    assert asked.status_code == 201, asked.text
    question = asked.json()
    assert (question["status"], question["value"], question["due"], question["overdue"]) == (
        "open",
        "10",
        "2026-03-24",
        False,
    )
    assert [kind for kind, _ in notices(clerk)] == ["correction.asked"]
    (item,) = due(clerk, state="questioned")
    assert (item["elements"], item["corrections"], item["due"]) == (["total"], [question["id"]], "2026-03-24")
    path = f"/v1/corrections/{question['id']}/answer"
    before = report(clerk, "people", people("430101101", area="7"))
    fixed = report(clerk, "people", people("430101101", total=12, area="7"))
    corrected = {"decision": "corrected", "submission": fixed["id"]}
    assert ecology.post(path, json=corrected).status_code == 403
    assert water.post(path, json=corrected).status_code == 404
    assert small.client(region="430102").post(path, json=corrected).status_code == 404
    assert small.client(admin=True).post(path, json=corrected).status_code == 403
    assert clerk.post(path, json={"decision": "corrected", "submission": before["id"]}).status_code == 409
    assert clerk.post(path, json={"decision": "corrected"}).status_code == 400
    done = clerk.post(path, json=corrected)
    assert done.status_code == 200, done.text
    assert (done.json()["status"], done.json()["submission"]) == ("corrected", fixed["id"])
    assert clerk.post(path, json=corrected).status_code == 409
    assert due(clerk, state="questioned") == []
    old_and_new = [("figure.corrected", "430101101", "total", "10", "12")]
    assert figures(ecology) == old_and_new
    assert figures(water) == figures(late) == old_and_new
    assert [kind for kind, _ in notices(ecology)] == ["figure.corrected", "correction.answered"]
    assert figures(clerk) == []
    # On the general feed, too, and only as long as it may be seen.
    assert [e["data"]["figures"][0]["new"] for e in water.get("/v1/events").json()["events"]] == ["12"]
    small.apply({"agreements/water-2026.yaml": OTHER.replace("people.total, people.area", "people.area")})
    assert figures(water) == []
    assert [e for e in water.get("/v1/events").json()["events"] if e["type"].startswith("figure.")] == []


def test_who_never_had_the_old_value_hears_nothing(lone: House) -> None:
    clerk, ecology, water = (
        lone.client(**who) for who in ({"region": "430101101"}, {"department": "ecology"}, {"department": "water"})
    )
    read(water, "water-view", fields="dm,mj")
    read(water, "water-view", region="430101102")
    read(water, "water-view", period="2024")
    question = ask(ecology).json()
    fixed = report(clerk, "people", people("430101101", total=12))
    read(water, "water-view")
    done = clerk.post(
        f"/v1/corrections/{question['id']}/answer", json={"decision": "corrected", "submission": fixed["id"]}
    )
    assert done.status_code == 200
    assert notices(water) == []
    assert [kind for kind, _ in notices(ecology)] == ["correction.answered"]


def test_a_figure_is_upheld_with_a_reason(lone: House) -> None:
    clerk, ecology = lone.client(region="430101101"), lone.client(department="ecology")
    read(ecology, "people-view")
    question = ask(ecology).json()
    path = f"/v1/corrections/{question['id']}/answer"
    assert clerk.post(path, json={"decision": "upheld"}).status_code == 400
    assert clerk.post(path, json={"decision": "upheld", "reason": "与公安口径一致"}).status_code == 200
    told = ecology.get(f"/v1/corrections/{question['id']}").json()
    assert (told["status"], told["answer"], told["submission"]) == ("upheld", "与公安口径一致", None)
    assert [kind for kind, _ in notices(ecology)] == ["correction.answered"]
    assert lone.client(department="water").get(f"/v1/corrections/{question['id']}").status_code == 404


def test_what_may_not_be_seen_is_not_there_to_be_questioned(lone: House) -> None:
    ecology = lone.client(department="ecology")
    refused = [
        ask(ecology, element="men"), ask(ecology, element="watched"), ask(ecology, element="none"), ask(ecology, dataset="none"),
        ask(ecology, region="430102101"), ask(ecology, period="2024"), ask(ecology, period="2026"),
    ]  # fmt: skip
    assert {answer.status_code for answer in refused} == {404}
    assert len({answer.json()["detail"] for answer in refused}) == 1
    assert ask(lone.client(region="430101101")).status_code == 403
    assert ask(lone.client(admin=True)).status_code == 403
    assert ask(ecology, reason=" ").status_code == 400
    assert ecology.get("/v1/corrections").json()["corrections"] == []


def test_lists_are_of_those_who_asked_and_those_who_are_asked(small: House) -> None:
    clerk, ecology, water = (
        small.client(**who) for who in ({"region": "430101"}, {"department": "ecology"}, {"department": "water"})
    )
    first, second = ask(ecology).json()["id"], ask(ecology, region="430101102").json()["id"]
    third = ask(water).json()["id"]

    def ids(client: httpx.Client, **asked: Any) -> list[str]:
        return [one["id"] for one in client.get("/v1/corrections", params=asked).json()["corrections"]]

    assert (ids(ecology), ids(water)) == ([second, first], [third])
    assert ids(clerk) == ids(small.client(admin=True)) == [third, second, first]
    assert ids(small.client(region="430101102")) == [second]
    assert ids(small.client(region="430102")) == []
    page = clerk.get("/v1/corrections", params={"limit": 2}).json()
    assert ids(clerk, limit=2, cursor=page["next"]) == [first]
    assert ids(clerk, status="overdue") == []
    on(small, "2026-03-25")
    assert ids(clerk, status="overdue") == [third, second, first]
    assert clerk.get("/v1/corrections", params={"status": "late"}).status_code == 400
    remind(small.registry)
    stages = {(one["data"]["state"], one["data"]["stage"]) for one in clerk.get("/v1/reminders").json()["reminders"]}
    assert ("questioned", "overdue") in stages


def test_a_withdrawn_record_is_told_to_those_who_read_it_each_what_it_saw(small: House) -> None:
    clerk, ecology, water = (
        small.client(**who) for who in ({"region": "430101101"}, {"department": "ecology"}, {"department": "water"})
    )
    read(ecology, "people-view")
    read(water, "water-view", fields="rk")
    gone = clerk.request(
        "DELETE", "/v1/datasets/people/records", params={"period": "2025", "region": "430101101"}, json={"reason": "错"}
    )
    assert gone.status_code == 200, gone.text
    assert sorted(figures(ecology)) == [
        ("figure.withdrawn", "430101101", "area", "6.25", None),
        ("figure.withdrawn", "430101101", "total", "10", None),
    ]
    assert figures(water) == [("figure.withdrawn", "430101101", "total", "10", None)]


def test_a_masked_figure_is_not_told_exactly(lone: House) -> None:
    masked = OTHER + "masks: {people.total: {round: 10}}\n"
    lone.apply({"agreements/water-2026.yaml": masked})
    clerk, ecology, water = (
        lone.client(**who) for who in ({"region": "430101101"}, {"department": "ecology"}, {"department": "water"})
    )
    read(water, "water-view")
    question = ask(ecology).json()
    fixed = report(clerk, "people", people("430101101", total=12))
    clerk.post(f"/v1/corrections/{question['id']}/answer", json={"decision": "corrected", "submission": fixed["id"]})
    assert figures(water) == []
