"""Records brought to a coarser grain: over time first, then over regions, exactly.

Grouping is done on integer columns. Where sums or the denominators of means might leave 128 bits, the one element
concerned is grouped on fractions instead, and its column is a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, cast

import polars as pl

from app.catalogue.model import Frequency, Level
from app.catalogue.periods import Period, convert_ordinals
from app.mapping.exact import LIMIT, NARROW, Exact, fitting, largest, of_column
from app.mapping.members import Hierarchy
from app.mapping.records import Records
from app.mapping.steps import Steps, finer_in_space, finer_in_time
from app.mapping.tree import Value

Column = Exact | pl.Series | list[Value]
_GROUP = ["row", "grain"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One element (its code) by one way to the grain; ``number`` says whether its values are numbers."""

    code: str
    steps: Steps
    number: bool


def aggregate(
    records: Records,
    wanted: Sequence[Wanted],
    level: Level,
    frequency: Frequency,
    hierarchy: Hierarchy,
    periods: Iterable[int] | None,
) -> tuple[pl.DataFrame, dict[Wanted, Column]]:
    """The groups (columns region, period, of the grain) and for each wanted a column beside them.

    ``periods``: those of the grain that the records of a coarser frequency are spread over; None where they are not.
    """
    frame = placed(records, level, frequency, hierarchy, periods)
    groups = frame.select(_GROUP).unique(maintain_order=True)
    # The latest of a period is the last in the group.
    frame = frame.sort("period", maintain_order=True) if finer_in_time(records.dataset, frequency) else frame
    fast: list[_Fast] = []
    columns: dict[Wanted, Column] = {}
    for number, each in enumerate(wanted):
        step = _Fast(each, records.scale.get(each.code, 1), number)
        if step.fits(frame):
            fast.append(step)
        else:
            columns[each] = _slowly(frame, records, each, groups)
    frame = frame.with_columns(value for step in fast for value in step.start(frame))
    if finer_in_time(records.dataset, frequency):
        own = ["region", *records.keys, *_GROUP, "at_end"]
        frame = frame.group_by(own, maintain_order=True).agg(value for step in fast for value in step.over_time())
    fitted: list[_Fast] = []
    for step in fast:
        found = step.before_regions(frame)
        if found is None:
            prepared = placed(records, level, frequency, hierarchy, periods)
            columns[step.wanted] = _slowly(prepared, records, step.wanted, groups)
        else:
            frame = frame.with_columns(found)
            fitted.append(step)
    grouped = frame.group_by(_GROUP, maintain_order=True).agg(value for step in fitted for value in step.over_regions())
    grouped = groups.join(grouped, on=_GROUP, how="left", maintain_order="left")
    columns |= {step.wanted: step.result(grouped) for step in fitted}
    return groups.rename({"row": "region", "grain": "period"}), columns


def placed(
    records: Records,
    level: Level,
    frequency: Frequency,
    hierarchy: Hierarchy,
    periods: Iterable[int] | None,
) -> pl.DataFrame:
    """The records with the row region (``row``), the grain's period (``grain``) and ``at_end`` that each belongs to."""
    dataset, frame = records.dataset, records.frame
    if periods is None:
        frame = frame.with_columns(grain=convert_ordinals(pl.col("period"), dataset.frequency, frequency))
    else:
        spread = [(p, Period(frequency, p).containing(dataset.frequency).ordinal) for p in periods]
        over = pl.DataFrame(spread, schema={"grain": pl.Int32, "period": pl.Int32}, orient="row")
        frame = frame.join(over, on="period")
    if not finer_in_space(dataset, level):
        return frame.with_columns(row=pl.col("region"), at_end=pl.lit(value=True))
    members = hierarchy.members(dataset.level, level, frequency, frame["grain"].unique().to_list())
    placing = members.by_period.rename({"period": "grain"})
    return frame.join(placing, on="grain").join(members.groups, on=["signature", "region"]).drop("signature")


@dataclass(slots=True)
class _Fast:
    """The columns of one wanted on its way through both steps; ``name`` holds its value, ``below`` a denominator."""

    wanted: Wanted
    divisor: int
    number: int
    limit: int = 0

    @property
    def name(self) -> str:
        return f"to:{self.number}"

    @property
    def below(self) -> str:
        return f"below:{self.number}"

    def fits(self, frame: pl.DataFrame) -> bool:
        """Whether sums over all records stay within 128 bits."""
        if self.wanted.number and not self.wanted.steps.counts:
            self.limit = largest(frame[f"value:{self.wanted.code}"])
        return self.limit * max(frame.height, 1) <= LIMIT

    def start(self, frame: pl.DataFrame) -> list[pl.Series]:
        values = frame[f"value:{self.wanted.code}"]
        if self.wanted.number and not self.wanted.steps.counts:
            values = fitting(values, self.limit * max(frame.height, 1))
        return [values.alias(self.name)]

    def over_time(self) -> list[pl.Expr]:
        """The step over time, of the values of one region (and key) in their order."""
        value = pl.col(self.name)
        match self.wanted.steps.over_time:
            case "sum":
                return [_sum(value).alias(self.name)]
            case "mean":
                return [_sum(value).alias(self.name), value.count().cast(pl.Int64).alias(self.below)]
            case "min":
                return [value.min()]
            case "max":
                return [value.max()]
            case "count":
                return [value.count().cast(pl.Int64).alias(self.name)]
            case _:
                return [value.drop_nulls().last()]

    def before_regions(self, frame: pl.DataFrame) -> list[pl.Series] | None:
        """What the step over regions needs of the means: one denominator for all. None where that is too large."""
        steps = self.wanted.steps
        if steps.over_time != "mean" or steps.over_regions is None:
            return []
        counts = frame[self.below]
        common = lcm(*counts.filter(counts > 0).unique().to_list())
        limit = largest(frame[self.name]) * common
        if limit * max(frame.height, 1) > LIMIT or common > NARROW:
            return None
        self.divisor *= common
        wide = fitting(frame[self.name], max(limit * max(frame.height, 1), common))
        share = (pl.Series([common], dtype=pl.Int64) // counts).cast(wide.dtype)
        return [(wide * share).alias(self.name)]

    def over_regions(self) -> list[pl.Expr]:
        """The step over regions; where there is none, what the one region has."""
        steps, value = self.wanted.steps, pl.col(self.name)
        if steps.latest_only:
            value = pl.when(pl.col("at_end")).then(value)
        match steps.over_regions:
            case None:
                carried = [pl.col(self.name).first()]
                return [*carried, pl.col(self.below).first()] if steps.over_time == "mean" else carried
            case "mean":
                return [_sum(value).alias(self.name), value.count().cast(pl.Int64).alias(self.below)]
            case "min":
                return [value.min().alias(self.name)]
            case "max":
                return [value.max().alias(self.name)]
            case "count" if steps.over_time is None:
                return [value.count().cast(pl.Int64).alias(self.name)]
            case _:
                return [_sum(value).alias(self.name)]

    def result(self, grouped: pl.DataFrame) -> Column:
        column = grouped[self.name]
        if not self.wanted.number and not self.wanted.steps.counts:
            return column
        if self.wanted.steps.counts:
            return of_column(column)
        number = of_column(column, self.divisor)
        if self.below not in grouped.columns:
            return number
        below = grouped[self.below]
        return Exact(number.numerator, number.limit, number.divisor, below, largest(below))


def _sum(value: pl.Expr) -> pl.Expr:
    """The sum of what is not null; null, not 0, where nothing is."""
    return pl.when(value.count() > 0).then(value.sum())


# -- on fractions ----------------------------------------------------------------------------------------------
_Steps = Mapping[str, Callable[[Sequence[Any]], Any]]
_STEPS: _Steps = {
    "sum": sum,
    "last": lambda values: values[-1],
    "mean": lambda values: sum(values) / Fraction(len(values)),
    "min": min,
    "max": max,
}


def _slowly(frame: pl.DataFrame, records: Records, wanted: Wanted, groups: pl.DataFrame) -> list[Value]:
    """The column of ``wanted`` beside ``groups``, on fractions. Counts never come here: they are small."""
    steps, divisor = wanted.steps, records.scale.get(wanted.code, 1)
    frame = frame.sort("period", maintain_order=True)
    values = frame[f"value:{wanted.code}"].to_list()
    places = frame.select(*_GROUP, "at_end", "region", *records.keys).rows()
    own: dict[tuple[Any, ...], dict[tuple[Any, ...], list[Fraction]]] = {}
    for (row, grain, at_end, *place), value in zip(places, values, strict=True):
        if value is not None and (at_end or not steps.latest_only):
            own.setdefault((row, grain), {}).setdefault(tuple(place), []).append(Fraction(value, divisor))
    found: dict[tuple[Any, ...], Value] = {}
    for group, regions in own.items():
        if steps.over_time is not None:
            timed = [_STEPS[steps.over_time](series) for series in regions.values()]
        else:
            timed = [value for series in regions.values() for value in series]
        found[group] = cast("Value", _STEPS[steps.over_regions](timed) if steps.over_regions else timed[0])
    return [found.get(group) for group in groups.rows()]
