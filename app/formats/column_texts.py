"""Columns of numbers and dates as texts, in their shortest exact form: as expressions, worked out for any of their rows.

A column engine prints a number digit by digit for every row. Most figures are below a quarter of a million before the
point, so their texts are taken from a list of them instead; what is larger is printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import polars as pl
import pyarrow as pa

DIGITS = 38
_LISTED = 2**18
_MOST_DECIMALS = 4  # of which all fractions are listed
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class NumberTexts:
    """Numbers in parts, to be put one behind the other; null where a number is missing.

    ``sign``: only where there are negative numbers beside a ``part``. ``whole``: the text before the point, or all of it.
    ``part``: which of ``fractions(decimals)`` follows; None where nothing does.
    """

    sign: pl.Expr | None
    whole: pl.Expr
    part: pl.Expr | None = None
    decimals: int = 0

    def joined(self) -> pl.Expr:
        """The texts in one column."""
        if self.part is None:
            return self.whole
        pieces = [self.whole, pl.lit(fractions(self.decimals)).gather(self.part)]
        return pl.concat_str(pieces if self.sign is None else [self.sign, *pieces])


def number_texts(column: pl.Series, decimals: int) -> NumberTexts:
    """The shortest exact form of integer / 10**``decimals`` (3.2458, 100, -0.5), of any rows of this column."""
    low, high = column.min(), column.max()
    if not isinstance(low, int) or not isinstance(high, int):
        low = high = 0  # nothing but missing values
    integer, size, most = pl.col(column.name), 10**decimals, max(-low, high)
    if not decimals:
        return NumberTexts(None, _whole(integer, low, high))
    if decimals > _MOST_DECIMALS or most > _LARGEST:
        return NumberTexts(None, _printed(integer, decimals))
    kind = pl.UInt32() if most < 2**32 else pl.Int64()
    positive = (integer if low >= 0 else integer.abs()).cast(kind)
    divisor = pl.lit(size, dtype=kind)
    sign = None if low >= 0 else pl.when(integer < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    part = (positive % divisor).cast(pl.UInt32)
    return NumberTexts(sign, _whole(positive // divisor, 0, most // size), part, decimals)


@cache
def fractions(decimals: int) -> pl.Series:
    """The point and what follows it, for every fraction of so many decimals; nothing for none."""
    return pl.Series([f".{part:0{decimals}d}".rstrip("0").rstrip(".") for part in range(10**decimals)])


def date_texts(column: pl.Series) -> pl.Expr:
    """Dates in ISO form, of any rows of this column."""
    day = pl.col(column.name)
    days = column.to_physical()
    first, last = days.min(), days.max()
    if not isinstance(first, int) or not isinstance(last, int) or last - first > len(column):
        return day.cast(pl.String)
    listed = pl.int_range(first, last + 1, dtype=pl.Int32, eager=True).cast(pl.Date).cast(pl.String)
    return pl.lit(listed).gather((day.to_physical() - first).cast(pl.UInt32))


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


def _whole(integer: pl.Expr, low: int, high: int) -> pl.Expr:
    if low < 0 or high >= _LISTED:
        return integer.cast(pl.String)
    return pl.lit(_listed()).gather(integer.cast(pl.UInt32))


def _printed(integer: pl.Expr, decimals: int) -> pl.Expr:
    text = integer.cast(pl.String)
    digits = text.str.strip_prefix("-").str.pad_start(decimals + 1, "0")
    part = digits.str.tail(decimals).str.strip_chars_end("0")
    sign = pl.when(text.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit(""))
    point = pl.when(part == pl.lit("")).then(pl.lit("")).otherwise(pl.lit("."))
    return pl.concat_str(sign, digits.str.head(-decimals), point, part)


@cache
def _listed() -> pl.Series:
    return pl.int_range(_LISTED, eager=True).cast(pl.String)
