"""The fast evaluator: an expression over whole columns, exactly, or TooLarge where that cannot be.

What each node means is told in ``app.mapping.scalars``; the tests hold the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import and_, or_
from typing import cast

import polars as pl

from app.mapping.exact import (
    LIMIT,
    NARROW,
    Exact,
    TooLarge,
    absolute,
    added,
    chosen,
    compared,
    constant,
    divided,
    fitting,
    largest,
    multiplied,
    ordered,
    rounded,
    scaled,
    where,
)
from app.mapping.points import Points
from app.mapping.readings import Readings
from app.mapping.tree import (
    Arithmetic,
    Call,
    Comparison,
    Kind,
    Literal,
    Logic,
    Node,
    Reading,
    Scaled,
    Shifted,
    YearToDate,
)

_TYPES: dict[Kind, type[pl.DataType]] = {"text": pl.String, "boolean": pl.Boolean, "date": pl.Date}
# ``min`` keeps what comes first unless what follows is less, ``max`` unless it is greater.
_KEEPS = {"min": "<=", "max": ">="}


@dataclass(frozen=True, slots=True)
class ColumnEvaluator:
    """Evaluates trees at points. Numbers come as Exact, all else as columns of their own type."""

    readings: Readings

    def number(self, node: Node, points: Points) -> Exact:
        """The numbers of ``node`` at each point."""
        match node:
            case Literal(value=value):
                return constant(cast("Fraction | None", value), len(points))
            case Reading():
                found = self.readings.at(node, points)
                if isinstance(found, Exact):
                    return found
                raise TooLarge
            case Scaled(operand=operand, factor=factor):
                return scaled(self.number(operand, points), factor)
            case Arithmetic(operator=operator, left=left, right=right):
                return _arithmetic(operator, self.number(left, points), self.number(right, points))
            case Shifted(operand=operand, periods=periods):
                return self.number(operand, points.shifted(periods))
            case YearToDate(operand=operand):
                return self._year_to_date(operand, points)
            case Call():
                return self._call(node, points)
        raise TypeError(f"not a number: {type(node).__name__}")

    def column(self, node: Node, points: Points) -> pl.Series:
        """The texts, booleans or dates of ``node`` at each point."""
        match node:
            case Literal(kind=kind, value=value):
                return pl.repeat(value, len(points), dtype=_TYPES[kind], eager=True)
            case Reading():
                return cast("pl.Series", self.readings.at(node, points))
            case Comparison(operator=operator, left=left, right=right):
                if left.kind == "number":
                    return compared(operator, self.number(left, points), self.number(right, points))
                return ordered(operator, self.column(left, points), self.column(right, points))
            case Logic(operator=operator, operands=operands):
                return _logic(operator, [self.column(operand, points) for operand in operands])
            case Shifted(operand=operand, periods=periods):
                return self.column(operand, points.shifted(periods))
            case Call():
                return self._call_column(node, points)
        raise TypeError(f"not a column: {type(node).__name__}")

    def _call_column(self, call: Call, points: Points) -> pl.Series:
        operands = [self.column(operand, points) for operand in call.operands]
        if call.function == "if":
            mask, then, otherwise = operands
            return where(mask.is_not_null(), _either(mask, then, otherwise))
        if call.function == "coalesce":
            return pl.select(pl.coalesce(operands)).to_series()
        return reduce(lambda a, b: _kept(_KEEPS[call.function], a, b), operands)

    def _call(self, call: Call, points: Points) -> Exact:
        match call.function, call.operands:
            case "if", (condition, then, otherwise):
                mask = self.column(condition, points)
                found = chosen(mask, self.number(then, points), self.number(otherwise, points))
                return _only(mask.is_not_null(), found)
            case "round", (operand,):
                return _rounded(self.number(operand, points), call.digits)
            case "abs", (operand,):
                return absolute(self.number(operand, points))
        numbers = [self.number(operand, points) for operand in call.operands]
        if call.function == "coalesce":
            return reduce(lambda a, b: chosen(a.numerator.is_not_null(), a, b), numbers)
        return reduce(lambda a, b: _kept_number(_KEEPS[call.function], a, b), numbers)

    def _year_to_date(self, operand: Node, points: Points) -> Exact:
        to_date = points.to_date()
        number = self.number(operand, to_date.points)
        if number.denominator is not None:
            raise TooLarge
        limit = number.limit * points.per_year
        if limit > NARROW:
            limit = largest(number.numerator) * points.per_year
        if limit > LIMIT:
            raise TooLarge
        total, whole = to_date.summed(fitting(number.numerator, limit))
        return Exact(where(whole, total), limit, number.divisor)


def _arithmetic(operator: str, left: Exact, right: Exact) -> Exact:
    match operator:
        case "+":
            return added(left, right)
        case "-":
            return added(left, right, -1)
        case "*":
            return multiplied(left, right)
        case _:
            return divided(left, right)


def _logic(operator: str, operands: list[pl.Series]) -> pl.Series:
    if operator == "not":
        return ~operands[0]
    whole = reduce(and_, [operand.is_not_null() for operand in operands])
    return where(whole, reduce(and_ if operator == "and" else or_, operands))


def _rounded(number: Exact, digits: int) -> Exact:
    if digits >= 0:
        whole = rounded(number, digits)
        limit = largest(whole)
        return Exact(fitting(whole, limit), limit, 10**digits)
    whole = rounded(scaled(number, Fraction(1, 10**-digits)), 0)
    return scaled(Exact(whole, largest(whole)), Fraction(10**-digits))


def _only(mask: pl.Series, number: Exact) -> Exact:
    return Exact(where(mask, number.numerator), number.limit, number.divisor, number.denominator, number.below)


def _kept_number(operator: str, a: Exact, b: Exact) -> Exact:
    mask = compared(operator, a, b)
    return _only(mask.is_not_null(), chosen(mask, a, b))


def _kept(operator: str, a: pl.Series, b: pl.Series) -> pl.Series:
    mask = ordered(operator, a, b)
    return where(mask.is_not_null(), _either(mask, a, b))


def _either(mask: pl.Series, a: pl.Series, b: pl.Series) -> pl.Series:
    return pl.select(pl.when(mask).then(a).otherwise(b)).to_series()
