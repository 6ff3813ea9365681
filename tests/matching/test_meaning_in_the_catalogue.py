"""Facets and formulas that a catalogue sets go before what is read from names and what comes with the gate."""

from dataclasses import replace

from app.catalogue.formula_documents import parse_formula_library
from app.catalogue.model import SetFacets
from app.matching import Form, FormColumn, MatchIndex, match_form
from app.matching.formula_book import book_with, builtin_documents, builtin_formulas
from app.matching.twins import find_twins
from bench.labelled_forms import read_catalogue


def answer(index, name, unit=None, *path):
    return match_form(Form("统计表", (FormColumn(name, unit, path),)), index).columns[0]


def with_element(path, **changes):
    catalogue = read_catalogue()
    code = path.partition(".")[0]
    dataset = catalogue.datasets[code]
    elements = tuple(replace(e, **changes) if e.path == path else e for e in dataset.elements)
    return MatchIndex.build(
        replace(catalogue, datasets={**catalogue.datasets, code: replace(dataset, elements=elements)})
    )


def with_formulas(*items):
    formulas, faults = parse_formula_library({"formulas": list(items)}, "formulas.yaml")
    assert not faults
    return MatchIndex.build(replace(read_catalogue(), formulas={f.code: f for f in formulas}))


def test_a_qualifier_that_the_catalogue_sets_makes_the_plain_name_another_figure(index):
    assert answer(index, "路灯盏数", "盏").element == "inf.inf006"
    limited = with_element("inf.inf006", facets=SetFacets(qualifiers=("太阳能",)))
    found = answer(limited, "路灯盏数", "盏")
    assert found.element is None
    (candidate, *_) = found.candidates
    assert candidate.element == "inf.inf006"
    assert "太阳能" in candidate.difference
    assert "目录设定" in candidate.difference
    assert candidate.facets["set"] == ["qualifiers"]
    assert answer(limited, "太阳能路灯", "盏").element == "inf.inf006"


def test_an_object_that_the_catalogue_sets_makes_an_opaque_name_findable(index):
    assert answer(index, "河长巡查次数", "次").element is None
    named = with_element("inf.inf006", title="XC01", aliases=(), definition="", unit="次",
                         facets=SetFacets(object="巡查", qualifiers=("河长",)))  # fmt: skip
    assert answer(named, "河长巡查次数", "次").element == "inf.inf006"


def test_a_way_of_counting_and_a_time_that_are_set_keep_others_apart(index):
    assert answer(index, "常住户数", "户").element == "pop.pop004"
    registered = with_element("pop.pop004", facets=SetFacets(counting=("户籍",)))
    assert answer(registered, "常住户数", "户").element is None
    added = with_element("inf.inf006", facets=SetFacets(time=("new",)))
    assert answer(added, "路灯盏数", "盏").element is None
    assert answer(added, "新增路灯盏数", "盏").element == "inf.inf006"


def test_a_measure_that_is_set_decides_where_the_unit_does_not(index):
    area = with_element("inf.inf006", unit=None, facets=SetFacets(measure="area"))
    assert area.entry("inf.inf006").kind == "area"
    assert answer(area, "路灯", "盏").element is None


def test_what_was_read_is_kept_beside_what_is_set():
    entry = with_element("inf.inf006", facets=SetFacets(object="灯杆")).entry("inf.inf006")
    assert (entry.read.object_class, entry.title.facets.document()["object"]) == ("路灯", "灯杆")


def test_a_formula_of_the_catalogue_is_proposed_by_any_of_its_names():
    made = with_formulas({"code": "万元用电", "names": ["单位产值电耗"], "formula": "农村用电量 / 农林牧渔业总产值"})
    assert answer(made, "单位产值电耗").expr == "agr.agr025 / eco.eco002"
    per = with_formulas({"code": "每百盏路灯", "kind": "per", "formula": "路灯盏数 * 100"})
    assert answer(per, "每百盏路灯农村用电量").expr == "agr.agr025 / inf.inf006 * 100"


def test_a_formula_of_the_catalogue_stands_in_the_place_of_the_one_that_came(index):
    assert answer(index, "人口密度", "人/平方公里").expr == "pop.pop002 / adm.adm003"
    other = with_formulas({"code": "人口密度", "formula": "户籍人口 / 行政区域面积"})
    assert answer(other, "人口密度", "人/平方公里").expr == "pop.pop001 / adm.adm003"


def test_a_formula_turned_off_is_not_proposed_by_any_name():
    off = with_formulas({"code": "复种指数", "off": True})
    assert answer(off, "复种率", "%").verdict != "derivable"
    assert "复种率" in builtin_formulas().named
    assert {"复种指数", "复种率"}.isdisjoint(off.book.named)


def test_the_formulas_that_come_with_the_gate_may_be_copied_into_a_catalogue():
    formulas, faults = parse_formula_library({"formulas": builtin_documents()}, "formulas.yaml")
    assert not faults
    assert book_with(formulas) == builtin_formulas()


def test_what_is_done_of_a_task_is_no_twin_of_the_task():
    catalogue = read_catalogue()
    dataset = catalogue.datasets["inf"]
    named = ("督察整改任务数", "已完成督察整改任务数", "督察整改任务个数")
    elements = tuple(
        replace(dataset.elements[0], code=f"t{i}", title=title, aliases=(), definition="", unit="个", type="integer")
        for i, title in enumerate(named)
    )
    pairs = find_twins(MatchIndex.build(replace(catalogue, datasets={"inf": replace(dataset, elements=elements)})))
    assert [(pair.one, pair.other) for pair in pairs] == [("inf.t0", "inf.t2")]


def test_a_form_about_the_hotline_does_not_mean_petitions_though_the_name_leaves_the_subject_out(index):
    catalogue = read_catalogue()
    dataset = catalogue.datasets["pet"]
    rate = replace(
        dataset.elements[0],
        code="rate",
        title="信访按期办结率",
        aliases=("按期办结率",),
        definition="",
        unit="%",
        type="decimal",
    )
    elements = tuple(replace(e, title=f"信访{e.title}") for e in dataset.elements)
    petitions = MatchIndex.build(
        replace(catalogue, datasets={**catalogue.datasets, "pet": replace(dataset, elements=(*elements, rate))})
    )
    columns = (FormColumn("按时办结率", "%"),)
    hotline, petition = (
        match_form(Form(title, columns), petitions).columns[0] for title in ("12345热线月报", "信访月报")
    )
    assert (hotline.element, hotline.expr) == (None, "hot.hot003 / hot.hot002 * 100")
    assert petition.element == "pet.rate"
