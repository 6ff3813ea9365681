"""Running a plan over the rows of its sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import cast

import polars as pl

from app.catalogue.periods import PER_YEAR
from app.catalogue.regions import RegionIndex
from app.catalogue.values import rounded as rounded_one
from app.mapping.behind import Behind
from app.mapping.columns import ColumnEvaluator
from app.mapping.completeness import complete
from app.mapping.exact import TooLarge, fitting, largest, rounded, where
from app.mapping.existence import existing_points
from app.mapping.lists import ListEvaluator
from app.mapping.masks import Masks
from app.mapping.members import Hierarchy
from app.mapping.plan import CompiledField, FromConstant, FromElements, FromPeriod, FromRegion, OutputField, Plan
from app.mapping.points import Points
from app.mapping.present import PresentHierarchy, hierarchy_of
from app.mapping.readings import Readings
from app.mapping.regional import RegionalRows, in_order
from app.mapping.sources import Coverage, Rows, Sources
from app.mapping.tree import Kind

__all__ = ["Coverage", "Mapped", "ResultTooLarge", "Rows", "Sources", "run"]

MOST = 2**127 - 1
_TYPES: dict[Kind, type[pl.DataType]] = {"text": pl.String, "boolean": pl.Boolean, "date": pl.Date}


class ResultTooLarge(ValueError):
    """A field has a value of more than 38 digits: no honest figure, and nothing that could be handed on."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The rows of a view, sorted by region code, period and key.

    Columns of ``frame``: ``region`` Int32, ``code`` String, ``period`` Int32 (the grain's ordinal), ``key:<element>``
    String for each of ``key``, then ``field:<name>`` for each of ``fields``: a number as Int64 or Int128 =
    value × 10**decimals, rounded once; text String; boolean Boolean; date Date. Missing values are null. ``notes`` of a view under
    present regions: what successions do not tell, so that figures are missing. They never depend on what is held.
    """

    frame: pl.DataFrame
    fields: tuple[OutputField, ...]
    key: tuple[str, ...]
    notes: tuple[str, ...] = ()


def run(plan: Plan, sources: Sources, coverage: Coverage, regions: RegionIndex, today: date) -> Mapped:
    """Every row of the plan that the sources and the coverage give.

    Rows of all periods that the sources hold are given; it is the caller who asks the sources for less, or drops rows.
    Raises ResultTooLarge where a value has more than 38 digits.
    """
    try:
        return _run(plan, sources, coverage, hierarchy_of(plan, regions, today))
    except TooLarge:
        raise ResultTooLarge(
            "按份额归并后的值超过 38 位（a value carried by shares has more than 38 digits）"
        ) from None


def _run(plan: Plan, sources: Sources, coverage: Coverage, hierarchy: Hierarchy) -> Mapped:
    present = isinstance(hierarchy, PresentHierarchy)
    readings = Readings(plan, sources, coverage, hierarchy)
    existing = existing_points(readings)
    rows = in_order(existing, plan.frequency, hierarchy.regions, hierarchy.today, present=present)
    points = Points(rows.points, PER_YEAR.get(plan.frequency, 1))
    readings.remember_order(existing, points, rows.order)
    masks = Masks(plan, coverage, hierarchy)
    columns = [_field(each, points, rows, readings, masks).alias(f"field:{each.name}") for each in plan.fields]
    key = [rows.points[name] for name in points.key]
    frame = pl.DataFrame([rows.points["region"], rows.said("code"), rows.points["period"], *key, *columns])
    levels = {plan.datasets[path.partition(".")[0]].level for path in plan.elements}
    notes = hierarchy.carrying.notes(levels) if isinstance(hierarchy, PresentHierarchy) else ()
    return Mapped(frame, tuple(each.output for each in plan.fields), plan.key, notes)


def _field(each: CompiledField, points: Points, rows: RegionalRows, readings: Readings, masks: Masks) -> pl.Series:
    match each.source:
        case FromConstant(value=value):
            return _filled(pl.repeat(None, len(points), dtype=pl.Null, eager=True), each, value)
        case FromRegion(attribute=attribute):
            return _finished(rows.said(attribute), each, None)
        case FromPeriod():
            return _finished(rows.said("written"), each, None)
        case FromElements(tree=tree, absorbs=absorbs):
            mask = masks.of(tree, points) if absorbs else None
            values = _values(each, points, readings, mask)
            if each.complete:
                values = where(complete(Behind(readings), tree, points), values)
            return _finished(values, each, mask)


def _values(each: CompiledField, points: Points, readings: Readings, mask: pl.Series | None) -> pl.Series:
    """The values of a field over elements where the mask is true: numbers rounded, before codes and default."""
    source = cast("FromElements", each.source)
    decimals = each.output.decimals
    try:
        evaluator = ColumnEvaluator(readings)
        if source.tree.kind == "number":
            found = rounded(evaluator.number(source.tree, points), decimals, each.rounding)
        else:
            found = evaluator.column(source.tree, points)
        return found if mask is None else where(mask, found)
    except TooLarge:
        values = ListEvaluator(readings).values(source.tree, points)
    if mask is not None:
        values = [value if may else None for value, may in zip(values, mask, strict=True)]
    if source.tree.kind != "number":
        return pl.Series(values, dtype=_TYPES[source.tree.kind])
    numbers = cast("list[Fraction | None]", values)
    whole = [None if number is None else rounded_one(number, decimals, each.rounding) for number in numbers]
    if any(number is not None and abs(number) > MOST for number in whole):
        raise ResultTooLarge(f"字段“{each.name}”的值超过 38 位（a value of the field has more than 38 digits）")
    return pl.Series(whole, dtype=pl.Int128)


def _finished(values: pl.Series, each: CompiledField, mask: pl.Series | None) -> pl.Series:
    """The values through the code map, then the default where something is missing that may be seen."""
    if each.codes is not None:
        targets = dict(each.codes)
        texts = values if values.dtype == pl.String else values.cast(pl.String)
        found = texts.replace_strict(targets, default=each.otherwise, return_dtype=pl.String)
        values = found if each.otherwise is None else where(texts.is_not_null(), found)
    elif each.output.kind == "number":
        values = fitting(values, largest(values))
    return values if each.default is None else _filled(values, each, each.default, mask)


def _filled(
    values: pl.Series, each: CompiledField, value: str | bool | Decimal | date, mask: pl.Series | None = None
) -> pl.Series:
    """``value`` where the values are null and the mask, if there is one, is true."""
    if isinstance(value, Decimal):
        whole = int(Fraction(value) * 10**each.output.decimals)
        width = pl.Int64 if abs(whole) < 2**62 and values.dtype != pl.Int128 else pl.Int128
        filling = pl.lit(whole, dtype=width)
        values = values.cast(width)
    else:
        filling = pl.lit(value, dtype=_TYPES[each.output.kind])
    missing = values.is_null() if mask is None else values.is_null() & mask
    return pl.select(pl.when(missing).then(filling).otherwise(values)).to_series()
