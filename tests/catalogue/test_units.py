from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.units import BUILTIN_UNITS, UnitDefinition, UnitMismatch, parse_factor

# (number, unit, the same in other units), worked by hand
WORKED = [
    ("1234.5", "公顷", {"亩": "18517.5", "万亩": "1.85175", "平方公里": "12.345", "km²": "12.345", "千公顷": "1.2345"}),
    ("1234.56", "万元", {"元": "12345600", "亿元": "0.123456", "百万元": "12.3456"}),
    ("12345.6", "吨", {"万公斤": "1234.56", "万斤": "2469.12", "亿斤": "0.246912", "公斤": "12345600"}),
    ("6750", "公斤/公顷", {"公斤/亩": "450", "斤/亩": "900", "吨/公顷": "6.75"}),
    ("32458", "人", {"万人": "3.2458", "千人": "32.458"}),
    ("2.5", "%", {"‰": "25", "个百分点": "2.5", "‱": "250"}),
    ("3", "公里", {"米": "3000", "华里": "6", "千米": "3", "万米": "0.3"}),
    ("12", "万立方米/日", {"立方米/天": "120000", "立方米/小时": "5000"}),
    ("7", "人/千人", {"‰": "7", "%": "0.7"}),
    ("3", "起/万人", {"起/10万人": "30", "起/十万人": "30"}),
    ("900", "元/人·月", {"元/人·年": "10800", "万元/(人·年)": "1.08"}),
    ("5", "万千瓦时", {"千瓦时": "50000", "kW·h": "50000", "千瓦·小时": "50000"}),
]
NEVER = [
    "户",
    "栋",
    "间",
    "人",
    "人次",
    "户次",
    "批次",
    "批",
    "件",
    "个",
    "家",
    "起",
    "处",
    "座",
    "头",
    "只",
    "台",
    "所",
]


@pytest.mark.parametrize(("number", "source", "targets"), WORKED)
def test_conversions_worked_by_hand_come_out_exactly(number, source, targets):
    for target, expected in targets.items():
        assert Fraction(Decimal(number)) * BUILTIN_UNITS.factor(source, target) == Fraction(Decimal(expected)), target


def test_a_hundred_mu_go_to_hectares_and_back_without_loss():
    hectares = 100 * BUILTIN_UNITS.factor("亩", "公顷")
    assert hectares == Fraction(20, 3)
    assert hectares * BUILTIN_UNITS.factor("公顷", "亩") == 100


@pytest.mark.parametrize("one", NEVER)
def test_counting_units_convert_into_nothing_else(one):
    for other in (*NEVER, "元", "亩", "%", "天"):
        if other != one:
            with pytest.raises(UnitMismatch):
                BUILTIN_UNITS.factor(one, other)


@pytest.mark.parametrize(
    "pair", [("日", "月"), ("天", "年"), ("吨", "立方米"), ("吨/日", "立方米/日"), ("亩", "公里"), ("人", "元/人")]
)
def test_units_of_different_kinds_refuse_each_other(pair):
    with pytest.raises(UnitMismatch):
        BUILTIN_UNITS.factor(*pair)


def test_an_unknown_unit_is_named_in_the_refusal():
    with pytest.raises(UnitMismatch, match="蒲式耳"):
        BUILTIN_UNITS.factor("蒲式耳", "吨")


def test_water_passes_between_volume_and_weight_only_where_the_convention_is_asked_for():
    assert BUILTIN_UNITS.factor("万吨/日", "立方米/日", approximate=True) == 10000
    assert BUILTIN_UNITS.factor("立方米", "吨", approximate=True) == 1
    assert BUILTIN_UNITS.factor("立方米/日", "吨水/日") == 1
    convention = BUILTIN_UNITS.get("万吨水/日")
    assert convention is not None
    assert convention.approximate
    with pytest.raises(UnitMismatch):
        BUILTIN_UNITS.factor("人", "吨", approximate=True)


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("㎡", "平方米"), ("m²", "平方米"), ("m2", "平方米"), ("km²", "平方公里"), ("㎢", "平方公里"), ("㎥", "立方米"),
        ("hm²", "公顷"), ("ｋｍ", "公里"), ("％", "%"), (" 万 元 ", "万元"), ("公斤／亩", "公斤/亩"), ("元/（人・月）", "元/人·月"),
        ("公斤每亩", "公斤/亩"), ("万m³", "万立方米"), ("kg", "公斤"),
    ],
)  # fmt: skip
def test_other_spellings_mean_the_same_unit(spelling, code):
    unit, meant = BUILTIN_UNITS.get(spelling), BUILTIN_UNITS.get(code)
    assert unit is not None
    assert meant is not None
    assert (unit.dimension, unit.factor) == (meant.dimension, meant.factor)
    assert BUILTIN_UNITS.same(spelling, code)


@pytest.mark.parametrize(
    "text", ["", "万", "十月", "百年", "百分", "2025年", "60岁", "年末", "/", "人/", "·人", "万岁", "x" * 500]
)
def test_what_is_no_unit_is_not_taken_for_one(text):
    assert BUILTIN_UNITS.get(text) is None


def test_kilowatt_hours_read_the_multiple_before_the_unit_that_begins_with_one():
    assert BUILTIN_UNITS.factor("万千瓦时", "千瓦时") == 10000
    assert BUILTIN_UNITS.factor("千公斤", "吨") == 1


SIMPLE = st.sampled_from([unit.code for unit in BUILTIN_UNITS.units if unit.dimension])


@given(SIMPLE, SIMPLE, SIMPLE)
def test_conversion_there_and_back_is_the_identity_and_chains_multiply(a, b, c):
    known = [BUILTIN_UNITS.known(code) for code in (a, b, c)]
    if len({unit.dimension for unit in known}) == 1:
        assert BUILTIN_UNITS.factor(a, b) * BUILTIN_UNITS.factor(b, a) == 1
        assert BUILTIN_UNITS.factor(a, b) * BUILTIN_UNITS.factor(b, c) == BUILTIN_UNITS.factor(a, c)


@given(SIMPLE, SIMPLE, SIMPLE)
def test_a_quotient_of_known_units_is_known_and_converts_by_its_parts(a, b, c):
    quotient = f"{a}/{b}"
    if quotient == "头/只" or f"{c}/{b}" == "头/只":
        return
    assert quotient in BUILTIN_UNITS
    if BUILTIN_UNITS.known(a).dimension == BUILTIN_UNITS.known(c).dimension:
        assert BUILTIN_UNITS.factor(quotient, f"{c}/{b}") == BUILTIN_UNITS.factor(a, c)


@given(st.text(max_size=50))
def test_any_text_is_looked_up_without_harm(text):
    unit = BUILTIN_UNITS.get(text)
    assert unit is None or unit.factor > 0


# -- units.yaml ----------------------------------------------------------------------------------------------------
def test_a_table_is_extended_in_any_order_and_the_old_one_stays():
    table = BUILTIN_UNITS.extended([UnitDefinition("大箱", "小箱", Fraction(12)), UnitDefinition("小箱")])
    assert table.factor("大箱", "小箱") == 12
    assert table.factor("万大箱/日", "小箱/日") == 120000
    assert BUILTIN_UNITS.get("小箱") is None


def test_a_definition_that_says_what_is_known_already_is_welcome():
    table = BUILTIN_UNITS.extended([UnitDefinition("盏"), UnitDefinition("万千瓦时", "千瓦时", Fraction(10000))])
    assert table.factor("万千瓦时", "千瓦时") == 10000


def test_every_definition_at_fault_is_named():
    wrong = [
        UnitDefinition("亩", "公顷", Fraction(1, 14)),
        UnitDefinition("鸭蛋"),
        UnitDefinition("公里"),
        UnitDefinition("甲", "乙", Fraction(2)),
        UnitDefinition("乙", "甲", Fraction(2)),
    ]
    assert [i for i, _ in BUILTIN_UNITS.faults(wrong)] == [0, 2, 3, 4]
    with pytest.raises(ValueError, match="亩"):
        BUILTIN_UNITS.extended(wrong)


@pytest.mark.parametrize(
    ("text", "factor"),
    [("10000", Fraction(10000)), ("1/15", Fraction(1, 15)), ("0.5", Fraction(1, 2)), ("2.5/0.5", Fraction(5))],
)
def test_factors_are_decimals_or_fractions(text, factor):
    assert parse_factor(text) == factor


@pytest.mark.parametrize("text", ["", "0", "-1", "1/0", "1e9", "1e999999999", "１", "a", "1/2/3", "0/5", "inf"])
def test_what_is_not_a_factor_above_zero_is_refused(text):
    with pytest.raises(ValueError, match="not a factor above zero"):
        parse_factor(text)
