from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.units import BUILTIN_UNITS
from app.matching.assignment import assign
from app.matching.conversions import factor_text
from app.matching.facets import facets_of
from app.matching.formula import Formula, Term
from app.matching.formula_book import book_with, parse_formulas
from app.matching.lexicon import builtin_lexicon, parse_terms
from app.matching.scorer import parse_weights
from app.matching.text import caption_units, read_heading
from app.matching.training import fit, solve


@pytest.mark.parametrize(
    ("text", "term", "unit", "of_which"),
    [
        ("（五）挂户责任人人数", "挂户责任人人数", None, False),
        ("其中：已整改（项）", "已整改", "项", True),
        ("#专任教师", "专任教师", None, True),
        ("① 集体收益5万元以下的村", "集体收益5万元以下的村", None, False),
        ("3.通电话自然村", "通电话自然村", None, False),
        ("12345热线", "12345热线", None, False),
        ("一、总收入", "总收入", None, False),
        ("小学教学点（万个）", "小学教学点", "万个", False),
        ("执业（助理）医师", "执业助理医师", None, False),
        ("60岁以上老人", "60岁以上老人", None, False),
    ],
)
def test_a_heading_is_taken_apart(text, term, unit, of_which):
    heading = read_heading(text, BUILTIN_UNITS)
    assert (heading.term, heading.unit, heading.of_which) == (term, unit, of_which)


def test_what_stands_before_a_colon_is_a_heading():
    assert read_heading("户籍人口:死亡率 (‰)", BUILTIN_UNITS).prefix == "户籍人口"


def test_a_caption_names_its_units():
    assert caption_units("单位：千公顷（除注明外）", BUILTIN_UNITS) == ("千公顷",)
    assert caption_units("计量单位：万元、%", BUILTIN_UNITS) == ("万元", "%")
    assert caption_units("填报单位：某某局", BUILTIN_UNITS) == ()


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text):
    heading = read_heading(text, BUILTIN_UNITS)
    facets_of(heading.term, builtin_lexicon())


def test_facets_tell_object_qualifiers_measure_and_time():
    facets = facets_of("年末农村低保户数", builtin_lexicon())
    assert facets.content == ("农村", "低保")
    assert facets.object_class == "低保"
    assert facets.qualifiers == {"农村"}
    assert facets.measure == "households"
    assert facets.time == {"endpoint"}


def test_thresholds_are_meaning():
    lexicon = builtin_lexicon()
    assert facets_of("60周岁及以上人口", lexicon).content == facets_of("60岁以上人数", lexicon).content
    assert facets_of("65岁以上人数", lexicon).content != facets_of("60岁以上人数", lexicon).content


def test_a_word_list_at_fault_names_its_line():
    with pytest.raises(ValueError, match="line 2"):
        parse_terms("[term]\n没有等号\n")
    with pytest.raises(ValueError, match="line 2"):
        parse_formulas("[named]\n没有等号\n")


def test_every_word_of_the_formula_library_is_read():
    entries = parse_formulas("[named]\n甲率 | 乙率 = 甲数 - 乙数 / (总数 | 全数) * 100\n")
    formula = book_with(entries).named["乙率"]
    assert (formula.plus, formula.minus, formula.below, formula.times) == (
        (("甲数",),),
        (("乙数",),),
        ("总数", "全数"),
        100,
    )


def test_a_formula_is_written_and_reckoned_alike():
    formula = Formula((Term("a.x"), Term("a.y", minus=True)), (Term("a.z", unit="亩", factor=Fraction(15)),), 100)
    assert formula.text() == "(a.x - a.y) / to(a.z, '亩') * 100"
    assert formula.value({"a.x": Fraction(9), "a.y": Fraction(3), "a.z": Fraction(2)}) == Fraction(20)
    assert formula.value({"a.x": Fraction(9), "a.y": Fraction(3), "a.z": Fraction(0)}) is None


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 40)), min_size=1, max_size=4))
def test_the_assignment_has_the_greatest_gain(gains):
    given_keys = assign([{key: float(gain) for key, gain in row.items()} for row in gains])
    kept = [key for key in given_keys if key is not None]
    assert len(kept) == len(set(kept))
    total = sum(gains[row][key] for row, key in enumerate(given_keys) if key is not None)
    choices = ["a", "b", "c", "d", *(None for _ in gains)]
    best = max(
        sum(gains[r].get(k, 0) if k else 0 for r, k in enumerate(order)) for order in permutations(choices, len(gains))
    )
    assert total == pytest.approx(best, abs=0.01)


@given(st.fractions(min_value=Fraction(1, 10**6), max_value=10**9, max_denominator=10**6))
def test_a_factor_is_written_without_loss(factor):
    assert Fraction(factor_text(factor)) == factor


def test_training_finds_what_separates():
    rows = [((1.0, float(n % 2)), True, 1.0) for n in range(20)] + [
        ((0.0, float(n % 2)), False, 1.0) for n in range(20)
    ]
    _, telling, idle = fit(rows, 2)
    assert telling > 3
    assert abs(idle) < 0.01


def test_training_ends_in_one_place_wherever_it_starts():
    rows = [((float(n % 3), float(n % 5)), n % 4 == 0, 1.0) for n in range(60)]
    assert fit(rows, 2) == pytest.approx(fit(rows, 2, start=[0.5, -0.5, 0.2]), abs=1e-5)


def test_equations_are_solved():
    assert solve([[0.0, 2.0], [3.0, 1.0]], [4.0, 5.0]) == pytest.approx([1.0, 2.0])


def test_weights_for_other_features_are_refused():
    with pytest.raises(ValueError, match="train"):
        parse_weights('{"features": ["x"], "bias": 0, "weights": [1], "threshold": 0, "automatic": 1}')
