"""Aggregates that ask for complete groups; codes without a target."""

from __future__ import annotations

from typing import Any

import pytest

from app.catalogue.periods import Period
from app.mapping.diff import changes
from app.mapping.spec import parse_view
from app.mapping.trace import trace
from tests.mapping.world import (
    COUNTY,
    EAST,
    REGIONS,
    TODAY,
    WEST,
    GivenCoverage,
    GivenRecords,
    catalogue,
    dataset,
    element,
    faults_of,
    mapped,
    plan_of,
    values,
    view,
)

WORLD = catalogue(
    dataset("people", "year", element("total", unit="人"), element("area", "decimal", unit="公顷", decimals=1)),
    dataset("cases", "month", element("received", measure="flow", unit="件")),
    dataset("storms", "event", element("hurt", measure="flow", unit="人")),
    dataset("wells", "year", element("number", "text"), element("depth", measure="flow", unit="米"), key=("number",)),
    dataset(
        "houses", "year", element("kind", "code", "attribute", codes="kinds"), element("free", "text", "attribute")
    ),
    codelists={"kinds": "123"},
)
WHOLE: dict[str, list[dict[str, Any]]] = {
    "people": [
        {"region": EAST, "period": "2024", "total": 10, "area": "1.5"},
        {"region": WEST, "period": "2024", "total": 20, "area": "2"},
        {"region": EAST, "period": "2025", "total": 11, "area": "1.5"},
    ]
}


def total(**more: Any) -> dict[str, Any]:
    return {"name": "x", "from": "people.total", "complete": "required", **more}


def test_an_aggregate_is_missing_until_every_region_has_reported() -> None:
    assert values(mapped(view(total(), level="county"), WORLD, WHOLE)) == [30, None]
    loose = view({"name": "x", "from": "people.total"}, level="county")
    assert values(mapped(loose, WORLD, WHOLE)) == [30, 11]


def test_a_region_that_reported_a_missing_value_has_not_reported() -> None:
    records: dict[str, list[dict[str, Any]]] = {
        "people": [*WHOLE["people"], {"region": WEST, "period": "2025", "total": None, "area": "9"}]
    }
    document = view(
        total(), {"name": "y", "from": "people.area", "complete": "required", "decimals": 1}, level="county"
    )
    found = mapped(document, WORLD, records)
    assert values(found) == [30, None]
    assert values(found, "y") == [3.5, 10.5]


@pytest.mark.parametrize("months", [11, 12])
def test_every_period_of_the_group_is_needed(months: int) -> None:
    records = {"cases": [{"region": EAST, "period": f"2025-{m:02}", "received": 1} for m in range(1, months + 1)]}
    document = view({"name": "x", "from": "cases.received", "complete": "required"})
    assert values(mapped(document, WORLD, records)) == [12 if months == 12 else None]


def test_an_expression_needs_all_of_every_element_even_where_it_could_do_without() -> None:
    expr = "coalesce(people.total, 0) / coalesce(cases.received, 1)"
    records = {**WHOLE, "cases": [{"region": EAST, "period": "2024-01", "received": 5}]}
    strict = view({"name": "x", "expr": expr, "decimals": 0, "complete": "required"}, level="county")
    assert values(mapped(strict, WORLD, records)) == [None, None]


def test_the_period_before_must_be_complete_where_it_is_read() -> None:
    document = view({"name": "x", "expr": "previous(people.total)", "complete": "required"}, level="county")
    assert values(mapped(document, WORLD, WHOLE)) == [None, 30]


def test_the_year_to_date_needs_every_month() -> None:
    records = {
        "cases": [
            {"region": region, "period": month, "received": 1}
            for region in (EAST, WEST)
            for month in ("2025-01", "2025-02", "2025-03")
            if (region, month) != (WEST, "2025-02")
        ]
    }
    document = view(
        {"name": "x", "expr": "ytd(cases.received)", "complete": "required"}, level="county", frequency="month"
    )
    assert values(mapped(document, WORLD, records)) == [2, None, None]


def test_a_default_stands_for_an_incomplete_group_but_never_for_an_uncovered_one() -> None:
    document = view(total(default=-1), level="county")
    assert values(mapped(document, WORLD, WHOLE)) == [30, -1]

    def only_east(_: str, region: int, period: Period) -> bool:
        return region == EAST or period.year == 2025

    assert values(mapped(document, WORLD, WHOLE, only_east)) == [None, -1]


def test_a_list_has_reported_with_one_record() -> None:
    wells = [{"region": EAST, "period": "2024", "number": n, "depth": 3} for n in "ab"]
    document = view({"name": "x", "from": "wells.depth", "complete": "required"}, level="county")
    assert values(mapped(document, WORLD, {"wells": wells})) == [None]
    wells.append({"region": WEST, "period": "2024", "number": "a", "depth": 4})
    assert values(mapped(document, WORLD, {"wells": wells})) == [10]


def test_at_the_grain_of_the_dataset_it_changes_nothing() -> None:
    assert values(mapped(view(total()), WORLD, WHOLE)) == [10, 11, 20]


def test_the_trace_says_that_the_group_is_incomplete() -> None:
    coverage = GivenCoverage(None)
    plan = plan_of(view(total(), level="county"), WORLD)
    row = {"region": COUNTY, "period": 2025}
    found = trace(plan, "x", row, GivenRecords(WORLD, WHOLE, coverage), coverage, REGIONS, TODAY)
    assert (found.covered, found.complete, found.value) == (True, False, None)
    assert [cell.value for cell in found.inputs[0].cells] == [11]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"name": "x", "from": "region.code", "complete": "required"}, "区域和期间不能写 complete"),
        ({"name": "x", "from": "period", "complete": "required"}, "区域和期间不能写 complete"),
        ({"name": "x", "value": "y", "complete": "required"}, "常量不能写 complete"),
        ({"name": "x", "from": "people.total", "complete": "some"}, "complete 的值“some”不认识"),
        ({"name": "x", "from": "storms.hurt", "complete": "required"}, "无从知道是否报全"),
        ({"name": "x", "from": "people.total", "otherwise": "y"}, "otherwise 只与 codes 同用"),
        ({"name": "x", "from": "houses.kind", "codes": {"1": "a"}, "otherwise": 3}, "otherwise“3”须是文本"),
    ],
)
def test_what_has_no_meaning_is_refused(field: dict[str, Any], words: str) -> None:
    document = view(field, {"name": "t", "from": "people.total"})
    (fault,) = faults_of(document, WORLD)
    assert fault[0] == "fields[0] (x)"
    assert words in fault[1]


# -- codes ---------------------------------------------------------------------------------------------------------
HOUSES = {
    "houses": [
        {"region": EAST, "period": "2024", "kind": "1", "free": "甲"},
        {"region": WEST, "period": "2024", "kind": "3", "free": "乙"},
        {"region": EAST, "period": "2025", "kind": None, "free": "丙"},
    ]
}


def kinds(**more: Any) -> dict[str, Any]:
    return {"name": "x", "from": "houses.kind", "codes": {"1": "A"}, **more}


def test_otherwise_is_what_codes_without_a_target_become_but_not_what_is_missing() -> None:
    document = view(kinds(otherwise="其他"), {"name": "t", "from": "houses.free"})
    assert values(mapped(document, WORLD, HOUSES)) == ["A", None, "其他"]
    assert plan_of(document, WORLD).warnings == ()


def test_otherwise_serves_where_no_list_says_what_codes_there_are() -> None:
    field = {"name": "x", "from": "houses.free", "codes": {"甲": "1"}, "otherwise": "9", "default": "0"}
    assert values(mapped(view(field), WORLD, HOUSES)) == ["1", "9", "9"]


def test_an_uncovered_code_is_missing_and_not_otherwise() -> None:
    document = view(kinds(otherwise="其他"), {"name": "t", "from": "people.total"})

    def hidden(path: str, _: int, __: Period) -> bool:
        return path != "houses.kind"

    records = {**HOUSES, **WHOLE}
    assert values(mapped(document, WORLD, records, hidden)) == [None, None, None]


@pytest.mark.parametrize("more", [{}, {"otherwise": None}])
def test_without_otherwise_the_codes_are_named_in_a_warning(more: dict[str, Any]) -> None:
    (warning,) = plan_of(view(kinds(**more)), WORLD).warnings
    assert "2、3" in warning.message


def test_a_strict_view_refuses_a_code_without_a_target_and_names_it() -> None:
    strict = {**view(kinds()), "strict_codes": True}
    ((place, message),) = faults_of(strict, WORLD)
    assert place == "fields[0] (x)"
    assert "2、3" in message
    assert faults_of({**view(kinds(otherwise="其他")), "strict_codes": True}, WORLD) == []
    assert faults_of({**view(kinds(codes={"1": "A", "2": "B", "3": "C"})), "strict_codes": True}, WORLD) == []


def test_the_new_keys_survive_being_written_and_read() -> None:
    document = {
        **view(kinds(otherwise="其他"), total(name="y"), level="county"),
        "regions": "present",
        "strict_codes": True,
    }
    spec, faults = parse_view(document, "v")
    assert spec is not None, faults
    assert spec.document() == document
    assert parse_view(spec.document(), "v")[0] == spec
    plain, _ = parse_view(view(kinds(), {**total(name="y"), "complete": None}, level="county"), "v")
    assert plain is not None
    assert sorted(c.aspect or "" for c in changes(plain, spec)) == ["complete", "otherwise", "regions", "strict_codes"]


@pytest.mark.parametrize(("key", "value"), [("regions", "future"), ("strict_codes", "yes")])
def test_a_view_key_of_an_unknown_value_is_refused(key: str, value: str) -> None:
    ((place, _),) = faults_of({**view(total()), key: value}, WORLD)
    assert place == key
