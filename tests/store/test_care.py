from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.policy import gate
from app.policy.scopes import ForgedError
from app.store import corrections, evidence, reminders, still_true
from app.store.corrections import Seat
from app.store.evidence import EvidencePlace
from tests.store.given import CLERK, change, given_regions, submit, submitting
from tests.store.given_care import ASKER, PLACE, QUESTION, caring, fill_care


def test_what_was_found_still_true_is_newest_for_each_set_of_elements(database):
    given_regions(database)
    with database.write() as write:
        still_true.renew(write, submitting(), "population", [(PLACE, ["total"])])
    with database.write() as write:
        still_true.renew(write, submitting(), "population", [(PLACE, ["total"]), (PLACE, None)])
        later, bumped = write.now, write.bumped
    assert bumped is None
    with database.read() as cx:
        found = still_true.renewals(cx, "population", {2})
        assert set(found) == {PLACE}
        assert sorted((at, codes is None) for at, codes in found[PLACE]) == [(later, False), (later, True)]
        assert still_true.renewals(cx, "population", {1}) == {}
    with database.write() as write, pytest.raises(ForgedError):
        still_true.renew(write, submitting("other"), "population", [(PLACE, None)])


def test_what_is_held_is_told_by_region_and_period_without_withdrawn_or_former_versions(database):
    given_regions(database)
    submit(database, change(1, "2023", "1"), change(1, "2025", "2"), change(2, "2024", "3"))
    submit(database, change(1, "2025", "4"))
    with database.read() as cx:
        assert still_true.reported_periods(cx, "population", {1, 2, 3}) == {1: (2023, 2025), 2: (2024, 2024)}
        (held,) = still_true.held_figures(cx, "population", {1}, {2025})
        assert (held.place, held.values["total"]["n"]) == ((1, 2025, ()), "4")


def test_a_question_is_answered_once_and_seen_from_the_right_seats_only(database):
    given_regions(database)
    with database.write() as write:
        fill_care(write)
    seats = [
        (Seat(everything=True), True), (Seat(department="ecology"), True), (Seat(department="water"), False),
        (Seat(credential="asker-1"), True), (Seat(datasets=["population"], regions=[2]), True),
        (Seat(datasets=["population"], regions=[1]), False), (Seat(datasets=["population"]), True),
        (Seat(datasets=["other"]), False), (Seat(), False),
    ]  # fmt: skip
    with database.read() as cx:
        assert [(seat, corrections.get(cx, "q", seat) is not None) for seat, _ in seats] == seats
        (one,) = corrections.open_on(cx, "population", {2})
        assert (one.key, one.seen, one.due_on, list(one.evidence)) == (("井-1",), "10", QUESTION.due_on, ["e"])
        late = QUESTION.due_on + timedelta(days=1)
        asked = {"dataset": None, "status": None, "after": None, "limit": 9}
        assert len(corrections.visible(cx, Seat(everything=True), overdue_on=late, **asked)) == 1
        assert corrections.visible(cx, Seat(everything=True), overdue_on=QUESTION.due_on, **asked) == []
    with database.write() as write:
        with pytest.raises(ForgedError):
            corrections.answer(write, gate.permit_question(ASKER), "q", "upheld", "是", None)
        assert not corrections.answer(write, submitting("other"), "q", "upheld", "是", None)
        assert corrections.answer(write, submitting(), "q", "upheld", "是", None)
        assert not corrections.answer(write, submitting(), "q", "upheld", "是", None)
    with database.read() as cx:
        answered = corrections.get(cx, "q", Seat(everything=True))
        assert answered is not None
        assert (answered.status, answered.answer, answered.answered_by) == ("upheld", "是", CLERK.credential_id)
        assert corrections.open_on(cx, "population", {2}) == []
        assert corrections.changes(cx, ["c", "none"])["c"].place == PLACE


def test_a_file_is_attached_to_each_place_once(database):
    given_regions(database)
    with database.write() as write:
        fill_care(write)
        evidence.attach(write, caring(), EvidencePlace("e", "population", *PLACE, elements=("total",)))
        evidence.attach(write, caring(), EvidencePlace("e", "population", *PLACE))
        with pytest.raises(ForgedError):
            evidence.attach(write, submitting(), EvidencePlace("e", "population", *PLACE))
    with database.read() as cx:
        assert [place.elements for place in evidence.attached_to(cx, "population", PLACE)] == [("total",), None]
        assert evidence.of_owner(cx, "region:1", "0" * 64) is not None
        assert evidence.of_owner(cx, "region:2", "0" * 64) is None


def test_a_reminder_is_remembered(database):
    given_regions(database)
    with database.write() as write:
        fill_care(write)
    with database.read() as cx:
        assert reminders.told(cx) == {("population", 2, 2025, "missing", "overdue", date(2026, 1, 15))}
