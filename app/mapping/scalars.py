"""The exact value of an expression, point by point, on ``fractions.Fraction``.

This is what the language means. Checks are evaluated by it, constants are folded by it, and a field whose numbers
would outgrow the columns of the fast evaluator is computed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import Any, cast

from app.mapping.functions import FUNCTIONS
from app.mapping.tree import (
    Arithmetic,
    Call,
    Comparison,
    Literal,
    Logic,
    Node,
    Reading,
    Scaled,
    Shifted,
    Value,
    YearToDate,
    children,
)

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_ARITHMETIC: dict[str, Callable[[Fraction, Fraction], Fraction]] = {"+": add, "-": sub, "*": mul}


def evaluate(node: Node, read: Callable[[Reading], Value]) -> Value:
    """The value of a tree that does not move in time, with the elements as ``read`` gives them."""
    if isinstance(node, Reading):
        return read(node)
    return combined(node, [evaluate(child, read) for child in children(node)])


def combined(node: Node, values: Sequence[Value]) -> Value:
    """The value of ``node`` at one point where its operands have ``values``."""
    match node:
        case Literal(value=value):
            return value
        case Scaled(factor=factor):
            number = cast("Fraction | None", values[0])
            return None if number is None else number * factor
        case Call(function=function, digits=digits):
            apply = FUNCTIONS[function].apply
            if apply is not None:
                return apply(values, digits)
        case Arithmetic(operator=operator):
            return _arithmetic(operator, cast("Sequence[Fraction | None]", values))
        case Comparison(operator=operator):
            left, right = values
            return None if left is None or right is None else COMPARISONS[operator](left, right)
        case Logic(operator=operator):
            return _logic(operator, cast("Sequence[bool | None]", values))
        case Reading() | Shifted() | YearToDate():
            pass
    raise TypeError(f"not evaluated at one point: {type(node).__name__}")


def _arithmetic(operator: str, values: Sequence[Fraction | None]) -> Fraction | None:
    left, right = values
    if left is None or right is None:
        return None
    if operator == "/":
        return None if right == 0 else left / right
    return _ARITHMETIC[operator](left, right)


def _logic(operator: str, values: Sequence[bool | None]) -> bool | None:
    if any(value is None for value in values):
        return None
    if operator == "not":
        return not values[0]
    return all(values) if operator == "and" else any(values)
