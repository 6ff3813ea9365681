import time

import pytest

from app.errors import Problem
from app.matching import Form, FormColumn, MatchIndex, match_form
from bench.labelled_forms import read_catalogue


def answer(index, name, *, title="统计表", unit=None, path=(), samples=(), frequency=None):
    form = Form(title, (FormColumn(name, unit, tuple(path), tuple(samples)),), frequency=frequency)
    return match_form(form, index).columns[0]


@pytest.mark.parametrize(
    ("name", "unit", "path", "element", "factor"),
    [
        ("耕地面积", "公顷", (), "agr.agr001", "1/15"),
        ("年末常住人口（万人）", None, (), "pop.pop002", "0.0001"),
        ("户数", "户", ("农村低保",), "civ.civ004", "1"),
        ("农民专业合作社", "家", (), "eco.eco016", "1"),
        ("一般公共预算收入", "亿元", (), "fin.fin001", "0.0001"),
        ("#注册护士", "人", ("卫生技术人员",), "hea.hea007", "1"),
    ],
)
def test_a_held_figure_is_found_with_its_exact_factor(index, name, unit, path, element, factor):
    found = answer(index, name, unit=unit, path=path)
    assert (found.verdict, found.element) == ("held", element)
    assert found.conversion is not None
    assert found.conversion.factor == factor


@pytest.mark.parametrize(
    ("name", "unit", "path"),
    [
        ("贫困户60岁及以上人数", "人", ()),  # a qualifier more: narrower
        ("100人以上自然村", "个", ()),
        ("实有人口", "人", ()),  # another population
        ("倒塌房屋户数", "户", ()),  # 户 is not 间
        ("地方一般公共预算收入（同口径）", "万元", ()),
        ("新增高标准农田面积", "亩", ()),  # a flow, where the stock is held
        ("城镇人口", "人", ("户籍人口",)),  # held of those who live there
    ],
)
def test_another_definition_is_never_equated(index, name, unit, path):
    found = answer(index, name, unit=unit, path=path)
    assert found.verdict in {"related", "new"}
    assert found.element is None
    assert found.reasons


def test_a_related_element_is_shown_with_its_definition_and_the_difference(index):
    found = answer(index, "实有人口", unit="人")
    assert found.verdict == "related"
    first = found.candidates[0]
    assert first.definition
    assert "实有" in " ".join(candidate.difference for candidate in found.candidates)


def test_the_same_in_a_measure_that_does_not_convert_is_related(index):
    found = answer(index, "危房栋数", unit="栋")
    assert found.verdict == "related"
    assert found.candidates[0].element == "hou.hou003"
    assert "不能换算" in found.candidates[0].difference


def test_a_part_beside_its_total_is_not_the_whole(index):
    columns = tuple(FormColumn("按时办结", "件", (above,)) for above in ("12345热线", "网络渠道", "总计"))
    verdicts = match_form(Form("热线工单办理情况", columns), index).columns
    assert [column.element for column in verdicts] == [None, None, "hot.hot003"]


@pytest.mark.parametrize(
    ("name", "unit", "path", "expr"),
    [
        ("城镇化率", "%", (), "pop.pop009 / pop.pop002 * 100"),
        ("整改率", "%", ("重大隐患",), "saf.saf005 / saf.saf004 * 100"),
        ("税收收入占一般公共预算收入的比重", "%", (), "fin.fin002 / fin.fin001 * 100"),
        ("粮食亩产", "公斤/亩", (), "to(agr.agr007, '公斤') / agr.agr006"),
        ("比上年增长", "%", ("粮食总产量",), "(agr.agr007 - last_year(agr.agr007)) / last_year(agr.agr007) * 100"),
        ("上年同期数", "万元", ("税收收入",), "last_year(fin.fin002)"),
        ("低保人数", "人", (), "civ.civ002 + civ.civ005"),
        ("人口密度", "人/平方公里", (), "pop.pop002 / adm.adm003"),
        ("人均耕地面积", "亩", (), "agr.agr001 / pop.pop002"),
        ("出生率", "‰", (), "pop.pop012 / pop.pop001 * 1000"),
    ],
)
def test_a_derived_figure_comes_with_its_formula(index, name, unit, path, expr):
    found = answer(index, name, unit=unit, path=path)
    assert (found.verdict, found.expr) == ("derivable", expr)


def test_what_is_left_over_is_the_total_less_its_parts_when_all_are_held(index):
    names = ("经营收入", "发包及上交收入", "投资收益", "补助收入", "其他收入")
    columns = (FormColumn("总收入", "万元"), *(FormColumn(name, "万元", ("总收入",)) for name in names))
    rest = match_form(Form("村集体经济收益表", columns), index).columns[-1]
    assert rest.expr == "eco.eco008 - eco.eco009 - eco.eco010 - eco.eco011 - eco.eco012"


def test_an_input_that_is_not_held_is_named(index):
    found = answer(index, "非税收入占调整预算", unit="%")
    assert found.verdict == "new"
    assert found.lacking
    assert "预算" in found.reasons[0]


def test_samples_that_disagree_with_a_formula_are_said(index):
    def rate(shown):
        columns = (
            FormColumn("排查矛盾纠纷", "起", (), ("200", "100")),
            FormColumn("化解矛盾纠纷", "起", (), ("150", "90")),
            FormColumn("矛盾纠纷化解率", "%", (), shown),
        )
        return match_form(Form("矛盾纠纷排查化解统计表", columns), index).columns[-1]

    right, wrong = rate(("75", "90")), rate(("12", "13"))
    assert right.expr == wrong.expr == "pet.pet012 / pet.pet011 * 100"
    assert "相符" in right.reasons[0]
    assert "不符" in wrong.reasons[0]
    assert wrong.confidence < right.confidence


def test_codes_are_mapped_from_the_samples_and_strangers_are_named(index):
    found = answer(index, "隐患点类型", title="地质灾害隐患点台账", samples=("滑坡", "泥石流", "雪崩"))
    assert found.element == "geo.geo003"
    assert found.code_map == {"滑坡": "01", "泥石流": "03"}
    assert any("雪崩" in reason for reason in found.reasons)


@pytest.mark.parametrize("name", ["序号", "备注", "填表人", "审核人", "填报单位（盖章）", "报出日期"])
def test_the_forms_own_administration_is_no_data(index, name):
    assert answer(index, name).verdict == "bookkeeping"


def test_whose_row_it_is_comes_from_the_region_where_no_element_holds_it():
    catalogue = read_catalogue()
    without = {code: dataset for code, dataset in catalogue.datasets.items() if code != "adm"}
    index = MatchIndex.build(type(catalogue)(without, catalogue.codelists, {}, catalogue.units))
    found = answer(index, "乡镇", samples=("城关镇", "东坪乡"))
    assert (found.verdict, found.element) == ("held", "region.name")
    assert answer(index, "统计年份", samples=("2024",)).element == "period"


def test_an_unknown_unit_and_an_empty_name_do_no_harm(index):
    assert answer(index, "粮食总产量", unit="麻袋车").verdict in {"held", "related", "new"}
    assert answer(index, "").verdict == "new"
    assert answer(index, "（）（（【】）").verdict == "new"
    assert match_form(Form("空表", ()), index).columns == ()


def test_at_most_five_candidates_best_first(index):
    found = answer(index, "面积", unit="亩")
    assert len(found.candidates) <= 5
    confidences = [candidate.confidence for candidate in found.candidates]
    assert confidences == sorted(confidences, reverse=True)


def test_a_form_with_too_many_columns_is_refused_at_once(index):
    form = Form("全库", tuple(FormColumn(f"字段{n}") for n in range(50_000)))
    begun = time.perf_counter()
    with pytest.raises(Problem) as refused:
        match_form(form, index)
    assert time.perf_counter() - begun < 0.5
    assert refused.value.code == "too_large"


def test_texts_no_form_has_are_refused_with_their_places(index):
    form = Form("表", (FormColumn("人" * 1_000_000), FormColumn("户数", path=("上",) * 99)))
    with pytest.raises(Problem) as refused:
        match_form(form, index)
    assert [finding.column for finding in refused.value.findings] == ["columns[0].name", "columns[1].path"]


def test_a_name_of_nothing_but_brackets_and_digits_takes_no_time(index):
    begun = time.perf_counter()
    for text in (
        "(" * 400,
        "1." * 200,
        "其中：" * 130,
        "18-60岁" * 66,
        "占" * 400,
        "比" * 400,
        "上年同期" * 100,
        "人均" * 200,
    ):
        answer(index, text, path=(text,) * 4)
    assert time.perf_counter() - begun < 3


def test_an_answer_crosses_as_a_plain_document(index):
    document = answer(index, "耕地面积", unit="公顷").document()
    assert document["conversion"] == {"from": "亩", "to": "公顷", "factor": "1/15", "assumed": False}
    assert document["candidates"][0]["element"] == "agr.agr001"
