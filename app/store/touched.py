"""Whose records changed between two epochs: so that what rests on single records is made anew for those alone."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, union

from app.store import tables as t
from app.store.types import BIG_ID

_V = t.record_version.c
_PART = (_V.dataset == bindparam("dataset"), _V.year == bindparam("year"))
_SINCE, _UNTIL = bindparam("since", type_=BIG_ID), bindparam("until", type_=BIG_ID)
# Made once: a read right after a write asks this first.
_TOUCHED = union(
    select(_V.region_id).where(*_PART, _V.epoch > _SINCE, _V.epoch <= _UNTIL),
    select(_V.region_id).where(*_PART, _V.superseded_epoch > _SINCE, _V.superseded_epoch <= _UNTIL),
).limit(bindparam("most"))


def touched_regions(cx: Connection, dataset: str, year: int, since: int, until: int, most: int) -> set[int] | None:
    """The regions of which a record of the part came, changed or went after ``since`` up to ``until``.

    None where they are more than ``most``.
    """
    asked = {"dataset": dataset, "year": year, "since": since, "until": until, "most": most + 1}
    found = cx.execute(_TOUCHED, asked).scalars().all()
    return set(found) if len(found) <= most else None
