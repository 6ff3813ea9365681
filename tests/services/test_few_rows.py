"""The few rows of a place and a time, found by the index, are those that a scan of the frame finds."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.model import Frequency
from app.catalogue.periods import PER_YEAR, Period
from app.catalogue.regions import RegionIndex, Succession
from app.services.coverage import region_expression
from app.services.few_rows import MOST_ROWS, PlaceIndex
from app.services.questions import period_expression, read_periods
from tests.mapping.test_reference import STATES

INDEX = RegionIndex(STATES, (Succession(date(2025, 5, 1), "merge", 13, 15),))
TODAY = date(2026, 1, 1)
IDS = sorted({state.region_id for state in STATES})
CODES = sorted({state.code for state in STATES})
PERIODS: dict[Frequency, list[str | None]] = {
    "month": ["2025", "2025-01", "2025-02..2025-07", "2024-11,2025-05", "2023"],
    "year": ["2025", "2024..2026", "2023,2025"],
    "once": [None],
}


def code_of(region: int, frequency: Frequency, period: int | None) -> str:
    day = TODAY if frequency == "once" or period is None else Period(frequency, period).end
    state = INDEX.state(region, day) or INDEX.history(region)[-1]
    return state.code


@st.composite
def frames(draw: st.DrawFn, frequency: Frequency) -> pl.DataFrame:
    """Rows of regions and periods in the order of a mapped frame, one or more of a list at some places."""
    ordinals: st.SearchStrategy[int | None] = st.none()
    if frequency != "once":
        ordinals = st.integers(2023 * PER_YEAR[frequency], 2027 * PER_YEAR[frequency] - 1)
    places = draw(st.lists(st.tuples(st.sampled_from(IDS), ordinals, st.integers(0, 2)), max_size=60, unique=True))
    rows = [(code_of(region, frequency, period), period, str(key), region) for region, period, key in places]
    rows.sort(key=lambda row: (row[0], -1 if row[1] is None else row[1], row[2]))
    schema = {"code": pl.String, "period": pl.Int32, "key:k": pl.String, "region": pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row").select("region", "code", "period", "key:k")


@pytest.mark.parametrize("frequency", list(PERIODS))
@given(data=st.data())
def test_a_look_into_the_index_finds_what_a_scan_finds(frequency, data):
    frame = data.draw(frames(frequency))
    codes = data.draw(st.lists(st.sampled_from([*CODES, "99"]), min_size=1, max_size=3))
    spans = read_periods(data.draw(st.sampled_from([None, *PERIODS[frequency]])), frequency)
    places_by = data.draw(st.sampled_from([frequency, "once"]))  # by periods, or all under the regions of today

    scanned = frame if spans is None else frame.filter(period_expression(spans))
    scanned = scanned.filter(region_expression(codes, scanned, places_by, INDEX, TODAY))
    index = PlaceIndex(frame)
    found = index.rows(codes, spans, places_by, INDEX, TODAY)

    assert found is not None
    assert index.taken(found).equals(scanned)


def test_a_question_for_many_rows_is_left_to_the_scan():
    months = range(2020 * 12, 2020 * 12 + MOST_ROWS + 1)
    frame = pl.DataFrame({"region": 11, "code": "4101", "period": months}, schema_overrides={"region": pl.Int32})
    frame = frame.with_columns(pl.col("period").cast(pl.Int32))
    index = PlaceIndex(frame)
    assert index.rows(["4101"], None, "month", INDEX, TODAY) is None
    assert index.rows(["4101"], read_periods("2021-03", "month"), "month", INDEX, TODAY) == [(14, 15)]
    assert index.rows(["41"] * 65, read_periods("2021-03", "month"), "month", INDEX, TODAY) is None
