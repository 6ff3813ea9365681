"""What a plan says of itself: its elements, its key, the years of data that it needs."""

from __future__ import annotations

import time

import pytest

from app.mapping.compile import check_view
from app.mapping.run import run
from tests.mapping.world import REGIONS, TODAY, GivenCoverage, GivenRecords, catalogue, dataset, element, plan_of, view

KNOWN = catalogue(
    dataset(
        "m",
        "month",
        element("flow", measure="flow", unit="人"),
        element("stock", measure="stock", unit="人"),
        element("paid", measure="cumulative", unit="元"),
        element("rate", "decimal", "ratio", "%", decimals=1),
        element("note", "text", "attribute"),
        element("day", "date", "attribute"),
    ),
    dataset(
        "y",
        "year",
        element("people", unit="人"),
        element("births", measure="flow", unit="人"),
        element("area", "decimal", unit="公顷", decimals=1),
    ),
    dataset("o", "once", element("area", "decimal", unit="公顷", decimals=1), element("name", "text", "attribute")),
    dataset("e", "event", element("hurt", measure="flow", unit="人"), element("level", measure="attribute")),
)


def test_only_the_elements_of_the_fields_are_asked_of_the_sources() -> None:
    plan = plan_of(
        view(
            {"name": "a", "from": "m.flow"},
            {"name": "b", "expr": "y.people + y.births"},
            {"name": "c", "from": "region.code"},
        ),
        KNOWN,
    )
    for names, asked in ((["a"], [("m", ("flow",))]), (["b", "c"], [("y", ("people", "births"))]), (["c"], [])):
        sources = GivenRecords(KNOWN, {}, GivenCoverage())
        run(plan.restricted(names), sources, GivenCoverage(), REGIONS, TODAY)
        assert sources.asked == asked


def test_a_restricted_plan_keeps_the_order_and_loses_the_key_with_the_list() -> None:
    known = catalogue(
        dataset("y", "year", element("n")), dataset("h", "year", element("id", "text"), element("m"), key=("id",))
    )
    plan = plan_of(
        view({"name": "b", "from": "h.m"}, {"name": "a", "from": "y.n"}, {"name": "c", "from": "period"}), known
    )
    assert (plan.key, set(plan.elements)) == (("id",), {"h.m", "y.n"})
    less = plan.restricted(["c", "a"])
    assert ([each.name for each in less.fields], less.key, set(less.elements)) == (["a", "c"], (), {"y.n"})
    with pytest.raises(KeyError):
        plan.restricted(["nothing"])


@pytest.mark.parametrize(
    ("expr", "frequency", "back"),
    [
        ("m.flow", "month", 0),
        ("previous(m.flow)", "month", 1),
        ("previous(previous(m.flow))", "quarter", 1),
        ("last_year(m.flow)", "month", 1),
        ("last_year(previous(m.flow))", "month", 2),
        ("ytd(m.flow)", "month", 0),
        ("previous(ytd(m.flow))", "month", 1),
        ("ytd(previous(m.flow))", "month", 1),
        ("ytd(previous(ytd(previous(m.flow))))", "month", 2),
        ("previous(previous(y.births))", "year", 2),
        ("m.flow + last_year(last_year(m.flow))", "year", 2),
    ],
)
def test_the_years_that_are_needed_are_told(expr: str, frequency: str, back: int) -> None:
    plan = plan_of(view({"name": "x", "expr": expr}, frequency=frequency), KNOWN)
    assert plan.years(frozenset({2025})) == frozenset(range(2025 - back, 2026))
    assert plan.years(None) is None


def test_a_view_without_periods_needs_all_years() -> None:
    assert plan_of(view({"name": "x", "from": "o.area"}, frequency="once"), KNOWN).years(frozenset({2025})) is None


def test_sixty_fields_compile_in_well_under_a_twentieth_of_a_second() -> None:
    fields = [
        {"name": f"f{n}", "expr": f"(m.flow + {n}) / (y.people + y.births) * 100", "decimals": 2} for n in range(60)
    ]
    began = time.perf_counter()
    plan, faults = check_view(view(*fields), "", KNOWN)
    assert time.perf_counter() - began < 0.05
    assert plan is not None, faults
