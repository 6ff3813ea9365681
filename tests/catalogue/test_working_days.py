"""Working days counted by hand from the printed calendars of the years in question."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.catalogue.announced_holidays import ANNOUNCED
from app.catalogue.calendar_documents import calendar_document, calendar_of, parse_calendar
from app.catalogue.deadlines import deadlines_of, parse_deadlines
from app.catalogue.folder import belongs, read_folder, write_folder
from app.catalogue.regions import RegionIndex
from app.catalogue.working_days import WorkingDays
from app.errors import Problem

DAYS = calendar_of([])
YEAR_2027 = {
    "year": 2027,
    "source": "某通知",
    "holidays": ["2027-01-01..2027-01-03", "2027-05-01"],
    "workdays": ["2027-01-09"],
}


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        ("2026-02-13", 1, "2026-02-14"),  # a Saturday that is worked before Spring Festival
        ("2026-02-14", 1, "2026-02-24"),
        ("2026-02-27", 1, "2026-02-28"),  # and one after it
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-09-18", 1, "2026-09-20"),  # a Sunday that is worked
        ("2025-09-30", 2, "2025-10-10"),
        ("2024-04-03", 1, "2024-04-07"),
        ("2026-12-31", 0, "2026-12-31"),
    ],
)
def test_the_day_after_so_many_working_days(day: str, n: int, expected: str) -> None:
    assert DAYS.after(date.fromisoformat(day), n) == date.fromisoformat(expected)


def test_between_undoes_after() -> None:
    first = date(2025, 1, 1)
    for n in (0, 1, 7, 30, 200):
        last = DAYS.after(first, n)
        assert (DAYS.between(first, last), DAYS.between(last, first)) == (n, -n)


@pytest.mark.parametrize(("year", "count"), [(2024, 251), (2025, 248), (2026, 248)])
def test_a_year_has_as_many_working_days_as_its_weekdays_without_holidays_and_with_what_is_worked(
    year: int, count: int
) -> None:
    assert DAYS.between(date(year - 1, 12, 31), date(year, 12, 31)) == count


def test_no_announced_year_works_on_a_weekday_or_rests_on_a_day_that_is_worked() -> None:
    for year in ANNOUNCED:
        assert all(day.weekday() >= 5 for day in year.workdays)
        assert not year.workdays & year.holidays
        assert {day.year for day in (*year.workdays, *year.holidays)} == {year.year}


@pytest.mark.parametrize("day", [date(2026, 12, 31), date(2017, 12, 29)])
def test_beyond_what_was_announced_nothing_is_guessed(day: date) -> None:
    with pytest.raises(Problem, match=str((day + timedelta(days=3)).year if day.year > 2020 else 2017)) as problem:
        DAYS.after(day, 3) if day.year > 2020 else DAYS.between(day - timedelta(days=1), day)
    assert problem.value.code == "calendar_ends"
    with pytest.raises(Problem):
        WorkingDays([]).is_working(day)


def test_a_document_adds_a_year_and_replaces_one_that_is_built_in() -> None:
    other = {"year": 2026, "source": "调整", "holidays": ["2026-09-28"]}
    days = calendar_of([YEAR_2027, other])
    assert days.last_year == 2027
    assert days.after(date(2026, 12, 31), 6) == date(2027, 1, 9)
    assert days.after(date(2026, 9, 25), 1) == date(2026, 9, 29)


def test_a_calendar_is_exported_and_read_back_to_the_same() -> None:
    text = "calendar:\n  - {year: 2027, source: 某通知, workdays: [2027-01-09], holidays: [2027-01-01..2027-01-03, 2027-05-01]}\n"
    limits = "deadlines:\n  - {code: delivery, working_days: 15, article: 某条, verified: true}\n"
    folder = read_folder({"calendar.yaml": text.encode(), "deadlines.yaml": limits.encode()})
    assert not folder.faults
    assert [(d.kind, d.code) for d in folder.definitions] == [("calendar", "2027"), ("deadline", "delivery")]
    assert folder.definitions[0].body == YEAR_2027
    files = write_folder(folder.definitions, RegionIndex((), ()))
    assert files.keys() == {"calendar.yaml", "deadlines.yaml"}
    assert all(belongs(name) for name in files)
    assert [d.body for d in read_folder(files).definitions] == [d.body for d in folder.definitions]


def test_every_fault_of_a_calendar_is_told_at_its_place() -> None:
    wrong = {
        "calendar": [
            {"year": 2027, "source": "x", "holidays": ["2028-01-01", "soon", "2027-05-03..2027-05-01"]},
            {"year": 2027, "source": "x", "workdays": ["2027-01-04"], "holidays": ["2027-01-04"], "more": 1},
            {"holidays": []},
        ]
    }
    faults = parse_calendar(wrong, "calendar.yaml")[1]
    assert [fault.place for fault in faults] == [
        "calendar[0].holidays[0]",
        "calendar[0].holidays[1]",
        "calendar[0].holidays[2]",
        "calendar[1].workdays",
        "calendar[1].workdays",
        "calendar[1].more",
        "calendar[1].year",
        "calendar[2].year",
        "calendar[2].source",
    ]


def test_the_announced_years_can_be_written_as_documents() -> None:
    written = {"calendar": [calendar_document(year) for year in ANNOUNCED]}
    years, faults = parse_calendar(written, "calendar.yaml")
    assert not faults
    assert tuple(years) == ANNOUNCED


def test_deadlines_are_read_strictly_and_go_over_those_that_are_built_in() -> None:
    wrong = {
        "deadlines": [
            {"code": "soon", "working_days": 1, "article": "x"},
            {"code": "delivery", "working_days": -1, "article": ""},
        ]
    }
    assert [fault.place for fault in parse_deadlines(wrong, "d")[1]] == [
        "deadlines[0].code",
        "deadlines[1].working_days",
        "deadlines[1].article",
    ]
    own = deadlines_of([{"code": "delivery", "working_days": 15, "article": "某条", "verified": True}])
    assert [(each.code, each.working_days, each.verified) for each in own.values()] == [
        ("reply_open", 1, False),
        ("reply_conditional", 10, False),
        ("delivery", 15, True),
    ]
