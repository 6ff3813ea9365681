from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from queue import Queue

import pytest
from sqlalchemy import func, select

from app.errors import Problem
from app.store import audit
from app.store import tables as t
from app.store.audit import AuditEntry, AuditLog
from app.store.audit_rows import told_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _entry(request_id="r-1", **more):
    told = {"at": NOON, "request_id": request_id, "kind": "intent", "caller_kind": "department", "action": "read"}
    return AuditEntry(**{**told, **more})


@pytest.fixture
def log(database):
    opened = AuditLog(database)
    yield opened
    opened.close()


def _kept(database, **conditions):
    with database.read_journal() as cx:
        return audit.entries(cx, **conditions)


def test_an_entry_is_there_with_all_it_says_when_append_returns(database, log):
    entry = _entry(
        credential_id="c", department="ecology", region_id=3, target="ecology-rural", version=4,
        question={"period": "2025", "字段": ["常住人口"]}, agreements=["ecology-2026"], epoch=17, status="sent",
        rows=3_000_000_000, digest="ab", purposes=["农村生态环境年度考核"], snapshot="s",
        answered={"fields": ["czrk"], "regions": ["430682"], "periods": ["2025"]},
    )  # fmt: skip
    log.append(entry)
    assert [kept.entry for kept in _kept(database)] == [entry]


def test_what_is_not_said_stays_unsaid(database, log):
    log.append(_entry())
    with database.read_journal() as cx:
        row = cx.execute(select(t.audit)).mappings().one()
    assert {name for name, value in row.items() if value is not None} == {
        "id",
        "at",
        "request_id",
        "kind",
        "caller_kind",
        "action",
        "writer",
        "position",
        "link",
    }


def test_many_threads_lose_nothing_and_each_finds_its_own_entry_at_once(database, log):
    def one(number):
        log.append(_entry(f"r-{number}"))
        return len(_kept(database, request_id=f"r-{number}"))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(200))) == [1] * 200
    assert {kept.entry.request_id for kept in _kept(database, limit=500)} == {f"r-{number}" for number in range(200)}


def test_entries_that_come_while_a_commit_is_under_way_share_the_next(database, log, monkeypatch):
    log.append(_entry("first"))
    commits = []
    write_rows = audit.write_rows

    def counted(driver, rows, **more):
        commits.append(len(rows))
        write_rows(driver, rows, **more)

    monkeypatch.setattr(audit, "write_rows", counted)
    with database.journal() as cx:
        cx.execute(select(t.audit)).all()
        if database.dialect == "postgresql":
            cx.exec_driver_sql("LOCK TABLE audit IN EXCLUSIVE MODE")
        waiting = [log.submit(_entry(f"r-{number}")) for number in range(100)]
        assert not any(future.done() for future in waiting)
    wait(waiting, timeout=10)
    assert all(future.exception() is None for future in waiting)
    assert sum(commits) == 100
    assert len(commits) <= 2  # the entry taken alone, and all the others together
    assert len(_kept(database, limit=500)) == 101


def test_entries_of_one_thread_keep_their_order(database, log):
    futures = [log.submit(_entry(f"r-{number:03}")) for number in range(50)]
    wait(futures)
    assert [kept.entry.request_id for kept in reversed(_kept(database))] == [f"r-{number:03}" for number in range(50)]


def test_entries_handed_over_together_are_durable_together_and_keep_their_order(database, log):
    told = Queue()
    for count in (1, 3, 64, 65, 200):  # one statement, the longest one, and more than go into one
        log.hand_over([told_of(_entry(f"g-{count}-{number:03}")) for number in range(count)], told.put)
        written = told.get(timeout=10)
        own = [kept for kept in reversed(_kept(database, limit=500)) if kept.entry.request_id.startswith(f"g-{count}-")]
        assert [kept.entry.request_id for kept in own] == [f"g-{count}-{number:03}" for number in range(count)]
        assert [written.place(number).position for number in range(count)] == [
            written.first + number for number in range(count)
        ]
    with pytest.raises(IndexError):
        written.place(200)


def test_what_may_wait_goes_with_the_next_or_when_it_is_hurried_or_at_the_end(database):
    log = AuditLog(database)
    log.hand_over([told_of(_entry("nobody waits"))], later=True)
    log.append(_entry("next"))
    assert [kept.entry.request_id for kept in _kept(database)] == ["next", "nobody waits"]
    done = Queue()
    log.hand_over([told_of(_entry("hurried"))], done.put, later=True)
    log.hurry()
    assert done.get(timeout=10).place().position == 3
    log.hand_over([told_of(_entry("settled"))], later=True)
    log.settle()
    assert _kept(database)[0].entry.request_id == "settled"
    log.settle()
    for number in range(3):
        log.hand_over([told_of(_entry(f"last-{number}"))], later=True)
    log.close()
    log.settle()
    assert [kept.entry.request_id for kept in _kept(database)][:4] == ["last-2", "last-1", "last-0", "settled"]
    with pytest.raises(Problem):
        log.hand_over([told_of(_entry("late"))], later=True)
    log.hurry()


def test_a_group_that_fails_is_told_so_as_a_whole_and_nothing_of_it_is_kept(database, log):
    log.append(_entry("before"))
    told = Queue()
    log.hand_over([told_of(_entry(f"g-{number}")) for number in range(70)] + [{"at": NOON}], told.put)
    with pytest.raises(Exception, match=r"(?i)null"):
        told.get(timeout=10).place()
    log.append(_entry("after"))
    assert [kept.entry.request_id for kept in _kept(database)] == ["after", "before"]


def test_a_nul_in_an_entry_spoils_nothing(database, log):
    log.append(_entry("before"))
    log.append(_entry("r\x00", target="a\x00b"))
    assert [kept.entry.target for kept in _kept(database)] == ["a\ufffdb", None]


def test_an_entry_that_cannot_be_kept_is_told_to_who_waits_and_the_log_goes_on(database, log):
    with pytest.raises(Exception, match=r"(?i)null"):
        log.append(_entry(action=None))
    log.append(_entry("after"))
    assert [kept.entry.request_id for kept in _kept(database)] == ["after"]


def test_closing_writes_what_waits_and_refuses_what_comes_later(database):
    log = AuditLog(database)
    futures = [log.submit(_entry(f"r-{number}")) for number in range(20)]
    log.close()
    assert all(future.done() for future in futures)
    assert len(_kept(database)) == 20
    with pytest.raises(Problem) as told:
        log.append(_entry("late"))
    assert told.value.code == "unavailable"
    log.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "audit-writer" and thread.is_alive()]


def test_administrators_find_entries_by_who_what_and_when(database, log):
    for number in range(6):
        who = "ecology" if number % 2 else "police"
        what = "read" if number else "export"
        at = NOON + timedelta(hours=number)
        log.append(
            _entry(f"r-{number}", at=at, department=who, credential_id=f"c-{number % 3}", target="v", action=what)
        )

    def numbers(**conditions):
        return [int(kept.entry.request_id[2:]) for kept in _kept(database, **conditions)]

    assert numbers() == [5, 4, 3, 2, 1, 0]
    assert numbers(department="ecology") == [5, 3, 1]
    assert numbers(credential_id="c-0", department="ecology") == [3]
    assert numbers(action="export") == [0]
    assert numbers(target="w") == []
    assert numbers(since=NOON + timedelta(hours=2), until=NOON + timedelta(hours=4)) == [3, 2]
    first = _kept(database, limit=2)
    assert [int(kept.entry.request_id[2:]) for kept in _kept(database, limit=2, before_id=first[-1].id)] == [3, 2]


def test_two_processes_worth_of_logs_write_side_by_side(database):
    logs = [AuditLog(database) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        wait([pool.submit(logs[number % 3].append, _entry(f"r-{number}")) for number in range(60)])
    for log in logs:
        log.close()
    with database.read_journal() as cx:
        assert cx.execute(select(func.count()).select_from(t.audit)).scalar_one() == 60
