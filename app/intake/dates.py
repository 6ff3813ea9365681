"""Dates as people and spreadsheets write them. A date that can be read in two ways is not read."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta
from decimal import Decimal

_SEPARATED = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})[日号]")
_PLAIN = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"[T\s]*\d{1,2}[:时]\d{1,2}(?:[:分]\d{1,2}(?:\.\d+)?秒?)?分?(?:Z|[+-]\d{2}:?\d{2})?$")
_WEEKDAY = re.compile(r"[(]?(?:星期|周|礼拜)[一二三四五六日天][)]?$")
_CHINESE_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_CHINESE_WRITTEN = re.compile(
    r"[〇○零一二三四五六七八九]{4}年[一二三四五六七八九十]{1,2}月[一二三四五六七八九十]{1,3}[日号]"
)

_EPOCH_1900 = date(1899, 12, 30)
_EPOCH_1904 = date(1904, 1, 1)
# Bare day numbers of the years 1954 to 2119: outside of these a number in a date column is more likely a year or a count.
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000

ACCEPTED_DATES = "2024-03-05、2024年3月5日、2024/3/5、20240305"


def read_date_text(text: str) -> date | None:
    """The day that ``text`` writes with year, month and day; a time of day behind it is left off. None if it is none."""
    half = unicodedata.normalize("NFKC", text).strip().lstrip("'")
    if _CHINESE_WRITTEN.fullmatch("".join(half.split())):
        half = _arabic("".join(half.split()))
    bare = _TIME.sub("", half).strip() if ":" in half or "时" in half else half
    bare = _WEEKDAY.sub("", "".join(bare.split()))
    match = _SEPARATED.fullmatch(bare)
    if match is not None:
        return _day(match[1], match[3], match[4])
    match = _CHINESE.fullmatch(bare) or _PLAIN.fullmatch(bare)
    return None if match is None else _day(*match.groups())


def read_date_number(number: Decimal, *, epoch_1904: bool) -> date | None:
    """A number in a date column: 20240305, or a spreadsheet's day number such as 45356. None if it is neither."""
    if number != number.to_integral_value():
        number = number.to_integral_value(rounding="ROUND_FLOOR")  # a time of day
    whole = int(number)
    if _FIRST_SERIAL <= whole <= _LAST_SERIAL:
        return (_EPOCH_1904 if epoch_1904 else _EPOCH_1900) + timedelta(days=whole)
    match = _PLAIN.fullmatch(str(whole))
    return None if match is None else _day(*match.groups())


def day_of(value: date) -> date:
    """The day of a spreadsheet's date or date with time."""
    return value.date() if isinstance(value, datetime) else value


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _arabic(text: str) -> str:
    year, rest = text[:4].translate(_CHINESE_DIGITS), text[5:]
    month, day = rest[:-1].split("月")
    return f"{year}年{_up_to_99(month)}月{_up_to_99(day)}日"


def _up_to_99(text: str) -> int:
    tens, found, ones = text.partition("十")
    unit = int(ones.translate(_CHINESE_DIGITS)) if ones else 0
    if not found:
        return int(tens.translate(_CHINESE_DIGITS))
    return (int(tens.translate(_CHINESE_DIGITS)) if tens else 1) * 10 + unit
