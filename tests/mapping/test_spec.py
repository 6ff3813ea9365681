from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml

from app.mapping.options import OPTIONS
from app.mapping.spec import FIELD_KEYS, parse_view
from tests.mapping.world import view

CONTRACT = """
code: ecology-rural
department: ecology
title: 农村生态环境考核指标
grain: {level: township, frequency: year}
fields:
  - {name: xzqhdm, title: 行政区划代码, from: region.code}
  - {name: nd, title: 年度, from: period}
  - {name: czrk_w, title: 常住人口, from: population.resident_population, unit: 万人, decimals: 4}
  - {name: sfxz, title: 是否县城驻地, from: township_profile.is_county_seat, codes: {"true": "Y", "false": "N"}}
  - {name: rjgd, title: 人均耕地（亩）, expr: "to(land.cultivated_land_area, '亩') / population.resident_population", decimals: 3}
  - {name: ly, title: 来源, value: 统一采集}
"""


def faults(document: Any) -> list[tuple[str, str]]:
    spec, found = parse_view(document, "v.yaml")
    assert (spec is None) == bool(found)
    assert all(fault.file == "v.yaml" for fault in found)
    return [(fault.place, fault.message) for fault in found]


def test_the_contracts_view_is_read_and_written_back() -> None:
    spec, found = parse_view(yaml.safe_load(CONTRACT), "v.yaml")
    assert found == []
    assert spec is not None
    assert [each.name for each in spec.fields] == ["xzqhdm", "nd", "czrk_w", "sfxz", "rjgd", "ly"]
    assert spec.document() == yaml.safe_load(CONTRACT)
    assert parse_view(spec.document(), "v.yaml") == (spec, [])


def test_a_float_stands_for_the_decimal_that_was_written() -> None:
    spec, _ = parse_view(view({"name": "x", "value": 0.1}, {"name": "y", "from": "a.b", "default": -2.50}), "")
    assert spec is not None
    assert (spec.fields[0].value, spec.fields[1].default) == (Decimal("0.1"), Decimal("-2.5"))


def test_a_field_may_have_any_name() -> None:
    assert faults(view({"name": "常住人口 (万人)", "value": 1}, {"name": "=SUM(A1)", "value": 1})) == []


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ({}, "name"),
        ({"name": "", "value": 1}, "name"),
        ({"name": 7, "value": 1}, "name"),
        ({"name": "a\x00", "value": 1}, "空字符"),
        ({"name": "x"}, "恰好写一个"),
        ({"name": "x", "from": "a.b", "expr": "a.b"}, "恰好写一个"),
        ({"name": "x", "from": None, "value": None}, "恰好写一个"),
        ({"name": "x", "from": "a.b", "form": 1}, "form"),
        ({"name": "x", "from": ["a.b"]}, "from"),
        ({"name": "x", "from": "a.b", "decimals": -1}, "decimals"),
        ({"name": "x", "from": "a.b", "decimals": 1.5}, "decimals"),
        ({"name": "x", "from": "a.b", "decimals": True}, "decimals"),
        ({"name": "x", "from": "a.b", "decimals": 19}, "decimals"),
        ({"name": "x", "from": "a.b", "rounding": "up"}, "rounding"),
        ({"name": "x", "from": "a.b", "aggregate": "avg"}, "aggregate"),
        ({"name": "x", "from": "a.b", "codes": {}}, "codes"),
        ({"name": "x", "from": "a.b", "codes": {True: "Y"}}, "引号"),
        ({"name": "x", "from": "a.b", "codes": {"1": 1}}, "引号"),
        ({"name": "x", "from": "a.b", "codes": ["1"]}, "codes"),
        ({"name": "x", "value": []}, "value"),
        ({"name": "x", "value": float("nan")}, "value"),
        ({"name": "x", "value": float("inf")}, "value"),
        ({"name": "x", "value": 10**40}, "value"),
        ({"name": "x", "from": "a.b", "default": {}}, "default"),
        ({"name": "x", "from": "a.b", "title": 3}, "title"),
        ("x", "键值"),
    ],
)
def test_a_field_out_of_form_is_told_with_its_place(field: Any, word: str) -> None:
    found = faults(view({"name": "ok", "value": 1}, field))
    assert found
    assert all(place.startswith("fields[1]") for place, _ in found)
    assert any(word in message for _, message in found)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"grain": None}, "grain"),
        ({"grain": {"level": "town", "frequency": "year"}}, "grain.level"),
        ({"grain": {"level": "township", "frequency": "week"}}, "grain.frequency"),
        ({"grain": {"level": "township", "frequency": "year", "x": 1}}, "grain"),
        ({"code": "a b"}, "code"),
        ({"code": None}, "code"),
        ({"department": ""}, "department"),
        ({"fields": []}, "fields"),
        ({"fields": {}}, "fields"),
        ({"fields": "abc"}, "fields"),
        ({"extra": 1}, ""),
        ({"title": 5}, "title"),
    ],
)
def test_a_view_out_of_form_is_told_with_its_place(change: dict[str, Any], place: str) -> None:
    assert place in [found for found, _ in faults(view({"name": "x", "value": 1}) | change)]


def test_a_document_that_is_no_mapping_is_refused() -> None:
    assert faults([]) != []
    assert faults(None) != []


def test_a_name_is_used_once() -> None:
    found = faults(view({"name": "x", "value": 1}, {"name": "x", "value": 2}))
    assert [place for place, _ in found] == ["fields[1] (x)"]
    assert "fields[0]" in found[0][1]


def test_every_fault_is_told_at_once() -> None:
    document = view({"name": "a", "from": "x.y", "unti": "亩", "decimals": -1}, {"name": "a"}, {"value": 1})
    document["frequency"] = "year"
    assert [place for place, _ in faults(document)] == [
        "",
        "fields[0] (a)",
        "fields[0] (a)",
        "fields[1] (a)",
        "fields[1] (a)",
        "fields[2]",
    ]


def test_the_options_describe_themselves() -> None:
    assert set(FIELD_KEYS) == set(OPTIONS)
    assert all(option.description and option.description_en and option.example for option in OPTIONS.values())
