"""Periods as a frequency and an ordinal, so that *the one before* is a subtraction, for one and for whole columns.

Written ``2025``, ``2025-H1``, ``2025-Q3``, ``2025-03``; events by their date ``2025-03-17``. A dataset of frequency
``once`` has no period: its one ordinal is 0, its text is empty, and it stands for the present (its last day is
``date.max``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import polars as pl

from app.catalogue.model import FREQUENCIES, Frequency

# How many periods of a frequency make a year; an event is a day, and once has none.
PER_YEAR: Mapping[Frequency, int] = {"year": 1, "half": 2, "quarter": 4, "month": 12}

_FORMS: tuple[tuple[Frequency, re.Pattern[str]], ...] = (
    ("year", re.compile(r"([12][0-9]{3})")),
    ("half", re.compile(r"([12][0-9]{3})-H([12])")),
    ("quarter", re.compile(r"([12][0-9]{3})-Q([1-4])")),
    ("month", re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])")),
    ("event", re.compile(r"([12][0-9]{3}-[0-9]{2}-[0-9]{2})")),
)
_EXAMPLES: Mapping[Frequency, str] = {
    "once": "",
    "year": "2025",
    "half": "2025-H1",
    "quarter": "2025-Q3",
    "month": "2025-03",
    "event": "2025-03-17",
}
_UNIX_EPOCH = date(1970, 1, 1).toordinal()


def is_coarser_or_equal(one: Frequency, other: Frequency) -> bool:
    """Whether every period of ``other`` lies in one period of ``one``."""
    return FREQUENCIES.index(one) <= FREQUENCIES.index(other)


def _ordinal(day: date, frequency: Frequency) -> int:
    if frequency == "once":
        return 0
    if frequency == "event":
        return day.toordinal()
    per_year = PER_YEAR[frequency]
    return day.year * per_year + (day.month - 1) * per_year // 12


@dataclass(frozen=True, slots=True)
class Period:
    """One period.

    ``ordinal``: year y; half 2y+h-1; quarter 4y+q-1; month 12y+m-1; event ``date.toordinal()``; once 0.
    """

    frequency: Frequency
    ordinal: int

    @staticmethod
    def parse(text: str, frequency: Frequency | None = None) -> Period:
        """The period that ``text`` writes, strictly; with ``frequency``, only one of that. ValueError otherwise.

        The empty text is the period of ``once``, and only where ``frequency`` says so.
        """
        if frequency == "once" and text == "":
            return Period("once", 0)
        for form, pattern in _FORMS:
            match = pattern.fullmatch(text)
            if match is None or frequency not in (None, form):
                continue
            if form == "event":
                try:
                    return Period("event", date.fromisoformat(match[1]).toordinal())
                except ValueError:  # 30 February
                    break
            part = int(match[2]) - 1 if pattern.groups > 1 else 0
            return Period(form, int(match[1]) * PER_YEAR[form] + part)
        raise ValueError(f"“{text}”不是{_expected(frequency)}（not a period: {text!r}）")

    @staticmethod
    def of(day: date, frequency: Frequency) -> Period:
        """The period of ``frequency`` that ``day`` lies in."""
        return Period(frequency, _ordinal(day, frequency))

    def __str__(self) -> str:
        if self.frequency == "once":
            return ""
        if self.frequency == "event":
            return date.fromordinal(self.ordinal).isoformat()
        year, part = divmod(self.ordinal, PER_YEAR[self.frequency])
        match self.frequency:
            case "year":
                return f"{year:04d}"
            case "half":
                return f"{year:04d}-H{part + 1}"
            case "quarter":
                return f"{year:04d}-Q{part + 1}"
            case _:
                return f"{year:04d}-{part + 1:02d}"

    @property
    def start(self) -> date:
        """Its first day; ``date.min`` for once."""
        return _first_day(self.frequency, self.ordinal)

    @property
    def end(self) -> date:
        """Its last day, for which it stands where regions are asked; ``date.max`` for once."""
        if self.frequency == "once":
            return date.max
        if self.frequency == "event":
            return date.fromordinal(self.ordinal)
        return _first_day(self.frequency, self.ordinal + 1) - timedelta(days=1)

    @property
    def year(self) -> int:
        """The calendar year it lies in; 0 for once."""
        return 0 if self.frequency == "once" else self.start.year

    def containing(self, frequency: Frequency) -> Period:
        """The period of the coarser (or same) ``frequency`` that contains this one; ValueError if it is finer."""
        if not is_coarser_or_equal(frequency, self.frequency):
            raise ValueError(f"{frequency} is finer than {self.frequency}")
        return self if frequency == self.frequency else Period.of(self.start, frequency)

    def previous(self) -> Period:
        """The period before; ValueError for once."""
        if self.frequency == "once":
            raise ValueError("a dataset without periods has none before")
        return Period(self.frequency, self.ordinal - 1)

    def last_year(self) -> Period:
        """The same period a year earlier (of 29 February the 28th); ValueError for once."""
        if self.frequency == "once":
            raise ValueError("a dataset without periods has none before")
        if self.frequency != "event":
            return Period(self.frequency, self.ordinal - PER_YEAR[self.frequency])
        day = date.fromordinal(self.ordinal)
        last = 28 if (day.month, day.day) == (2, 29) else day.day
        return Period("event", day.replace(year=day.year - 1, day=last).toordinal())

    def within(self, other: Period) -> bool:
        """Whether this period lies wholly inside ``other``."""
        return other.start <= self.start and self.end <= other.end


@lru_cache(maxsize=8192)
def _first_day(frequency: Frequency, ordinal: int) -> date:
    if frequency == "once":
        return date.min
    if frequency == "event":
        return date.fromordinal(ordinal)
    per_year = PER_YEAR[frequency]
    year, part = divmod(ordinal, per_year)
    return date(year, part * 12 // per_year + 1, 1)


def _expected(frequency: Frequency | None) -> str:
    if frequency == "once":
        return "空的期间：该数据集没有期间"
    if frequency is None:
        return "期间（如 " + "、".join(example for example in _EXAMPLES.values() if example) + "）"
    return f"期间（应如 {_EXAMPLES[frequency]}）"


def end_dates(frequency: Frequency, ordinal: int) -> date:
    """The last day of one period by its ordinal."""
    return Period(frequency, ordinal).end


def convert_ordinals(column: pl.Expr, source: Frequency, target: Frequency) -> pl.Expr:
    """Ordinals of ``source`` as ordinals (Int32) of the coarser or same ``target`` period that contains each.

    Nulls stay null. ValueError if ``target`` is finer.
    """
    if not is_coarser_or_equal(target, source):
        raise ValueError(f"{target} is finer than {source}")
    if source == target:
        return column.cast(pl.Int32)
    if target == "once":
        return (column * 0).cast(pl.Int32)
    if source == "event":
        day = (column.cast(pl.Int32) - _UNIX_EPOCH).cast(pl.Date)
        months = day.dt.year().cast(pl.Int32) * 12 + day.dt.month().cast(pl.Int32) - 1
        return (months // (12 // PER_YEAR[target])).cast(pl.Int32)
    return (column // (PER_YEAR[source] // PER_YEAR[target])).cast(pl.Int32)


def end_date_column(column: pl.Expr, frequency: Frequency) -> pl.Expr:
    """The last day (Date) of each period by its ordinal; for once ``date.max``. Nulls stay null."""
    if frequency == "event":
        return (column.cast(pl.Int32) - _UNIX_EPOCH).cast(pl.Date)
    if frequency == "once":
        return pl.when(column.is_not_null()).then(pl.lit(date.max, dtype=pl.Date)).otherwise(None)
    per_year = PER_YEAR[frequency]
    following = column.cast(pl.Int32) + 1
    first_day_after = pl.date(following // per_year, (following % per_year) * (12 // per_year) + 1, 1)
    return first_day_after - pl.duration(days=1)


def ordinals_between(first: date | None, last: date | None, frequency: Frequency) -> tuple[int | None, int | None]:
    """The first and last ordinal of the periods wholly inside ``first`` to ``last`` (inclusive; None: no bound).

    Where the first is above the last, there is none. Once is not bounded by dates.
    """
    if frequency == "once":
        return None, None
    low = high = None
    if first is not None:
        period = Period.of(first, frequency)
        low = period.ordinal if period.start >= first else period.ordinal + 1
    if last is not None:
        period = Period.of(last, frequency)
        high = period.ordinal if period.end <= last else period.ordinal - 1
    return low, high
