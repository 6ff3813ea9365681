"""The worked values of the domain notes, to the last digit."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.mapping.world import EAST, catalogue, dataset, element, mapped, values, view

KNOWN = catalogue(
    dataset(
        "d",
        "year",
        element("area", "decimal", unit="公顷", decimals=1),
        element("money", "decimal", measure="flow", unit="万元", decimals=2),
        element("grain", "decimal", measure="flow", unit="吨", decimals=1),
        element("yield_", "decimal", measure="ratio", unit="公斤/公顷"),
        element("people", unit="人"),
        element("rate", "decimal", measure="ratio", unit="%", decimals=1),
        element("length", "decimal", unit="公里", decimals=1),
        element("water", "decimal", unit="立方米", decimals=1),
    )
)


@pytest.mark.parametrize(
    ("code", "given", "unit", "decimals", "expected"),
    [
        ("area", "1234.5", "亩", 1, "18517.5"),
        ("area", "1234.5", "万亩", 5, "1.85175"),
        ("area", "1234.5", "平方公里", 3, "12.345"),
        ("money", "1234.56", "元", 0, "12345600"),
        ("money", "1234.56", "亿元", 6, "0.123456"),
        ("grain", "12345.6", "万公斤", 2, "1234.56"),
        ("grain", "12345.6", "万斤", 2, "2469.12"),
        ("yield_", "6750", "公斤/亩", 0, "450"),
        ("yield_", "6750", "斤/亩", 0, "900"),
        ("people", "32458", "万人", 4, "3.2458"),
        ("people", "32458", "万人", 2, "3.25"),
        ("area", Fraction(20, 3), "亩", 0, "100"),
        ("area", Fraction(20, 3), None, 1, "6.7"),
        ("area", "100.5", "公顷", 1, "100.5"),
        ("rate", "93.5", "‰", 0, "935"),
        ("rate", "93.5", None, 1, "93.5"),
        ("length", "1.5", "米", 0, "1500"),
        ("length", "1.5", "华里", 0, "3"),
        ("water", "12.5", "吨水", 1, "12.5"),
    ],
)
def test_a_figure_is_converted_exactly(code: str, given: Any, unit: str | None, decimals: int, expected: str) -> None:
    document = view({"name": "x", "from": f"d.{code}", "decimals": decimals} | ({"unit": unit} if unit else {}))
    result = mapped(document, KNOWN, {"d": [{"region": EAST, "period": "2025", code: given}]})
    assert values(result) == [Fraction(expected)]


def test_a_hundred_mu_comes_back_as_a_hundred_mu_and_not_as_what_was_shown() -> None:
    document = view(
        {"name": "x", "from": "d.area", "unit": "亩", "decimals": 4},
        {"name": "公顷", "from": "d.area", "decimals": 1},
    )
    result = mapped(document, KNOWN, {"d": [{"region": EAST, "period": "2025", "area": Fraction(20, 3)}]})
    assert values(result) == [100]
    assert values(result, "公顷") == [Fraction("6.7")]


@pytest.mark.parametrize(
    ("given", "rounding", "expected"),
    [
        ("0.5", "half_up", 1),
        ("-0.5", "half_up", -1),
        ("2.5", "half_up", 3),
        ("-2.5", "half_up", -3),
        ("-2.4", "half_up", -2),
        ("-2.6", "half_up", -3),
        ("0.5", "half_even", 0),
        ("-0.5", "half_even", 0),
        ("1.5", "half_even", 2),
        ("-1.5", "half_even", -2),
        ("-2.5", "half_even", -2),
        (Fraction(-7, 3), "half_up", -2),
        (Fraction(-8, 3), "half_even", -3),
    ],
)
def test_a_half_is_rounded_as_the_field_says(given: Any, rounding: str, expected: int) -> None:
    document = view({"name": "x", "from": "d.money", "decimals": 0, "rounding": rounding})
    result = mapped(document, KNOWN, {"d": [{"region": EAST, "period": "2025", "money": given}]})
    assert values(result) == [expected]


def test_the_contracts_own_quotient() -> None:
    document = view({"name": "x", "expr": "to(d.area, '亩') / d.people", "decimals": 3})
    record = {"region": EAST, "period": "2025", "area": "1234.5", "people": 32458}
    assert values(mapped(document, KNOWN, {"d": [record]})) == [Fraction("0.571")]  # 18517.5 / 32458 = 0.57050…


@pytest.mark.parametrize(
    ("expr", "unit", "expected"),
    [
        ("d.people / d.people", "%", 100),
        ("d.people / d.people * 100", "%", 100),
        ("100 * d.people / d.people", "%", 100),
        ("d.people / d.people * 1000", "‰", 1000),
        ("d.people / d.people * 100", None, 100),
        ("d.people / d.people * 100", "‰", 1000),
        ("to(d.people / d.people, '%')", None, 100),
        ("d.rate + 1", "%", Fraction("94.5")),
        ("d.rate * d.people", "人", 935),
        ("d.rate - d.people / d.people * 100", None, Fraction("-6.5")),
    ],
)
def test_a_percentage_may_be_written_either_way(expr: str, unit: str | None, expected: Any) -> None:
    document = view({"name": "x", "expr": expr, "decimals": 2} | ({"unit": unit} if unit else {}))
    record = {"region": EAST, "period": "2025", "people": 1000, "rate": "93.5"}
    assert values(mapped(document, KNOWN, {"d": [record]})) == [expected]
