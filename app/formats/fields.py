"""What the writers know of an output field, and the exact forms of its column."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from app.formats.column_texts import date_texts, number_texts
from app.mapping.plan import OutputField

_INT64 = 2**63 - 1


def column_name(field: OutputField) -> str:
    """The column of a mapped frame that holds the field: for a number Int64 or Int128 = value × 10**decimals."""
    return f"field:{field.name}"


def fits_int64(column: pl.Series) -> bool:
    """Whether every integer of the column has at most 64 bits."""
    if column.dtype != pl.Int128:
        return True
    low, high = column.min(), column.max()
    return low is None or (int(str(low)) >= -_INT64 - 1 and int(str(high)) <= _INT64)


def texts(fields: Sequence[OutputField], frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of ``fields`` as texts, named ``0``, ``1``, …; missing stays null.

    Numbers are in their shortest exact form (3.2458, 100, -0.5), dates in ISO form, booleans ``true`` and ``false``.
    """
    columns: list[pl.Expr] = []
    for position, field in enumerate(fields):
        column = frame.get_column(column_name(field))
        text = pl.col(column.name)
        if field.kind == "number":
            text = number_texts(column, field.decimals).joined()
        elif field.kind == "date":
            text = date_texts(column)
        elif field.kind == "boolean":
            text = text.cast(pl.String)
        columns.append(text.alias(str(position)))
    return frame.select(columns)


def number_text(integer: int, decimals: int) -> str:
    """The shortest exact form of ``integer`` / 10**``decimals``."""
    if not decimals:
        return str(integer)
    whole, part = divmod(abs(integer), 10**decimals)
    digits = f"{part:0{decimals}d}".rstrip("0")
    sign = "-" if integer < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
