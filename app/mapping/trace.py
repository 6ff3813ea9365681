"""One field of one row worked out step by step on fractions, with everything that went into it.

It walks the same typed tree and reads the same records as ``run``; the tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import cast

import polars as pl

from app.catalogue.periods import PER_YEAR
from app.catalogue.regions import RegionIndex
from app.mapping.behind import Behind, dataset_code
from app.mapping.completeness import complete
from app.mapping.lists import ListEvaluator
from app.mapping.masks import Masks
from app.mapping.plan import FromElements, Plan
from app.mapping.points import Points
from app.mapping.present import hierarchy_of
from app.mapping.readings import Readings
from app.mapping.scalars import combined
from app.mapping.sources import Coverage, Sources
from app.mapping.tree import Literal, Node, Reading, Scaled, Shifted, Value, YearToDate, children
from app.mapping.written import written


@dataclass(frozen=True, slots=True)
class Cell:
    """One base record's value of an element, exact in the element's unit; None where it is missing."""

    region: int
    period: int
    key: tuple[str, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class Counts:
    """How many are there and how many could be (None where nothing says so)."""

    values: tuple[int, int | None]
    regions: tuple[int, int | None]
    periods: tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Input:
    """One element as it was read at a ``period`` of the grain: its ``value``, made of ``cells``.

    Cells come in order of region id, period and key. ``counts`` only where records were aggregated; the row's own
    cell is there also where its value is missing.
    """

    reading: Reading
    period: int
    value: Value
    cells: tuple[Cell, ...]
    counts: Counts | None


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the expression at one period of the grain and its exact value. ``factor`` where it converts."""

    text: str
    period: int
    value: Value
    factor: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """``covered`` False: nothing else is told. ``value`` is exact, before rounding, codes and default.

    ``complete`` False: the field asks for complete groups, and something is lacking, so that it is missing.
    """

    covered: bool
    value: Value = None
    inputs: tuple[Input, ...] = ()
    steps: tuple[Step, ...] = ()
    complete: bool = True


def trace(
    plan: Plan,
    name: str,
    row: Mapping[str, int | str],
    sources: Sources,
    coverage: Coverage,
    regions: RegionIndex,
    today: date,
) -> Trace:
    """How the field ``name`` comes to its value at ``row`` (region, period, ``key:<element>``).

    A field that rests on no element is covered and has neither inputs nor steps. KeyError for an unknown field.
    """
    only = plan.restricted([name])
    source = only.fields[0].source
    if not isinstance(source, FromElements):
        return Trace(covered=True)
    hierarchy = hierarchy_of(plan, regions, today)
    schema = {column: pl.String if column.startswith("key:") else pl.Int32 for column in row}
    frame = pl.DataFrame({column: [value] for column, value in row.items()}, schema=schema)
    walk = _Walk(Readings(only, sources, coverage, hierarchy), frame, PER_YEAR.get(plan.frequency, 1))
    mask = Masks(only, coverage, hierarchy).of(source.tree, walk.at(int(row["period"])))
    if mask is not None and not mask[0]:
        return Trace(covered=False)
    value = walk.value(source.tree, int(row["period"]))
    whole = not only.fields[0].complete
    whole = whole or bool(complete(Behind(walk.readings), source.tree, walk.at(int(row["period"])))[0])
    return Trace(True, value if whole else None, tuple(walk.inputs.values()), tuple(walk.steps.values()), whole)


@dataclass(slots=True)
class _Walk:
    """Evaluates at one row, remembering each part once for each period."""

    readings: Readings
    frame: pl.DataFrame
    per_year: int
    inputs: dict[tuple[Reading, int], Input] = field(default_factory=dict)
    steps: dict[tuple[Node, int], Step] = field(default_factory=dict)
    _points: dict[int, Points] = field(default_factory=dict)

    def at(self, period: int) -> Points:
        """The row at a period, always the same object: what was looked up for it is found again."""
        if period not in self._points:
            frame = self.frame.with_columns(period=pl.lit(period, dtype=pl.Int32))
            self._points[period] = Points(frame, self.per_year)
        return self._points[period]

    def value(self, node: Node, period: int) -> Value:
        match node:
            case Literal(value=value):
                return value
            case Reading():
                return self._read(node, period)
        known = self.steps.get((node, period))
        if known is not None:
            return known.value
        match node:
            case Shifted(operand=operand, periods=periods):
                value = self.value(operand, period - periods)
            case YearToDate(operand=operand):
                value = self._to_date(operand, period)
            case _:
                value = combined(node, [self.value(child, period) for child in children(node)])
        factor = node.factor if isinstance(node, Scaled) else None
        self.steps[node, period] = Step(written(node, self.per_year), period, value, factor)
        return value

    def _to_date(self, operand: Node, period: int) -> Value:
        first = period - period % self.per_year
        values = [cast("Fraction | None", self.value(operand, each)) for each in range(first, period + 1)]
        return None if None in values else sum(cast("list[Fraction]", values), Fraction(0))

    def _read(self, reading: Reading, period: int) -> Value:
        known = self.inputs.get((reading, period))
        if known is None:
            points = self.at(period)
            value = ListEvaluator(self.readings).values(reading, points)[0]
            behind = Behind(self.readings)
            found = behind.records(reading, points, missing=True)
            scale = self.readings.records(behind.dataset(reading)).scale.get(dataset_code(reading))
            cells = [Cell(region, own, tuple(key), _exact(held, scale)) for _, region, own, key, held in found.rows()]
            cells.sort(key=lambda cell: (cell.region, cell.period, cell.key))
            known = Input(reading, period, value, tuple(cells), _counts(behind, reading, points))
            self.inputs[reading, period] = known
        return known.value


def _exact(held: Value | int, scale: int | None) -> Value:
    """A value as the records hold it: of a number the integer over its scale."""
    if isinstance(held, int) and not isinstance(held, bool) and scale is not None:
        return Fraction(held, scale)
    return cast("Value", held)


def _counts(behind: Behind, reading: Reading, points: Points) -> Counts | None:
    counted = behind.counts(reading, points)
    if counted is None:
        return None
    found = counted.row(0, named=True)
    values, regions, periods = ((found[n], found[f"{n}:of"]) for n in ("values", "regions", "periods"))
    return Counts(values, regions, periods)
