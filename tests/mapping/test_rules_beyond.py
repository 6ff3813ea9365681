"""Checks that look beyond their record: other datasets of the same region, the sum of the regions below, tolerances."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from app.catalogue.model import Dataset
from app.mapping.rules import Rule, compile_rule
from tests.mapping.world import catalogue, dataset, element

PEOPLE = dataset("people", "year", element("total", unit="人"), element("area", "decimal", unit="公顷"))


def of_level(of: Dataset, level: Any, **more: Any) -> Dataset:
    return replace(of, level=level, **more)


LAND = dataset("land", "year", element("area", "decimal", unit="亩"))
VILLAGES = of_level(
    dataset("villages", "year", element("total", unit="人"), element("rate", "decimal", "ratio", "%")), "village"
)
HIDDEN = dataset("hidden", "year", element("total", unit="人"))
HIDDEN = replace(HIDDEN, elements=tuple(replace(e, sharing="closed") for e in HIDDEN.elements))
MONTHS = dataset("months", "month", element("total", unit="人"))
ONCE = dataset("profile", "once", element("total", unit="人"))
COUNTY = of_level(dataset("county", "year", element("total", unit="人")), "county")
LIST = dataset("wells", "year", element("number", "text", "attribute"), element("total", unit="人"), key=("number",))
KNOWN = catalogue(PEOPLE, LAND, VILLAGES, HIDDEN, MONTHS, ONCE, COUNTY, LIST)


def rule(text: str, tolerance: str | None = None) -> Rule:
    found, faults = compile_rule(text, PEOPLE, KNOWN, tolerance=tolerance)
    assert found is not None, [str(fault) for fault in faults]
    return found


def test_an_element_of_another_dataset_is_compared_in_its_own_unit() -> None:
    check = rule("area >= land.area")
    (other,) = check.beyond
    assert (other.element.path, other.summed) == ("land.area", False)
    assert check.elements == ("area",)
    assert check.holds({"area": Fraction(1), other.name: Fraction(15)}) is True
    assert check.holds({"area": Fraction(1), other.name: Fraction(16)}) is False
    assert check.holds({"area": Fraction(1), other.name: None}) is None


def test_the_sum_of_the_regions_below_is_a_figure_like_any_other() -> None:
    check = rule("total == sum_below(villages.total)")
    (other,) = check.beyond
    assert other.summed
    assert check.holds({"total": Fraction(5), other.name: Fraction(5)}) is True
    assert check.holds({"total": Fraction(5), other.name: Fraction(6)}) is False
    assert check.holds({"total": Fraction(5)}) is None


def test_an_element_and_the_sum_of_the_same_one_are_two_figures() -> None:
    check = rule("total == sum_below(villages.total) or total == profile.total")
    assert [item.summed for item in check.beyond] == [True, False]
    assert len({item.name for item in check.beyond}) == 2


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("total == hidden.total", "不予共享"),
        ("total == months.total", "频度"),
        ("total == villages.total", "sum_below(villages.total)"),
        ("total == county.total", "层级"),
        ("total == sum_below(county.total)", "之下"),
        ("total == sum_below(land.area)", "之下"),
        ("total == sum_below(people.total)", "另一数据集"),
        ("area == sum_below(villages.rate)", "不能相加"),
        ("total == wells.total", "多条记录"),
        ("total == sum_below(1)", "一个数据项"),
        ("total == sum_below(villages.total, land.area)", "一个数据项"),
        ("total == sum_below(villages.nobody)", "没有元素"),
        ("total == land.area", "量纲"),
        ("land.area > 1", "本数据集"),
    ],
)
def test_what_cannot_stand_beside_a_record_is_refused_with_the_reason(text: str, word: str) -> None:
    found, faults = compile_rule(text, PEOPLE, KNOWN)
    assert found is None
    assert word in faults[0].message


@pytest.mark.parametrize(
    ("text", "tolerance", "total", "other", "expected"),
    [
        ("total == profile.total", "0.5%", 1000, 995, True),
        ("total == profile.total", "0.5%", 1000, 994, False),
        ("total == profile.total", "2", 1000, 998, True),
        ("total == profile.total", "2", 1000, 997, False),
        ("total <= profile.total", "2", 1002, 1000, True),
        ("total <= profile.total", "2", 1003, 1000, False),
        ("total < profile.total", "2", 999, 1000, False),
        ("total < profile.total", "2", 997, 1000, True),
        ("total != profile.total", "2", 999, 1000, False),
        ("total >= profile.total", "0.1%", 999, 1000, True),
        ("total == profile.total", None, 1000, 999, False),
    ],
)
def test_a_tolerance_takes_for_equal_what_rounding_parts(
    text: str, tolerance: str | None, total: int, other: int, expected: bool
) -> None:
    check = rule(text, tolerance)
    assert check.holds({"total": Fraction(total), check.beyond[0].name: Fraction(other)}) is expected


def test_a_tolerance_in_a_number_is_in_the_unit_of_the_left_side() -> None:
    check = rule("area == land.area", "1")
    name = check.beyond[0].name
    assert check.holds({"area": Fraction(10), name: Fraction(15 * 11)}) is True
    assert check.holds({"area": Fraction(10), name: Fraction(15 * 11 + 1)}) is False
