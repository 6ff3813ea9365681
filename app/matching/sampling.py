"""Formulas check themselves: where a form holds the inputs as columns with samples, the figures must come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.matching.columns import ReadColumn
from app.matching.formula import Formula
from app.matching.resolving import Scored
from app.matching.text import folded

_TOLERANCE = Fraction(2, 100)


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the samples bear the formula out, and the sentence that says so."""

    agrees: bool
    note: str


def agreement(
    columns: Sequence[ReadColumn], held: Mapping[int, Scored], formulas: Mapping[int, Formula]
) -> dict[int, Checked]:
    """For each formula whose inputs are columns with samples: do most rows of samples come out within two per cent?

    Figures are compared in the form's own units, so only formulas without unit conversion are checked.
    """
    figures = {
        scored.entry.path: [number(sample) for sample in columns[p].column.samples] for p, scored in held.items()
    }
    found: dict[int, Checked] = {}
    for position, formula in formulas.items():
        if any(path not in figures for path in formula.inputs) or any(t.unit for t in formula.above + formula.below):
            continue
        shown = [number(sample) for sample in columns[position].column.samples]
        right = wrong = 0
        for row, stated in enumerate(shown):
            known = {path: figures[path][row] for path in formula.inputs if row < len(figures[path])}
            filled = {path: value for path, value in known.items() if value is not None}
            value = formula.value(filled)
            if value is None or stated is None:
                continue
            near = abs(value - stated) <= max(_TOLERANCE * abs(stated), Fraction(1, 100))
            right, wrong = right + near, wrong + (not near)
        if right or wrong:
            agrees = right >= wrong
            note = (
                "与样例数字相符（borne out by the samples）"
                if agrees
                else "与样例数字不符，请核对（the samples disagree）"
            )
            found[position] = Checked(agrees, note)
    return found


def number(text: str) -> Fraction | None:
    """The figure a sample shows, without its per cent sign; None if it is none."""
    bare = folded(text).replace(",", "").rstrip("%‰")
    whole, point, part = bare.lstrip("+-").partition(".")
    if not whole.isdecimal() or (point and not part.isdecimal()) or len(bare) > 40:
        return None
    return Fraction(bare)
