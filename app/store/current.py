"""Questions about what is held now: when it last changed, what stands at a place, which codes are in use."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, func, select

from app.catalogue.values import Reported
from app.store import tables as t
from app.store.bulk import among
from app.store.records import key_of

_V = t.record_version.c
_P = t.part_revision.c


def last_epoch(cx: Connection, dataset: str, regions: Collection[int] | None, until: int | None = None) -> int:
    """The epoch at which a record of the dataset last changed in these regions (None: anywhere); 0 if none ever did.

    With ``until`` only what changed up to that epoch counts.
    """
    if regions is None:
        newest = select(func.max(_P.epoch)).where(_P.dataset == dataset)
    else:
        newest = select(func.max(_V.epoch)).where(_V.dataset == dataset, among(cx, _V.region_id, sorted(regions)))
    if until is not None:
        newest = newest.where((_P if regions is None else _V).epoch <= until)
    return cx.execute(newest).scalar_one_or_none() or 0


def records_of(
    cx: Connection, dataset: str, regions: Collection[int], period: int
) -> dict[tuple[int, tuple[str, ...]], Mapping[str, Reported]]:
    """The records held for one period in these regions: (region id, key values) → values as reported."""
    rows = cx.execute(
        select(_V.region_id, _V.key, _V["values"])
        .where(
            _V.dataset == dataset,
            _V.period == period,
            _V.superseded_epoch.is_(None),
            _V.withdrawn.is_(False),
            among(cx, _V.region_id, sorted(regions)),
        )
        .order_by(_V.region_id, _V.key)
    )
    return {
        (region, key_of(key)): {code: Reported.from_document(document) for code, document in values.items()}
        for region, key, values in rows
    }


def count_codes(cx: Connection, dataset: str, element: str, codes: Collection[str]) -> dict[str, int]:
    """How many records of the dataset hold each of these codes in the element."""
    counts = dict.fromkeys(codes, 0)
    rows = cx.execute(
        select(_V["values"])
        .where(_V.dataset == dataset, _V.superseded_epoch.is_(None), _V.withdrawn.is_(False))
        .execution_options(yield_per=5_000)
    )
    for (values,) in rows:
        code = values.get(element, {}).get("t")
        if code in counts:
            counts[code] += 1
    return counts
