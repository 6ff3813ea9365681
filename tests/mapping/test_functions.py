"""The tables of functions and operators: what they say of themselves is true."""

from __future__ import annotations

from typing import Any

import pytest

from app.mapping.functions import FUNCTIONS, OPERATORS, Function
from app.mapping.syntax import Applied, parse_expression
from tests.mapping.world import EAST, catalogue, dataset, element, mapped, values, view

CONTRACTED = {"if", "coalesce", "round", "abs", "min", "max", "to", "previous", "last_year", "ytd"}


def test_the_functions_are_those_of_the_contract() -> None:
    assert set(FUNCTIONS) == CONTRACTED


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_a_function_describes_itself_with_an_example_that_can_be_read(function: Function) -> None:
    assert function.description
    assert function.description_en
    assert f"{function.name}(" in function.example
    parse_expression(function.example)
    assert all(
        isinstance(parse_expression(part), Applied) for part in function.signature.replace("…", "c").split(" · ")
    )


def test_operators_describe_themselves_with_an_example_that_can_be_read() -> None:
    for operator in OPERATORS:
        assert any(sign in operator.example for sign in operator.sign.split())
        parse_expression(operator.example)


KNOWN = catalogue(
    dataset(
        "d",
        "year",
        element("a"),
        element("b"),
        element("gone"),
        element("yes", "boolean", "attribute"),
        element("no", "boolean", "attribute"),
        element("unsaid", "boolean", "attribute"),
        element("t", "text", "attribute"),
    )
)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("if(d.yes, d.a, d.gone)", 7),
        ("if(d.no, d.a, d.gone)", None),
        ("if(d.unsaid, 1, 2)", None),
        ("coalesce(d.gone, d.b, d.a)", -2),
        ("coalesce(d.gone)", None),
        ("min(d.a, d.b, 3)", -2),
        ("max(d.a, d.gone)", None),
        ("abs(d.b)", 2),
        ("round(d.a / 2)", 4),
        ("round(d.b / 4)", -1),
        ("round(d.a * 10, -2)", 100),
        ("round(d.b * 25, -2)", -100),
        ("d.a / (d.b + 2)", None),
        ("if(d.a / (d.b + 2) > 1, 1, 0)", None),
        ("d.a + d.gone", None),
        ("-d.a + +d.b", -9),
        ("d.yes and d.unsaid", None),
        ("d.no and d.unsaid", None),
        ("d.yes or d.unsaid", None),
        ("not d.unsaid", None),
        ("d.yes and not d.no", True),
        ("d.no or d.no", False),
        ("d.b < 0 < d.a", True),
        ("d.a < d.gone", None),
        ("d.yes == true", True),
        ("d.yes != d.no", True),
        ("d.t < '乙'", False),
        ("d.t == '甲'", True),
        ("if(d.yes, d.t, 'x')", "甲"),
        ("coalesce(d.t, 'x')", "甲"),
        ("0.1 + 0.2 == 0.3", True),
    ],
)
def test_what_each_means(expr: str, expected: Any) -> None:
    record = {"region": EAST, "period": "2025", "a": 7, "b": -2, "yes": True, "no": False, "t": "甲"}
    field = {"name": "x", "expr": expr} | ({"decimals": 0} if "/" in expr else {})
    result = mapped(view(field, {"name": "a", "from": "d.a"}), KNOWN, {"d": [record]})
    assert values(result) == [expected]
