"""The epochs there were, and which of them an instant belongs to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from app.store import tables as t


def current(cx: Connection) -> int:
    """The epoch of the state that this connection sees."""
    value: int = cx.execute(select(t.epoch.c.value).where(t.epoch.c.id == 1)).scalar_one()
    return value


def at(cx: Connection, instant: datetime) -> int:
    """The epoch in force at an instant: the last one not later; 0, the empty registry, before the first.

    An instant is the time at which a write took its turn, which is shortly before its commit.
    """
    latest = select(func.max(t.epoch_log.c.epoch)).where(t.epoch_log.c.at <= instant)
    return cx.execute(latest).scalar_one_or_none() or 0


def instant(cx: Connection, epoch: int) -> datetime | None:
    """When an epoch came about; None for 0 and for one that has not come yet."""
    return cx.execute(select(t.epoch_log.c.at).where(t.epoch_log.c.epoch == epoch)).scalar_one_or_none()
