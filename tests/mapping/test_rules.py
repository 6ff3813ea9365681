from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.mapping.rules import Rule, compile_rule
from tests.mapping.world import catalogue, dataset, element

POPULATION = dataset(
    "population",
    "year",
    element("total", unit="人"),
    element("male", unit="人"),
    element("female", unit="人"),
    element("households", unit="户"),
    element("area", "decimal", unit="公顷"),
    element("paddy", "decimal", unit="亩"),
    element("rate", "decimal", "ratio", "%"),
    element("name", "text", "attribute"),
    element("seat", "boolean", "attribute"),
    element("since", "date", "attribute"),
)
KNOWN = catalogue(POPULATION, dataset("land", "year", element("area", unit="亩")))


def rule(text: str) -> Rule:
    found, faults = compile_rule(text, POPULATION, KNOWN)
    assert found is not None, [str(fault) for fault in faults]
    return found


def holds(text: str, **values: Any) -> bool | None:
    return rule(text).holds(values)


def test_the_contracts_check() -> None:
    check = rule("male + female == total")
    assert check.elements == ("male", "female", "total")
    assert check.holds({"male": Fraction(10), "female": Fraction(11), "total": Fraction(21)}) is True
    assert check.holds({"male": Fraction(10), "female": Fraction(11), "total": Fraction(22)}) is False


@pytest.mark.parametrize("values", [{}, {"male": Fraction(1), "female": None, "total": Fraction(1)}])
def test_a_missing_operand_lets_it_pass(values: dict[str, Any]) -> None:
    assert rule("male + female == total").holds(values) is None


def test_figures_in_different_units_are_compared_exactly() -> None:
    assert holds("paddy <= area", paddy=Fraction(15), area=Fraction(1)) is True
    assert holds("paddy <= area", paddy=Fraction(15001, 1000), area=Fraction(1)) is False
    assert holds("area == paddy", area=Fraction(20, 3), paddy=Fraction(100)) is True


def test_households_may_be_compared_with_people() -> None:
    assert holds("households <= total", households=Fraction(3), total=Fraction(2)) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 <= rate <= 100", True),
        ("rate > 93 and rate < 94", True),
        ("rate == male / total * 100", True),
        ("rate == round(male / total * 100, 1)", True),
        ("rate / 100 == male / total", False),
        ("not (rate > 90) or seat", True),
        ("if(seat, total > 0, total == 0)", True),
        ("since >= '2020-01-01'", True),
        ("name == '东镇'", True),
        ("name != '东镇'", False),
        ("population.total == total", True),
        ("coalesce(paddy, 0) >= 0", True),
        ("abs(male - female) < total", True),
        ("total / (male - male) > 1", None),
    ],
)
def test_checks_as_they_are_written(text: str, expected: bool | None) -> None:
    values: dict[str, Any] = {
        "rate": Fraction("93.5"),
        "male": Fraction(935),
        "female": Fraction(65),
        "total": Fraction(1000),
        "seat": True,
        "since": date(2020, 1, 1),
        "name": "东镇",
    }
    assert rule(text).holds(values) is expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("male + female", "成立"),
        ("1 == 1", "没有用到"),
        ("nothing == 1", "没有元素"),
        ("land.area > 1", "没有用到"),
        ("land.nothing == total", "没有元素"),
        ("previous(total) <= total", "一条记录"),
        ("total + area > 0", "量纲"),
        ("total >", "缺少"),
        ("total = 1", "=="),
    ],
)
def test_what_is_no_check_is_refused(text: str, word: str) -> None:
    found, faults = compile_rule(text, POPULATION, KNOWN, "population.yaml", "checks[0].rule")
    assert found is None
    assert word in faults[0].message
    assert (faults[0].file, faults[0].place) == ("population.yaml", "checks[0].rule")


def test_every_fault_of_a_check_is_told() -> None:
    _, faults = compile_rule("nothing + nobody == name", POPULATION, KNOWN)
    assert len(faults) == 2
