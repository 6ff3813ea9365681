"""Numbers with units, missing values and functions as the reference understands them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Any

from app.catalogue.units import Unit


@dataclass(frozen=True)
class Num:
    value: Fraction | None
    dimension: tuple[tuple[str, int], ...] = ()
    factor: Fraction = Fraction(1)
    by: Fraction = Fraction(1)
    quotient: bool = False
    bare: bool = False

    @property
    def meant(self) -> Fraction:
        per_cent = self.quotient and not self.dimension and self.by in (100, 1000, 10000)
        return self.factor / self.by if per_cent else self.factor

    def to(self, factor: Fraction) -> Fraction | None:
        return None if self.value is None else self.value * self.meant / factor

    def into(self, unit: Unit) -> Fraction | None:
        return self.value if self.bare and unit.dimension else self.to(unit.factor)


@dataclass(frozen=True)
class Other:
    value: Any


STEPS: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda v: sum((Fraction(x) for x in v), Fraction(0)),
    "last": lambda v: v[-1],
    "mean": lambda v: sum((Fraction(x) for x in v), Fraction(0)) / len(v),
    "min": min,
    "max": max,
}


def unified(values: Sequence[Num]) -> tuple[Num, list[Fraction | None]]:
    """The first that has a unit, and every value in that unit."""
    leading = next((v for v in values if not v.bare), None)
    if leading is None:
        return values[0], [v.value for v in values]
    return leading, [v.value if v.bare else v.to(leading.meant) for v in values]


def arithmetic(op: Any, a: Num, b: Num) -> Num:
    if op in (ast.Add, ast.Sub):
        leading, (left, right) = unified([a, b])
        missing = left is None or right is None
        value = None if missing else (left + right if op is ast.Add else left - right)  # type: ignore[operator]
        return replace(leading, value=value)
    sign = 1 if op is ast.Mult else -1
    missing = a.value is None or b.value is None or (sign < 0 and b.value == 0)
    value = None if missing else a.value * b.value if sign > 0 else a.value / b.value  # type: ignore[operator]
    if a.bare and b.bare:
        return Num(value, bare=True)
    if b.bare and b.value is not None:
        return replace(a, value=value, by=a.by * b.value**sign if b.value else a.by)
    if a.bare and a.value is not None and sign > 0:
        return replace(b, value=value, by=b.by * a.value if a.value else b.by)
    powers = dict(a.dimension)
    for base, power in b.dimension:
        powers[base] = powers.get(base, 0) + sign * power
    dimension = tuple(sorted((base, power) for base, power in powers.items() if power))
    by = (a.value if a.bare and a.value else a.by) * b.by**sign if not b.bare else a.by
    return Num(value, dimension, a.factor * b.factor**sign, by, sign < 0 or a.quotient or b.quotient)


def compare(op: Any, a: Any, b: Any) -> bool | None:
    left, right = (a.value, b.value)
    if isinstance(a, Num) and isinstance(b, Num):
        _, (left, right) = unified([a, b])
    if left is None or right is None:
        return None
    tests: dict[Any, bool] = {ast.Eq: left == right, ast.NotEq: left != right}
    if op in tests:
        return tests[op]
    tests |= {ast.Lt: left < right, ast.LtE: left <= right, ast.Gt: left > right, ast.GtE: left >= right}
    return tests[op]


def call(name: str, values: list[Any], digits: int) -> Any:
    if name == "if_":
        condition, *branches = values
        if not isinstance(branches[0], Num):
            return Other(None) if condition.value is None else branches[0] if condition.value else branches[1]
        leading, numbers = unified(branches)
        return replace(
            leading, value=None if condition.value is None else numbers[0] if condition.value else numbers[1]
        )
    if not isinstance(values[0], Num):
        return Other(next((v.value for v in values if v.value is not None), None))
    leading, numbers = unified(values)
    present = [n for n in numbers if n is not None]
    whole = len(present) == len(numbers)
    value: Fraction | None = None
    if name == "coalesce":
        value = present[0] if present else None
    elif name in ("min", "max"):
        value = {"min": min, "max": max}[name](present) if whole else None
    elif name == "abs":
        value = abs(present[0]) if whole else None
    elif name == "round":
        value = rounded(present[0], digits, "half_up") if whole else None
    return replace(leading, value=value)


def rounded(value: Fraction, decimals: int, rounding: str) -> Fraction:
    times = Fraction(10) ** decimals
    if rounding == "half_even":
        return round(value * times) / times
    size = floor(abs(value) * times + Fraction(1, 2))
    return (size if value >= 0 else -size) / times
