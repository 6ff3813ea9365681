"""How Chinese statistical terms and forms are built, whatever the form is about."""

import pytest

from app.matching import Form, FormColumn, match_form
from app.matching.scorer import trained_weights
from bench.labelled_forms import DATA, prepare, read_forms, train


def answers(index, *columns, title="统计表", level=None):
    asked = tuple(FormColumn(name, unit, tuple(path)) for name, unit, path in columns)
    return match_form(Form(title, asked, level=level), index).columns


@pytest.mark.parametrize(
    ("name", "unit", "path", "element"),
    [
        ("宽带接入户数", "户", ("农村商贸和数字基础",), "eco.eco019"),  # two subjects joined: a section, no qualifier
        ("农业机械总动力", "千瓦", ("物质装备现状",), "agr.agr023"),
        ("辖区面积", "平方公里", ("土地利用现状",), "adm.adm003"),
        ("50㎡以上超市", "个", (), "eco.eco018"),
        ("工业企业数", "户", (), "eco.eco004"),  # enterprises are counted in 户 and are no households
        ("高血压管理患者", "人", (), "hea.hea012"),  # a disease has patients anyhow
        ("严重", "间", ("损坏房屋",), "saf.saf017"),  # leaf and heading make one word
        ("一般", "间", ("损坏房屋",), "saf.saf018"),
    ],
)
def test_what_says_nothing_about_the_figure_takes_nothing_away(index, name, unit, path, element):
    (found,) = answers(index, (name, unit, path))
    assert (found.verdict, found.element) == ("held", element)


@pytest.mark.parametrize(
    ("name", "unit", "path"),
    [
        ("公厕", "个", ("设施项目个数",)),  # projects, not what they build
        ("已完成危房改造任务数", "户", ()),  # what is done of a task is not the task
        ("规下企业", "户", ()),
        ("户数", "户", ("亏损企业",)),
    ],
)
def test_what_changes_the_figure_is_never_passed_over(index, name, unit, path):
    (found,) = answers(index, (name, unit, path))
    assert found.element is None


@pytest.mark.parametrize(
    ("name", "unit", "path", "expr"),
    [
        ("人口机械增长率", "‰", (), "(pop.pop014 - pop.pop015) / pop.pop001 * 1000"),
        ("公路密度", "公里/平方公里", (), "inf.inf005 / adm.adm003"),
        ("户均威胁财产", "万元/户", ("地质灾害隐患",), "saf.saf026 / saf.saf024"),  # by those who are threatened
        ("户均产值", "万元/户", ("规上工业",), "eco.eco003 / eco.eco005"),
        ("户均低保金", "元", ("农村低保",), "to(civ.civ006, '元') / civ.civ004"),
        ("农家书屋覆盖率", "%", (), "cul.cul002 / adm.adm004 * 100"),
        ("高龄津贴覆盖率", "%", (), "civ.civ022 / pop.pop018 * 100"),
        ("自来水普及率（行政村）", "%", (), "env.env006 / adm.adm004 * 100"),
        ("自来水普及率", "%", (), "env.env007 / pop.pop007 * 100"),
        ("规模以下工业企业", "个", (), "eco.eco004 - eco.eco005"),
        ("批均集体访人次", "人次/批", (), "pet.pet005 / pet.pet004"),
        (
            "隐患整改率",
            "%",
            (),
            "(saf.saf003 + saf.saf005) / (saf.saf002 + saf.saf004) * 100",
        ),  # each part by its own base
        ("幼儿园生师比", None, (), "edu.edu002 / edu.edu014"),  # and not by the pupils of primary schools
        ("合作社和家庭农场合计", "个", (), "eco.eco016 + eco.eco015"),
        ("困境儿童（孤儿+事实无人抚养儿童）", "人", (), "civ.civ018 + civ.civ019"),
        ("未通自来水行政村", "个", (), "adm.adm004 - env.env006"),
        ("行政村（社区）总数", "个", (), "adm.adm005 + adm.adm004"),
        ("村均", "万元", ("村级集体经济收入",), "eco.eco008 / adm.adm004"),
        ("有效灌溉面积占耕地面积比重", "%", ("农田灌溉",), "agr.agr004 / agr.agr001 * 100"),
    ],
)
def test_a_name_that_is_built_says_what_the_figure_is_made_of(index, name, unit, path, expr):
    (found,) = answers(index, (name, unit, path))
    assert (found.verdict, found.expr) == ("derivable", expr)


def test_of_which_speaks_of_the_column_before_it(index):
    found = answers(
        index,
        ("户籍人口数", "人", ("基本情况",)),
        ("其中：女", "人", ("基本情况",)),
        ("农作物受灾", "公顷", ("基本情况",)),
        ("其中：绝收", "公顷", ("基本情况",)),
    )
    assert [one.element for one in found] == ["pop.pop001", "pop.pop006", "saf.saf019", "saf.saf021"]


def test_what_is_left_comes_after_its_parts(index):
    parts = ("1.经营收入", "2.发包及上交收入", "3.投资收益", "4.补助收入", "5.其他收入", "比上年增加额")
    found = answers(index, *((name, "万元", ("村级集体经济收入",)) for name in parts))
    assert found[4].expr == "eco.eco008 - eco.eco009 - eco.eco010 - eco.eco011 - eco.eco012"
    assert found[5].expr == "eco.eco008 - last_year(eco.eco008)"


def test_a_total_beside_its_parts_is_the_total_whatever_the_section_is_called(index):
    whole, part = answers(
        index,
        ("年末户籍人口总数", "人", ("老年人口",)),
        ("其中：60周岁及以上", "人", ("老年人口",)),
        title="老龄事业统计表",
    )
    assert (whole.element, part.element) == ("pop.pop001", "pop.pop016")


def test_a_form_by_village_is_not_answered_by_figures_of_townships(index):
    columns = (
        ("村名", None, ()),
        ("户籍人口", "人", ()),
        ("人口密度", "人/平方公里", ()),
        ("所在乡镇", None, ()),
    )
    village, people, density, _ = answers(index, *columns, level="village")
    assert people.verdict == "related"
    assert "村级" in people.reasons[0]
    assert people.candidates[0].element == "pop.pop001"
    assert (density.verdict, density.expr) == ("new", None)
    assert any("登记册只到乡镇级" in text for text in density.lacking)
    assert village.verdict == "held"
    assert [found.verdict for found in answers(index, *columns, level="township")[1:3]] == ["held", "derivable"]


def test_the_weights_in_the_repository_are_those_that_training_makes(index):
    labelled = read_forms(*sorted(DATA.glob("forms*.json")))
    assert train(prepare(labelled, index)) == trained_weights()
