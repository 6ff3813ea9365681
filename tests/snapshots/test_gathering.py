from fractions import Fraction

import polars as pl
import pytest

from app.snapshots.exact_columns import NotRepresentableError
from app.snapshots.gathering import gather, restrict
from app.snapshots.parts import Parts
from tests.snapshots.catalogues import LAND, UNITS, dataset, element, row, values

HAZARDS = dataset(element("hazard_id", "code"), element("people", "integer", "人"), key=("hazard_id",))


def part(folder, rows, of=LAND, year=2025):
    return Parts(folder, 1 << 30).open(of, UNITS, year, 1, lambda: rows)


def test_years_come_together_over_one_scale(tmp_path):
    thirds = part(tmp_path, [row(1, 1, 2024, area={"n": "100", "u": "亩"})], year=2024)
    tenths = part(tmp_path, [row(2, 1, 2025, area={"n": "6.7"})])
    rows = gather([thirds, tenths], LAND, ["area"])
    assert rows.frame.columns == ["region", "period", "area"]
    assert rows.frame.schema["area"] == pl.Int64
    assert rows.frame.get_column("period").to_list() == [2024, 2025]
    assert rows.scale == {"area": 30}
    assert values(rows.frame, rows.scale, "area") == [Fraction(20, 3), Fraction("6.7")]


@pytest.mark.parametrize(("number", "kind"), [("9223372036854775.807", pl.Int64), ("9223372036854775.808", pl.Int128)])
def test_a_column_is_as_wide_as_the_years_together_need_and_never_wraps(tmp_path, number, kind):
    large = part(tmp_path, [row(1, 1, 2024, area={"n": number.replace(".", "")})], year=2024)
    small = part(tmp_path, [row(2, 1, 2025, area={"n": "-0.001"})])
    larger = part(tmp_path, [row(1, 1, 2023, area={"n": number})], year=2023)
    rows = gather([larger, small], LAND, ["area"])
    assert rows.frame.schema["area"] == kind
    assert values(rows.frame, rows.scale, "area") == [Fraction(number), Fraction("-0.001")]
    rows = gather([large, small], LAND, ["area"])
    assert rows.frame.schema["area"] == pl.Int128
    assert values(rows.frame, rows.scale, "area") == [Fraction(number) * 1000, Fraction("-0.001")]


def test_a_column_that_an_older_part_does_not_have_is_missing_there(tmp_path):
    older = part(tmp_path, [row(1, 1, 2024, people={"n": "3"})], dataset(element("people", "integer", "人")), 2024)
    newer = part(tmp_path, [row(2, 1, 2025, people={"n": "4"}, area={"n": "1.5"}, name={"t": "甲"})])
    rows = gather([older, newer], LAND, ["name", "area", "people", "since"])
    assert values(rows.frame, rows.scale, "area") == [None, Fraction(3, 2)]
    assert rows.frame.get_column("name").to_list() == [None, "甲"]
    assert rows.frame.schema["since"] == pl.Date


def test_without_parts_there_are_columns_but_no_rows():
    rows = gather([], HAZARDS, ["people"])
    assert dict(rows.frame.schema) == {
        "region": pl.Int32,
        "period": pl.Int32,
        "hazard_id": pl.String,
        "people": pl.Int128,
    }


def test_key_columns_come_along_and_only_once(tmp_path):
    held = part(tmp_path, [row(1, 1, 5, ("a",), people={"n": "3"})], HAZARDS)
    assert gather([held], HAZARDS, ["hazard_id", "people"]).frame.columns == ["region", "period", "hazard_id", "people"]


def test_years_that_cannot_share_a_scale_are_refused_and_not_wrapped(tmp_path):
    huge = part(tmp_path, [row(1, 1, 2024, area={"n": "9" * 37})], year=2024)
    fine = part(tmp_path, [row(2, 1, 2025, area={"n": "0.00001"})])
    with pytest.raises(NotRepresentableError, match=r"land\.area"):
        gather([huge, fine], LAND, ["area"])


def only_region(region):
    return lambda pairs: pairs.get_column("region") == region


@pytest.fixture
def three(tmp_path):
    rows = [
        row(1, 1, 2025, area={"n": "1.5"}, people={"n": "10"}),
        row(2, 2, 2025, area={"n": "2.5"}, people={"n": "20"}),
        row(3, 3, 2025, people={"n": "30"}),
    ]
    return gather([part(tmp_path, rows)], LAND, ["area", "people"])


def test_cells_that_are_not_covered_read_as_missing(three):
    cut = restrict(three, LAND, {"area": None, "people": only_region(2)})
    assert values(cut.frame, cut.scale, "area") == [Fraction(3, 2), Fraction(5, 2)]
    assert values(cut.frame, cut.scale, "people") == [None, 20]


def test_a_row_without_a_covered_value_is_not_there(three):
    cut = restrict(three, LAND, {"area": only_region(3), "people": only_region(2)})
    assert cut.frame.get_column("region").to_list() == [2]


def test_elements_that_are_not_named_are_gone_with_their_scale(three):
    cut = restrict(three, LAND, {"people": None})
    assert cut.frame.columns == ["region", "period", "people"]
    assert set(cut.scale) == {"people"}
    assert restrict(three, LAND, {}).frame.height == 0


def test_a_cover_that_does_not_know_covers_nothing(three):
    cut = restrict(three, LAND, {"people": lambda pairs: pl.Series([None, True, False], dtype=pl.Boolean)})
    assert cut.frame.get_column("region").to_list() == [2]


def test_a_covered_key_element_stands_for_its_row(tmp_path):
    rows = [row(1, 1, 5, ("a",), people={"n": "3"}), row(2, 2, 5, ("b",), people={"m": "无"})]
    held = gather([part(tmp_path, rows, HAZARDS)], HAZARDS, ["people"])
    assert restrict(held, HAZARDS, {"people": None}).frame.get_column("hazard_id").to_list() == ["a"]
    assert restrict(held, HAZARDS, {"hazard_id": None}).frame.get_column("hazard_id").to_list() == ["a", "b"]
    assert restrict(held, HAZARDS, {"hazard_id": only_region(2)}).frame.get_column("hazard_id").to_list() == ["b"]
