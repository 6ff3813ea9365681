from __future__ import annotations

import threading

import pytest

from app.policy.audiences import ADMINISTRATORS, Audience
from app.store import events
from app.store.events import Event

ECOLOGY = Audience.department("ecology")


def read(database, last=0, audiences=(ECOLOGY,), limit=100, kinds=()):
    with database.read() as cx:
        return events.after(cx, last, audiences, limit=limit, kinds=kinds)


def _announce_and_fail(write):
    events.announce(write, Event("a.made", "二", ECOLOGY))
    raise ZeroDivisionError


def test_an_event_is_there_with_its_change_and_gone_without_it(database):
    with database.write() as write:
        events.announce(write, Event("a.made", "一", ECOLOGY, {"数": 1}))
    with pytest.raises(ZeroDivisionError), database.write() as write:
        _announce_and_fail(write)
    assert [(one.event.subject, one.event.data) for one in read(database)] == [("一", {"数": 1})]


def test_each_audience_reads_its_own_and_nobody_elses(database):
    audiences = [
        ECOLOGY,
        Audience.department("water"),
        Audience.region(1),
        Audience.credential("ecology"),
        ADMINISTRATORS,
    ]
    with database.write() as write:
        events.announce(write, *(Event("k", audience.name, audience) for audience in audiences))
    for audience in audiences:
        assert [one.event.subject for one in read(database, audiences=(audience,))] == [audience.name]
    assert len(read(database, audiences=audiences[1:3])) == 2
    assert read(database, audiences=()) == []


def test_events_go_on_after_the_last_one_read_and_by_kind(database):
    with database.write() as write:
        events.announce(write, *(Event(f"k{number % 2}", str(number), ECOLOGY) for number in range(6)))
    first = read(database, limit=4)
    assert [one.event.subject for one in first] == ["0", "1", "2", "3"]
    assert [one.event.subject for one in read(database, first[-1].id)] == ["4", "5"]
    assert [one.event.subject for one in read(database, kinds=["k1"])] == ["1", "3", "5"]
    with database.read() as cx:
        assert events.last(cx) == read(database)[-1].id


def test_an_event_moves_no_epoch(database):
    before = database.epoch()
    with database.write() as write:
        events.announce(write, Event("k", "s", ECOLOGY))
    assert database.epoch() == before


def test_a_reader_who_goes_on_from_the_last_id_misses_nothing_of_many_writers(database):
    def announcing(writer):
        for number in range(8):
            with database.write() as write:
                events.announce(write, Event("k", f"{writer}-{number}", ECOLOGY))

    writers = [threading.Thread(target=announcing, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    seen, last = [], 0
    while any(writer.is_alive() for writer in writers) or read(database, last):
        for one in read(database, last, limit=3):
            seen.append(one.event.subject)
            last = one.id
    assert sorted(seen) == sorted(f"{writer}-{number}" for writer in range(4) for number in range(8))
