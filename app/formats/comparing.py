"""Comparing a column of a mapped frame with a value that someone wrote: exactly, by the values shown."""

from __future__ import annotations

import math
import re
from datetime import date
from fractions import Fraction
from typing import Literal

import polars as pl

from app.formats.fields import column_name
from app.mapping.plan import OutputField

Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge"]
Value = Fraction | str | bool | date

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,80}(?:\.[0-9]{0,80})?|\.[0-9]{1,80})(?:[eE][+-]?[0-9]{1,2})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INT128 = 2**127 - 1


def parse_value(text: str, field: OutputField) -> Value:
    """The value that ``text`` writes for ``field``; ValueError with what would be accepted."""
    if field.kind == "number":
        if not _NUMBER.fullmatch(text):
            raise ValueError("应为数字，如 3.2458 (a number is expected, such as 3.2458)")
        return Fraction(text)
    if field.kind == "boolean":
        if text not in {"true", "false"}:
            raise ValueError("应为 true 或 false (true or false is expected)")
        return text == "true"
    if field.kind == "date":
        try:
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        raise ValueError("应为日期，如 2024-03-05 (a date is expected, such as 2024-03-05)")
    return text


def compare(field: OutputField, comparison: Comparison, value: Value) -> pl.Expr:
    """Whether the field of each row compares so with ``value``; null where it is missing."""
    column = pl.col(column_name(field))
    if isinstance(value, Fraction):
        return _compare_number(column, comparison, value * 10**field.decimals)
    literal = pl.lit(value, dtype=pl.String) if isinstance(value, str) else pl.lit(value)
    return _OPERATIONS[comparison](column, literal)


def _compare_number(column: pl.Expr, comparison: Comparison, bound: Fraction) -> pl.Expr:
    """Integers compare with a fraction as with the nearest integer on the right side of it."""
    whole = bound.denominator == 1
    if comparison in {"eq", "ne"} and (not whole or abs(bound) > _INT128):
        return _everywhere(column, truth=comparison == "ne")
    if abs(bound) > _INT128:
        return _everywhere(column, truth=(bound > 0) == (comparison in {"lt", "le"}))
    integer = math.floor(bound) if comparison in {"le", "gt"} else math.ceil(bound)
    return _OPERATIONS[comparison](column.cast(pl.Int128), pl.lit(integer, dtype=pl.Int128))


def _everywhere(column: pl.Expr, *, truth: bool) -> pl.Expr:
    return pl.when(column.is_not_null()).then(pl.lit(truth))


_OPERATIONS = {
    "eq": pl.Expr.eq,
    "ne": pl.Expr.ne,
    "lt": pl.Expr.lt,
    "le": pl.Expr.le,
    "gt": pl.Expr.gt,
    "ge": pl.Expr.ge,
}
