"""Columns of exact numbers: the same as fractions, or refused; never a wrapped integer."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.values import rounded as rounded_one
from app.mapping import exact
from app.mapping.exact import Exact, TooLarge

WIDE = 2**120
NUMBERS = st.one_of(
    st.none(),
    st.integers(-9, 9),
    st.integers(-(10**9), 10**9),
    st.integers(-WIDE, WIDE),
    st.sampled_from([2**62, -(2**62), 2**63, 2**62 - 1]),
)


@st.composite
def columns(draw: st.DrawFn, length: int) -> Exact:
    numbers = draw(st.lists(NUMBERS, min_size=length, max_size=length))
    number = exact.of_column(pl.Series(numbers, dtype=pl.Int128), draw(st.sampled_from([1, 2, 3, 15, 1500, 10**6])))
    if draw(st.booleans()):
        below = draw(st.lists(st.integers(1, 1000), min_size=length, max_size=length))
        return Exact(number.numerator, number.limit, number.divisor, pl.Series(below, dtype=pl.Int64), 1000)
    return number


def each(operation: Callable[..., Any], *sides: list[Fraction | None]) -> list[Any]:
    return [None if None in row else operation(*row) for row in zip(*sides, strict=True)]


OPERATIONS: dict[str, tuple[Callable[..., Exact], Callable[..., Any]]] = {
    "add": (exact.added, lambda a, b: a + b),
    "subtract": (lambda a, b: exact.added(a, b, -1), lambda a, b: a - b),
    "multiply": (exact.multiplied, lambda a, b: a * b),
    "divide": (exact.divided, lambda a, b: None if b == 0 else a / b),
}


@given(st.data(), st.sampled_from(sorted(OPERATIONS)), st.integers(0, 4))
def test_arithmetic_on_columns_is_arithmetic_on_fractions(data: st.DataObject, name: str, length: int) -> None:
    a, b = data.draw(columns(length)), data.draw(columns(length))
    on_columns, on_fractions = OPERATIONS[name]
    try:
        found = on_columns(a, b)
    except TooLarge:
        return
    assert found.fractions() == each(on_fractions, a.fractions(), b.fractions())
    assert all(n is None or abs(n) <= found.limit for n in found.numerator)


@given(st.data(), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_comparison_of_columns_is_comparison_of_fractions(data: st.DataObject, operator: str) -> None:
    a, b = data.draw(columns(3)), data.draw(columns(3))
    try:
        found = exact.compared(operator, a, b).to_list()
    except TooLarge:
        return
    signs: dict[str, Callable[[Any, Any], bool]] = {
        "==": lambda x, y: x == y,
        "!=": lambda x, y: x != y,
        "<": lambda x, y: x < y,
        "<=": lambda x, y: x <= y,
        ">": lambda x, y: x > y,
        ">=": lambda x, y: x >= y,
    }
    assert found == each(signs[operator], a.fractions(), b.fractions())


@given(st.data(), st.integers(0, 6), st.sampled_from(["half_up", "half_even"]))
def test_columns_are_rounded_as_single_values_are(data: st.DataObject, decimals: int, rounding: Any) -> None:
    a = data.draw(columns(4))
    try:
        found = exact.rounded(a, decimals, rounding).to_list()
    except TooLarge:
        return
    assert found == each(lambda x: rounded_one(x, decimals, rounding), a.fractions())


@pytest.mark.parametrize("divisor", [1, 2, 3, 4, 10, 15])
@pytest.mark.parametrize("rounding", ["half_up", "half_even"])
@pytest.mark.parametrize("as_column", [False, True])
def test_every_small_half_is_rounded_right(divisor: int, rounding: Any, as_column: bool) -> None:
    numbers = list(range(-31, 32))
    number = exact.of_column(pl.Series(numbers, dtype=pl.Int128), 1 if as_column else divisor)
    if as_column:
        below = pl.repeat(divisor, len(numbers), dtype=pl.Int64, eager=True)
        number = Exact(number.numerator, number.limit, 1, below, divisor)
    expected = [rounded_one(Fraction(n, divisor), 0, rounding) for n in numbers]
    assert exact.rounded(number, 0, rounding).to_list() == expected


@given(st.data(), st.fractions(max_denominator=10**6).filter(bool))
def test_scaling_is_exact(data: st.DataObject, factor: Fraction) -> None:
    a = data.draw(columns(3))
    try:
        found = exact.scaled(a, factor)
    except TooLarge:
        return
    assert found.fractions() == each(lambda x: x * factor, a.fractions())


def test_a_step_that_would_wrap_is_refused() -> None:
    wide = exact.of_column(pl.Series([2**100], dtype=pl.Int128))
    with pytest.raises(TooLarge):
        exact.multiplied(wide, wide)
    with pytest.raises(TooLarge):
        exact.scaled(wide, Fraction(2**40))
    with pytest.raises(TooLarge):
        exact.rounded(wide, 10)


def test_a_bound_that_was_too_careful_is_looked_at_again() -> None:
    careful = Exact(pl.Series([3, None], dtype=pl.Int64), 2**100)
    assert exact.multiplied(careful, careful).fractions() == [9, None]


def test_columns_are_narrow_while_they_may_be() -> None:
    assert exact.of_column(pl.Series([1, 2], dtype=pl.Int128)).numerator.dtype == pl.Int64
    assert exact.of_column(pl.Series([2**63], dtype=pl.Int128)).numerator.dtype == pl.Int128
