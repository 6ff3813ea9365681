"""When figures were last reported."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, select

from app.store import tables as t
from app.store.bulk import among

_R = t.record_version.c
_S = t.submission.c


def last_reported(
    cx: Connection, dataset: str, period: int, elements: Collection[str], regions: Collection[int]
) -> dict[str, datetime]:
    """When each element of the records of these regions and this period was last brought, by element code.

    Only submissions that brought the element itself count, not those that changed another figure of its record.
    """
    rows = cx.execute(
        select(_R["values"]).where(
            _R.dataset == dataset,
            _R.period == period,
            _R.superseded_epoch.is_(None),
            _R.withdrawn.is_(False),
            among(cx, _R.region_id, regions),
        )
    ).scalars()
    brought: dict[str, set[str]] = {code: set() for code in elements}
    for values in rows:
        for code, sources in brought.items():
            source = values.get(code, {}).get("s")
            if source is not None:
                sources.add(source)
    every = set().union(*brought.values()) if brought else set()
    if not every:
        return {}
    stored = cx.execute(
        select(_S.id, func.coalesce(_S.confirmed_at, _S.created_at, type_=_S.created_at.type)).where(
            among(cx, _S.id, every)
        )
    )
    days = {row[0]: row[1] for row in stored}
    found = {code: [days[s] for s in sources if s in days] for code, sources in brought.items()}
    return {code: max(instants) for code, instants in found.items() if instants}
