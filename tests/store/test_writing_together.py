"""Small writes that wait share one commit; each fails alone; turns are fair between threads and between processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, insert, select

from app.errors import Problem
from app.store import epochs
from app.store import tables as t
from app.store.connection_room import ConnectionRoom, connection_room, most_connections
from app.store.database import Conflict, Database
from app.store.turns import FileTurn, Turns
from tests.fixtures.databases import Kind

MANY = 12


def waiting(database: Database, count: int) -> None:
    """Returns when so many writes wait for their turn."""
    while len(database._turns._waiting) < count:
        time.sleep(0.001)


def commits_of(database: Database) -> list[int]:
    """Grows by one with each commit on the truth."""
    seen: list[int] = []
    event.listen(database.writer, "commit", lambda _connection: seen.append(1))
    return seen


def note(database: Database, number: int) -> int:
    """One small write, which fails where the number is odd; gives its epoch, seen by all when it returns."""
    with database.write(shared=True) as write:
        epoch = write.epoch(f"small {number}")
        write.connection.execute(insert(t.setting).values(name=f"note {number}", value="x"))
        if number % 2:
            raise RuntimeError(number)
    assert database.epoch() >= epoch
    return epoch


def test_small_writes_that_wait_share_a_commit_and_each_fails_by_itself(database: Database) -> None:
    commits = commits_of(database)
    with ThreadPoolExecutor(MANY) as pool:
        with database.write() as write:
            write.epoch("a long one")
            asked = [pool.submit(note, database, number) for number in range(MANY)]
            waiting(database, MANY)
        failed = [one for one in asked if one.exception(30) is not None]
        epochs_given = sorted(one.result() for one in asked if one not in failed)
    assert [str(one.exception()) for one in failed] == [str(number) for number in range(1, MANY, 2)]
    assert epochs_given == list(range(2, 2 + MANY // 2))
    assert len(commits) < 1 + MANY // 2
    with database.read() as cx:
        assert epochs.current(cx) == 1 + MANY // 2
        log = cx.execute(select(t.epoch_log.c.epoch, t.epoch_log.c.at).order_by(t.epoch_log.c.epoch)).all()
        notes = cx.execute(select(t.setting.c.name).where(t.setting.c.name.like("note %"))).scalars().all()
    assert [epoch for epoch, _ in log] == list(range(1, 2 + MANY // 2))
    assert [at for _, at in log] == sorted(at for _, at in log)
    assert sorted(notes) == sorted(f"note {number}" for number in range(0, MANY, 2))


def test_nobody_is_told_before_the_commit_they_share(database: Database) -> None:
    told: list[str] = []
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with database.write(shared=True) as write:
            write.epoch("first")
            waiting(database, 1)
        told.append("first")

    def second() -> None:
        with database.write(shared=True) as write:
            write.epoch("second")
            inside.set()
            assert go.wait(10)
        told.append("second")

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        while not database._turns._taken:
            time.sleep(0.001)
        other = pool.submit(second)
        assert inside.wait(10)
        assert (told, database.epoch()) == ([], 0)
        go.set()
        one.result(10)
        other.result(10)
    assert sorted(told) == ["first", "second"]
    assert database.epoch() == 2


def test_a_write_that_shares_with_nobody_stays_alone(database: Database) -> None:
    commits = commits_of(database)

    def alone(number: int) -> None:
        with database.write() as write:
            write.epoch(f"alone {number}")

    with ThreadPoolExecutor(4) as pool:
        with database.write(shared=True):
            asked = [pool.submit(alone, number) for number in range(4)]
            waiting(database, 4)
        for one in asked:
            one.result(30)
    assert len(commits) == 5
    assert database.epoch() == 4


def test_when_the_shared_commit_cannot_be_all_of_them_hear_so(new_database: Callable[[Kind], Database]) -> None:
    database = new_database("postgresql")

    def small(number: int) -> None:
        with database.write(shared=True) as write:
            write.epoch(f"lost {number}")
            if number == 0:
                waiting(database, 1)
            else:
                url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
                pid = write.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                with psycopg.connect(url, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
                write.connection.exec_driver_sql("SELECT 1")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(small, 0)
        while not database._turns._taken:
            time.sleep(0.001)
        second = pool.submit(small, 1)
        for one in (first, second):
            with pytest.raises(Problem) as told:
                one.result(30)
            assert told.value.code == "unavailable"
    assert database.epoch() == 0
    with database.write(shared=True) as write:
        assert write.epoch("afterwards") == 1


def test_an_errand_that_a_deadlock_ended_is_carried_out_once_more(new_database: Callable[[Kind], Database]) -> None:
    database = new_database("postgresql")
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    trials: list[int] = []
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT set_config('deadlock_timeout', '20s', true), pg_advisory_xact_lock(2)")

        def errand() -> int:
            with database.write() as write:
                trials.append(1)
                write.connection.exec_driver_sql("SELECT set_config('deadlock_timeout', '50ms', true)")
                write.connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1)")
                if len(trials) == 1:
                    crossing.append(pool.submit(other.execute, "SELECT pg_advisory_xact_lock(1)"))
                    while not other.info.transaction_status:
                        time.sleep(0.001)
                write.connection.exec_driver_sql("SELECT pg_advisory_xact_lock(2)")
                return write.epoch("in the end")

        crossing: list[object] = []

        def released(trial: Callable[[], int]) -> int:
            try:
                return trial()
            except Conflict:
                crossing[0].result(10)  # type: ignore[attr-defined]
                other.rollback()
                raise

        assert database.again(lambda: released(errand)) == 1
    assert len(trials) == 2
    assert database.epoch() == 1


def test_turns_come_in_the_order_of_asking_and_not_for_ever() -> None:
    turns: Turns[str] = Turns()
    order: list[int] = []

    def one(number: int) -> None:
        turns.take(10)
        order.append(number)
        turns.end()

    turns.take(1)
    threads = []
    for number in range(6):
        threads.append(threading.Thread(target=one, args=(number,)))
        threads[-1].start()
        while len(turns._waiting) <= number:
            time.sleep(0.001)
    with pytest.raises(Problem) as told:
        turns.take(0.01)
    assert told.value.code == "unavailable"
    turns.end()
    for thread in threads:
        thread.join(10)
    assert order == list(range(6))
    assert turns.take(0.01) is None


def test_a_process_that_had_its_turn_comes_after_the_one_that_waited(tmp_path: Path) -> None:
    ours, theirs = FileTurn(tmp_path / "registry.db"), FileTurn(tmp_path / "registry.db")
    order: list[str] = []
    held = threading.Event()

    def other() -> None:
        with theirs.taken(10):
            order.append("theirs")
            held.set()

    with ours.taken(10):
        order.append("ours")
        thread = threading.Thread(target=other)
        thread.start()
        while not _is_next(tmp_path):
            time.sleep(0.001)
    with ours.taken(10):
        order.append("ours")
    thread.join(10)
    assert order == ["ours", "theirs", "ours"]
    with ours.taken(1), pytest.raises(Problem) as told, theirs.taken(0.02):
        pass
    assert told.value.code == "unavailable"
    for each in (ours, theirs):
        each.close()


def _is_next(folder: Path) -> bool:
    """Whether somebody waits for the turn: the first lock is held."""
    probe = FileTurn(folder / "probe.db")
    probe._paths = (folder / "registry.db-next", folder / "probe-turn")
    try:
        with probe.taken(-1):
            return False
    except Problem:
        return True
    finally:
        probe.close()


def test_the_server_has_room_for_every_connection_or_it_is_told(new_database: Callable[[Kind], Database]) -> None:
    database = new_database("postgresql")
    room = connection_room(database.url, 10, 2)
    assert room is not None
    assert room.enough
    assert (room.each, room.needed) == (most_connections(10), 2 * most_connections(10))
    tight = ConnectionRoom(most_connections(200), 4 * most_connections(200), room.given)
    assert not tight.enough
    fitting = tight.pool_that_fits
    assert ConnectionRoom(1, 4 * most_connections(fitting), room.given).enough
    assert not ConnectionRoom(1, 4 * most_connections(fitting + 1), room.given).enough
    assert connection_room(new_database("sqlite").url, 200, 64) is None
