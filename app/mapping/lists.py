"""The slow evaluator: an expression at every point on fractions, for numbers that outgrow the columns."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from app.mapping.exact import Exact
from app.mapping.points import Points
from app.mapping.readings import Readings
from app.mapping.scalars import combined
from app.mapping.tree import Literal, Node, Reading, Shifted, Value, YearToDate, children


@dataclass(frozen=True, slots=True)
class ListEvaluator:
    """Evaluates trees at points, one by one, by the meaning told in ``app.mapping.scalars``."""

    readings: Readings

    def values(self, node: Node, points: Points) -> list[Value]:
        """The value of ``node`` at each point."""
        match node:
            case Literal(value=value):
                return [value] * len(points)
            case Reading():
                found = self.readings.at(node, points)
                if isinstance(found, Exact):
                    return list(found.fractions())
                return found if isinstance(found, list) else found.to_list()
            case Shifted(operand=operand, periods=periods):
                return self.values(operand, points.shifted(periods))
            case YearToDate(operand=operand):
                return self._year_to_date(operand, points)
            case _:
                operands = [self.values(child, points) for child in children(node)]
                return [combined(node, at_one_point) for at_one_point in zip(*operands, strict=True)]

    def _year_to_date(self, operand: Node, points: Points) -> list[Value]:
        to_date = points.to_date()
        numbers = cast("list[Fraction | None]", self.values(operand, to_date.points))
        totals: list[Fraction | None] = [Fraction(0)] * len(points)
        for row, point in to_date.links.iter_rows():
            total, number = totals[row], numbers[point]
            totals[row] = None if total is None or number is None else total + number
        return list(totals)
