"""When figures are due and how long they stay fresh: read from a dataset's document, written back, worked out in days."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from app.catalogue.document_reader import DocumentReader
from app.catalogue.model import Due, Frequency, Span
from app.catalogue.periods import Period

_MOST_DAYS = 3_660
_MOST_MONTHS = 120

AfterWorkingDays = Callable[[date, int], date]
"""(day, n): the day that is n working days after it."""


def read_due(dataset: DocumentReader, frequency: Frequency | None) -> Due | None:
    """``due: {days: 15}`` or ``{working_days: 10}`` after a period's last day, with ``since: "2025-01"`` where wanted."""
    reader = dataset.mapping("due")
    if reader is None:
        return None
    days = reader.whole("days", -1, 0, _MOST_DAYS)
    working = reader.whole("working_days", -1, 0, _MOST_DAYS)
    since = reader.text("since")
    reader.done()
    if frequency in ("once", "event"):
        reader.fault("", f"频度 {frequency} 没有期末，不能规定期限（has no period's end to count from）")
        return None
    if (days < 0) == (working < 0):
        reader.fault("", "days 与 working_days 须写其一（days or working_days: exactly one）")
        return None
    if since and frequency is not None:
        try:
            Period.parse(since, frequency)
        except ValueError as error:
            reader.fault("since", str(error))
            return None
    return Due(max(days, working), working >= 0, since or None)


def read_fresh_for(owner: DocumentReader) -> Span | None:
    """``fresh_for: {months: 12}`` or ``{days: 90}``: how long after it was reported a figure counts as fresh."""
    reader = owner.mapping("fresh_for")
    if reader is None:
        return None
    months = reader.whole("months", 0, 1, _MOST_MONTHS)
    days = reader.whole("days", 0, 1, _MOST_DAYS)
    reader.done()
    if bool(months) == bool(days):
        reader.fault("", "months 与 days 须写其一（months or days: exactly one）")
        return None
    return Span(months, days)


def due_document(due: Due | None) -> dict[str, Any] | None:
    """``due`` as it is written."""
    if due is None:
        return None
    said: dict[str, Any] = {"working_days" if due.working else "days": due.days}
    return said | ({"since": due.since} if due.since is not None else {})


def span_document(span: Span | None) -> dict[str, Any] | None:
    """``fresh_for`` as it is written."""
    if span is None:
        return None
    return {"months": span.months} if span.months else {"days": span.days}


def due_day(due: Due, period: Period, after_working_days: AfterWorkingDays) -> date:
    """The last day on which the period is reported in time."""
    if due.working:
        return after_working_days(period.end, due.days)
    return period.end + timedelta(days=due.days)


def fresh_until(span: Span, day: date) -> date:
    """The last day on which what was reported on ``day`` is fresh; in a shorter month, that month's last day."""
    if span.days:
        return day + timedelta(days=span.days)
    years, month = divmod(day.month - 1 + span.months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
