"""A formula over elements: how it is written for the mapping language, and what it gives for numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Moved = Literal["", "last_year", "previous", "ytd"]


@dataclass(frozen=True, slots=True)
class Term:
    """One element with its sign, perhaps moved in time, perhaps brought to another ``unit``."""

    path: str
    minus: bool = False
    moved: Moved = ""
    unit: str | None = None
    factor: Fraction = Fraction(1)

    def text(self) -> str:
        inner = f"{self.moved}({self.path})" if self.moved else self.path
        return f"to({inner}, '{self.unit}')" if self.unit else inner


@dataclass(frozen=True, slots=True)
class Formula:
    """A sum of terms, divided by another sum where there is one, times a whole number."""

    above: tuple[Term, ...]
    below: tuple[Term, ...] = ()
    times: int = 1
    divisor: str = ""  # a plain number below, where no element stands there

    @property
    def inputs(self) -> tuple[str, ...]:
        """The elements it needs, each once, in order."""
        return tuple(dict.fromkeys(term.path for term in self.above + self.below))

    def text(self) -> str:
        """The expression in the mapping language."""
        above = _sum(self.above)
        if self.below or self.divisor:
            above = f"({above})" if len(self.above) > 1 else above
            below = _sum(self.below) if self.below else self.divisor
            above += f" / ({below})" if len(self.below) > 1 else f" / {below}"
        elif self.times != 1 and len(self.above) > 1:
            above = f"({above})"
        return above if self.times == 1 else f"{above} * {self.times}"

    def value(self, known: Mapping[str, Fraction]) -> Fraction | None:
        """What it gives for ``known`` figures in the elements' units; None if one is lacking, or zero stands below."""
        above, below = _value(self.above, known), _value(self.below, known) if self.below else Fraction(1)
        if above is None or not below or self.divisor:
            return None
        return above / below * self.times


def _sum(terms: tuple[Term, ...]) -> str:
    text = ""
    for term in terms:
        if text:
            text += " - " if term.minus else " + "
        elif term.minus:
            text = "-"
        text += term.text()
    return text


def _value(terms: tuple[Term, ...], known: Mapping[str, Fraction]) -> Fraction | None:
    total = Fraction(0)
    for term in terms:
        if term.moved or term.path not in known:
            return None
        figure = known[term.path] * term.factor
        total += -figure if term.minus else figure
    return total
