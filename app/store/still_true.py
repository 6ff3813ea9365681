"""What the source looked at and found still true, and what of a dataset is held: what due and fresh rest on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.intake.records import RecordKey
from app.policy.scopes import Permit
from app.store import bulk
from app.store import tables as t
from app.store.authority import demand
from app.store.bulk import among
from app.store.database import Write
from app.store.records import key_of, key_text
from app.store.types import instant_text, json_text

_S = t.still_true.c
_V = t.record_version.c
_NEW = ("dataset", "region_id", "period", "key", "elements", "submission_id", "at", "by")


@dataclass(frozen=True, slots=True)
class HeldFigures:
    """One record held: element → document of ``Reported``."""

    place: RecordKey
    values: Mapping[str, Mapping[str, Any]]


def renew(
    write: Write,
    permit: Permit,
    dataset: str,
    places: Iterable[tuple[RecordKey, Sequence[str] | None]],
    submission_id: str | None = None,
) -> int:
    """Note that these elements (None: all) of these records are still true now. No read notices: no epoch moves."""
    by = demand(permit, "submit", dataset)
    at = instant_text(write.now)
    rows = [
        (
            dataset,
            region,
            period,
            key_text(key),
            None if codes is None else json_text(list(codes)),
            submission_id,
            at,
            by,
        )
        for (region, period, key), codes in places
    ]
    bulk.insert(write.connection, t.still_true, _NEW, rows)
    return len(rows)


def renewals(
    cx: Connection, dataset: str, regions: Collection[int]
) -> dict[RecordKey, list[tuple[datetime, frozenset[str] | None]]]:
    """When what was last found still true: record → (instant, element codes or None for all)."""
    newest = func.max(_S.at, type_=_S.at.type)
    rows = cx.execute(
        select(_S.region_id, _S.period, _S.key, _S.elements, newest)
        .where(_S.dataset == dataset, among(cx, _S.region_id, sorted(regions)))
        .group_by(_S.region_id, _S.period, _S.key, _S.elements)
    )
    found: dict[RecordKey, list[tuple[datetime, frozenset[str] | None]]] = {}
    for region, period, key, elements, at in rows:
        codes = None if elements is None else frozenset(elements)
        found.setdefault((region, period, key_of(key)), []).append((at, codes))
    return found


def reported_periods(cx: Connection, dataset: str, regions: Collection[int]) -> dict[int, tuple[int, int]]:
    """For each of these regions that holds anything: the first and the last period it holds a record of."""
    rows = cx.execute(
        select(_V.region_id, func.min(_V.period), func.max(_V.period))
        .where(*_current(dataset), among(cx, _V.region_id, sorted(regions)))
        .group_by(_V.region_id)
    )
    return {region: (first, last) for region, first, last in rows}


def held_figures(
    cx: Connection, dataset: str, regions: Collection[int], periods: Collection[int]
) -> Iterator[HeldFigures]:
    """Every record held of these regions and periods."""
    rows = cx.execute(
        select(_V.region_id, _V.period, _V.key, _V["values"])
        .where(*_current(dataset), among(cx, _V.region_id, sorted(regions)), among(cx, _V.period, sorted(periods)))
        .order_by(_V.region_id, _V.period, _V.key)
    )
    for region, period, key, values in rows:
        yield HeldFigures((region, period, key_of(key)), values)


def reported_at(cx: Connection, submissions: Collection[str]) -> dict[str, datetime]:
    """When each of these submissions came to be stored."""
    stored = t.submission.c
    rows = cx.execute(
        select(stored.id, func.coalesce(stored.confirmed_at, stored.created_at, type_=stored.created_at.type)).where(
            among(cx, stored.id, sorted(submissions))
        )
    )
    return {row[0]: row[1] for row in rows}


def _current(dataset: str) -> tuple[Any, ...]:
    return _V.dataset == dataset, _V.superseded_epoch.is_(None), _V.withdrawn.is_(False)
