"""A few records asked for by region and period take a shorter way, and nothing in the answer shows it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from app.errors import Problem
from app.services.read import ViewReader
from app.store.audit import AuditLog, Written
from tests.fixtures.house import House
from tests.fixtures.small import AGREEMENT

PATH = "/v1/views/people-view/records"
# Written so that only the routes read it: the lane knows this form of Accept not at all.
BY_THE_ROUTE = {"Accept": "application/json;q=1"}
QUESTIONS: list[dict[str, Any]] = [
    {"region": "430101101", "period": "2024"},
    {"region": "430101101"},
    {"region": "430101102,430101101", "period": "2024,2025"},
    {"region": "430101", "period": "2024..2025", "limit": "1"},
    {"region": "43", "fields": "rk,dm"},
    {"region": "430101101", "period": "2031"},
    {"region": "430102101", "period": "2024"},  # not covered
    {"region": "430101101", "period": "2023"},  # before the agreement's time
    {"region": "990101101"},
    {"region": "43010"},
    {"region": "430101101", "period": "2024-13"},
    {"region": "430101101", "fields": "nan"},  # a field that no agreement covers
    {"region": "430101101", "fields": "rk,rk"},
    {"region": "430101101", "limit": "0"},
    {"region": "430101101", "more": "1"},
]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The views that were read on the lane."""
    found: list[str] = []
    through = ViewReader.read_at_once

    def counted(self: ViewReader, caller: Any, code: str, *rest: Any) -> Any:
        found.append(code)
        return through(self, caller, code, *rest)

    monkeypatch.setattr(ViewReader, "read_at_once", counted)
    return found


def shown(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that an answer says, its headers in their order, but for its own id and the time."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in {"x-request-id", "date"}]
    body = answer.json() if answer.status_code >= 400 else answer.content
    if isinstance(body, dict):
        body = repr({name: value for name, value in body.items() if name != "instance"}).encode()
    return answer.status_code, headers, body


def test_the_lane_and_the_routes_answer_alike(small_house: House, taken: list[str]) -> None:
    ecology = small_house.client(department="ecology")
    assert len(ecology.get(PATH).json()["records"]) == 4  # now it is in memory
    statuses = []
    for question in QUESTIONS:
        short, long = ecology.get(PATH, params=question), ecology.get(PATH, params=question, headers=BY_THE_ROUTE)
        assert shown(short) == shown(long), question
        statuses.append(short.status_code)
        if short.status_code == 200:
            known = {"If-None-Match": short.headers["ETag"]}
            again = [ecology.get(PATH, params=question, headers={**known, **more}) for more in ({}, BY_THE_ROUTE)]
            assert [one.status_code for one in again] == [304, 304]
            assert shown(again[0]) == shown(again[1])
    assert set(statuses) == {200, 400, 403}
    assert len(taken) >= 12, "the lane was not taken"


def test_the_lane_shows_no_view_to_whom_it_is_hidden(small_house: House, taken: list[str]) -> None:
    small_house.client(department="ecology").get(PATH)
    water, clerk = small_house.client(department="water"), small_house.client(region="430101101")
    for client in (water, clerk):
        client.get("/v1/views")  # the key is known from here on
        hidden = client.get(PATH, params=QUESTIONS[0])
        missing = client.get("/v1/views/no-such-view/records", params=QUESTIONS[0])
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["detail"] == missing.json()["detail"]
    assert taken == []


def test_the_lane_is_never_behind_a_write_nor_behind_the_end_of_access(small_house: House, taken: list[str]) -> None:
    ecology, clerk = small_house.client(department="ecology"), small_house.client(region="430101")
    ecology.get(PATH)
    for total in (5_000, 6_000):
        row = {"region": "430101101", "period": "2024", "total": total}
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]}).json()["status"] == "applied"
        for _ in range(2):
            (record,) = ecology.get(PATH, params=QUESTIONS[0]).json()["records"]
            assert record["rk"] == total / 10_000
    assert taken
    small_house.apply({"agreements/ecology-2026.yaml": AGREEMENT.replace("2099-12-31", "2026-01-02")})
    assert ecology.get(PATH, params=QUESTIONS[0]).status_code == 404


def test_readings_on_the_lane_are_counted_once_and_stand_in_the_audit(small_house: House, taken: list[str]) -> None:
    small_house.apply({"agreements/ecology-2026.yaml": AGREEMENT + "quota: {requests_per_day: 6}\n"})
    key = small_house.key(department="ecology")
    ecology = small_house.client(key)
    ecology.get(PATH)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ecology.get(PATH, params=QUESTIONS[0]), range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.headers["RateLimit"].split(";")[1] for answer in answers) == [f"r={n}" for n in range(5)]
    refused = ecology.get(PATH, params=QUESTIONS[0])
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exhausted")
    assert len(taken) == 6
    entries = small_house.client(admin=True).get("/v1/admin/audit", params={"limit": 100}).json()["entries"]
    mine = [one for one in entries if one["credential_id"] == key.split("_")[1]]
    for answer in answers:
        own = [one for one in mine if one["request_id"] == answer.headers["X-Request-Id"]]
        assert sorted(one["kind"] for one in own) == ["closing", "intent"]
        (intent,) = (one for one in own if one["kind"] == "intent")
        assert intent["question"]["region"] == "430101101"
        assert intent["answered"]["regions"] == ["430101101"]
    own = [one for one in mine if one["request_id"] == refused.headers["X-Request-Id"]]
    assert [one["status"] for one in own] == ["quota_exhausted"]


def test_what_the_audit_cannot_keep_is_not_told(small_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ecology = small_house.client(department="ecology")
    assert ecology.get(PATH, params=QUESTIONS[0]).status_code == 200

    def broken(self: AuditLog, group: Any) -> None:
        for _, told in group:
            if told is not None:
                told(Written(fault=Problem("unavailable", "no room")))

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "_commit", broken)
        refused = ecology.get(PATH, params=QUESTIONS[0])
    assert refused.status_code == 503
    assert b"430101101" not in refused.content
    assert ecology.get(PATH, params=QUESTIONS[0]).status_code == 200
