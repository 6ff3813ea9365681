from __future__ import annotations

import pytest

from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import ForgedError
from app.store import idempotency, submissions
from app.store.ids import new_id
from app.store.states import StoredState, find, remember
from app.store.submissions import Viewpoint
from tests.store.given import CLERK, attempt, dataset, given_regions, submitting

EVERYTHING = Viewpoint(everything=True)
POLICE = Caller("department", "police-1", "公安", department="police")


def _insert(database, *given, permit=None):
    for one in given:
        with database.write() as write:
            submissions.insert(write, permit or submitting(one.dataset), one)


def _police(code="safety", **more):
    permit = gate.permit_submission(POLICE, dataset(code, "department:police"))
    return permit, attempt(code, POLICE, **more)


def test_an_attempt_is_kept_with_everything_said_about_it(database):
    given_regions(database)
    one = attempt(
        status="rejected", channel="workbook", filename="人口.xlsx", file_digest="ab", counts={"rows": 3, "new": 1},
        findings=[{"severity": "error", "cell": "C7", "message": "应为整数"}],
    )  # fmt: skip
    _insert(database, one)
    with database.read() as cx:
        found = submissions.get(cx, one.id, EVERYTHING)
    assert found is not None
    assert found.created_at is not None
    assert {name: getattr(found, name) for name in one.__slots__ if name != "created_at"} == {
        name: getattr(one, name) for name in one.__slots__ if name != "created_at"
    }
    assert database.epoch() == 0


def test_everyone_sees_their_own_and_nobody_anything_else(database):
    given_regions(database)
    own = attempt()
    other = attempt(region_id=2, by_region_id=2, created_by="clerk-2")
    permit, police = _police(region_id=None)
    _insert(database, own, other)
    _insert(database, police, permit=permit)

    def seen(viewpoint):
        with database.read() as cx:
            listed = {one.id for one in submissions.visible(cx, viewpoint)}
            assert listed == {i for i in (own.id, other.id, police.id) if submissions.get(cx, i, viewpoint)}
        return listed

    assert seen(EVERYTHING) == {own.id, other.id, police.id}
    assert seen(Viewpoint(regions=frozenset({1, 3}))) == {own.id}
    assert seen(Viewpoint(regions=frozenset({1, 2}))) == {own.id, other.id}
    assert seen(Viewpoint(department="police")) == {police.id}
    assert seen(Viewpoint(department="ecology", datasets={"population"})) == {own.id, other.id}
    assert seen(Viewpoint(department="ecology")) == set()
    assert seen(Viewpoint()) == set()


def test_the_list_goes_newest_first_and_on_from_any_of_them(database):
    given_regions(database)
    made = [attempt(status="checked" if n % 2 else "applied") for n in range(7)]
    _insert(database, *made)
    with database.read() as cx:
        seen = []
        after = None
        while page := submissions.visible(cx, EVERYTHING, after=after, limit=3):
            seen += [one.id for one in page]
            assert page[-1].created_at is not None
            after = (page[-1].created_at, page[-1].id)
        assert seen == [one.id for one in reversed(made)]
        assert [one.id for one in submissions.visible(cx, EVERYTHING, status="checked")] == [
            made[n].id for n in (5, 3, 1)
        ]
        assert submissions.visible(cx, EVERYTHING, dataset="land") == []


def test_a_waiting_submission_ends_once(database):
    given_regions(database)
    one = attempt(status="pending", pending={"rows": [1, 2]})
    _insert(database, one)
    second = gate.permit_confirmation(
        Caller("region", "clerk-2", "复核", region_id=1, role="confirmer"), dataset(), CLERK.credential_id
    )

    def confirm():
        with database.write() as write:
            return submissions.confirm(
                write, second, one.id, "population", status="applied", counts={"rows": 2}, findings=[], epoch=5
            )

    assert confirm() is True
    assert confirm() is False
    with database.read() as cx:
        found = submissions.get(cx, one.id, EVERYTHING)
    assert found is not None
    assert (found.status, found.pending, found.epoch, found.confirmed_by) == ("applied", None, 5, "clerk-2")
    assert found.confirmed_at is not None


def test_a_permit_for_another_dataset_touches_nothing(database):
    given_regions(database)
    one = attempt()
    with pytest.raises(ForgedError):
        _insert(database, one, permit=submitting("land"))
    _insert(database, one)
    with database.write() as write, pytest.raises(ForgedError):
        submissions.set_epoch(write, submitting("land"), one.id, 3)
    with database.write() as write:
        submissions.set_epoch(write, submitting(), one.id, 3)
    with database.read() as cx:
        found = submissions.get(cx, one.id, EVERYTHING)
    assert found is not None
    assert found.epoch == 3


def test_an_answer_is_kept_under_its_key_for_its_credential_alone(database):
    with database.write() as write:
        idempotency.keep(write, "clerk-1", "k", "digest", 201, {"id": "一"})
        now = write.now
    with database.read() as cx:
        assert idempotency.find(cx, "clerk-1", "k") == idempotency.Kept("digest", 201, {"id": "一"})
        assert idempotency.find(cx, "clerk-2", "k") is None
        assert idempotency.find(cx, "clerk-1", "K") is None
    with database.write() as write:
        assert idempotency.forget_before(write, now) == 0
        assert idempotency.forget_before(write, write.now.replace(year=2999)) == 1


def test_a_name_of_a_state_is_kept_once_whoever_gives_it(database):
    with database.write() as write:
        now = write.now
    first = StoredState("name", "digest", "ecology", 3, 7, {"grants": []}, now)
    for epoch in (7, 8):
        with database.journal() as cx:
            remember(cx, StoredState("name", "digest", "ecology", 3, epoch, {"grants": []}, now))
    with database.read_journal() as cx:
        assert find(cx, "name") == first
        assert find(cx, "other") is None


def test_names_of_new_things_are_distinct_and_in_the_order_of_time():
    names = [new_id() for _ in range(1_000)]
    assert len(set(names)) == 1_000
    assert [name[:13] for name in names] == sorted(name[:13] for name in names)
    assert {name[14] for name in names} == {"7"}
