"""What a row says of its region and period: code, name, level and parent on the last day of the period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from app.catalogue.model import Frequency
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState

_LARGEST = 2**62
_SPAN = 10_000  # periods; so many are looked up by their number alone


@dataclass(frozen=True, slots=True)
class RegionalRows:
    """Points in the order of the answer, and what is said of each.

    ``points``: region, period and key; ``order``: for each of them its row among the points as they came.
    """

    points: pl.DataFrame
    order: pl.Series
    _regions: RegionIndex
    _states: Sequence[tuple[RegionState | None, date]]
    _state: pl.Series
    _written: Mapping[int, str]

    def said(self, what: str) -> pl.Series:
        """``code``, ``name``, ``level``, ``parent`` of each point, or the period as it is ``written`` (null without one)."""
        if what == "written":
            return _looked_up(
                self.points["period"], {p: text or None for p, text in self._written.items()}, pl.String()
            )
        if what == "parent":
            texts = [self._parent(*each) for each in self._states]
        else:
            texts = [None if state is None else getattr(state, what) for state, _ in self._states]
        return pl.Series(what, texts, dtype=pl.String).gather(self._state)

    def _parent(self, state: RegionState | None, day: date) -> str | None:
        if state is None or state.parent_id is None:
            return None
        parent = self._regions.state(state.parent_id, day)
        return None if parent is None else parent.code


def in_order(
    points: pl.DataFrame, frequency: Frequency, regions: RegionIndex, today: date, *, present: bool = False
) -> RegionalRows:
    """The points sorted by region code, period and key; ``present``: all said as of today."""
    undated = present or frequency == "once"
    days = {p: today if undated else Period(frequency, p).end for p in points["period"].unique().sort().to_list()}
    editions = {p: regions.edition(day) for p, day in days.items()}
    day_of = {edition: days[p] for p, edition in editions.items()}
    cells = points.select("region")
    if len(day_of) > 1:
        cells = cells.with_columns(edition=_looked_up(points["period"], editions, pl.Int32()))
    places = cells.unique()
    only = next(iter(day_of), 0)
    states = [
        (regions.state(region, day), day)
        for region, *edition in places.rows()
        for day in (day_of[edition[0] if edition else only],)
    ]
    # Sorting by rank is sorting by code, on integers; two regions may share a code on different days.
    ranked = places.with_columns(
        pl.Series("code", [None if state is None else state.code for state, _ in states], dtype=pl.String),
        state=pl.int_range(pl.len(), dtype=pl.UInt32),
    ).with_columns(rank=pl.col("code").rank("dense").cast(pl.Int64))
    found = cells.join(ranked, on=cells.columns, how="left", maintain_order="left")
    order = _order(points, found["rank"])
    written = {p: str(Period(frequency, p)) for p in days}
    return RegionalRows(points[order], order, regions, states, found["state"].gather(order), written)


def _looked_up(column: pl.Series, known: Mapping[int, object], kind: pl.DataType) -> pl.Series:
    """For each number of the column what is known of it."""
    first, last = min(known, default=0), max(known, default=0)
    if last - first > _SPAN:
        return column.replace_strict(known, return_dtype=kind)
    return pl.Series([known.get(number) for number in range(first, last + 1)], dtype=kind).gather(column - first)


def _order(points: pl.DataFrame, rank: pl.Series) -> pl.Series:
    """The rows of the points by rank, period and key; what has no rank comes last."""
    keys = points.columns[2:]
    spans = [_span(column) for column in (rank, points["period"], points["region"])]
    ranks, periods, regions = (last - first + 2 for first, last in spans)
    if keys or ranks * periods * regions > _LARGEST:
        ranked = points.with_columns(rank=rank)
        return ranked.select(pl.arg_sort_by("rank", "period", *keys, "region", nulls_last=True)).to_series()
    # Sorting by one integer is many times quicker than by three columns.
    (lowest, highest), (first, _), (least, _) = spans
    number = points.select(
        (pl.lit(rank).fill_null(highest + 1) - lowest) * (periods * regions)
        + (pl.col("period").cast(pl.Int64) - first) * regions
        + (pl.col("region").cast(pl.Int64) - least)
    )
    return number.to_series().arg_sort()


def _span(column: pl.Series) -> tuple[int, int]:
    low, high = column.min(), column.max()
    return (low, high) if isinstance(low, int) and isinstance(high, int) else (0, 0)
