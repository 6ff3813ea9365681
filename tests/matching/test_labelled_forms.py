"""The figures the form gate must reach, each form answered by weights that have never seen it."""

from fractions import Fraction

import pytest

from app.matching import match_form
from app.matching.scorer import trained_weights
from bench.labelled_forms import DATA, form_of, predictions, prepare, read_forms, score
from bench.match import leave_one_out

GIVEN = DATA / "forms.json"


@pytest.fixture(scope="module")
def answers(index):
    return leave_one_out(prepare(read_forms(GIVEN), index), index)


@pytest.fixture(scope="module")
def figures(answers):
    return score(read_forms(GIVEN), answers)


def test_columns_are_found_and_refused_as_people_would(figures):
    assert figures["f1"] >= 0.93
    assert figures["recall at 3"] >= 0.98
    assert figures["trap errors"] <= 5


def test_formulas_name_the_right_inputs(figures):
    assert figures["derived f1"] >= 0.85


def test_every_conversion_is_right(figures):
    assert figures["conversions wrong"] == 0
    assert figures["code maps wrong"] == 0


def test_what_is_proposed_without_asking_is_right(figures):
    assert figures["automatic"] >= 60
    assert figures["automatic precision"] >= 0.98


def test_forms_that_no_weight_was_trained_on_are_answered_as_well(index):
    labelled = read_forms(DATA / "never-trained-on.json")
    told = score(labelled, {one["id"]: predictions(match_form(form_of(one), index), one) for one in labelled})
    assert told["f1"] >= 0.95
    assert told["recall at 3"] >= 0.98
    assert told["trap errors"] <= 5
    assert told["derived f1"] >= 0.9
    assert told["automatic precision"] >= 0.98
    assert told["conversions wrong"] == told["code maps wrong"] == 0


def test_the_weights_in_the_repository_were_trained_for_these_features():
    weights = trained_weights()
    assert weights.automatic > weights.threshold


def test_no_two_columns_of_a_form_are_answered_by_one_element(answers):
    for form in answers.values():
        codes = [answer["code"] for answer in form if answer["kind"] == "match"]
        assert len(codes) == len(set(codes))


def test_factors_are_exact_fractions(index):
    form = next(f for f in read_forms(GIVEN) if f["id"] == "D04")
    factors = {c.conversion.factor for c in match_form(form_of(form), index).columns if c.element and c.conversion}
    assert Fraction(1, 15000) in {Fraction(factor) for factor in factors}
    assert "1/15000" in factors
