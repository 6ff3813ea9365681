"""From numbers as reported to one exact integer column: value = integer / scale.

The scale is the least common denominator of the column, so that the same values always give the same integers,
however they were written down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import polars as pl

DIGITS = 38  # what a decimal128 of the file holds
LARGEST = 10**DIGITS - 1
_INT128 = 2**127 - 1
LARGEST_INT64 = 2**63 - 1
_LONGEST_EXPONENT = 400
SHORT = 64
"""So many numbers are taken one by one sooner than the column engine has begun: a part is often revised by a row or two."""
_PLAIN = r"^-?[0-9]+(\.[0-9]+)?$"


class NotRepresentableError(ValueError):
    """The values of a column have no common denominator with which all of them fit into 38 digits."""


@dataclass(frozen=True, slots=True)
class ExactColumn:
    """``values`` are Int64 where that is enough, else Int128; value = integer / ``scale``; ``bound`` is the largest
    absolute integer.
    """

    values: pl.Series
    scale: int
    bound: int


def exact_column(numbers: pl.Series, units: pl.Series, factors: Mapping[str | None, Fraction]) -> ExactColumn:
    """The exact column of ``numbers`` (decimal texts, null where missing), each times the factor of its unit.

    Raises ``NotRepresentableError``, KeyError for a unit without a factor, ValueError for a text that is no number.
    """
    quick = _vectorised(numbers, units, factors) if len(numbers) > SHORT else None
    return quick if quick is not None else _one_by_one(numbers, units, factors)


def _vectorised(numbers: pl.Series, units: pl.Series, factors: Mapping[str | None, Fraction]) -> ExactColumn | None:
    """The same by columns; None where a number is oddly written or something would not fit on the way."""
    frame = pl.DataFrame({"number": _plainly(numbers.cast(pl.String)), "unit": units.cast(pl.String)})
    parts = frame.select(
        "unit",
        whole=pl.col("number").str.extract(r"^(-?[0-9]+)"),
        part=pl.col("number").str.extract(r"\.([0-9]+)$").fill_null("").str.strip_chars_end("0"),
    )
    places = parts.select(pl.col("part").str.len_bytes().max()).item() or 0
    digits = pl.col("whole") + pl.col("part").str.pad_end(places, "0")
    integers = parts.select("unit", "whole", integer=digits.cast(pl.Int128, strict=False))
    if integers.select((pl.col("integer").is_null() & pl.col("whole").is_not_null()).any()).item():
        return None
    used = {unit: factors[unit] for unit in _units_of_numbers(integers)}
    common = math.lcm(1, *(factor.denominator for factor in used.values()))
    scale = common * 10**places
    multipliers = {unit: int(factor * common) for unit, factor in used.items()}
    if scale > _INT128 or any(multiplier > _INT128 for multiplier in multipliers.values()):
        return None
    largest = _largest(integers["integer"])
    if largest * max(multipliers.values(), default=1) > _INT128:
        return None
    product = pl.col("integer")
    if set(multipliers.values()) - {1}:
        product = product * _by_unit(multipliers)
    return reduced(integers.select(product).to_series(), scale)


def _plainly(numbers: pl.Series) -> pl.Series:
    """The same numbers, none of them with an exponent."""
    odd = numbers.filter(~numbers.str.contains(_PLAIN)).unique().to_list()
    return numbers.replace(odd, [format(_decimal(text), "f") for text in odd]) if odd else numbers


def _units_of_numbers(frame: pl.DataFrame) -> list[str | None]:
    return frame.filter(pl.col("integer").is_not_null()).get_column("unit").unique().to_list()


def _by_unit(multipliers: Mapping[str | None, int]) -> pl.Expr:
    choice = pl.lit(None, dtype=pl.Int128)
    for unit, multiplier in multipliers.items():
        choice = (
            pl.when(pl.col("unit").eq_missing(pl.lit(unit, dtype=pl.String)))
            .then(pl.lit(multiplier, dtype=pl.Int128))
            .otherwise(choice)
        )
    return choice


def reduced(integers: pl.Series, scale: int) -> ExactColumn:
    """The column of Int128 ``integers`` over its least scale. Raises ``NotRepresentableError``."""
    frame = pl.DataFrame({"integer": integers})
    divisor = scale
    while divisor > 1:
        residue = frame.select((pl.col("integer") % pl.lit(divisor, dtype=pl.Int128)).max()).item() or 0
        if residue == 0:
            break
        divisor = math.gcd(divisor, residue)
    if divisor > 1:
        frame = frame.select(pl.col("integer") // pl.lit(divisor, dtype=pl.Int128))
    return _fitted(frame.to_series(), scale // divisor)


def _one_by_one(numbers: pl.Series, units: pl.Series, factors: Mapping[str | None, Fraction]) -> ExactColumn:
    try:
        integers, scale = exact_integers(numbers.to_list(), units.to_list(), factors)
    except NotRepresentableError as error:
        raise NotRepresentableError(f"{numbers.name}: {error}") from error
    return _fitted(pl.Series(numbers.name, integers, dtype=pl.Int128), scale)


def exact_integers(
    numbers: Sequence[str | None], units: Sequence[str | None], factors: Mapping[str | None, Fraction]
) -> tuple[list[int | None], int]:
    """Each of a few numbers times the factor of its unit, as an integer over the one scale that is given with them.

    Raises as ``exact_column``.
    """
    values = [
        None if number is None else _fraction(number) * factors[unit]
        for number, unit in zip(numbers, units, strict=True)
    ]
    scale = math.lcm(1, *(value.denominator for value in values if value is not None))
    integers = [None if value is None else int(value * scale) for value in values]
    if scale > LARGEST or max((abs(i) for i in integers if i is not None), default=0) > LARGEST:
        raise NotRepresentableError(f"no common denominator within {DIGITS} digits")
    return integers, scale


def _fraction(text: str) -> Fraction:
    return Fraction(_decimal(text))


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is no number") from error
    # A zero such as 0E+999 has an exponent too, and would be as long when written out.
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST_EXPONENT:
        raise NotRepresentableError(f"{text!r} is beyond {DIGITS} digits")
    return number


def _largest(integers: pl.Series) -> int:
    low, high = integers.min(), integers.max()
    return max(abs(int(str(low))), abs(int(str(high)))) if low is not None and high is not None else 0


def _fitted(integers: pl.Series, scale: int) -> ExactColumn:
    bound = _largest(integers)
    if bound > LARGEST or scale > LARGEST:
        raise NotRepresentableError(f"no common denominator within {DIGITS} digits")
    return ExactColumn(integers.cast(pl.Int64) if bound <= LARGEST_INT64 else integers, scale, bound)
