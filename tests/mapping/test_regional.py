import random
from datetime import date, timedelta

import polars as pl
import pytest

from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState
from app.mapping import regional

TODAY = date(2026, 11, 23)
TURN = date(2025, 1, 1)
# The codes of 1 and 2 change places on a day; 3 has no parent; 9 is not known at all.
REGIONS = RegionIndex(
    [
        RegionState(7, "4301", "市", "prefecture", None, None, None),
        RegionState(1, "430101", "甲", "county", 7, None, TURN - timedelta(days=1)),
        RegionState(1, "430102", "甲", "county", 7, TURN, None),
        RegionState(2, "430102", "乙", "county", 7, None, TURN - timedelta(days=1)),
        RegionState(2, "430101", "乙新", "county", 7, TURN, None),
        RegionState(3, "430099", "丙", "county", None, None, None),
    ],
    [],
)


def expected(points, frequency):
    def said(region, ordinal):
        state = REGIONS.state(region, Period(frequency, ordinal).end)
        if state is None:
            return None, None, None, None
        parent = None if state.parent_id is None else REGIONS.state(state.parent_id, TODAY).code
        return state.code, state.name, state.level, parent

    def place(point):
        code = said(*point[:2])[0]
        return (code is None, code or "", point[1], *point[2:], point[0])

    rows = sorted(points, key=place)
    return rows, [(*said(*row[:2]), str(Period(frequency, row[1]))) for row in rows]


@pytest.mark.parametrize("span", [10_000, 0], ids=["near", "far"])
@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(("frequency", "middle"), [("year", 2025), ("month", 12 * 2025), ("event", TURN.toordinal())])
def test_points_come_in_the_order_of_the_codes_of_their_day_with_what_is_said_of_them(
    monkeypatch, frequency, middle, keyed, span
):
    monkeypatch.setattr(regional, "_SPAN", span)
    chance = random.Random(f"{frequency}{keyed}")
    points = [
        (region, middle + step, *([key] if keyed else []))
        for region in (1, 2, 3, 9)
        for step in (-3, -1, 0, 2)
        for key in (("乙", "甲") if keyed else ("",))
    ]
    chance.shuffle(points)
    schema = {"region": pl.Int32, "period": pl.Int32, **({"key:k": pl.String} if keyed else {})}
    found = regional.in_order(pl.DataFrame(points, schema=schema, orient="row"), frequency, REGIONS, TODAY)
    rows, said = expected(points, frequency)
    assert found.points.rows() == rows
    assert [points[number] for number in found.order] == rows
    names = ("code", "name", "level", "parent", "written")
    assert list(zip(*(found.said(name).to_list() for name in names), strict=True)) == said


def test_of_no_points_nothing_is_said():
    empty = pl.DataFrame(schema={"region": pl.Int32, "period": pl.Int32})
    found = regional.in_order(empty, "month", REGIONS, TODAY)
    assert found.points.is_empty()
    assert [found.said(name).len() for name in ("code", "parent", "written")] == [0, 0, 0]
