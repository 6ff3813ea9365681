"""What is used up of a limit, and exports under way, counted in the journal by all processes together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.store import tables as t

_Q = t.quota_use.c
_S = t.export_slot.c
_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Granted:
    """What was given of a limit, and what is left of it for everybody afterwards."""

    amount: int
    left: int


def take(
    journal: Connection, subject: str, measure: str, begins_at: datetime, limit: int, wanted: int, at_least: int
) -> Granted:
    """Take up to ``wanted`` of what is left of a limit in the span that begins at an instant; nothing if less than
    ``at_least`` is left. Never gives more than the limit, whoever asks at the same time. In a journal transaction.
    """
    key = {"subject": subject, "measure": measure, "begins_at": begins_at}
    insert = postgresql.insert if journal.dialect.name == "postgresql" else sqlite.insert
    journal.execute(insert(t.quota_use).values({**key, "used": 0}).on_conflict_do_nothing())
    this = (_Q.subject == subject) & (_Q.measure == measure) & (_Q.begins_at == begins_at)
    used = journal.execute(select(_Q.used).where(this).with_for_update()).scalar_one()
    left = max(0, limit - used)
    amount = min(wanted, left) if left >= at_least else 0
    if used == 0:
        journal.execute(delete(t.quota_use).where(_Q.begins_at < begins_at - _KEPT))
    if amount:
        journal.execute(update(t.quota_use).where(this).values(used=used + amount))
    return Granted(amount, left - amount)


def begin_export(
    journal: Connection, identity: str, limits: Mapping[str, int], now: datetime, until: datetime
) -> str | None:
    """Begin an export that counts against several subjects; the subject whose limit is reached, or None when it began.

    ``until`` gives it back where its process died. In a journal transaction.
    """
    if journal.dialect.name == "postgresql":
        journal.execute(select(func.pg_advisory_xact_lock(_EXPORTS)))
    journal.execute(delete(t.export_slot).where(_S.until <= now))
    running = select(_S.subject, func.count().label("running")).where(_S.subject.in_(limits)).group_by(_S.subject)
    present = {row.subject: row.running for row in journal.execute(running)}
    for subject, most in limits.items():
        if present.get(subject, 0) >= most:
            return subject
    journal.execute(t.export_slot.insert(), [{"id": identity, "subject": name, "until": until} for name in limits])
    return None


def end_export(journal: Connection, identity: str) -> None:
    """Give back what ``begin_export`` took."""
    journal.execute(delete(t.export_slot).where(_S.id == identity))


_EXPORTS = 0x746F776E  # the lock under which exports are counted: a name of ours among advisory locks
