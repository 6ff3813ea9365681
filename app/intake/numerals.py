"""Numbers as people write them: separators, full width, scale words, Chinese numerals. Exact, or not read at all."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Literal, NamedTuple

NumberFault = Literal["not_a_number", "approximate", "scientific"]


class WrittenNumber(NamedTuple):
    """A number and what stands behind it (a unit, perhaps)."""

    number: Decimal
    suffix: str


SCALE_WORDS: dict[str, Decimal] = {
    "十": Decimal(10), "百": Decimal(100), "千": Decimal(1000), "万": Decimal(10_000), "十万": Decimal(100_000),
    "百万": Decimal(1_000_000), "千万": Decimal(10_000_000), "亿": Decimal(100_000_000), "万亿": Decimal(10**12),
}  # fmt: skip

_DIGITS = {
    digit: value
    for value, group in enumerate(("零〇○", "一壹", "二贰两貳", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"))
    for digit in group
}
_STEPS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_NUMERAL = "".join((*_DIGITS, *_STEPS, *_MYRIADS))
_ARABIC = re.compile(r"([+-]?)(\d{1,3}(?:[, ]\d{3})+|\d+|(?=\.\d))(\.\d+)?\s*([^\d\s.,+\-].*)?")
_CHINESE = re.compile(
    rf"(负|-)?([{_NUMERAL}]+)(?:点([{''.join(_DIGITS)}]+)([{''.join(_MYRIADS)}]*))?([^\d\s.,+\-{_NUMERAL}].*)?"
)
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:\.\d+)?[eE][+-]?\d+")
_APPROXIMATE = re.compile(r"约|大概|左右|上下|近\d|[余多几]|以上|以下|不足|不到|超过|[<>≤≥≈]")
_MAX_LENGTH = 60
_ARABIC_DIGITS = frozenset("0123456789")


def read_number(text: str) -> WrittenNumber | NumberFault:
    """The number that ``text`` writes, exactly, or why it cannot be taken for one."""
    half = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip().lstrip("'")
    if len(half) > _MAX_LENGTH:
        return "not_a_number"
    if _SCIENTIFIC.fullmatch(half):
        return "scientific"
    match = _ARABIC.fullmatch(half)
    if match is not None:
        sign, whole, part, suffix = match.groups()
        digits = whole.replace(",", "").replace(" ", "") or "0"
        if suffix and _APPROXIMATE.search(suffix):
            return "approximate"
        return WrittenNumber(Decimal(f"{sign}{digits}{part or ''}"), (suffix or "").strip())
    if _APPROXIMATE.search(half):
        return "approximate"
    match = _CHINESE.fullmatch("".join(half.split()))
    if match is None:
        return "not_a_number"
    sign, whole, part, myriads, suffix = match.groups()
    value = chinese_integer(whole)
    if value is None:
        return "not_a_number"
    number = Decimal(value)
    if part is not None:
        number = Decimal(f"{value}.{''.join(str(_DIGITS[digit]) for digit in part)}")
        for myriad in myriads:
            number *= _MYRIADS[myriad]
    return WrittenNumber(-number if sign else number, suffix or "")


def chinese_integer(text: str) -> int | None:
    """三百二十 is 320, 两万三 is 23000, 一万零三 is 10003, 二〇二五 is 2025; None where it is not well formed."""
    if all(sign in _DIGITS for sign in text):
        if len(text) == 1:
            return _DIGITS[text]
        # Two digits alone (三五) may mean "three to five": not a number.
        return int("".join(str(_DIGITS[sign]) for sign in text)) if len(text) > 2 else None
    for myriads in ("亿億", "万萬"):
        at = max(text.rfind(sign) for sign in myriads)
        if at > 0:
            above, below = chinese_integer(text[:at]), text[at + 1 :]
            unit = _MYRIADS[text[at]]
            if above is None:
                return None
            if not below:
                return above * unit
            rest = _below(below, unit)
            return None if rest is None else above * unit + rest
        if at == 0:
            return None
    return _section(text)


def _below(text: str, unit: int) -> int | None:
    """What stands after 万 or 亿: «三» is three tenths of it, «零三» three, «三千» three thousand."""
    if len(text) == 1:
        return _DIGITS[text] * unit // 10 if _DIGITS.get(text) else None
    if text[0] in "零〇○":
        text = text[1:]
        if len(text) == 1:
            return _DIGITS.get(text)
    value = chinese_integer(text) if any(sign in _STEPS or sign in _MYRIADS for sign in text) else None
    return value if value is not None and value < unit else None


def _section(text: str) -> int | None:
    """A number below 10,000 with 十 百 千 in falling order."""
    total, digit, last_step, gap = 0, None, 10_000, False
    for sign in text:
        if sign in _STEPS:
            step = _STEPS[sign]
            if step >= last_step or (digit is None and step != 10) or digit == 0:
                return None
            total += (1 if digit is None else digit) * step
            digit, last_step, gap = None, step, False
        elif digit is not None:
            return None
        elif _DIGITS[sign] == 0:
            gap = True
        else:
            digit = _DIGITS[sign]
    if digit is None:
        return None if gap else total
    if gap or last_step == 10:
        return total + digit
    return total + digit * last_step // 10
