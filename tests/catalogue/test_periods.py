from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.model import FREQUENCIES
from app.catalogue.periods import Period, convert_ordinals, end_date_column, end_dates, ordinals_between

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
FREQUENCY = st.sampled_from(FREQUENCIES)


@pytest.mark.parametrize(
    ("text", "frequency", "ordinal", "start", "end"),
    [
        ("2025", "year", 2025, date(2025, 1, 1), date(2025, 12, 31)),
        ("2025-H1", "half", 4050, date(2025, 1, 1), date(2025, 6, 30)),
        ("2025-H2", "half", 4051, date(2025, 7, 1), date(2025, 12, 31)),
        ("2025-Q3", "quarter", 8102, date(2025, 7, 1), date(2025, 9, 30)),
        ("2024-02", "month", 24289, date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-12", "month", 24311, date(2025, 12, 1), date(2025, 12, 31)),
        ("2025-03-17", "event", 739327, date(2025, 3, 17), date(2025, 3, 17)),
    ],
)
def test_a_period_is_read_and_knows_its_days(text, frequency, ordinal, start, end):
    period = Period.parse(text)
    assert (period.frequency, period.ordinal, period.start, period.end) == (frequency, ordinal, start, end)
    assert period.year == start.year
    assert str(period) == text
    assert end_dates(frequency, ordinal) == end


@pytest.mark.parametrize(
    "text",
    ["", " 2025", "2025 ", "25", "20255", "2025-13", "2025-0", "2025-3", "2025-H3", "2025-Q5", "2025-q1", "2025年", "2025-02-30",
     "2025-2-3", "２０２５", "2025/03", "0025", "2025-H1-1"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="not a period"):
        Period.parse(text)


def test_a_period_of_another_frequency_is_refused_where_one_is_asked_for():
    with pytest.raises(ValueError, match="2025-03"):
        Period.parse("2025", "month")
    assert Period.parse("", "once") == Period("once", 0)
    with pytest.raises(ValueError, match="没有期间"):
        Period.parse("2025", "once")


@given(DAYS, FREQUENCY)
def test_the_period_of_a_day_holds_it_and_reads_back(day, frequency):
    period = Period.of(day, frequency)
    assert period.start <= day <= period.end
    assert Period.parse(str(period), frequency) == period


@given(DAYS, st.sampled_from(FREQUENCIES[1:]))
def test_periods_follow_each_other_without_gap(day, frequency):
    period = Period.of(day, frequency)
    assert period.previous().end + timedelta(days=1) == period.start


@given(DAYS, FREQUENCY, FREQUENCY)
def test_the_containing_period_holds_the_whole_of_the_finer_one(day, fine, coarse):
    period = Period.of(day, fine)
    if FREQUENCIES.index(coarse) > FREQUENCIES.index(fine):
        with pytest.raises(ValueError, match="finer"):
            period.containing(coarse)
    else:
        assert period.containing(coarse) == Period.of(day, coarse)
        assert period.within(period.containing(coarse))


@given(DAYS, st.sampled_from(FREQUENCIES[1:]))
def test_last_year_is_the_same_part_of_the_year_before(day, frequency):
    before = Period.of(day, frequency).last_year()
    assert before.year == day.year - 1
    assert before.start.month == Period.of(day, frequency).start.month


def test_the_leap_day_looks_back_to_the_twenty_eighth():
    assert str(Period.parse("2024-02-29").last_year()) == "2023-02-28"


def test_without_periods_there_is_none_before():
    with pytest.raises(ValueError, match="none before"):
        Period("once", 0).previous()
    with pytest.raises(ValueError, match="none before"):
        Period("once", 0).last_year()
    assert Period("once", 0).end == date.max


@given(st.lists(DAYS, min_size=1, max_size=20), FREQUENCY, FREQUENCY)
def test_whole_columns_convert_as_single_periods_do(days, fine, coarse):
    if FREQUENCIES.index(coarse) > FREQUENCIES.index(fine):
        return
    periods = [Period.of(day, fine) for day in days]
    frame = pl.DataFrame({"period": [*(p.ordinal for p in periods), None]}, schema={"period": pl.Int32})
    out = frame.select(
        coarse=convert_ordinals(pl.col("period"), fine, coarse), end=end_date_column(pl.col("period"), fine)
    )
    assert out["coarse"].to_list() == [*(p.containing(coarse).ordinal for p in periods), None]
    assert out["end"].to_list() == [*(p.end for p in periods), None]
    assert out["coarse"].dtype == pl.Int32


def test_a_column_does_not_convert_to_a_finer_frequency():
    with pytest.raises(ValueError, match="finer"):
        convert_ordinals(pl.col("period"), "year", "month")


@given(DAYS, DAYS, DAYS, FREQUENCY)
def test_the_ordinals_between_two_days_are_those_of_the_periods_wholly_inside(first, last, day, frequency):
    low, high = ordinals_between(first, last, frequency)
    period = Period.of(day, frequency)
    if frequency == "once":
        assert (low, high) == (None, None)
    else:
        assert low is not None
        assert high is not None
        assert (low <= period.ordinal <= high) == (first <= period.start and period.end <= last)
