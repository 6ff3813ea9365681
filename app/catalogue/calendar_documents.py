"""The working-day calendar as a document: ``calendar.yaml``, one item a year, over the years that are built in.

```yaml
calendar:
  - year: 2027
    source: 国务院办公厅关于2027年部分节假日安排的通知
    holidays: ["2027-01-01..2027-01-03"]     # days, or first..last
    workdays: ["2027-01-30"]                 # weekend days that are worked
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from app.catalogue.announced_holidays import ANNOUNCED
from app.catalogue.document_reader import DocumentReader
from app.catalogue.working_days import CalendarYear, WorkingDays
from app.errors import Fault

_WEEKEND = 5
_FIRST, _LAST = 1949, 9998


def parse_calendar(document: object, file: str) -> tuple[list[CalendarYear], list[Fault]]:
    """The years of a ``calendar.yaml``, and every fault of it; of two of one year the second is at fault."""
    faults: list[Fault] = []
    reader = DocumentReader(document, file, faults)
    years: dict[int, CalendarYear] = {}
    for item in reader.items("calendar"):
        year = read_calendar_year(item)
        if year.year in years:
            item.fault("year", f"{year.year} 年已给出过（this year is given twice）")
        years.setdefault(year.year, year)
    reader.done()
    return list(years.values()), faults


def read_calendar_year(reader: DocumentReader) -> CalendarYear:
    """One year, as far as it can be made out; faults and the normal form are the reader's."""
    year = reader.whole("year", 0, _FIRST, _LAST)
    if not year and not reader.has("year"):
        reader.fault("year", "缺少必填项（is required）")
    source = reader.text("source", required=True, limit=500) or ""
    holidays = _days(reader, "holidays", year)
    workdays = _days(reader, "workdays", year)
    for day in sorted(workdays):
        if day.weekday() < _WEEKEND:
            reader.fault("workdays", f"{day} 不是周六或周日，无须列为补班（is not a weekend day）")
        if day in holidays:
            reader.fault("workdays", f"{day} 同时列为放假（is among the holidays too）")
    reader.done()
    return CalendarYear(year, frozenset(holidays), frozenset(workdays), source)


def calendar_of(bodies: Iterable[Mapping[str, Any]]) -> WorkingDays:
    """The calendar: the years that are built in, and over them those of the documents kept."""
    given = [read_calendar_year(DocumentReader(body, "calendar", [])) for body in bodies]
    return WorkingDays([*ANNOUNCED, *given])


def calendar_document(year: CalendarYear) -> dict[str, Any]:
    """One year as it is written, days in a row as one span."""
    written: dict[str, Any] = {"year": year.year, "source": year.source}
    for key, days in (("holidays", year.holidays), ("workdays", year.workdays)):
        if days:
            written[key] = _spans(sorted(days))
    return written


def _days(reader: DocumentReader, key: str, year: int) -> set[date]:
    found: set[date] = set()
    for i, text in enumerate(reader.texts(key)):
        first, dots, last = text.partition("..")
        try:
            day = date.fromisoformat(first.strip())
            end = date.fromisoformat(last.strip()) if dots else day
        except ValueError:
            reader.fault(f"{key}[{i}]", f"“{text}”应写作 2027-01-01 或 2027-01-01..2027-01-03（days）")
            continue
        if end < day or {day.year, end.year} != {year}:
            reader.fault(f"{key}[{i}]", f"“{text}”须在 {year} 年之内，先起后止（must lie within the year）")
            continue
        while day <= end:
            found.add(day)
            day += timedelta(days=1)
    return found


def _spans(days: list[date]) -> list[str]:
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1][1] = day
        else:
            spans.append([day, day])
    return [str(first) if first == last else f"{first}..{last}" for first, last in spans]
