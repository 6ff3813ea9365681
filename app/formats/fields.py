"""What the writers know of an output field, and the exact forms of its column."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from app.mapping.plan import OutputField

DIGITS = 38
_INT64 = 2**63 - 1


def column_name(field: OutputField) -> str:
    """The column of a mapped frame that holds the field: for a number Int64 or Int128 = value × 10**decimals."""
    return f"field:{field.name}"


def decimal_array(column: pl.Series, decimals: int) -> pa.Array:
    """Scaled integers as decimal128(38, decimals): the integers stay as they are, only their type says the point.

    Raises OverflowError where an integer has more than 38 digits.
    """
    try:
        whole = column.cast(pl.Decimal(DIGITS, 0))
    except pl.exceptions.InvalidOperationError as error:
        raise OverflowError(f"{column.name}: more than {DIGITS} digits") from error
    array = whole.rechunk().to_arrow()
    return pa.Array.from_buffers(pa.decimal128(DIGITS, decimals), len(array), array.buffers(), offset=array.offset)


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
    columns: list[pl.Series] = []
    shortened: list[pl.Expr] = []
    for position, field in enumerate(fields):
        column = frame.get_column(column_name(field))
        name = str(position)
        if field.kind == "number" and field.decimals > 0:
            column = pl.Series(name, decimal_array(column, field.decimals))
            # Before stripping there always is a point, so that no zero of the whole part can be lost.
            shortened.append(pl.col(name).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end("."))
        elif field.kind != "text":
            shortened.append(pl.col(name).cast(pl.String))
        columns.append(column.alias(name))
    return pl.DataFrame(columns).with_columns(shortened)


def number_text(integer: int, decimals: int) -> str:
    """The shortest exact form of ``integer`` / 10**``decimals``."""
    if not decimals:
        return str(integer)
    whole, part = divmod(abs(integer), 10**decimals)
    digits = f"{part:0{decimals}d}".rstrip("0")
    sign = "-" if integer < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
