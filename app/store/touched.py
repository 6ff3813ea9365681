"""Whose records changed between two epochs: so that what rests on single records is made anew for those alone."""

from __future__ import annotations

from sqlalchemy import Connection, select, union

from app.store import tables as t

_V = t.record_version.c


def touched_regions(cx: Connection, dataset: str, year: int, since: int, until: int, most: int) -> set[int] | None:
    """The regions of which a record of the part came, changed or went after ``since`` up to ``until``.

    None where they are more than ``most``.
    """
    part = (_V.dataset == dataset, _V.year == year)
    came = select(_V.region_id).where(*part, _V.epoch > since, _V.epoch <= until)
    went = select(_V.region_id).where(*part, _V.superseded_epoch > since, _V.superseded_epoch <= until)
    found = cx.execute(union(came, went).limit(most + 1)).scalars().all()
    return set(found) if len(found) <= most else None
