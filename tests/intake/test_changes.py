from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from app.catalogue.values import Reported, canonical
from app.intake import ChangeSet, HeldRecord, compare, read_json_rows
from tests.intake.county import CATALOGUE, IDS, LAND, POPULATION, context, errors, held_as, read_table, warnings

CHANGAN = "430682001"
KEY = (IDS[CHANGAN], 2025, ())


def number(value: str, unit: str | None = None) -> Reported:
    return Reported(number=Decimal(value), unit=unit)


def held(**values: Reported) -> Mapping[Any, HeldRecord]:
    return {KEY: HeldRecord(values)}


def submit(row: dict[str, Any], before: Mapping[Any, HeldRecord], of: Any = POPULATION) -> ChangeSet:
    given = context(of)
    return compare(read_json_rows([{"region": CHANGAN, **row}], given), before, given)


def test_a_partial_row_keeps_the_rest() -> None:
    changes = submit(
        {"registered_population": 9},
        held(resident_population=number("8000", "人"), registered_population=number("1", "人")),
    )
    (change,) = changes.changed
    assert {code: str(value.number) for code, value in change.values.items()} == {
        "resident_population": "8000",
        "registered_population": "9",
    }
    assert change.changed == {"registered_population"}


def test_an_empty_cell_says_missing() -> None:
    changes = submit(
        {"registered_population": None}, held(resident_population=number("8000"), registered_population=number("1"))
    )
    assert changes.changed[0].values["registered_population"] == Reported()


def test_the_same_again_is_unchanged() -> None:
    reading = read_table(
        ["乡镇", "常住人口", "户籍人口", "户籍户数"], ["长安街道", 8000, "不详", None], ["桃矿街道", 8731, 1, 2]
    )
    changes = compare(reading, held_as(reading), context())
    assert (len(changes.new), len(changes.changed), len(changes.unchanged)) == (0, 0, 2)
    assert changes.counts == {"rows": 2, "new": 0, "changed": 0, "unchanged": 2}


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"value": Decimal("6.7"), "unit": "公顷"}, "unchanged"),  # what is shown of 100 亩
        ({"value": 100, "unit": "亩"}, "unchanged"),
        ({"value": Decimal("0.01"), "unit": "万亩"}, "unchanged"),
        (Decimal("6.70"), "unchanged"),
        (Decimal("6.66"), "changed"),
        (Decimal("6.8"), "changed"),
        ({"value": Decimal("100.5"), "unit": "亩"}, "unchanged"),  # 6.7 公顷 in another unit is still what is shown
    ],
)
def test_a_cell_equal_to_what_is_shown_leaves_the_exact_value(given: Any, outcome: str) -> None:
    changes = submit({"cultivated_land_area": given}, held(cultivated_land_area=number("100", "亩")), LAND)
    assert outcome == ("changed" if changes.changed else "unchanged")
    if outcome == "changed":
        value = changes.changed[0].values["cultivated_land_area"]
        assert canonical(value, LAND.by_code["cultivated_land_area"], CATALOGUE.units) == Fraction(given)


def test_an_unchanged_cell_beside_a_changed_one_keeps_its_exact_value() -> None:
    before = held(cultivated_land_area=number("100", "亩"), paddy_area=number("1", "公顷"))
    changes = submit({"cultivated_land_area": Decimal("6.7"), "paddy_area": 2}, before, LAND)
    (change,) = changes.changed
    assert (change.values["cultivated_land_area"].number, change.values["cultivated_land_area"].unit) == (
        Decimal(100),
        "亩",
    )
    assert change.changed == {"paddy_area"}


def test_another_reason_for_a_missing_figure_is_a_change() -> None:
    before = held(resident_population=number("1"), registered_population=Reported(missing="unknown"))
    assert submit({"registered_population": {"missing": "unknown"}}, before).unchanged
    assert submit({"registered_population": {"missing": "too_small"}}, before).changed
    assert submit({"registered_population": None}, before).changed
    assert submit({"registered_households": None}, before).unchanged, "nothing was held of it, and nothing is said"


def test_a_withdrawn_record_counts_as_not_held() -> None:
    before = {KEY: HeldRecord({"resident_population": number("8000")}, withdrawn=True)}
    changes = submit({"resident_population": 8000}, before)
    assert len(changes.new) == 1


def test_required_is_judged_on_the_record_as_it_would_be_held() -> None:
    assert errors(submit({"registered_population": 1}, {}).findings) == [("required", "0")]
    assert errors(submit({"registered_population": 1}, held(resident_population=number("1"))).findings) == []
    assert errors(submit({"resident_population": None}, held(resident_population=number("1"))).findings) == [
        ("required", "0")
    ]


def test_a_required_column_that_is_not_there_is_one_finding() -> None:
    reading = read_table(["乡镇", "户籍人口"], ["长安街道", 1], ["桃矿街道", 2])
    changes = compare(reading, {}, context())
    (finding,) = [f for f in changes.findings if f.severity == "error"]
    assert (finding.code, finding.element, finding.row, finding.cell) == ("required", "resident_population", 2, None)
    assert "2条" in finding.message


def test_a_required_cell_left_blank_is_named_at_the_cell() -> None:
    reading = read_table(["乡镇", "常住人口", "户籍人口"], ["长安街道", None, 1])
    assert errors(compare(reading, {}, context()).findings) == [("required", "B2")]


def test_checks_see_what_is_held_beside_what_is_given() -> None:
    before = held(resident_population=number("10"), population_male=number("6"), population_female=number("4"))
    changes = submit({"population_male": 5}, before)
    assert [(f.code, f.element) for f in changes.findings] == [("check_failed", "population_male")]
    assert "男女人数之和" in changes.findings[0].message
    assert not changes.acceptable


def test_a_check_with_a_missing_operand_passes() -> None:
    assert submit({"resident_population": 10, "population_male": 6, "population_female": None}, {}).acceptable
    assert submit({"resident_population": 10, "population_male": 6}, {}).acceptable


def test_a_check_is_exact_across_units_and_keeps_its_own_severity() -> None:
    exact = {
        "cultivated_land_area": 20,
        "paddy_area": {"value": 100, "unit": "亩"},
        "dry_land_area": {"value": 200, "unit": "亩"},
    }
    assert submit(exact, {}, LAND).findings == []
    changes = submit({**exact, "dry_land_area": {"value": Decimal("200.000001"), "unit": "亩"}}, {}, LAND)
    assert warnings(changes.findings) == ["check_failed"] * 3
    assert changes.acceptable


def test_a_cell_at_fault_does_not_fail_the_checks_as_well() -> None:
    before = held(resident_population=number("10"), population_male=number("6"), population_female=number("4"))
    changes = submit({"resident_population": "约十", "population_male": 5}, before)
    assert [(f.code, f.element) for f in changes.findings] == [("approximate", "resident_population")]


def test_counts_keep_the_conservation_law() -> None:
    reading = read_table(
        ["乡镇", "常住人口"], ["长安街道", 1], ["桃矿街道", 2], ["无此镇", 3], ["合计", 3], ["忠防镇", 4]
    )
    before: dict[Any, HeldRecord] = {
        (IDS[CHANGAN], 2025, ()): HeldRecord({"resident_population": number("1")}),
        (IDS["430682003"], 2025, ()): HeldRecord({"resident_population": number("9")}),
    }
    changes = compare(reading, before, context())
    assert (len(changes.new), len(changes.changed), len(changes.unchanged), changes.refused, changes.passed_over) == (
        1,
        1,
        1,
        1,
        1,
    )
    assert changes.counts["rows"] == 4


def test_an_empty_cell_is_kept_the_same_whether_or_not_its_record_was_there() -> None:
    row = {"resident_population": 5, "registered_population": None}
    fresh = submit(row, {}).new[0]
    there = submit(row, held(population_male=number("1"))).changed[0]
    assert "registered_population" not in fresh.values
    assert "registered_population" not in there.values
