"""The folder holds what the research found, and holds it once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.schemas.domain_elements import DOMAIN, MEASURES


def test_the_research_names_eighteen_datasets_and_all_of_them_are_there(plain):
    assert len(DOMAIN) == 18
    assert DOMAIN.keys() <= plain.datasets.keys()


def test_every_element_of_the_research_is_collected_exactly_once(plain):
    held = Counter(element["code"] for _, element in plain.elements())
    wanted = [code for elements in DOMAIN.values() for code in elements]
    assert len(wanted) == len(set(wanted))
    assert {code: held[code] for code in wanted if held[code] != 1} == {}


def test_no_element_code_stands_in_two_datasets(plain):
    held = Counter(element["code"] for _, element in plain.elements())
    assert [code for code, times in held.items() if times > 1] == []


def test_every_element_has_the_unit_of_the_research(plain):
    units = {element["code"]: element.get("unit") for _, element in plain.elements()}
    wanted = {code: unit for elements in DOMAIN.values() for code, unit in elements.items()}
    assert {code: units[code] for code in wanted if units[code] != wanted[code]} == {}


@pytest.mark.parametrize("code", ["population", "land"])
def test_population_and_land_are_reported_by_each_township_once_a_year(plain, code):
    dataset = plain.datasets[code]
    assert (dataset["frequency"], dataset["level"], dataset["source"], dataset.get("key", [])) == (
        "year",
        "township",
        "region",
        [],
    )


def test_what_the_sample_workbooks_leave_out_is_not_required(plain):
    required = {
        code: [e["code"] for e in plain.datasets[code]["elements"] if e.get("required")]
        for code in ("population", "land")
    }
    assert required == {"population": ["resident_population"], "land": []}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_measure_says_how_a_figure_adds_up_over_time(plain, measure):
    measures = {element["code"]: element["measure"] for _, element in plain.elements()}
    assert {code: measures[code] for code in MEASURES[measure] if measures[code] != measure} == {}


def test_shares_and_averages_are_never_called_sums(plain):
    for _, element in plain.elements():
        if element.get("unit") in ("%", "‰", "岁") or "人均" in element["title"]:
            assert element["measure"] == "ratio", element["code"]


def test_areas_weights_and_money_show_a_decimal_and_counts_show_none(plain):
    for _, element in plain.elements():
        unit = element.get("unit")
        if unit in ("公顷", "吨", "万元", "公里", "立方米"):
            assert (element["type"], element["decimals"] >= 1) == ("decimal", True), element["code"]
        elif unit in ("人", "户", "个", "件", "起", "头", "只", "人次", "栋", "间", "座", "所", "张"):
            assert element["type"] == "integer", element["code"]


def test_a_dataset_has_one_source_and_some_are_reported_by_departments(plain):
    by_department = {d["source"] for d in plain.datasets.values() if d["source"] != "region"}
    assert len(by_department) >= 2
    assert {source.removeprefix("department:") for source in by_department} <= plain.departments.keys()


def test_some_figures_wait_for_a_second_person(plain):
    assert {c for c, d in plain.datasets.items() if d.get("confirmation") == "second_person"} >= {"fiscal", "disasters"}


def test_person_lists_are_closed_and_name_a_law(plain):
    for code in (
        "special_groups.key_persons",
        "special_groups.community_correction",
        "health.severe_mental_registered",
    ):
        assert plain.sharing(code) == "closed"
        basis = plain.element(code).get("sharing_basis") or plain.datasets[code.partition(".")[0]]["sharing_basis"]
        assert "法》" in basis
