"""The records of a plan's datasets as they were loaded: nothing aggregated yet, nothing uncovered left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import lcm

import polars as pl

from app.catalogue.model import Dataset, Element
from app.mapping.plan import Plan
from app.mapping.sources import Coverage, Rows, Sources

_TYPES = {"text": pl.String, "code": pl.String, "boolean": pl.Boolean, "date": pl.Date}


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one dataset. Columns: region, period (the dataset's), ``key:<element>``, ``value:<element>``.

    Of a number the value is an integer over ``scale[element]``. An uncovered cell is null, also of a key element.
    ``carried``, where regions were carried to those of today: the records they were made of, with their ``origin``.
    """

    dataset: Dataset
    frame: pl.DataFrame
    scale: dict[str, int]
    carried: pl.DataFrame | None = None

    @property
    def sources(self) -> pl.DataFrame:
        """The records as they were reported, each (``origin``) under the region that it stands for."""
        return self.frame.with_columns(origin=pl.col("region")) if self.carried is None else self.carried

    @property
    def keys(self) -> list[str]:
        return [f"key:{code}" for code in self.dataset.key]

    @property
    def values(self) -> list[str]:
        return [name for name in self.frame.columns if name.startswith("value:")]

    def reporting(self) -> pl.DataFrame:
        """Only the records in which some value is not missing."""
        if any(self.frame[name].null_count() == 0 for name in self.values):
            return self.frame
        return self.frame.filter(self.is_reporting())

    def is_reporting(self) -> pl.Expr:
        """Whether some value of the record is not missing."""
        return pl.any_horizontal(pl.col(name).is_not_null() for name in self.values)


def load(plan: Plan, dataset: Dataset, sources: Sources, coverage: Coverage) -> Records:
    """The records of ``dataset`` with the plan's elements, and no others."""
    wanted = [e for e in dataset.elements if e.path in plan.elements]
    rows = sources.rows(dataset.code, [e.code for e in wanted if e.code not in dataset.key])
    scale = {e.code: rows.scale.get(e.code, 1) for e in wanted}
    columns = [rows.frame["region"].cast(pl.Int32), rows.frame["period"].cast(pl.Int32)]
    columns += [rows.frame[code].alias(f"key:{code}") for code in dataset.key]
    columns += [_values(rows, e) for e in wanted if e.code not in dataset.key]
    frame = pl.DataFrame(columns)
    for element in wanted:
        if element.code in dataset.key:
            values, divisor = _key_values(rows, element)
            scale[element.code] = divisor
            frame = frame.with_columns(_covered_only(values, element, dataset, frame, coverage))
    return Records(dataset, frame, scale)


def _values(rows: Rows, element: Element) -> pl.Series:
    """The element's column; where it is covered nowhere, sources need not have it, and it is missing."""
    if element.code in rows.frame.columns:
        return rows.frame[element.code].alias(f"value:{element.code}")
    missing = pl.Series(f"value:{element.code}", [None], dtype=_TYPES.get(element.type, pl.Int128))
    return missing.new_from_index(0, rows.frame.height)


def _key_values(rows: Rows, element: Element) -> tuple[pl.Series, int]:
    """The key column read as the element's own kind of value, and the divisor of its numbers."""
    texts = rows.frame[element.code]
    if element.type == "date":
        found = {text: date.fromisoformat(text) for text in texts.unique().drop_nulls()}
        return texts.replace_strict(found, return_dtype=pl.Date), 1
    if element.type == "boolean":
        return texts.replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean), 1
    if not element.numeric:
        return texts, 1
    numbers = {text: Fraction(Decimal(text)) for text in texts.unique().drop_nulls()}
    divisor = lcm(*(number.denominator for number in numbers.values()))
    whole = {text: int(number * divisor) for text, number in numbers.items()}
    return texts.replace_strict(whole, return_dtype=pl.Int128), divisor


def _covered_only(
    values: pl.Series, element: Element, dataset: Dataset, frame: pl.DataFrame, coverage: Coverage
) -> pl.Series:
    """A key is there for every record, so what of it may be seen is asked here."""
    name = f"value:{element.code}"
    if coverage.everywhere(element.path):
        return values.alias(name)
    keys = [f"key:{code}" for code in dataset.key] if coverage.by_record(element.path) else []
    covered = coverage.covered(element.path, frame.select("region", "period", *keys), dataset.frequency)
    return pl.select(pl.when(covered).then(values).alias(name)).to_series()
