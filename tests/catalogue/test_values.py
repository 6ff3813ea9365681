from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.model import Element
from app.catalogue.units import BUILTIN_UNITS, UnitMismatch
from app.catalogue.values import Reported, canonical, shown


def element(type, unit=None):
    return Element("land", "x", "甲", type, "stock", "open", unit=unit)


def test_a_reported_number_means_its_exact_multiple_in_the_elements_unit():
    value = canonical(Reported(number=Decimal(100), unit="亩"), element("decimal", "公顷"), BUILTIN_UNITS)
    assert value == Fraction(20, 3)
    assert shown(value, 1) == Decimal("6.7")
    assert shown(value * BUILTIN_UNITS.factor("公顷", "亩"), 1) == Decimal("100.0")


def test_each_type_has_its_canonical_value():
    assert canonical(Reported(text="是"), element("text"), BUILTIN_UNITS) == "是"
    assert canonical(Reported(text="1"), element("code"), BUILTIN_UNITS) == "1"
    assert canonical(Reported(flag=False), element("boolean"), BUILTIN_UNITS) is False
    assert canonical(Reported(text="2025-03-17"), element("date"), BUILTIN_UNITS) == date(2025, 3, 17)
    assert canonical(Reported(missing="未统计"), element("decimal", "亩"), BUILTIN_UNITS) is None
    assert canonical(Reported(), element("date"), BUILTIN_UNITS) is None


def test_a_unit_that_does_not_convert_is_refused():
    with pytest.raises(UnitMismatch):
        canonical(Reported(number=Decimal(1), unit="人"), element("decimal", "公顷"), BUILTIN_UNITS)


@pytest.mark.parametrize(
    ("value", "decimals", "up", "even"),
    [
        ("0.125", 2, "0.13", "0.12"),
        ("-0.125", 2, "-0.13", "-0.12"),
        ("2.5", 0, "3", "2"),
        ("-0.4", 0, "0", "0"),
        ("1/3", 3, "0.333", "0.333"),
        ("32458/10000", 2, "3.25", "3.25"),
    ],
)
def test_a_value_is_rounded_once_as_asked(value, decimals, up, even):
    assert str(shown(Fraction(value), decimals)) == up
    assert str(shown(Fraction(value), decimals, "half_even")) == even


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20),
    st.integers(0, 5),
)
def test_rounding_agrees_with_decimal_arithmetic_of_ample_precision(number, decimals):
    wide = Context(prec=60)
    for rounding, name in ((ROUND_HALF_UP, "half_up"), (ROUND_HALF_EVEN, "half_even")):
        expected = number.quantize(Decimal(1).scaleb(-decimals), rounding, wide)
        assert shown(Fraction(number), decimals, name) == expected


def test_more_digits_than_a_decimal_context_holds_are_kept():
    value = Fraction(10**40 + 1, 10**3)
    assert str(shown(value, 3)) == "1" + "0" * 36 + "0.001"


@given(
    st.builds(
        Reported,
        number=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
        unit=st.none() | st.sampled_from(["亩", "万人"]),
        text=st.none() | st.text(),
        flag=st.none() | st.booleans(),
        missing=st.none() | st.text(min_size=1),
        sheet=st.none() | st.text(),
        cell=st.none() | st.just("C7"),
    )
)
def test_what_was_reported_survives_its_document(reported):
    document = reported.document()
    back = Reported.from_document(document)
    assert back == reported
    assert str(back.number) == str(reported.number)
    assert None not in document.values()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_never_held(text):
    with pytest.raises(ValueError, match="not a number"):
        Reported(number=Decimal(text))
