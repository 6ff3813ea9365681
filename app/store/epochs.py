"""The epochs there were, and which of them an instant belongs to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, or_, select

from app.store import tables as t
from app.store.types import BIG_ID


def current(cx: Connection) -> int:
    """The epoch of the state that this connection sees."""
    value: int = cx.execute(select(t.epoch.c.value).where(t.epoch.c.id == 1)).scalar_one()
    return value


SUBMISSION = "submission"
WITHDRAWAL = "withdrawal"
_RECORDS_ONLY = (f"{SUBMISSION} %", f"{WITHDRAWAL} %")
# Made once: every process asks this after every write.
_TOLD = select(
    select(t.epoch.c.value).where(t.epoch.c.id == 1).scalar_subquery(),
    select(func.count())
    .where(
        t.epoch_log.c.epoch > bindparam("since", type_=BIG_ID),
        or_(*(t.epoch_log.c.reason.like(pattern) for pattern in _RECORDS_ONLY)),
        t.epoch_log.c.reason.not_like("%;%"),
    )
    .scalar_subquery(),
)


def only_records_since(cx: Connection, epoch: int) -> tuple[int, bool]:
    """The epoch of the state that this connection sees, and whether all after ``epoch`` changed records alone.

    That is when every reason in the log is a submission's or a withdrawal's and no other beside it. An epoch without a
    line in the log counts as one that changed anything.
    """
    value, count = cx.execute(_TOLD, {"since": epoch}).one()
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
