"""Which of several processes does what only one may do. In a journal transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, or_, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from app.store import tables as t

_L = t.lease.c


def take(journal: Connection, task: str, holder: str, now: datetime, until: datetime) -> bool:
    """Whether ``holder`` has the task until then: it had it, or nobody did any more."""
    insert = insert_sqlite if journal.dialect.name == "sqlite" else insert_postgresql
    statement = insert(t.lease).values(task=task, holder=holder, until=until)
    taken = journal.execute(
        statement.on_conflict_do_update(
            index_elements=["task"],
            set_={"holder": holder, "until": until},
            where=or_(_L.holder == holder, _L.until < now),
        ).returning(_L.holder)
    )
    return taken.first() is not None


def give_back(journal: Connection, task: str, holder: str, now: datetime) -> None:
    """Let another have it at once."""
    journal.execute(update(t.lease).where(_L.task == task, _L.holder == holder).values(until=now))
