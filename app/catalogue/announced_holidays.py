"""The public holidays of China as the General Office of the State Council announced them, one line a year.

Days off within their year, then the weekend days worked in their place. Sources: the yearly notice 国务院办公厅关于
<year> 年部分节假日安排的通知; for 2019 also that of 2019-03-22 on Labour Day, for 2020 that of 2020-01-26 on the longer
Spring Festival. Weekends within a holiday are written where the notice counts them; they are days off either way.
"""

from __future__ import annotations

from datetime import date, timedelta

from app.catalogue.working_days import CalendarYear

_NOTICE = "国务院办公厅关于{}年部分节假日安排的通知"


def _year(year: int, holidays: str, workdays: str, also: str = "") -> CalendarYear:
    off: set[date] = set()
    for text in holidays.split():
        first, _, last = text.partition("..")
        day, end = (date.fromisoformat(f"{year}-{part}") for part in (first, last or first))
        while day <= end:
            off.add(day)
            day += timedelta(days=1)
    worked = frozenset(date.fromisoformat(f"{year}-{text}") for text in workdays.split())
    return CalendarYear(year, frozenset(off), worked, _NOTICE.format(year) + also)


ANNOUNCED: tuple[CalendarYear, ...] = (
    _year(2018, "01-01 02-15..02-21 04-05..04-07 04-29..05-01 06-18 09-24 10-01..10-07 12-30..12-31",
          "02-11 02-24 04-08 04-28 09-29 09-30 12-29"),
    _year(2019, "01-01 02-04..02-10 04-05..04-07 05-01..05-04 06-07..06-09 09-13..09-15 10-01..10-07",
          "02-02 02-03 04-28 05-05 09-29 10-12", "；国务院办公厅关于调整2019年劳动节假期安排的通知"),
    _year(2020, "01-01 01-24..02-02 04-04..04-06 05-01..05-05 06-25..06-27 10-01..10-08",
          "01-19 04-26 05-09 06-28 09-27 10-10", "；国务院办公厅关于延长2020年春节假期的通知"),
    _year(2021, "01-01..01-03 02-11..02-17 04-03..04-05 05-01..05-05 06-12..06-14 09-19..09-21 10-01..10-07",
          "02-07 02-20 04-25 05-08 09-18 09-26 10-09"),
    _year(2022, "01-01..01-03 01-31..02-06 04-03..04-05 04-30..05-04 06-03..06-05 09-10..09-12 10-01..10-07 12-31",
          "01-29 01-30 04-02 04-24 05-07 10-08 10-09"),
    _year(2023, "01-01..01-02 01-21..01-27 04-05 04-29..05-03 06-22..06-24 09-29..10-06 12-30..12-31",
          "01-28 01-29 04-23 05-06 06-25 10-07 10-08"),
    _year(2024, "01-01 02-10..02-17 04-04..04-06 05-01..05-05 06-10 09-15..09-17 10-01..10-07",
          "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12"),
    _year(2025, "01-01 01-28..02-04 04-04..04-06 05-01..05-05 05-31..06-02 10-01..10-08",
          "01-26 02-08 04-27 09-28 10-11"),
    _year(2026, "01-01..01-03 02-15..02-23 04-04..04-06 05-01..05-05 06-19..06-21 09-25..09-27 10-01..10-07",
          "01-04 02-14 02-28 05-09 09-20 10-10"),
)  # fmt: skip
