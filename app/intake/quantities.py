"""Whether a number in a unit may stand for an element: its size, its unit, its wholeness, its range. Exact throughout."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from app.catalogue.model import Element
from app.catalogue.units import UnitMismatch, UnitTable
from app.intake.grid import plain

MAX_WHOLE_DIGITS = 18
MAX_PLACES = 18

EXACT = Context(prec=400)
"""Decimal arithmetic with more digits than any number that passes has: nothing done in it is ever rounded."""

_ONE = Decimal(1)
_SAFELY_SHORT = -4  # fifteen digits that begin here or higher end within MAX_PLACES


class CellFault(NamedTuple):
    """Why a cell was refused: a finding code, both messages, and what would be accepted."""

    code: str
    message: str
    message_en: str
    accepted: str | None = None


class _Scale(NamedTuple):
    """A unit against the element's: value = number × numerator / denominator; the bounds are times the denominator."""

    numerator: Decimal
    denominator: Decimal
    low: Decimal | None
    high: Decimal | None


class Quantities:
    """Judges numbers of one element."""

    def __init__(self, element: Element, units: UnitTable) -> None:
        self._element, self._units = element, units
        self._whole = element.type == "integer"
        own = _Scale(_ONE, _ONE, element.min, element.max)
        self._scales: dict[str | None, _Scale | None] = {None: own, element.unit: own}

    def fault(self, number: Decimal, unit: str | None, *, short: bool = False) -> CellFault | None:
        """What stands against ``number`` in ``unit`` (None: the element's own); None if nothing does.

        ``short`` says that it has no more digits than spreadsheets keep, so that they need not be counted.
        """
        if not number.is_finite():
            return self.not_a_number(str(number))
        size = number.adjusted()
        counted = not short or size < _SAFELY_SHORT
        if size >= MAX_WHOLE_DIGITS or (counted and places(number) > MAX_PLACES):
            return CellFault(
                "too_large_number",
                f"“{plain(number)}”太大或小数位过多（至多{MAX_WHOLE_DIGITS}位整数、{MAX_PLACES}位小数）",
                f"{plain(number)} has more than {MAX_WHOLE_DIGITS} digits before or {MAX_PLACES} after the point",
            )
        if unit not in self._scales:
            self._scales[unit] = self._scale(unit or "")
        scale = self._scales[unit]
        if scale is None:
            return CellFault(
                "unit_mismatch",
                f"计量单位“{unit}”不能换算为{self._own_unit}",
                f"{unit} does not convert into {self._element.unit or 'a plain number'}",
                self._own_unit,
            )
        numerator, denominator, low, high = scale
        scaled = number if numerator is _ONE else EXACT.multiply(number, numerator)
        if self._whole and EXACT.remainder(scaled, denominator):
            return self._not_whole(number, unit, scaled, denominator)
        if (low is not None and scaled < low) or (high is not None and scaled > high):
            return CellFault(
                "out_of_range",
                f"{self._element.title}超出允许范围：{plain(number)}{unit or ''}",
                f"{self._element.code} is out of range: {plain(number)} {unit or ''}",
                self._range(),
            )
        return None

    def not_a_number(self, text: str) -> CellFault:
        """The refusal of a text that is no number."""
        return CellFault(
            "not_a_number",
            f"{self._element.title}应为数字，“{text.strip()}”不是",
            f"{text.strip()!r} is not a number",
            "如 1234、1,234、1.2万、三百二十；没有时填“-”或留空",
        )

    def _scale(self, unit: str) -> _Scale | None:
        element = self._element
        try:
            factor = self._units.factor(unit, element.unit or "")
        except UnitMismatch:
            return None
        denominator = Decimal(factor.denominator)
        low, high = (
            None if bound is None else EXACT.multiply(bound, denominator) for bound in (element.min, element.max)
        )
        numerator = _ONE if factor.numerator == 1 else Decimal(factor.numerator)
        return _Scale(numerator, denominator, low, high)

    def _not_whole(self, number: Decimal, unit: str | None, scaled: Decimal, denominator: Decimal) -> CellFault:
        value = Fraction(scaled) / Fraction(denominator)
        places = next((p for p in range(13) if (value * 10**p).denominator == 1), None)
        converted = ""
        if value != Fraction(number):
            digits = f"{value.numerator}/{value.denominator}"
            if places is not None:
                digits = plain(EXACT.scaleb(Decimal((value * 10**places).numerator), -places))
            converted = f"（折合{digits}{self._own_unit}）"
        return CellFault(
            "not_integer",
            f"{self._element.title}应为整数，“{plain(number)}{unit or ''}”不是{converted}",
            f"{self._element.code} must be a whole number; {plain(number)} {unit or ''} is not",
            "整数",
        )

    @property
    def _own_unit(self) -> str:
        return self._element.unit or "不带单位的数"

    def _range(self) -> str:
        low, high, unit = self._element.min, self._element.max, self._element.unit or ""
        if low is not None and high is not None:
            return f"{plain(low)} 至 {plain(high)}{unit}"
        return f"不小于 {plain(low)}{unit}" if low is not None else f"不大于 {plain(high or Decimal(0))}{unit}"


def places(number: Decimal) -> int:
    """Digits behind the point, trailing zeros left off; at most 0 for a whole number."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or not any(digits):
        return 0
    text = "".join(map(str, digits))
    return -exponent - (len(text) - len(text.rstrip("0")))
