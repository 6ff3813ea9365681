"""From the element's unit and codes to the form's: exact factors, code maps from samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from app.catalogue.model import CodeList
from app.catalogue.units import UnitMismatch, UnitTable
from app.matching.outcome import Conversion
from app.matching.text import folded


def conversion_of(unit: str | None, form_unit: str | None, units: UnitTable) -> Conversion | None:
    """How a figure held in ``unit`` becomes one in ``form_unit``; None where the element has no unit.

    A form without unit is taken to mean the element's own, and the conversion says so. Words for counting (家, 个)
    stand for each other, multiples (万所) are kept.
    """
    if unit is None:
        return None
    if not form_unit or units.get(form_unit) is None:
        return Conversion(unit, unit, "1", assumed=True)
    try:
        return Conversion(unit, form_unit, factor_text(units.factor(unit, form_unit)))
    except UnitMismatch:
        source, target = units.known(unit), units.known(form_unit)
        return Conversion(unit, form_unit, factor_text(source.factor / target.factor), by_counting_word=True)


def factor_text(factor: Fraction) -> str:
    """``factor`` as a decimal where it has one that ends, else as a fraction such as ``1/15``."""
    below = factor.denominator
    twos = fives = 0
    while below % 2 == 0:
        below //= 2
        twos += 1
    while below % 5 == 0:
        below //= 5
        fives += 1
    if below != 1:
        return f"{factor.numerator}/{factor.denominator}"
    places = max(twos, fives)
    digits = str(factor.numerator * 10**places // factor.denominator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def code_map_of(samples: Sequence[str], codes: CodeList) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The form's texts → codes, and the samples no code answers. Without samples, every label."""
    filled = list(dict.fromkeys(sample.strip() for sample in samples if sample.strip()))
    if not filled:
        return {code.label: code.code for code in codes.codes}, ()
    known: dict[str, str] = {}
    unknown: list[str] = []
    for sample in filled:
        found = codes.find(sample) or codes.find(folded(sample))
        if found is None:
            unknown.append(sample)
        else:
            known[sample] = found.code
    return known, tuple(unknown)
