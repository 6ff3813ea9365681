"""What a row says of its region and period: code, name, level and parent on the last day of the period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from app.catalogue.model import Frequency
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex

_STATE_SCHEMA = {
    "edition": pl.Int32,
    "region": pl.Int32,
    "code": pl.String,
    "name": pl.String,
    "level": pl.String,
    "parent": pl.String,
}


@dataclass(frozen=True, slots=True)
class RegionalRows:
    """Points in the order of the answer with what is said of each: one row each of both frames.

    ``points``: region, period and key; ``said``: code, name, level, parent, written (the period; null without one).
    """

    points: pl.DataFrame
    said: pl.DataFrame


def in_order(
    points: pl.DataFrame, frequency: Frequency, regions: RegionIndex, today: date, *, present: bool = False
) -> RegionalRows:
    """The points sorted by region code, period and key; ``present``: all said as of today."""
    undated = present or frequency == "once"
    periods = points["period"].unique().to_list()
    days = {ordinal: today if undated else Period(frequency, ordinal).end for ordinal in periods}
    by_period = pl.DataFrame(
        [(p, regions.edition(day), str(Period(frequency, p)) or None) for p, day in days.items()],
        schema={"period": pl.Int32, "edition": pl.Int32, "written": pl.String},
        orient="row",
    )
    rows = points.join(by_period, on="period", how="left", maintain_order="left")
    day_of = {regions.edition(day): day for day in days.values()}
    places = rows.select("edition", "region").unique(maintain_order=True)
    states = pl.DataFrame(
        [(edition, region, *_said(regions, region, day_of[edition])) for edition, region in places.rows()],
        schema=_STATE_SCHEMA,
        orient="row",
    ).with_columns(rank=pl.col("code").rank("dense"))
    # Sorting by rank is sorting by code, on integers; two regions may share a code on different days.
    rows = rows.join(states, on=["edition", "region"], how="left", maintain_order="left")
    rows = rows.sort("rank", "period", *points.columns[2:], "region", nulls_last=True)
    return RegionalRows(rows.select(points.columns), rows.select("code", "name", "level", "parent", "written"))


def _said(regions: RegionIndex, region: int, day: date) -> tuple[str | None, str | None, str | None, str | None]:
    state = regions.state(region, day)
    if state is None:
        return None, None, None, None
    parent = None if state.parent_id is None else regions.state(state.parent_id, day)
    return state.code, state.name, state.level, parent.code if parent is not None else None
