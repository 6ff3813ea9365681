from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.intake.records import HeldRecord
from app.policy.scopes import ForgedError, Permit
from app.store import current, records, submissions
from app.store import tables as t
from tests.store.given import (
    administration,
    attempt,
    change,
    changes,
    given_regions,
    part,
    submit,
    submit_within,
    submitting,
)  # fmt: skip

YEAR = Period.parse("2025")


def _held(database, *keys, code="population"):
    with database.read() as cx:
        return records.held(cx, code, keys)


def test_what_was_reported_is_held_with_every_digit_and_its_origin(database):
    given_regions(database)
    value = Reported(number=Decimal("100.50"), unit="亩", submission="s", sheet="表一", cell="C7")
    text = Reported(text="老城区 '一' \"二\" %s ?", missing=None)
    reported = change(1, "2025", "1")
    submit(database, type(reported)(1, YEAR, (), {"area": value, "note": text}, frozenset({"area"}), reported.place))
    found = _held(database, (1, YEAR.ordinal, ()))[1, YEAR.ordinal, ()]
    assert found == HeldRecord({"area": value, "note": text})
    assert str(found.values["area"].number) == "100.50"


def test_only_what_was_asked_for_is_given(database):
    given_regions(database)
    submit(database, change(1, "2025", "1"), change(2, "2025", "2"), change(1, "2024", "3"))
    submit(database, change(1, "2025", "9"), code="land")
    found = _held(database, (1, 2025, ()), (3, 2025, ()), (2, 2024, ()))
    assert set(found) == {(1, 2025, ())}
    assert found[1, 2025, ()].values["total"].number == 1


def test_key_values_of_any_text_are_told_apart(database):
    given_regions(database)
    keys = [("a",), ("A",), ("a", "b"), ("a,b",), ('["a"]',), ("深井 '1'", ""), (" a",)]
    submit(database, *(change(1, "2025", str(n), key) for n, key in enumerate(keys)))
    found = _held(database, *((1, 2025, key) for key in keys))
    assert {key: int(found[1, 2025, key].values["total"].number) for key in keys} == {
        key: n for n, key in enumerate(keys)
    }


def test_a_correction_supersedes_and_the_past_can_still_be_read(database):
    given_regions(database)
    first = submit(database, change(1, "2025", "10"), change(2, "2025", "20"))
    second = submit(database, change(1, "2025", "11"))
    assert (first, second) == (1, 2)
    assert part(database, 2025, first) == {
        (1, 2025, ""): '{"total":{"n":"10","u":"人"}}',
        (2, 2025, ""): '{"total":{"n":"20","u":"人"}}',
    }
    assert part(database, 2025, second) == {
        (1, 2025, ""): '{"total":{"n":"11","u":"人"}}',
        (2, 2025, ""): '{"total":{"n":"20","u":"人"}}',
    }
    assert part(database, 2025, 0) == {}
    assert _held(database, (1, 2025, ()))[1, 2025, ()].values["total"].number == 11


def test_nothing_to_write_leaves_the_epoch_as_it_was(database):
    given_regions(database)
    assert submit(database) is None
    assert database.epoch() == 0


def test_there_is_at_most_one_current_version_of_a_record(database):
    given_regions(database)
    submit(database, change(1, "2025", "10"))
    with pytest.raises(IntegrityError), database.write() as write:
        write.connection.execute(
            insert(t.record_version).values(
                dataset="population", region_id=1, period=2025, year=2025, key="", values={}, epoch=9
            )
        )


def test_a_submission_that_names_a_record_twice_is_refused_whole(database):
    given_regions(database)
    with pytest.raises(IntegrityError):
        submit(database, change(2, "2025", "1"), change(1, "2025", "1"), change(1, "2025", "2"))
    assert database.epoch() == 0
    assert part(database, 2025, 9) == {}


def test_concurrent_writers_lose_nothing(database):
    given_regions(database)
    with database.read() as cx:
        assert records.held(cx, "population", [(1, 2025, ())]) == {}

    def add_one(_):
        with database.write() as write:
            found = records.held(write.connection, "population", [(1, 2025, ())])
            present = (found[1, 2025, ()].values["total"].number if found else None) or 0
            return submit_within(write, change(1, "2025", str(present + 1)))

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(add_one, range(30)))
    assert sorted(made) == list(range(1, 31))
    assert _held(database, (1, 2025, ()))[1, 2025, ()].values["total"].number == 30
    with database.read() as cx:
        history = records.history(cx, "population", 1, YEAR)
    assert [version.values["total"].number for version in history] == list(range(30, 0, -1))
    assert [version.superseded_epoch for version in history] == [None, *range(30, 1, -1)]


def test_a_withdrawn_record_is_gone_for_readers_and_its_history_stays(database):
    given_regions(database)
    first = submit(database, change(1, "2025", "10"), change(2, "2025", "20"))
    with database.write() as write:
        epoch = records.withdraw(write, submitting(), "population", 1, YEAR, (), "重复上报")
    assert epoch == 2
    assert set(part(database, 2025, epoch)) == {(2, 2025, "")}
    assert set(part(database, 2025, first)) == {(1, 2025, ""), (2, 2025, "")}
    assert _held(database, (1, 2025, ()))[1, 2025, ()] == HeldRecord({}, withdrawn=True)
    with database.write() as write:
        assert records.withdraw(write, submitting(), "population", 1, YEAR, (), "again") is None
        assert records.withdraw(write, submitting(), "population", 3, YEAR, (), "never there") is None
    assert database.epoch() == 2
    submit(database, change(1, "2025", "12"))
    with database.read() as cx:
        history = records.history(cx, "population", 1, YEAR)
    assert [(version.withdrawn, version.reason) for version in history] == [
        (False, None),
        (True, "重复上报"),
        (False, None),
    ]
    assert all(version.at is not None for version in history)


def test_parts_have_the_revision_of_the_write_that_touched_them(database):
    given_regions(database)
    submit(database, change(1, "2024", "1"), change(1, "2025", "1"))
    submit(database, change(2, "2025", "2"))
    submit(database, change(2, "2025", "2"), code="land")
    with database.read() as cx:
        assert records.part_revisions(cx) == {("population", 2024): 1, ("population", 2025): 2, ("land", 2025): 3}
        assert records.part_revisions(cx, 1) == {("population", 2024): 1, ("population", 2025): 1}
        assert records.part_revisions(cx, 0) == {}


def test_one_write_may_touch_a_part_twice(database):
    given_regions(database)
    with database.write() as write:
        submit_within(write, change(1, "2025", "1"))
        submit_within(write, change(2, "2025", "2"))
    with database.read() as cx:
        assert records.part_revisions(cx) == {("population", 2025): 1}


def test_reads_at_every_past_epoch_agree_with_a_plain_replay(database):
    given_regions(database)
    chance = random.Random(7)
    expected: list[dict] = [{}]
    for _ in range(25):
        state = dict(expected[-1])
        with database.write() as write:
            for place in {(chance.randint(1, 3), chance.choice(["2024", "2025"])) for _ in range(3)}:
                region, period = place
                if place in state and chance.random() < 0.3:
                    records.withdraw(write, submitting(), "population", region, Period.parse(period), (), "x")
                    del state[place]
                else:
                    number = str(chance.randint(0, 9))
                    submit_within(write, change(region, period, number))
                    state[place] = number
        expected.append(state)
    for epoch, state in enumerate(expected):
        for year in (2024, 2025):
            found = part(database, year, epoch)
            assert found == {
                (region, year, ""): f'{{"total":{{"n":"{number}","u":"人"}}}}'
                for (region, period), number in state.items()
                if period == str(year)
            }


def test_ten_thousand_records_are_looked_up_and_corrected_in_bulk(database):
    given_regions(database, *range(1, 2_501))
    rows = [change(region, period, "1") for region in range(1, 2_501) for period in ("2022", "2023", "2024", "2025")]
    submit(database, *rows)
    with database.write() as write:
        found = records.held(write.connection, "population", [row.record_key for row in rows])
        assert len(found) == 10_000
        submit_within(write, *(change(row.region_id, str(row.period), "2") for row in rows))
    with database.read() as cx:
        assert cx.execute(select(func.count()).select_from(t.record_version)).scalar_one() == 20_000
        assert records.count_current(cx, "population") == 10_000
        assert len(list(records.part_rows(cx, "population", 2025, 1))) == 2_500


def test_records_holding_an_element_are_counted_without_the_missing_and_the_gone(database):
    given_regions(database)
    submit(
        database,
        change(1, "2025", "1"),
        change(2, "2025", None),
        change(3, "2025", "3"),
        change(1, "2024", "5", element="other"),
    )
    submit(database, change(1, "2025", None))
    with database.write() as write:
        records.withdraw(write, submitting(), "population", 1, Period.parse("2024"), (), "x")
    with database.read() as cx:
        assert records.count_holding(cx, "population", ["total", "other", "tot"]) == {"total": 1, "other": 0, "tot": 0}
        assert records.count_holding(cx, "population", []) == {}
        assert records.count_current(cx, "population") == 3
        assert current.last_epoch(cx, "population", None) == 3
        assert current.last_epoch(cx, "population", {3}) == 1
        assert current.last_epoch(cx, "population", {2, 3}) == 1
        assert current.last_epoch(cx, "population", {1}) == 3
        assert current.last_epoch(cx, "population", set()) == 0
        assert current.last_epoch(cx, "population", None, until=2) == 2
        assert current.last_epoch(cx, "population", {1}, until=2) == 2
        assert current.last_epoch(cx, "population", {3}, until=0) == 0


def test_a_permit_for_something_else_writes_nothing(database):
    given_regions(database)
    with database.write() as write:
        submission = attempt()
        submissions.insert(write, submitting(), submission)
        for permit in (administration(), submitting("land")):
            with pytest.raises(ForgedError):
                records.apply(write, permit, submission.id, "population", changes(change(1, "2025", "1")))
            with pytest.raises(ForgedError):
                records.withdraw(write, permit, "population", 1, YEAR, (), "x")
        with pytest.raises(ForgedError):
            Permit(submitting().caller, "submit", "population")
    assert database.epoch() == 0


def test_changes_of_a_part_lead_from_any_epoch_to_any_later_one(database):
    given_regions(database, *range(1, 9))
    dice = random.Random(5)
    epochs = [database.epoch()]
    for turn in range(8):
        for region in dice.sample(range(1, 9), 3):
            if dice.random() < 0.3:
                with database.write() as write:
                    records.withdraw(write, submitting(), "population", region, YEAR, (), "作废")
            else:
                submit(database, change(region, "2025", str(turn)), change(region, "2024", "0"))
        epochs.append(database.epoch())
    with database.read() as cx:
        shown = {at: {row.version: row for row in records.part_rows(cx, "population", 2025, at)} for at in epochs}
        for number, since in enumerate(epochs):
            for at in epochs[number:]:
                gone, came = records.part_changes(cx, "population", 2025, since, at)
                led = {version: row for version, row in shown[since].items() if version not in gone}
                assert set(gone) <= set(shown[since])
                assert {**led, **{row.version: row for row in came}} == shown[at]
