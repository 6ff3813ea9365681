"""Periods as people write them in cells, headings and titles: 2025年, 2025年3月, 2025年第三季度, 2025年上半年."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from app.catalogue.model import Frequency
from app.catalogue.periods import Period
from app.intake.dates import read_date_text

_ORDINALS = {"一": "1", "二": "2", "三": "3", "四": "4", "1": "1", "2": "2", "3": "3", "4": "4", "上": "1", "下": "2"}
_YEAR = re.compile(r"(\d{4})(?:年度?|年末|年底|年全年)?")
_MONTH = re.compile(r"(\d{4})(?:年|[-/.])(\d{1,2})月?(?:份|末|底)?")
_COMPACT_MONTH = re.compile(r"(\d{4})(0[1-9]|1[0-2])")
_QUARTER = re.compile(r"(\d{4})年?(?:第?([一二三四1-4])季度?|-?[qQ]([1-4]))(?:末|底)?")
_HALF = re.compile(r"(\d{4})年?(?:([上下])半年|-?[hH]([12]))")
_YEAR_IN_TITLE = re.compile(r"(?<!\d)((?:19|20)\d{2})年")

EXAMPLES: dict[Frequency, str] = {
    "once": "",
    "year": "2025、2025年",
    "half": "2025-H1、2025年上半年",
    "quarter": "2025-Q3、2025年第三季度",
    "month": "2025-03、2025年3月",
    "event": "2025-03-17、2025年3月17日",
}


def read_period(text: str) -> Period | None:
    """The period that ``text`` writes, of whatever frequency; None if it writes none."""
    bare = "".join(unicodedata.normalize("NFKC", text).split()).lstrip("'")
    match = _YEAR.fullmatch(bare)
    if match is not None:
        return _parsed(match[1])
    match = _HALF.fullmatch(bare)
    if match is not None:
        return _parsed(f"{match[1]}-H{_ORDINALS[match[2] or match[3]]}")
    match = _QUARTER.fullmatch(bare)
    if match is not None:
        return _parsed(f"{match[1]}-Q{_ORDINALS[match[2] or match[3]]}")
    match = _MONTH.fullmatch(bare) or _COMPACT_MONTH.fullmatch(bare)
    if match is not None:
        return _parsed(f"{match[1]}-{int(match[2]):02d}")
    day = read_date_text(bare)
    return None if day is None else Period.of(day, "event")


def period_of_day(day: date, frequency: Frequency) -> Period | None:
    """A spreadsheet's own date in a period column: for events the day, for months the one it lies in, otherwise None.

    Spreadsheets turn 2025-03 into the first of that month by themselves; nothing turns a year into a date.
    """
    return Period.of(day, frequency) if frequency in ("event", "month") else None


def period_of_parts(year: str, part: str, frequency: Frequency) -> Period | None:
    """A period from two columns: the year, and the month (3, 3月), quarter (3, 三季度) or half (上半年)."""
    year_digits = re.fullmatch(r"(\d{4})年?度?", "".join(unicodedata.normalize("NFKC", year).split()))
    bare = "".join(unicodedata.normalize("NFKC", part).split())
    if year_digits is None:
        return None
    if frequency == "month":
        match = re.fullmatch(r"(\d{1,2})月?份?", bare)
        return None if match is None else _parsed(f"{year_digits[1]}-{int(match[1]):02d}")
    letter = {"quarter": "Q", "half": "H"}.get(frequency)
    match = re.fullmatch(r"第?[QqHh]?([一二三四1-4上下])(?:季度?|半年)?", bare)
    if letter is None or match is None:
        return None
    return _parsed(f"{year_digits[1]}-{letter}{_ORDINALS[match[1]]}")


def years_named(text: str) -> set[int]:
    """The years a title names: 临湘市2025年人口情况 names 2025."""
    return {int(year) for year in _YEAR_IN_TITLE.findall(unicodedata.normalize("NFKC", text))}


def _parsed(text: str) -> Period | None:
    try:
        return Period.parse(text)
    except ValueError:
        return None
