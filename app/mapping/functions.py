"""The functions and operators of the expression language: one small object each.

The checker, the exact evaluator, the messages and the reference documentation are all made from these tables. ``apply``
is what the function means at one point, on exact values; functions that convert or move in time have none, since the
checker turns them into nodes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from app.catalogue.values import rounded
from app.mapping.tree import Value

Apply = Callable[[Sequence[Value], int], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``most`` None: any number of arguments. ``absorbs``: it may have a value though one is missing."""

    name: str
    signature: str
    fewest: int
    most: int | None
    description: str
    description_en: str
    example: str
    apply: Apply | None = None
    absorbs: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator, for the reference."""

    sign: str
    description: str
    description_en: str
    example: str


def _if(values: Sequence[Value], _: int) -> Value:
    condition, then, otherwise = values
    if condition is None:
        return None
    return then if condition else otherwise


def _coalesce(values: Sequence[Value], _: int) -> Value:
    return next((value for value in values if value is not None), None)


def _round(values: Sequence[Value], digits: int) -> Value:
    number = cast("Fraction | None", values[0])
    if number is None:
        return None
    if digits >= 0:
        return Fraction(rounded(number, digits), 10**digits)
    return rounded(number / 10**-digits, 0) * Fraction(10**-digits)


def _abs(values: Sequence[Value], _: int) -> Value:
    number = cast("Fraction | None", values[0])
    return None if number is None else abs(number)


def _least(values: Sequence[Value], _: int) -> Value:
    return None if any(value is None for value in values) else min(cast("Sequence[Fraction]", values))


def _greatest(values: Sequence[Value], _: int) -> Value:
    return None if any(value is None for value in values) else max(cast("Sequence[Fraction]", values))


_TABLE: tuple[Function, ...] = (
    Function(
        "if",
        "if(c, a, b)",
        3,
        3,
        "条件 c 成立取 a，不成立取 b；c 缺失则缺失，未取的一支缺失不影响结果",
        "a where c holds, else b; missing where c is; the branch not taken may be missing",
        "if(population.resident_population >= 10000, '大', '小')",
        _if,
        absorbs=True,
    ),
    Function(
        "coalesce",
        "coalesce(a, b, …)",
        1,
        None,
        "第一个不缺失的值",
        "the first that is not missing",
        "coalesce(land.paddy_area, 0)",
        _coalesce,
        absorbs=True,
    ),
    Function(
        "round",
        "round(x) · round(x, n)",
        1,
        2,
        "四舍五入到 n 位小数（不写为 0 位，负数为整十、整百）；n 为整数常量",
        "x rounded half away from zero to n decimals (0 if left out, negative for tens, hundreds); n is a literal",
        "round(to(land.cultivated_land_area, '亩'), 1)",
        _round,
    ),
    Function("abs", "abs(x)", 1, 1, "绝对值", "the absolute value", "abs(a.inflow - a.outflow)", _abs),
    Function(
        "min",
        "min(a, b, …)",
        2,
        None,
        "最小的一个；有一个缺失则缺失",
        "the least; missing if one is",
        "min(land.paddy_area, land.dry_land_area)",
        _least,
    ),
    Function(
        "max",
        "max(a, b, …)",
        2,
        None,
        "最大的一个；有一个缺失则缺失",
        "the greatest; missing if one is",
        "max(land.paddy_area, land.dry_land_area)",
        _greatest,
    ),
    Function(
        "to",
        "to(x, 'unit')",
        2,
        2,
        "把 x 精确换算成所写的计量单位",
        "x converted exactly to the unit of measure",
        "to(land.cultivated_land_area, '亩')",
    ),
    Function(
        "previous",
        "previous(x)",
        1,
        1,
        "视图粒度的上一期的 x",
        "x in the period of the view's grain before",
        "economy.output - previous(economy.output)",
    ),
    Function(
        "last_year",
        "last_year(x)",
        1,
        1,
        "上年同期的 x",
        "x in the same period a year before",
        "economy.output / last_year(economy.output)",
    ),
    Function(
        "ytd",
        "ytd(x)",
        1,
        1,
        "本年第一期至本期的合计；累计指标即其本身；其中一期缺失则缺失",
        "the sum from the year's first period through this; of a cumulative element, itself; missing if one period is",
        "ytd(civil_affairs.temp_relief_times)",
    ),
)

FUNCTIONS: Mapping[str, Function] = {function.name: function for function in _TABLE}

OPERATORS: tuple[Operator, ...] = (
    Operator("+ -", "加、减；两边须同一量纲，右边换算成左边的单位", "the right side is converted", "a + b"),
    Operator("*", "乘；量纲相乘", "product; dimensions multiply", "a * 2"),
    Operator("/", "除；除以零得缺失", "quotient; missing where the divisor is zero", "a / b"),
    Operator("== !=", "相等、不等", "equal, not equal", "township_profile.terrain == '1'"),
    Operator("< <= > >=", "大小比较，可连写；文本按码位", "order, may be chained; text by code point", "0 <= a <= b"),
    Operator("and or not", "并且、或者、否定；有一个缺失则缺失", "logic; missing if an operand is", "a > 0 and not b"),
)
