"""Exact numbers as Polars columns: integers over a denominator, with a bound carried through every step.

Polars integers wrap silently, so no step is taken whose result might not fit: the bound is worked out first in Python
integers, if need be anew from the column, and where it exceeds ``LIMIT`` the step raises TooLarge. Whoever asked then
takes the slow way, on fractions. Columns are Int64 while the bound allows and Int128 beyond.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

import polars as pl

from app.mapping.spec import Rounding

LIMIT = 2**126
NARROW = 2**62


class TooLarge(Exception):
    """A step on columns might leave 128 bits."""


@dataclass(frozen=True, slots=True)
class Exact:
    """A column of numbers: numerator / (divisor × denominator).

    ``numerator``: null where the number is missing, else |numerator| <= ``limit``. ``divisor``: a positive constant.
    ``denominator``: positive where the number is not missing, at most ``below``; None stands for 1.
    """

    numerator: pl.Series
    limit: int
    divisor: int = 1
    denominator: pl.Series | None = None
    below: int = 1

    def __len__(self) -> int:
        return len(self.numerator)

    def gathered(self, index: pl.Series) -> Exact:
        """The numbers at ``index``; missing where the index is null."""
        denominator = None if self.denominator is None else self.denominator.gather(index)
        return replace(self, numerator=self.numerator.gather(index), denominator=denominator)

    def fractions(self) -> list[Fraction | None]:
        """The numbers as Python fractions."""
        numerators = self.numerator.to_list()
        if self.denominator is None:
            return [None if n is None else Fraction(n, self.divisor) for n in numerators]
        pairs = zip(numerators, self.denominator.to_list(), strict=True)
        return [None if n is None else Fraction(n, self.divisor * d) for n, d in pairs]


def of_column(column: pl.Series, divisor: int = 1) -> Exact:
    """An integer column over a constant, in the narrowest type that holds it."""
    limit = largest(column)
    return Exact(fitting(column, limit), limit, divisor)


def constant(value: Fraction | None, length: int) -> Exact:
    """The same number ``length`` times."""
    if value is None:
        return Exact(pl.repeat(None, length, dtype=pl.Int64, eager=True), 0)
    limit = abs(value.numerator)
    if limit > LIMIT or value.denominator > LIMIT:
        raise TooLarge
    return Exact(pl.repeat(value.numerator, length, dtype=_width(limit), eager=True), limit, value.denominator)


def largest(column: pl.Series) -> int:
    """The greatest absolute value of an integer column; 0 if there is none."""
    low, high = column.min(), column.max()
    if not isinstance(low, int) or not isinstance(high, int):
        return 0
    return max(abs(low), abs(high))


def fitting(column: pl.Series, limit: int) -> pl.Series:
    """The column in the type that holds ``limit``."""
    width = _width(limit)
    return column if column.dtype == width else column.cast(width)


def _width(limit: int) -> type[pl.Int64 | pl.Int128]:
    return pl.Int64 if limit <= NARROW else pl.Int128


def _one(value: int, like: pl.Series) -> pl.Series:
    return pl.Series([value], dtype=like.dtype)


def _by_constant(column: pl.Series, limit: int, factor: int) -> tuple[pl.Series, int]:
    """Column × factor and its bound."""
    if factor == 1:
        return column, limit
    if limit * abs(factor) > NARROW:
        limit = largest(column)
    bound = limit * abs(factor)
    if bound > LIMIT or abs(factor) > LIMIT:
        raise TooLarge
    wide = fitting(column, max(bound, abs(factor)))
    return wide * _one(factor, wide), bound


def _by_column(one: pl.Series, limit: int, other: pl.Series, other_limit: int) -> tuple[pl.Series, int]:
    """One × other and its bound."""
    if limit * other_limit > NARROW:
        limit, other_limit = largest(one), largest(other)
    bound = limit * other_limit
    if bound > LIMIT:
        raise TooLarge
    width = max(bound, limit, other_limit)
    return fitting(one, width) * fitting(other, width), bound


def scaled(number: Exact, factor: Fraction) -> Exact:
    """Number × factor, a constant that is not zero."""
    shared = gcd(factor.numerator, number.divisor)
    numerator, limit = _by_constant(number.numerator, number.limit, factor.numerator // shared)
    return replace(number, numerator=numerator, limit=limit, divisor=number.divisor // shared * factor.denominator)


def _common(a: Exact, b: Exact) -> tuple[pl.Series, int, pl.Series, int, int, pl.Series | None, int]:
    """Both numerators over one divisor and denominator: (a, its bound, b, its bound, divisor, denominator, below)."""
    divisor = lcm(a.divisor, b.divisor)
    left, left_limit = _by_constant(a.numerator, a.limit, divisor // a.divisor)
    right, right_limit = _by_constant(b.numerator, b.limit, divisor // b.divisor)
    if a.denominator is b.denominator:
        return left, left_limit, right, right_limit, divisor, a.denominator, a.below
    denominator, below = a.denominator, a.below
    if b.denominator is not None:
        left, left_limit = _by_column(left, left_limit, b.denominator, b.below)
    if a.denominator is not None:
        right, right_limit = _by_column(right, right_limit, a.denominator, a.below)
    if denominator is None:
        denominator, below = b.denominator, b.below
    elif b.denominator is not None:
        denominator, below = _by_column(denominator, below, b.denominator, b.below)
    return left, left_limit, right, right_limit, divisor, denominator, below


def added(a: Exact, b: Exact, sign: int = 1) -> Exact:
    """A + b, or a - b where ``sign`` is -1."""
    left, left_limit, right, right_limit, divisor, denominator, below = _common(a, b)
    limit = left_limit + right_limit
    if limit > LIMIT:
        raise TooLarge
    left, right = fitting(left, limit), fitting(right, limit)
    return Exact(left + right if sign > 0 else left - right, limit, divisor, denominator, below)


def multiplied(a: Exact, b: Exact) -> Exact:
    """A × b."""
    numerator, limit = _by_column(a.numerator, a.limit, b.numerator, b.limit)
    denominator, below = a.denominator, a.below
    if denominator is None:
        denominator, below = b.denominator, b.below
    elif b.denominator is not None:
        denominator, below = _by_column(denominator, below, b.denominator, b.below)
    return Exact(numerator, limit, a.divisor * b.divisor, denominator, below)


def divided(a: Exact, b: Exact) -> Exact:
    """A / b; missing where b is zero."""
    zero = _one(0, b.numerator)
    usable = b.numerator != zero
    sign = pl.select(pl.when(b.numerator < zero).then(-1).otherwise(1).cast(pl.Int64)).to_series()
    numerator, limit = _by_column(where(usable, a.numerator), a.limit, sign, 1)
    shared = gcd(a.divisor, b.divisor)
    numerator, limit = _by_constant(numerator, limit, b.divisor // shared)
    if b.denominator is not None:
        numerator, limit = _by_column(numerator, limit, b.denominator, b.below)
    denominator, below = where(usable, b.numerator.abs()), b.limit
    if a.denominator is not None:
        denominator, below = _by_column(denominator, below, a.denominator, a.below)
    # The denominator may be missing where the dividend is, and the other way round.
    numerator = where(denominator.is_not_null(), numerator)
    return Exact(numerator, limit, a.divisor // shared, denominator, below)


def absolute(a: Exact) -> Exact:
    """The absolute value."""
    return replace(a, numerator=a.numerator.abs())


def compared(operator: str, a: Exact, b: Exact) -> pl.Series:
    """Boolean column of ``a operator b``; null where one is missing."""
    left, left_limit, right, right_limit, *_ = _common(a, b)
    width = max(left_limit, right_limit)
    return ordered(operator, fitting(left, width), fitting(right, width))


def ordered(operator: str, left: pl.Series, right: pl.Series) -> pl.Series:
    """Boolean column of a comparison of two columns of one type; null where one is null."""
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def where(mask: pl.Series, column: pl.Series) -> pl.Series:
    """The column where ``mask`` is true, null elsewhere."""
    return pl.select(pl.when(mask).then(column)).to_series()


def chosen(mask: pl.Series, a: Exact, b: Exact) -> Exact:
    """A where ``mask`` is true, b elsewhere."""
    divisor = lcm(a.divisor, b.divisor)
    left, left_limit = _by_constant(a.numerator, a.limit, divisor // a.divisor)
    right, right_limit = _by_constant(b.numerator, b.limit, divisor // b.divisor)
    limit = max(left_limit, right_limit)
    numerator = _either(mask, fitting(left, limit), fitting(right, limit))
    if a.denominator is None and b.denominator is None:
        return Exact(numerator, limit, divisor)
    below = max(a.below, b.below)
    one = pl.repeat(1, len(mask), dtype=_width(below), eager=True)
    denominators = [one if each.denominator is None else fitting(each.denominator, below) for each in (a, b)]
    return Exact(numerator, limit, divisor, _either(mask, *denominators), below)


def _either(mask: pl.Series, a: pl.Series, b: pl.Series) -> pl.Series:
    return pl.select(pl.when(mask).then(a).otherwise(b)).to_series()


def rounded(number: Exact, decimals: int, rounding: Rounding = "half_up") -> pl.Series:
    """The integers value × 10**decimals, rounded once: half away from zero, or half to even."""
    shared = gcd(10**decimals, number.divisor)
    numerator, limit = _by_constant(number.numerator, number.limit, 10**decimals // shared)
    divisor = number.divisor // shared
    if number.denominator is None:
        if divisor == 1:
            return numerator
        if divisor > LIMIT:
            raise TooLarge
        # (n + d//2) // d rounds half up; the 1 taken off where n < 0 only matters at a half, which an odd d has not.
        width = max(limit + divisor, divisor)
        if width > LIMIT:
            raise TooLarge
        wide = fitting(numerator, width)
        below = _one(divisor, wide)
    else:
        denominator, most = _by_constant(number.denominator, number.below, divisor)
        width = 2 * (limit + most)
        if width > LIMIT:
            width = 2 * (largest(numerator) + largest(denominator))
        if width > LIMIT:
            raise TooLarge
        wide, below = fitting(numerator, width), fitting(denominator, width)
    if rounding == "half_even":
        return _half_even(wide, below)
    two = _one(2, wide)
    half = below // two
    negative = (wide < _one(0, wide)).cast(wide.dtype)
    even = _one(1, wide) - below % two
    return (wide + half - negative * even) // below


def _half_even(numerator: pl.Series, below: pl.Series) -> pl.Series:
    floor = numerator // below
    twice = (numerator - floor * below) * _one(2, numerator)
    odd = floor % _one(2, numerator) == _one(1, numerator)
    up = (twice > below) | ((twice == below) & odd)
    return floor + up.cast(floor.dtype)
