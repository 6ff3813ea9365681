"""What was reminded of already."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from app.store import tables as t
from app.store.database import Write

_R = t.reminder.c


class Reminder(NamedTuple):
    """One thing to remind of at one stage: told once."""

    dataset: str
    region_id: int
    period: int
    state: str
    stage: str
    due_on: date


def told(cx: Connection) -> set[Reminder]:
    """Everything that was reminded of."""
    rows = cx.execute(select(_R.dataset, _R.region_id, _R.period, _R.state, _R.stage, _R.due_on))
    return {Reminder(*row) for row in rows}


def remember(write: Write, reminder: Reminder) -> None:
    """Keep that it is being told, in the transaction that tells it."""
    write.connection.execute(t.reminder.insert().values(at=write.now, **reminder._asdict()))
