"""What of a view reads back, and why the rest does not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from app.mapping.reverse import Reversal, ReversedField, reverse
from tests.mapping.world import catalogue, dataset, element, plan_of, view

PEOPLE = dataset(
    "people", "year", element("total", unit="人"), element("area", "decimal", unit="公顷", decimals=1), element("plain"),
    element("grade", "code", "attribute", codes="grade"), element("safe", "boolean", "attribute"),
    element("rate", "decimal", "ratio", unit="%", decimals=1),
)  # fmt: skip
CASES = dataset("cases", "month", element("received", measure="flow", unit="件"))
VILLAGES = dataset("villages", "year", element("houses", unit="户"), level="village")
WELLS = dataset(
    "wells", "year", element("number", "text", "attribute"), element("depth", "decimal", unit="米", decimals=1), key=("number",)
)  # fmt: skip
WORLD = catalogue(PEOPLE, CASES, VILLAGES, WELLS, codelists={"grade": ("1", "2", "3")})


def reversal(*fields: dict[str, Any], frequency: str = "year", level: str = "township") -> Reversal:
    return reverse(plan_of(view(*fields, level=level, frequency=frequency), WORLD), WORLD)


def one(**field: Any) -> ReversedField:
    grain = {name: field.pop(name) for name in ("frequency", "level") if name in field}
    source = {"from" if key == "source" else key: value for key, value in field.items()}
    return reversal({"name": "f", **source}, **grain).fields[0]


def test_a_number_reads_back_in_the_unit_of_the_view_by_the_inverse_factor():
    found = one(source="people.area", unit="亩", decimals=0, rounding="half_even")
    assert (found.part, found.path, found.unit, found.factor) == ("element", "people.area", "亩", Fraction(15))
    assert (found.decimals, found.rounding) == (0, "half_even")
    assert one(source="people.total", unit="万人", decimals=4).factor == Fraction(1, 10000)
    assert (one(source="people.plain").unit, one(source="people.total").unit) == (None, "人")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"expr": "people.total * 2"}, "表达式"),
        ({"expr": "people.total"}, "表达式"),
        ({"source": "people.total", "level": "county"}, "汇总"),
        ({"source": "villages.houses"}, "汇总"),
        ({"source": "cases.received"}, "汇总"),
        ({"source": "people.total", "frequency": "month"}, "多行重复"),
        ({"source": "wells.depth", "aggregate": "mean", "level": "county"}, "汇总"),
        ({"source": "region.level"}, "区划自身"),
        ({"source": "region.parent"}, "区划自身"),
        ({"source": "people.grade", "codes": {"1": "大", "2": "大", "3": "小"}}, "1、2 都对应“大”"),
        ({"source": "people.safe", "codes": {"true": "Y", "false": "Y"}}, "true、false 都对应“Y”"),
    ],
)
def test_what_does_not_read_back_says_why_in_both_languages(field, said):
    found = one(**field)
    assert (found.part, found.path) == ("none", None)
    assert said in found.reason[0]
    assert found.reason[1].isascii() or "大" in found.reason[1]
    assert found.document()["reversible"] is False


def test_codes_that_are_one_to_one_are_inverted_even_where_they_trade_places():
    found = one(source="people.grade", codes={"1": "2", "2": "1"})
    assert found.codes == {"2": "1", "1": "2"}
    assert one(source="people.safe", codes={"true": "有", "false": "无"}).codes == {"有": "true", "无": "false"}
    assert one(source="people.plain", codes={"1": "一", "many": "多"}).codes == {"一": "1"}


def test_regions_periods_and_constants_have_parts_of_their_own():
    assert one(source="region.code").part == "region.code"
    assert one(source="region.name").part == "region.name"
    assert one(source="period").part == "period"
    assert (one(value="统一采集").part, one(value="统一采集").constant) == ("constant", "统一采集")
    assert one(source="people.total", default=0).default == 0


def test_a_list_lacks_its_key_unless_a_field_gives_it():
    without = reversal({"name": "d", "from": "wells.depth"})
    assert without.datasets == ("wells",)
    assert without.missing_key(WELLS) == ("number",)
    with_key = reversal({"name": "d", "from": "wells.depth"}, {"name": "n", "from": "wells.number"})
    assert with_key.missing_key(WELLS) == ()
