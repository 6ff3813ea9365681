"""The typed tree of an expression after checking: what both evaluators walk.

Units are settled here already: wherever a value had to be converted there is a ``Scaled`` node with the exact factor,
and arithmetic on literals alone is done. A node knows its kind, so that no evaluator looks at values to learn it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal as OneOf

from app.mapping.steps import Steps

Kind = OneOf["number", "text", "boolean", "date"]
Value = Fraction | str | bool | date | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the expression; None where arithmetic on constants has no value."""

    kind: Kind
    value: Value


@dataclass(frozen=True, slots=True)
class Reading:
    """One element brought to the grain by ``steps``; in a check, one element of the record."""

    kind: Kind
    path: str
    steps: Steps


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number times a constant that is not zero: a conversion of units."""

    operand: Node
    factor: Fraction
    kind: Kind = "number"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``operator`` is one of + - * /; missing if an operand is missing or the divisor is zero."""

    operator: str
    left: Node
    right: Node
    kind: Kind = "number"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``operator`` is one of == != < <= > >=; both sides are of one kind; missing if one is missing."""

    operator: str
    left: Node
    right: Node
    kind: Kind = "boolean"


@dataclass(frozen=True, slots=True)
class Logic:
    """``and``, ``or`` over two or more, ``not`` over one; missing if any operand is missing."""

    operator: str
    operands: tuple[Node, ...]
    kind: Kind = "boolean"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the registry applied point by point. ``digits`` is the second argument of ``round``."""

    kind: Kind
    function: str
    operands: tuple[Node, ...]
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Shifted:
    """The operand at the same region (and key), ``periods`` grain periods earlier."""

    operand: Node
    periods: int
    kind: Kind = "number"


@dataclass(frozen=True, slots=True)
class YearToDate:
    """The sum of the operand over the year's grain periods through this one; missing if one of them is missing."""

    operand: Node
    kind: Kind = "number"


Node = Literal | Reading | Scaled | Arithmetic | Comparison | Logic | Call | Shifted | YearToDate


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Scaled(operand=operand) | Shifted(operand=operand) | YearToDate(operand=operand):
            return (operand,)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return (left, right)
        case Logic(operands=operands) | Call(operands=operands):
            return operands
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, each before its own."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


def readings(node: Node) -> Iterator[Reading]:
    """Every reading of the tree."""
    return (each for each in walk(node) if isinstance(each, Reading))
