"""One value as reported, as the exact canonical value it means, and as it is shown.

Nothing in between is ever a float: numbers are read as Decimal, converted as Fraction and rounded once, in ``shown``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from app.catalogue.model import Element
from app.catalogue.units import UnitTable

Rounding = Literal["half_up", "half_even"]
Canonical = Fraction | str | bool | date | None

_KEYS: Mapping[str, str] = {
    "number": "n",
    "unit": "u",
    "text": "t",
    "flag": "b",
    "missing": "m",
    "submission": "s",
    "sheet": "h",
    "cell": "c",
}


@dataclass(frozen=True, slots=True)
class Reported:
    """What a source gave for one element of one record, and where.

    Of ``number``, ``text`` (also codes, and dates as ISO), ``flag`` and ``missing`` (the reason) one is set.
    ``unit`` is the unit the number was given in; None means the element's own.
    """

    number: Decimal | None = None
    unit: str | None = None
    text: str | None = None
    flag: bool | None = None
    missing: str | None = None
    submission: str | None = None
    sheet: str | None = None
    cell: str | None = None

    def __post_init__(self) -> None:
        if self.number is not None and not self.number.is_finite():
            raise ValueError(f"not a number that can be kept: {self.number}")

    def document(self) -> dict[str, Any]:
        """As compact JSON; absent parts are left out, and the number is text so that no digit is lost."""
        held = {key: getattr(self, name) for name, key in _KEYS.items()}
        document = {key: value for key, value in held.items() if value is not None}
        if self.number is not None:
            document["n"] = str(self.number)
        return document

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Reported:
        """The inverse of ``document``."""
        number = document.get("n")
        return Reported(
            number=None if number is None else Decimal(number),
            unit=document.get("u"),
            text=document.get("t"),
            flag=document.get("b"),
            missing=document.get("m"),
            submission=document.get("s"),
            sheet=document.get("h"),
            cell=document.get("c"),
        )


def canonical(reported: Reported, element: Element, units: UnitTable) -> Canonical:
    """The exact value in the element's unit, or None where it is missing.

    Raises UnitMismatch if the reported unit does not convert, ValueError for a date out of form.
    """
    if reported.missing is not None:
        return None
    if element.numeric:
        if reported.number is None:
            return None
        value = Fraction(reported.number)
        if reported.unit is None or element.unit is None or reported.unit == element.unit:
            return value
        return value * units.factor(reported.unit, element.unit)
    if element.type == "boolean":
        return reported.flag
    if element.type == "date":
        return None if reported.text is None else date.fromisoformat(reported.text)
    return reported.text


def rounded(value: Fraction, decimals: int, rounding: Rounding = "half_up") -> int:
    """``value`` × 10**decimals as an integer, rounded once: half away from zero, or half to even."""
    numerator: int = value.numerator * 10**decimals
    quotient, remainder = divmod(abs(numerator), value.denominator)
    twice = 2 * remainder
    up = twice > value.denominator or (twice == value.denominator and (rounding == "half_up" or quotient % 2 == 1))
    whole = quotient + 1 if up else quotient
    return -whole if numerator < 0 else whole


def shown(value: Fraction, decimals: int, rounding: Rounding = "half_up") -> Decimal:
    """``value`` with ``decimals`` digits after the point: the one rounding. Never a negative zero."""
    scaled = rounded(value, decimals, rounding)
    # Built from digits: arithmetic on Decimal would round to the context's precision.
    return Decimal((1 if scaled < 0 else 0, tuple(map(int, str(abs(scaled)))), -decimals))
