"""A reading that was decided before is answered again at once, for exactly as long as the decision stands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.errors import Problem
from app.services.authentication import Authenticator
from app.services.credentials import create_credential, revoke_credential, rotate_credential
from app.services.standing import MadeAtOnce, Standing
from app.store import tables as t
from app.store.audit import AuditLog, Written
from app.store.database import Database
from tests.fixtures.house import House
from tests.fixtures.small import AGREEMENT, VIEW
from tests.stories.test_reading_lane import BY_THE_ROUTE, PATH, QUESTIONS, shown

ONE = QUESTIONS[0]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[MadeAtOnce]:
    """The answers that were given by a decision that stood."""
    found: list[MadeAtOnce] = []

    def noting(answer: Callable[..., MadeAtOnce | None]) -> Callable[..., MadeAtOnce | None]:
        def noted(*asked: Any) -> MadeAtOnce | None:
            made = answer(*asked)
            if made is not None:
                found.append(made)
            return made

        return noted

    monkeypatch.setattr(Standing, "answer", noting(Standing.answer))
    monkeypatch.setattr(Standing, "page", noting(Standing.page))
    return found


def standing(house: House, at_once: list[MadeAtOnce], key: str | None = None) -> httpx.Client:
    """A client whose next reading of the view is answered by what was decided."""
    client = house.client(key) if key is not None else house.client(department="ecology")
    for _ in range(3):  # it is mapped; it is decided; it stands
        assert client.get(PATH, params=ONE).status_code == 200
    assert at_once
    at_once.clear()
    return client


def test_what_stands_is_answered_as_the_routes_answer(small_house: House, at_once: list[MadeAtOnce]) -> None:
    ecology = standing(small_house, at_once)
    for question in QUESTIONS:
        before = len(at_once)
        short, long = ecology.get(PATH, params=question), ecology.get(PATH, params=question, headers=BY_THE_ROUTE)
        assert shown(short) == shown(long), question
        plain = short.status_code == 200 and "fields" not in question and question.get("limit") != "1"
        assert len(at_once) == before + plain, question
    assert len(at_once) >= 4
    own = ecology.get(PATH, params=ONE, headers={"X-Request-Id": "mine-1"})
    assert own.headers["X-Request-Id"] == "mine-1"
    other = ecology.get(PATH, params=ONE, headers={"X-Request-Id": "not an id"})
    assert len(other.headers["X-Request-Id"]) == 32
    packed = ecology.get(PATH, params=ONE, headers={"Accept-Encoding": "gzip, identity;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == own.content


def pages(client: httpx.Client, limit: int, headers: dict[str, str] | None = None) -> list[httpx.Response]:
    """All pages of the view, each followed to the next."""
    found: list[httpx.Response] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        found.append(client.get(PATH, params={"limit": str(limit), **cursor}, headers=headers))
        following = found[-1].json()["next"]
        cursor = {"cursor": following} if following else None
    return found


def test_pages_that_stand_are_those_of_the_routes_and_end_with_the_state(
    small_house: House, at_once: list[MadeAtOnce]
) -> None:
    ecology = standing(small_house, at_once)
    for limit, count in ((1, 4), (3, 2), (1000, 1)):
        long = pages(ecology, limit, BY_THE_ROUTE)
        assert (len(long), len(at_once)) == (count, 0)
        short = pages(ecology, limit)
        assert [shown(page) for page in short] == [shown(page) for page in long]
        assert len(at_once) == count
        at_once.clear()
    first = ecology.get(PATH, params={"limit": "1"}).json()
    row = {"region": "430101101", "period": "2024", "total": 7_000}
    small_house.client(region="430101").post("/v1/submissions", json={"dataset": "people", "rows": [row]})
    at_once.clear()
    for _ in range(3):  # the state that a walk began in goes on; a new walk begins in the new one
        second = ecology.get(PATH, params={"limit": "1", "cursor": first["next"]}).json()
        assert (second["snapshot"], len(second["records"])) == (first["snapshot"], 1)
        assert ecology.get(PATH, params={"limit": "1"}).json()["records"][0]["rk"] == 0.7
    bad = {"limit": "1", "cursor": first["next"][:-2] + "aa"}
    assert ecology.get(PATH, params=bad).json()["code"] == "bad_cursor"
    other = {"limit": "2", "cursor": first["next"]}
    assert shown(ecology.get(PATH, params=other)) == shown(ecology.get(PATH, params=other, headers=BY_THE_ROUTE))
    small_house.apply({"agreements/ecology-2026.yaml": AGREEMENT.replace("2099-12-31", "2026-01-02")})
    assert ecology.get(PATH, params={"limit": "1"}).status_code == 404


@pytest.mark.parametrize("question", [ONE, {"limit": "3"}], ids=["a record", "a page"])
def test_the_audit_has_the_same_of_a_reading_whichever_way_it_took(
    small_house: House, at_once: list[MadeAtOnce], question: dict[str, Any]
) -> None:
    ecology = standing(small_house, at_once)
    long = ecology.get(PATH, params=question, headers=BY_THE_ROUTE)
    short = ecology.get(PATH, params=question)
    assert len(at_once) == 1
    small_house.registry.audit.close()
    with small_house.registry.database.read_journal() as cx:
        rows = [dict(row) for row in cx.execute(select(t.audit).order_by(t.audit.c.id)).mappings()]
    told = []
    for answer in (short, long):
        mine = [row for row in rows if row["request_id"] == answer.headers["X-Request-Id"]]
        assert [row["kind"] for row in mine] == ["intent", "closing"]
        assert mine[0]["at"] <= mine[1]["at"]
        own = {"id", "at", "request_id", "position", "link"}
        told.append([{name: value for name, value in row.items() if name not in own} for row in mine])
    assert told[0] == told[1]


def test_nothing_is_sent_before_the_opening_entry_is_durable(small_house: House, at_once: list[MadeAtOnce]) -> None:
    ecology = standing(small_house, at_once)
    answered = threading.Event()

    def ask() -> None:
        assert ecology.get(PATH, params=ONE).status_code == 200
        answered.set()

    asking = threading.Thread(target=ask)
    with small_house.registry.database.journal() as cx:
        if small_house.registry.database.dialect == "postgresql":
            cx.exec_driver_sql("LOCK TABLE audit IN EXCLUSIVE MODE")
        asking.start()
        assert not answered.wait(0.2)
        assert len(at_once) == 1
    asking.join(10)
    assert answered.is_set()


def test_what_the_audit_cannot_keep_is_not_told(
    small_house: House, at_once: list[MadeAtOnce], monkeypatch: pytest.MonkeyPatch
) -> None:
    ecology = standing(small_house, at_once)

    def broken(self: AuditLog, group: Any) -> None:
        for _, told in group:
            if told is not None:
                told(Written(fault=Problem("unavailable", "no room")))

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "_commit", broken)
        refused = ecology.get(PATH, params=ONE)
    assert (refused.status_code, len(at_once)) == (503, 1)
    assert b"430101101" not in refused.content
    assert ecology.get(PATH, params=ONE).status_code == 200


def test_a_decision_ends_with_the_agreement_it_rests_on(small_house: House, at_once: list[MadeAtOnce]) -> None:
    ecology = standing(small_house, at_once)
    small_house.apply({"agreements/ecology-2026.yaml": AGREEMENT + "quota: {requests_per_day: 1}\n"})
    assert [ecology.get(PATH, params=ONE).status_code for _ in range(3)] == [200, 429, 429]
    small_house.apply({"agreements/ecology-2026.yaml": AGREEMENT.replace("2099-12-31", "2026-01-02")})
    assert ecology.get(PATH, params=ONE).status_code == 404
    assert at_once == []


def test_a_decision_ends_with_the_credential_that_was_presented(small_house: House, at_once: list[MadeAtOnce]) -> None:
    identity, key = create_credential(small_house.registry, "one", "department", department="ecology")
    ecology = standing(small_house, at_once, key)
    rotate_credential(small_house.registry, identity, 0)
    assert ecology.get(PATH, params=ONE).status_code == 401
    identity, key = create_credential(small_house.registry, "two", "department", department="ecology")
    ecology = standing(small_house, at_once, key)
    revoke_credential(small_house.registry, identity)
    assert ecology.get(PATH, params=ONE).status_code == 401
    assert at_once == []


def test_a_decision_is_of_one_epoch_even_where_each_looks_for_itself(
    small_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is revoked after it was found good, and before what it may see is decided."""
    registry = small_house.registry
    key = small_house.key(department="ecology")
    client = small_house.client(key)
    assert client.get(PATH, params=ONE).status_code == 200
    lasting = Authenticator.lasting
    revoked: list[str] = []

    def then_revoked(self: Authenticator, value: str, epoch: int) -> Any:
        found = lasting(self, value, epoch)
        if found is not None and value == key and not revoked:
            revoked.append(key)
            revoke_credential(registry, key.split("_")[1])
        return found

    def nothing_to_share(self: Database) -> Any:
        raise OSError("the look that many share failed")

    monkeypatch.setattr(Authenticator, "lasting", then_revoked)
    monkeypatch.setattr(Database, "one_look", nothing_to_share)
    client.get(PATH, params=ONE)
    assert revoked
    for _ in range(3):
        assert client.get(PATH, params=ONE).status_code == 401


def test_a_decision_ends_when_the_key_does(small_house: House, at_once: list[MadeAtOnce]) -> None:
    now = small_house.registry.now()
    _, key = create_credential(
        small_house.registry, "short", "department", department="ecology", expires=now + timedelta(minutes=10)
    )
    ecology = standing(small_house, at_once, key)
    small_house.clock.offset += 601
    assert ecology.get(PATH, params=ONE).status_code == 401
    small_house.clock.offset = 0
    assert at_once == []


def test_a_decision_ends_with_the_day(small_house: House, at_once: list[MadeAtOnce]) -> None:
    small_house.apply({"agreements/ecology-2026.yaml": AGREEMENT.replace("2099-12-31", "2027-03-01")})
    last = datetime(2027, 3, 1, 15, 59, 40, tzinfo=UTC)  # twenty seconds before midnight in Shanghai
    small_house.clock.set(last)
    ecology = standing(small_house, at_once)
    small_house.clock.set(last + timedelta(seconds=20))
    assert ecology.get(PATH, params=ONE).status_code == 404
    small_house.clock.set(last)
    assert ecology.get(PATH, params=ONE).status_code == 200


def test_a_decision_is_never_behind_a_write_nor_behind_the_view(small_house: House, at_once: list[MadeAtOnce]) -> None:
    ecology, clerk = standing(small_house, at_once), small_house.client(region="430101")
    for total in (5_000, 6_000):
        row = {"region": "430101101", "period": "2024", "total": total}
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]}).json()["status"] == "applied"
        for _ in range(3):
            (record,) = ecology.get(PATH, params=ONE).json()["records"]
            assert record["rk"] == total / 10_000
    assert at_once
    small_house.apply(
        {
            "views/people-view.yaml": VIEW.replace(
                "{name: ly, title: 来源, value: 统一采集}", "{name: ly, title: 来源, value: 甲}"
            )
        }
    )
    for _ in range(3):
        (record,) = ecology.get(PATH, params=ONE).json()["records"]
        assert record["ly"] == "甲"


def test_nothing_shows_what_is_written_out_of_sight(small_house: House, at_once: list[MadeAtOnce]) -> None:
    """A write of what this reader may not see: the next answers are the same, those that stand among them."""
    ecology = standing(small_house, at_once)
    asked: list[dict[str, Any]] = [ONE, {"region": "430101"}, {"limit": "3"}, {"region": "430102101"}]
    before = [shown(ecology.get(PATH, params=question)) for question in asked]
    hidden: list[dict[str, Any]] = [
        {"region": "430101101", "period": "2024", "men": 7},  # a field that no agreement covers
        {"region": "430102101", "period": "2024", "total": 9},  # a county that none covers
    ]
    for row in hidden:
        clerk = small_house.client(region=row["region"][:6])
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]}).json()["status"] == "applied"
        for _ in range(3):
            assert [shown(ecology.get(PATH, params=question)) for question in asked] == before
    assert at_once


def test_decisions_are_each_reader_s_own(small_house: House, at_once: list[MadeAtOnce]) -> None:
    ecology = standing(small_house, at_once)
    for other in (small_house.client(department="water"), small_house.client(region="430101101")):
        for _ in range(3):
            hidden = other.get(PATH, params=ONE)
            missing = other.get("/v1/views/no-such-view/records", params=ONE)
            assert (hidden.status_code, hidden.json()["detail"]) == (404, missing.json()["detail"])
    wrong = small_house.client(ecology.headers["Authorization"].split()[1] + "x")
    assert wrong.get(PATH, params=ONE).status_code == 401
    bound = httpx.get(
        small_house.url + PATH,
        params=ONE,
        headers={"Authorization": ecology.headers["Authorization"].replace("Bearer", "DPoP")},
    )
    assert bound.status_code == 401
    assert at_once == []
