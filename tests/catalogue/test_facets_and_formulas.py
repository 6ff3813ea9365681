"""What the catalogue says of meaning: facets of elements, and formulas; strict, in normal form, there and back."""

import pytest

from app.catalogue.building import Definition, build_catalogue, describe_changes
from app.catalogue.documents import KINDS, normal, parse_dataset
from app.catalogue.folder import read_folder, write_folder
from app.catalogue.formula_documents import parse_formula_library, read_named
from app.catalogue.model import SetFacets
from app.catalogue.regions import RegionIndex
from app.catalogue.yaml_documents import read_yaml, write_yaml

ORDERS = {
    "code": "orders",
    "title": "工单",
    "frequency": "month",
    "level": "township",
    "sharing": "open",
    "elements": [
        {
            "code": "content",
            "title": "满意数",
            "type": "integer",
            "unit": "件",
            "measure": "flow",
            "facets": {
                "time": ["period", "year"],
                "counting": "无",
                "object": " 工单 ",
                "qualifiers": "满意",
                "measure": "count",
            },
        }
    ],
}
FORMULAS = """
formulas:
  - {code: 留守率, names: [留守儿童占比], formula: "留守儿童人数 / (户籍人口 | 常住人口) * 100"}
  - {code: 每百户, kind: per, formula: "户籍户数 * 100"}
  - {code: 满意率, off: true}
"""


def with_facets(facets, **other):
    (element,) = ORDERS["elements"]
    return {**ORDERS, "elements": [{**element, **other, "facets": facets}]}


def test_facets_are_read_and_kept_as_they_were_meant():
    dataset, faults = parse_dataset(ORDERS, "orders.yaml")
    assert not faults
    assert dataset.elements[0].facets == SetFacets("工单", ("满意",), "count", ("year", "period"), ())
    body = normal("dataset", ORDERS)
    assert body["elements"][0]["facets"] == {
        "object": "工单", "qualifiers": ["满意"], "measure": "count", "time": ["period", "year"], "counting": ["无"],
    }  # fmt: skip
    assert normal("dataset", body) == body


@pytest.mark.parametrize(
    ("facets", "place"),
    [
        ({}, "elements[0].facets"),
        ({"object": "工单", "sort": "x"}, "elements[0].facets.sort"),
        ({"measure": "kilos"}, "elements[0].facets.measure"),
        ({"measure": "name"}, "elements[0].facets.measure"),  # a number is not counted as names are
        ({"time": ["year", "yesterday"]}, "elements[0].facets.time[1]"),
        ({"qualifiers": ["无", "满意"]}, "elements[0].facets.qualifiers"),
        ({"object": "长" * 61}, "elements[0].facets.object"),
        ("工单", "elements[0].facets"),
    ],
)
def test_every_fault_of_facets_is_named_at_its_place(facets, place):
    _, faults = parse_dataset(with_facets(facets), "orders.yaml")
    assert place in [fault.place for fault in faults]


def test_a_text_may_be_a_name_and_is_never_money():
    text = {"type": "text", "unit": None, "measure": None}
    assert not parse_dataset(with_facets({"measure": "name"}, **text), "f")[1]
    assert parse_dataset(with_facets({"measure": "money"}, **text), "f")[1]


def test_a_plan_says_which_facet_changes():
    before, after = normal("dataset", ORDERS), normal("dataset", with_facets({"object": "诉求"}))
    lines = describe_changes("dataset", before, after)
    assert "~ elements[content].facets.object: 工单 → 诉求" in lines
    assert "- elements[content].facets.measure: count" in lines


def test_formulas_go_there_and_back_and_stand_in_the_catalogue():
    folder = read_folder({"formulas.yaml": FORMULAS.encode()})
    assert not folder.faults
    catalogue, faults = build_catalogue(folder.definitions)
    assert not faults
    assert catalogue.formulas["留守率"].named == read_named("留守儿童人数 / (户籍人口 | 常住人口) * 100")
    assert catalogue.formulas["满意率"].off
    files = write_folder(folder.definitions, RegionIndex([]))
    again = read_folder(files)
    assert {d.code: d.body for d in again.definitions} == {d.code: d.body for d in folder.definitions}
    assert "formula" in KINDS


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"code": "率"}, "formula"),
        ({"code": "甲 乙", "formula": "甲"}, "code"),
        ({"code": "率", "formula": "甲 / 乙 / 丙"}, "formula"),
        ({"code": "率", "formula": "甲 | 乙"}, "formula"),
        ({"code": "率", "formula": "甲 + (乙 | )"}, "formula"),
        ({"code": "率", "formula": "甲 +"}, "formula"),
        ({"code": "率", "kind": "percent", "formula": "甲"}, "kind"),
        ({"code": "率", "formula": "甲", "off": True}, "formula"),
        ({"code": "率", "formula": "甲", "names": ["a b"]}, "names[0]"),
        ({"code": "率", "formula": "甲", "unit": "%"}, "unit"),
        ({"code": "均", "kind": "per", "formula": "甲 + 乙"}, "formula"),
        ({"code": "长" * 61, "formula": "甲"}, "code"),
    ],
)
def test_every_fault_of_a_formula_is_named_at_its_place(item, place):
    _, faults = parse_formula_library({"formulas": [{"code": "好", "formula": "甲 / 乙"}, item]}, "formulas.yaml")
    assert f"formulas[1].{place}" in [fault.place for fault in faults]


def test_one_name_for_two_formulas_is_a_fault():
    items = [{"code": "甲率", "names": ["率"], "formula": "甲"}, {"code": "乙率", "names": ["率"], "formula": "乙"}]
    _, faults = parse_formula_library({"formulas": items}, "f")
    assert [fault.place for fault in faults] == ["formulas[1].names"]
    _, twice = parse_formula_library({"formulas": [items[0], items[0]]}, "f")
    assert [fault.place for fault in twice] == ["formulas[1].code"]


@pytest.mark.parametrize("text", ["甲", "甲 + 乙 - 丙", "甲 - 乙 / (丙 | 丁) * 1000", "(甲 | 乙) / 丙"])
def test_a_formula_is_written_as_it_was_read(text):
    assert read_named(text).text() == text


def test_a_formula_that_changed_is_described():
    body, _ = read_yaml(FORMULAS.encode(), "f")
    first = normal("formula", body["formulas"][0])
    lines = describe_changes("formula", first, {**first, "formula": "留守儿童人数 / 户籍人口"})
    assert lines == ["~ formula: 留守儿童人数 / (户籍人口 | 常住人口) * 100 → 留守儿童人数 / 户籍人口"]
    definition = Definition("formula", "留守率", first, "formulas.yaml")
    assert write_yaml(definition.body)
