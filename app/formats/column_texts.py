"""Columns of numbers and dates as texts, in their shortest exact form.

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
    """A column of numbers in three parts, to be put one behind the other; null where a number is missing.

    ``sign``: only where there are negative numbers beside a ``part``. ``whole``: the text before the point, or all of it.
    ``part``: which of ``fractions(decimals)`` follows; None where nothing does.
    """

    sign: pl.Series | None
    whole: pl.Series
    part: pl.Series | None
    decimals: int

    def joined(self) -> pl.Series:
        """The texts in one column."""
        if self.part is None:
            return self.whole
        pieces = [self.whole, fractions(self.decimals).gather(self.part)]
        return pl.select(pl.concat_str(pieces if self.sign is None else [self.sign, *pieces])).to_series()


def number_texts(column: pl.Series, decimals: int) -> NumberTexts:
    """The shortest exact form of integer / 10**``decimals`` (3.2458, 100, -0.5).

    Raises OverflowError where an integer has more than 38 digits and there are decimals.
    """
    low, high = column.min(), column.max()
    if not isinstance(low, int) or not isinstance(high, int):
        low = high = 0  # nothing but missing values
    if not decimals:
        return NumberTexts(None, _whole(column, low, high), None, 0)
    if decimals > _MOST_DECIMALS or low < -_LARGEST or high > _LARGEST:
        return NumberTexts(None, _printed(column, decimals), None, 0)
    most, size = max(-low, high), 10**decimals
    positive = column if low >= 0 else column.abs()
    positive = positive.cast(pl.UInt32 if most < 2**32 else pl.Int64)
    whole = positive // size
    part = (positive - whole * size).cast(pl.UInt32)
    sign = None
    if low < 0:
        sign = pl.select(pl.when(column < pl.lit(0)).then(pl.lit("-")).otherwise(pl.lit(""))).to_series()
    return NumberTexts(sign, _whole(whole, 0, most // size), part, decimals)


@cache
def fractions(decimals: int) -> pl.Series:
    """The point and what follows it, for every fraction of so many decimals; nothing for none."""
    return pl.Series([f".{part:0{decimals}d}".rstrip("0").rstrip(".") for part in range(10**decimals)])


def date_texts(column: pl.Series) -> pl.Series:
    """Dates in ISO form."""
    days = column.to_physical()
    first, last = days.min(), days.max()
    if not isinstance(first, int) or not isinstance(last, int) or last - first > len(column):
        return column.cast(pl.String)
    listed = pl.int_range(first, last + 1, dtype=pl.Int32, eager=True).cast(pl.Date).cast(pl.String)
    return listed.gather(days - first)


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


def _whole(column: pl.Series, low: int, high: int) -> pl.Series:
    if low < 0 or high >= _LISTED:
        return column.cast(pl.String)
    return _listed().gather(column.cast(pl.UInt32))


def _printed(column: pl.Series, decimals: int) -> pl.Series:
    texts = pl.Series(decimal_array(column, decimals)).cast(pl.String)
    # There always is a point, so that no zero of the whole part can be lost.
    return texts.str.strip_chars_end("0").str.strip_chars_end(".")


@cache
def _listed() -> pl.Series:
    return pl.int_range(_LISTED, eager=True).cast(pl.String)
