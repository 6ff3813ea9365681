"""Logs of another hashing, and logs whose oldest entries were pruned, prove themselves too."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, update

from app.store import tables as t
from app.store.audit import AuditLog
from app.store.audit_keeping import first_since, remove_below
from app.store.audit_tree import last_head
from tests.store.test_audit_tree import (
    IN_TREE,
    NOON,
    TAIL,
    A,
    checkpoint,
    entry,
    entry_of,
    kept,
    rolled_back,
    verdict,
    written,
)

__all__ = ["kept"]  # a fixture


def test_a_log_by_sm3_says_so_and_holds(database):
    with database.write() as write:
        write.connection.execute(update(t.setting).where(t.setting.c.name == "audit_hash").values(value="sm3"))
    written(database, *range(300))
    note = checkpoint(database)
    assert "\nhash sm3\n" in note
    assert verdict(database, note).faults == []
    with database.read_journal() as cx:
        assert last_head(cx).note == note
    found = rolled_back(database, lambda cx: cx.execute(update(A).where(A.c.id == 5).values(rows=1)))
    assert found.faults[0].entry_id == 5


def test_pruned_entries_are_gone_and_the_log_still_proves_itself_and_nothing_else_may_go(kept):
    checkpoint(kept)
    with kept.read_journal() as cx:
        below = first_since(cx, NOON + timedelta(minutes=230))
    assert below == 230
    log = AuditLog(kept)
    log.append(entry(999, action="prune-audit", question={"below": below}))
    assert remove_below(kept, below) == 230
    log.append(entry(1_000))
    log.close()
    found = verdict(kept, kept.note)
    assert (found.faults, found.pruned, found.size) == ([], 230, IN_TREE + TAIL)
    checkpoint(kept)
    found = verdict(kept, kept.note)
    assert (found.faults, found.pruned, found.size) == ([], 230, IN_TREE + TAIL + 2)
    one_more = rolled_back(kept, lambda cx: cx.execute(delete(A).where(A.c.id == entry_of(cx, 230))))
    assert one_more.faults[0].number == 230
    unsaid = rolled_back(kept, lambda cx: cx.execute(delete(A).where(A.c.action == "prune-audit")))
    assert unsaid.faults[0].number == 0
    changed = rolled_back(kept, lambda cx: cx.execute(update(A).where(A.c.id == entry_of(cx, 240)).values(rows=1)))
    assert changed.faults[0].number == 240
