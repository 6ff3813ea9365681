from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.intake import Reading, compare, read_json_rows
from tests.intake.county import DISASTERS, FISCAL, HAZARDS, IDS, LAND, PROFILE, context, errors, values

CHANGAN, TAOKUANG = "430682001", "430682003"


def faults(reading: Reading) -> list[tuple[str, int | None, str | None]]:
    assert all(f.sheet is None and f.column is None and f.cell is None for f in reading.findings)
    return [(f.code, f.row, f.element) for f in reading.findings if f.severity == "error"]


def test_rows_are_keyed_by_element_code_with_region_and_period() -> None:
    reading = read_json_rows([{"region": CHANGAN, "period": "2025", "resident_population": 8000}], context(period=None))
    assert faults(reading) == []
    assert values(reading) == {CHANGAN: {"resident_population": 8000}}
    assert str(reading.rows[0].period) == "2025"


def test_numbers_are_exact_in_every_form() -> None:
    given = context(LAND)
    rows: list[Any] = [
        {
            "region": CHANGAN,
            "cultivated_land_area": 0.1,
            "paddy_area": Decimal("0.10000000000000001"),
            "dry_land_area": "1,234.5",
        },
        {
            "region": TAOKUANG,
            "cultivated_land_area": {"value": 100, "unit": "亩"},
            "paddy_area": {"value": Decimal("1E+2")},
            "dry_land_area": None,
        },
    ]
    found = values(read_json_rows(rows, given), LAND)
    assert found[CHANGAN] == {
        "cultivated_land_area": Fraction(1, 10), "paddy_area": Fraction("0.10000000000000001"), "dry_land_area": Fraction("1234.5"),
    }  # fmt: skip
    assert found[TAOKUANG] == {"cultivated_land_area": Fraction(20, 3), "paddy_area": 100, "dry_land_area": None}


def test_missing_values_may_say_why() -> None:
    reading = read_json_rows(
        [{"region": CHANGAN, "resident_population": {"missing": "too_small"}, "registered_population": None}], context()
    )
    assert reading.rows[0].values["resident_population"].missing == "too_small"
    assert reading.rows[0].values["registered_population"].missing is None
    assert faults(read_json_rows([{"region": CHANGAN, "resident_population": {"missing": "lost"}}], context())) == [
        ("bad_row", 0, "resident_population")
    ]


def test_booleans_codes_dates_and_long_numbers() -> None:
    row = {
        "region": CHANGAN,
        "is_county_seat": True,
        "terrain": "山区",
        "founded": "2024年3月5日",
        "credit_code": 914306827000000012,
    }
    reading = read_json_rows([row], context(PROFILE))
    assert faults(reading) == []
    found = reading.rows[0].values
    assert (found["is_county_seat"].flag, found["terrain"].text, found["founded"].text) == (True, "03", "2024-03-05")
    assert found["credit_code"].text == "914306827000000012"


def test_every_fault_has_the_index_of_its_row_and_the_element() -> None:
    rows: list[Any] = [
        {"region": CHANGAN, "resident_population": "约一千", "colour": "红"},
        {"region": "999", "resident_population": True},
        "no object",
        {"resident_population": 1},
        {"region": CHANGAN, "resident_population": -1},
        {"region": TAOKUANG, "period": "2024", "resident_population": [1]},
        {"region": "430682", "resident_population": {"value": 1, "unit": "斛"}},
        {"region": 1.5},
        {"region": "430682005", "resident_population": {"value": 1, "scale": 2}},
    ]
    assert faults(read_json_rows(rows, context())) == [
        ("approximate", 0, "resident_population"), ("unknown_element", 0, "colour"), ("unknown_region", 1, None),
        ("not_a_number", 1, "resident_population"), ("bad_row", 2, None), ("missing_region", 3, None), ("out_of_range", 4, "resident_population"),
        ("duplicate_record", 4, None), ("other_period", 5, None), ("bad_row", 5, "resident_population"), ("wrong_level", 6, None),
        ("unknown_unit", 6, "resident_population"), ("unknown_region", 7, None), ("bad_row", 8, "resident_population"),
    ]  # fmt: skip


def test_regions_by_name_and_of_the_caller() -> None:
    assert list(values(read_json_rows([{"region": "长安街道办事处", "resident_population": 1}], context()))) == [
        CHANGAN
    ]
    assert list(values(read_json_rows([{"resident_population": 1}], context(root=IDS[CHANGAN])))) == [CHANGAN]


def test_keys_of_lists_and_dates_of_events() -> None:
    reading = read_json_rows(
        [{"region": CHANGAN, "hazard_id": 7, "threatened": 1}, {"region": CHANGAN, "threatened": 1}], context(HAZARDS)
    )
    assert [row.key for row in reading.rows] == [("7",)]
    assert faults(reading) == [("missing_key", 1, "hazard_id")]
    reading = read_json_rows([{"region": CHANGAN, "period": "2025-07-02", "affected": 1}], context(DISASTERS, None))
    assert str(reading.rows[0].period) == "2025-07-02"
    assert faults(read_json_rows([{"region": CHANGAN, "tax": 1}], context(FISCAL, None))) == [
        ("missing_period", 0, None)
    ]


def test_a_failed_check_is_named_at_every_element_the_row_has() -> None:
    rows = [
        {"region": CHANGAN, "resident_population": 10, "population_male": 5, "population_female": 4},
        {"region": TAOKUANG, "population_male": 5},
    ]
    changes = compare(read_json_rows(rows, context()), {}, context())
    assert [(f.code, f.row, f.element, f.cell) for f in changes.findings] == [
        ("check_failed", 0, "population_male", None), ("check_failed", 0, "population_female", None), ("check_failed", 0, "resident_population", None),
        ("required", 1, "resident_population", None),
    ]  # fmt: skip
    assert errors(changes.findings)


def test_numbers_beyond_all_measure_are_refused_at_once() -> None:
    rows: list[Any] = [
        {"region": CHANGAN, "cultivated_land_area": Decimal(text)}
        for text in ("1E+999999", "1E-999999", "NaN", "Infinity")
    ]
    found = [code for code, _, element in faults(read_json_rows(rows, context(LAND))) if element]
    assert found == ["too_large_number", "too_large_number", "not_a_number", "not_a_number"]
