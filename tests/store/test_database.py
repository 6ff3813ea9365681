from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError

from app.errors import Problem
from app.store import epochs
from app.store import tables as t
from app.store.database import Database
from app.store.engines import checked_url, journal_url


def test_a_fresh_registry_is_at_epoch_zero(database):
    assert database.epoch() == 0
    with database.read() as cx:
        assert epochs.current(cx) == 0


def test_a_write_that_asks_for_its_epoch_gets_the_next_one_however_often_it_asks(database):
    with database.write() as write:
        assert [write.epoch("one"), write.epoch("two"), write.epoch("one")] == [1, 1, 1]
    assert database.epoch() == 1
    with database.read() as cx:
        assert cx.execute(select(t.epoch_log.c.epoch, t.epoch_log.c.reason)).all() == [(1, "one; two")]


def test_a_write_that_changes_nothing_a_read_can_notice_leaves_the_epoch(database):
    with database.write() as write:
        write.connection.execute(insert(t.setting).values(name="note", value="x"))
        assert write.bumped is None
    assert database.epoch() == 0


def test_a_write_that_fails_leaves_nothing(database):
    def half_a_write():
        with database.write() as write:
            write.epoch("lost")
            write.connection.execute(insert(t.setting).values(name="note", value="x"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_a_write()
    assert database.epoch() == 0
    with database.read() as cx:
        assert cx.execute(select(t.setting).where(t.setting.c.name == "note")).all() == []
        assert cx.execute(select(t.epoch_log)).all() == []


def test_a_read_cannot_write_and_the_next_write_still_can(database):
    with pytest.raises((DBAPIError, Problem)), database.read() as cx:
        cx.execute(insert(t.setting).values(name="note", value="x"))
    with pytest.raises((DBAPIError, Problem)), database.read_journal() as cx:
        cx.execute(
            insert(t.access_token).values(
                id="1", secret_hash="", credential_id="", created_at=datetime.now(UTC), expires_at=datetime.now(UTC)
            )
        )
    with database.write() as write:
        write.connection.execute(insert(t.setting).values(name="note", value="x"))
    with database.read() as cx:
        assert cx.execute(select(t.setting.c.value).where(t.setting.c.name == "note")).scalar_one() == "x"


def test_a_read_sees_one_state_throughout_while_writes_go_on(database):
    with database.read() as cx:
        before = epochs.current(cx)
        with database.write() as write:
            write.epoch("meanwhile")
        assert epochs.current(cx) == before
        assert database.epoch() == before + 1
    with database.read() as cx:
        assert epochs.current(cx) == before + 1


def test_writes_from_many_threads_get_every_epoch_once_in_the_order_of_their_commits(database):
    committed: list[int] = []
    seen: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(database.epoch())

    def one(_: int) -> int:
        with database.write() as write:
            epoch: int = write.epoch("one")
            return epoch

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        committed = list(pool.map(one, range(40)))
    stop.set()
    watcher.join()
    assert sorted(committed) == list(range(1, 41))
    assert seen == sorted(seen)
    with database.read() as cx:
        at = cx.execute(select(t.epoch_log.c.at).order_by(t.epoch_log.c.epoch)).scalars().all()
    assert at == sorted(at)


def test_two_open_databases_follow_one_another_and_see_each_other_at_once(database):
    other = Database.open(database.url.render_as_string(hide_password=False), database.data_dir)
    try:
        with database.write() as write:
            write.epoch("here")
        assert other.epoch() == 1
        with other.write() as write:
            assert write.epoch("there") == 2
        assert database.epoch() == 2
    finally:
        other.close()


def test_an_instant_names_the_last_epoch_not_later(database):
    times = []
    for _ in range(3):
        with database.write() as write:
            write.epoch("step")
            times.append(write.now)
        time.sleep(0.002)
    with database.read() as cx:
        assert epochs.at(cx, times[0] - timedelta(microseconds=1)) == 0
        assert [epochs.at(cx, at) for at in times] == [1, 2, 3]
        assert epochs.at(cx, times[1] + timedelta(microseconds=1)) == 2
        assert epochs.at(cx, times[2] + timedelta(days=1)) == 3
        assert [epochs.instant(cx, epoch) for epoch in (1, 2, 3, 4)] == [*times, None]


def test_the_time_of_a_write_never_runs_back_when_the_clock_does(database):
    ahead = datetime.now(UTC) + timedelta(hours=1)
    with database.write() as write:
        write.now = ahead
        write.epoch("from a clock that is fast")
    with database.write() as write:
        assert write.now == ahead


def test_the_journal_is_written_while_an_upload_holds_its_turn(database):
    written = threading.Event()

    def note() -> None:
        with database.journal() as cx:
            cx.execute(
                insert(t.access_token).values(
                    id="1", secret_hash="", credential_id="", created_at=datetime.now(UTC), expires_at=datetime.now(UTC)
                )
            )
        written.set()

    with database.write() as write:
        write.epoch("a long upload")
        thread = threading.Thread(target=note)
        thread.start()
        assert written.wait(5)
        thread.join()


def test_a_write_whose_turn_does_not_come_says_so(database):
    patient = Database.open(database.url.render_as_string(hide_password=False), database.data_dir, lock_timeout=0.2)
    try:
        with patient.write(), ThreadPoolExecutor(1) as pool:

            def second() -> None:
                with patient.write():
                    pass

            with pytest.raises(Problem) as told:
                pool.submit(second).result(10)
        assert told.value.code == "unavailable"
    finally:
        patient.close()


def test_the_epoch_is_read_again_after_its_connections_were_lost(new_database):
    database = new_database("postgresql")
    assert database.epoch() == 0
    with database.write() as write:
        write.connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        write.epoch("after the cut")
    assert database.epoch() == 1


def test_the_epoch_costs_little_on_sqlite(new_database):
    database = new_database("sqlite")
    database.epoch()
    best = min(_timed(database) for _ in range(5))
    assert best < 0.0002


def _timed(database: Database) -> float:
    start = time.perf_counter()
    for _ in range(200):
        database.epoch()
    return (time.perf_counter() - start) / 200


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql+pymysql://localhost/x"])
def test_other_databases_are_refused(url):
    with pytest.raises(ValueError, match="SQLite"):
        checked_url(url)


def test_on_sqlite_the_journal_is_a_file_beside_the_registry(tmp_path):
    url = checked_url(f"sqlite:///{tmp_path}/registry.db")
    assert journal_url(url).database == f"{tmp_path}/registry.audit.db"
    other = checked_url("postgresql://somebody@example/registry")
    assert journal_url(other) == other
