from dataclasses import replace

import pytest

from app.matching import Form, FormColumn, match_form
from app.matching.memory import Judgement, elements_of, remembered, same_formula, signatures
from app.matching.signature import subject_of

FORM = Form(
    "2025年农村人口情况统计表",
    (FormColumn("常住人口", "万人"), FormColumn("rk_x", "人"), FormColumn("小计", "人")),
    level="township",
)


def judgement(index, position, meant, *, form=FORM, relation="exact", rejected=False, formula=False):
    signature = signatures(form, index)[position]
    return Judgement(signature, subject_of(form.title), meant, formula, relation, rejected, "2026-01-02")


@pytest.fixture(scope="module")
def resident(index):
    found = match_form(FORM, index).columns[0]
    assert found.verdict == "held"
    return found.element


def again(index, *judgements, form=FORM):
    return remembered(match_form(form, index), form, index, judgements).columns


def test_a_signature_knows_neither_numbering_nor_how_the_unit_is_spelt_but_unit_and_level(index):
    one = Form("甲表", (FormColumn("1.常住人口", "万人"),), level="township")
    other = Form("乙表", (FormColumn("常住人口（万人）"),), level="township")
    assert signatures(one, index) == signatures(other, index)
    assert signatures(one, index) != signatures(replace(one, level="village"), index)
    assert signatures(one, index) != signatures(replace(one, columns=(FormColumn("常住人口", "人"),)), index)


def test_next_years_form_has_the_same_subject():
    assert subject_of("2025年农村人口情况统计表（一）") == subject_of("2026年 农村人口情况统计表(一)")
    assert subject_of("2025年农村人口情况统计表") != subject_of("2025年城镇人口情况统计表")


def test_a_confirmed_heading_is_answered_first_with_an_exact_conversion(index, resident):
    columns = again(index, judgement(index, 1, resident))
    assert (columns[1].verdict, columns[1].element, columns[1].automatic) == ("held", resident, True)
    assert columns[1].conversion.factor == "1"
    assert columns[1].candidates[0].element == resident


def test_a_rejected_element_is_neither_proposed_nor_shown_by_any_department_in_any_form(index, resident):
    rejected = judgement(index, 0, resident, rejected=True)
    for title in (FORM.title, "另一张表"):
        column = again(index, rejected, form=replace(FORM, title=title))[0]
        assert column.verdict in {"related", "new"}
        assert column.element is None
        assert resident not in {candidate.element for candidate in column.candidates}


def test_the_newest_judgement_stands(index, resident):
    confirmed, rejected = (judgement(index, 0, resident, rejected=no) for no in (False, True))
    assert again(index, confirmed, rejected)[0].verdict == "held"
    assert again(index, rejected, confirmed)[0].verdict != "held"


def test_a_bare_subtotal_is_remembered_only_for_forms_on_the_same_subject(index, resident):
    confirmed = judgement(index, 2, resident)
    assert again(index, confirmed)[2].element == resident
    other = replace(FORM, title="2025年卫生机构情况表")
    assert again(index, confirmed, form=other)[2].element != resident


def test_a_narrow_or_close_match_is_related_and_never_held(index, resident):
    for relation in ("narrow", "close"):
        column = again(index, judgement(index, 0, resident, relation=relation))[0]
        assert (column.verdict, column.element, column.automatic) == ("related", None, False)
        assert column.candidates[0].element == resident


def test_a_formula_is_remembered_with_its_inputs(index, resident):
    column = again(index, judgement(index, 1, f"{resident} * 2", formula=True))[1]
    assert (column.verdict, column.expr, column.inputs) == ("derivable", f"{resident} * 2", (resident,))
    gone = again(index, judgement(index, 1, f"{resident} * 2", formula=True, rejected=True))[1]
    assert gone.expr is None


def test_what_is_not_in_the_catalogue_any_more_is_not_answered(index):
    before = match_form(FORM, index).columns[1]
    assert again(index, judgement(index, 1, "pop.gone"))[1].verdict == before.verdict
    assert again(index, judgement(index, 1, "pop.gone / pop.lost", formula=True))[1].verdict == before.verdict


def test_a_judgement_that_does_not_measure_the_same_is_not_answered(index):
    area = match_form(Form("耕地", (FormColumn("耕地面积", "亩"),)), index).columns[0].element
    assert area is not None
    assert again(index, judgement(index, 1, area))[1].element is None


def test_formulas_are_compared_without_spaces_and_name_their_elements():
    assert same_formula("a.b / c.d*100", "a.b/c.d * 100")
    assert elements_of("to(land.area, '亩') / people.total + region.code") == {"land.area", "people.total"}
