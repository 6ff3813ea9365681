"""Chinese working days: Monday to Friday, without the public holidays, with the weekend days that are worked in their place.

Which days these are is announced for one year at a time, so a calendar knows the years it was told and no other: what
reaches past them is refused by name and never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from app.errors import Problem

_DAY = timedelta(days=1)
_WEEKEND = 5


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """One year as it was announced: days off, weekend days that are worked, and where that is written."""

    year: int
    holidays: frozenset[date]
    workdays: frozenset[date]
    source: str


class WorkingDays:
    """Counts working days over the years that it was given; a later one of the same year replaces an earlier one."""

    def __init__(self, years: Iterable[CalendarYear]) -> None:
        self._years = {year.year: year for year in years}

    @property
    def years(self) -> tuple[CalendarYear, ...]:
        return tuple(self._years[year] for year in sorted(self._years))

    @property
    def last_year(self) -> int:
        """The last year with data; 0 if there is none."""
        return max(self._years, default=0)

    def is_working(self, day: date) -> bool:
        """Raises Problem ``calendar_ends`` for a day of a year without data."""
        year = self._years.get(day.year)
        if year is None:
            raise self._unknown(day.year)
        if day in year.workdays:
            return True
        return day.weekday() < _WEEKEND and day not in year.holidays

    def after(self, day: date, n: int) -> date:
        """The day that is ``n`` working days after ``day``, which is not counted itself; with 0 it is ``day``."""
        while n > 0:
            day += _DAY
            n -= self.is_working(day)
        return day

    def between(self, first: date, last: date) -> int:
        """How many working days come after ``first``, up to and with ``last``; below zero if ``last`` is before it."""
        if last < first:
            return -self.between(last, first)
        return sum(self.is_working(first + _DAY * i) for i in range(1, (last - first).days + 1))

    def _unknown(self, year: int) -> Problem:
        known = f"{min(self._years)} 至 {self.last_year} 年" if self._years else "无任何年份"
        return Problem(
            "calendar_ends",
            f"工作日历里没有 {year} 年（已有{known}），请管理员按国务院办公厅的放假通知补充 calendar.yaml "
            f"(the working-day calendar has no {year}; an administrator adds it when the holidays are announced)",
        )
