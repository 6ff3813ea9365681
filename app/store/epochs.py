"""The epochs there were, and which of them an instant belongs to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from app.store import tables as t


def current(cx: Connection) -> int:
    """The epoch of the state that this connection sees."""
    value: int = cx.execute(select(t.epoch.c.value).where(t.epoch.c.id == 1)).scalar_one()
    return value


SUBMISSION = "submission"
WITHDRAWAL = "withdrawal"
_RECORDS_ONLY = (f"{SUBMISSION} %", f"{WITHDRAWAL} %")


def only_records_since(cx: Connection, epoch: int) -> tuple[int, bool]:
    """The epoch of the state that this connection sees, and whether all after ``epoch`` changed records alone.

    That is when every reason in the log is a submission's or a withdrawal's and no other beside it. An epoch without a
    line in the log counts as one that changed anything.
    """
    present = select(t.epoch.c.value).where(t.epoch.c.id == 1).scalar_subquery()
    alike = or_(*(t.epoch_log.c.reason.like(pattern) for pattern in _RECORDS_ONLY))
    told = select(func.count()).where(t.epoch_log.c.epoch > epoch, alike, t.epoch_log.c.reason.not_like("%;%"))
    value, count = cx.execute(select(present, told.scalar_subquery())).one()
    return value, count == value - epoch


def at(cx: Connection, instant: datetime) -> int:
    """The epoch in force at an instant: the last one not later; 0, the empty registry, before the first.

    An instant is the time at which a write took its turn, which is shortly before its commit.
    """
    latest = select(func.max(t.epoch_log.c.epoch)).where(t.epoch_log.c.at <= instant)
    return cx.execute(latest).scalar_one_or_none() or 0


def instant(cx: Connection, epoch: int) -> datetime | None:
    """When an epoch came about; None for 0 and for one that has not come yet."""
    return cx.execute(select(t.epoch_log.c.at).where(t.epoch_log.c.epoch == epoch)).scalar_one_or_none()
