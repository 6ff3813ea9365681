"""Coverage is by cell: what may be read of a view that an agreement covers only in part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState
from app.mapping.run import Rows, run
from tests.mapping.world import (
    COUNTY,
    EAST,
    NORTH,
    REGIONS,
    STATES,
    TODAY,
    WEST,
    GivenCoverage,
    GivenRecords,
    catalogue,
    dataset,
    element,
    mapped,
    plan_of,
    shown,
    values,
    view,
)

Rule = Callable[[str, int, Period], bool]

KNOWN = catalogue(
    dataset("m", "month", element("flow", measure="flow", unit="人"), element("stock", unit="人")),
    dataset(
        "y", "year", element("people", unit="人"), element("more", unit="人"), element("name", "text", "attribute")
    ),
    dataset("o", "once", element("area", unit="亩")),
    dataset("h", "year", element("id", "text", "attribute"), element("n"), key=("id",)),
)
M25 = [f"2025-{n:02d}" for n in range(1, 13)]


def only(*, regions: set[int] | None = None, first: str = "", last: str = "", paths: set[str] | None = None) -> Rule:
    start = date.fromisoformat(first) if first else date.min
    end = date.fromisoformat(last) if last else date.max

    def rule(path: str, region: int, period: Period) -> bool:
        inside = period.frequency == "once" or (start <= period.start and period.end <= end)
        return inside and (regions is None or region in regions) and (paths is None or path in paths)

    return rule


def any_of(*rules: Rule) -> Rule:
    return lambda path, region, period: any(rule(path, region, period) for rule in rules)


def read(
    rule: Rule, records: dict[str, Any], level: str = "township", frequency: str = "year", **field: Any
) -> list[Any]:
    return values(mapped(view({"name": "x", **field}, level=level, frequency=frequency), KNOWN, records, rule))


def flows(region: int, **more: Any) -> list[dict[str, Any]]:
    return [{"region": region, "period": period, "flow": 1, "stock": 10, **more} for period in M25]


PEOPLE = {"y": [{"region": r, "period": "2025", "people": 5, "more": 7, "name": "a"} for r in (EAST, WEST, NORTH)]}


def test_a_row_is_there_only_where_something_covered_stands_behind_it() -> None:
    assert read(only(regions={EAST}), PEOPLE, **{"from": "y.people"}) == [5]
    assert read(only(first="2026-01-01"), PEOPLE, **{"from": "y.people"}) == []


def test_a_default_fills_what_is_missing_and_never_what_is_not_covered() -> None:
    records = {
        "y": [{"region": EAST, "period": "2025", "more": 7}, {"region": WEST, "period": "2025", "people": 5, "more": 7}]
    }
    rule = any_of(only(paths={"y.more"}), only(regions={EAST}))
    document = view({"name": "x", "from": "y.people", "default": 0}, {"name": "m", "from": "y.more"})
    assert shown(mapped(document, KNOWN, records, rule)) == [{"x": 0, "m": 7}, {"x": None, "m": 7}]


@pytest.mark.parametrize(
    "expr",
    [
        "coalesce(y.people, y.more)",
        "coalesce(y.more, y.people)",
        "if(y.more > 0, y.more, y.people)",
        "y.people + y.more",
    ],
)
def test_an_expression_is_missing_unless_all_it_names_is_covered_whichever_branch_is_taken(expr: str) -> None:
    rule = any_of(only(paths={"y.more"}), only(regions={WEST, NORTH}))
    document = view({"name": "x", "expr": expr}, {"name": "m", "from": "y.more"})
    found = shown(mapped(document, KNOWN, PEOPLE, rule))
    assert [row["x"] is None for row in found] == [False, True, False]  # 北镇, 东镇, 西镇 by code


def test_a_sum_over_regions_needs_all_of_them_covered_whether_or_not_they_report() -> None:
    records = {"y": [{"region": EAST, "period": "2025", "people": 5}]}
    assert read(only(regions={EAST}), records, level="county", **{"from": "y.people"}) == [None]
    assert read(only(regions={EAST, WEST}), records, level="county", **{"from": "y.people"}) == [5]


def test_a_count_or_default_over_a_partly_covered_group_says_nothing_either() -> None:
    records = {"y": [{"region": EAST, "period": "2025", "people": 5}]}
    rule = only(regions={EAST})
    assert read(rule, records, level="county", aggregate="count", **{"from": "y.people"}) == [None]
    assert read(rule, records, level="county", default=0, **{"from": "y.people"}) == [None]
    assert read(rule, records, level="county", expr="coalesce(y.people, 0)") == [None]


def test_a_sum_over_time_needs_every_period_covered_whether_or_not_it_is_reported() -> None:
    records = {"m": [{"region": EAST, "period": "2025-06", "flow": 1}]}
    assert read(only(first="2025-01-01", last="2025-12-31"), records, **{"from": "m.flow"}) == [1]
    assert read(only(first="2025-01-01", last="2025-11-30"), records, **{"from": "m.flow"}) == [None]


def test_two_agreements_may_cover_a_year_between_them() -> None:
    rule = any_of(only(last="2025-06-30"), only(first="2025-07-01"))
    assert read(rule, {"m": flows(EAST)}, **{"from": "m.flow"}) == [12]
    gap = any_of(only(last="2025-06-30"), only(first="2025-07-02"))
    assert read(gap, {"m": flows(EAST)}, **{"from": "m.flow"}) == [None]


def test_one_agreement_may_cover_one_township_and_another_the_other() -> None:
    rule = any_of(only(regions={EAST}), only(regions={WEST}, first="2025-01-01"))
    assert read(rule, {"m": flows(EAST) + flows(WEST)}, level="county", **{"from": "m.flow"}) == [24]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("previous(m.flow)", [None, 1, 1]),
        ("coalesce(previous(m.flow), 0)", [None, 1, 1]),
        ("coalesce(last_year(m.flow), 0)", [None, None, None]),
        ("ytd(m.flow)", [None, None, None]),
        ("coalesce(ytd(m.flow), 0)", [None, None, None]),
        ("m.flow", [1, 1, 1]),
    ],
)
def test_what_reaches_back_needs_that_covered_too(expr: str, expected: list[Any]) -> None:
    rule = only(first="2025-03-01", last="2025-05-31")
    assert read(rule, {"m": flows(EAST)}, frequency="month", expr=expr) == expected


def test_what_reaches_back_before_all_data_is_missing_only_where_it_is_not_covered() -> None:
    rule = only(first="2024-12-01")
    assert read(rule, {"m": flows(EAST)[:2]}, frequency="month", expr="coalesce(previous(m.flow), 0)") == [0, 1]


def test_a_yearly_figure_in_a_month_needs_its_year_covered() -> None:
    records = {"m": flows(EAST)[:1], "y": PEOPLE["y"]}
    fields = ({"name": "x", "from": "y.people", "default": -1}, {"name": "f", "from": "m.flow"})
    document = view(*fields, frequency="month")
    assert shown(mapped(document, KNOWN, records, only(first="2025-01-01", last="2025-06-30"))) == [{"x": None, "f": 1}]
    assert shown(mapped(document, KNOWN, records, only(first="2025-01-01"))) == [{"x": 5, "f": 1}]


def test_data_without_a_period_is_covered_by_its_region_alone() -> None:
    records: dict[str, Any] = {"y": PEOPLE["y"], "o": [{"region": EAST, "area": 3}, {"region": WEST, "area": 4}]}
    rule = any_of(only(paths={"y.people"}), only(paths={"o.area"}, regions={EAST}, first="2030-01-01"))
    document = view({"name": "x", "from": "o.area", "default": 0}, {"name": "p", "from": "y.people"})
    assert shown(mapped(document, KNOWN, records, rule)) == [{"x": None, "p": 5}, {"x": 3, "p": 5}, {"x": None, "p": 5}]


def test_a_list_shows_no_record_of_which_nothing_is_covered() -> None:
    records: dict[str, Any] = {
        "y": PEOPLE["y"],
        "h": [
            {"region": EAST, "period": "2025", "id": "a", "n": 1},
            {"region": WEST, "period": "2025", "id": "b", "n": 2},
        ],
    }
    rule = any_of(only(paths={"y.people"}), only(paths={"h.n"}, regions={EAST}))
    document = view({"name": "n", "from": "h.n"}, {"name": "p", "from": "y.people"})
    result = mapped(document, KNOWN, records, rule)
    assert result.frame["key:id"].to_list() == ["a"]


def test_the_key_as_a_field_is_seen_only_where_it_is_covered() -> None:
    records = {
        "h": [
            {"region": EAST, "period": "2025", "id": "a", "n": 1},
            {"region": WEST, "period": "2025", "id": "b", "n": 2},
        ]
    }
    rule = any_of(only(paths={"h.n"}), only(paths={"h.id"}, regions={EAST}))
    document = view({"name": "id", "from": "h.id", "default": "?"}, {"name": "n", "from": "h.n"})
    assert shown(mapped(document, KNOWN, records, rule)) == [{"id": "a", "n": 1}, {"id": None, "n": 2}]


def test_nothing_of_what_is_not_covered_can_be_told_from_the_answer() -> None:
    """Two registries that differ only in uncovered cells give the same answer to every field."""
    fields: list[dict[str, Any]] = [
        {"name": "a", "from": "m.flow"},
        {"name": "b", "from": "m.stock", "aggregate": "mean", "decimals": 4},
        {"name": "c", "from": "m.flow", "aggregate": "count"},
        {"name": "d", "expr": "coalesce(previous(m.flow), last_year(m.stock), 0)"},
        {"name": "e", "expr": "if(m.stock > 5, y.people, y.more)", "default": 1},
        {"name": "f", "expr": "coalesce(y.people, 0) + coalesce(y.more, 0)"},
    ]
    rule = any_of(only(regions={EAST}, first="2025-02-01"), only(regions={COUNTY, WEST}, paths={"y.people"}))
    answers = []
    for hidden in (False, True):
        more = [{"region": WEST, "period": p, "flow": 9, "stock": 9} for p in M25] + [
            {"region": EAST, "period": "2025-01", "flow": 7, "stock": 7}
        ]
        records = {
            "m": [*flows(EAST)[1:], *(more if hidden else [])],
            "y": [
                {"region": EAST, "period": "2025", "people": 5, "more": 7},
                {"region": WEST, "period": "2025", "people": 6, **({"more": 8} if hidden else {})},
            ],
        }
        for level in ("township", "county"):
            for frequency in ("year", "quarter", "month"):
                result = mapped(view(*fields, level=level, frequency=frequency), KNOWN, records, rule)
                answers.append((hidden, result.frame))
    half = len(answers) // 2
    for (_, without), (_, within) in zip(answers[:half], answers[half:], strict=True):
        assert without.equals(within)


# -- regions change ----------------------------------------------------------------------------------------------
MOVED = RegionIndex(
    (
        *(state for state in STATES if state.region_id != WEST),
        RegionState(WEST, "430682102", "西镇", "township", COUNTY, None, date(2025, 6, 30)),
        RegionState(WEST, "430681102", "西镇", "township", 2, date(2025, 7, 1)),
    )
)


def test_a_county_figure_of_a_past_period_uses_the_hierarchy_of_that_period() -> None:
    document = view(
        {"name": "x", "from": "m.flow"}, {"name": "c", "from": "region.code"}, level="county", frequency="half"
    )
    found = shown(mapped(document, KNOWN, {"m": flows(EAST) + flows(WEST)}, None, MOVED))
    assert found == [{"x": 6, "c": "430681"}, {"x": 12, "c": "430682"}, {"x": 6, "c": "430682"}]


def test_a_region_has_the_code_and_parent_of_the_last_day_of_the_period() -> None:
    document = view(
        {"name": "x", "from": "m.flow"},
        {"name": "c", "from": "region.code"},
        {"name": "p", "from": "region.parent"},
        frequency="half",
    )
    found = shown(mapped(document, KNOWN, {"m": flows(WEST)}, None, MOVED))
    assert found == [{"x": 6, "c": "430681102", "p": "430681"}, {"x": 6, "c": "430682102", "p": "430682"}]


MERGED = RegionIndex(
    (
        *(state for state in STATES if state.region_id != WEST),
        RegionState(WEST, "430682102", "西镇", "township", COUNTY, None, date(2025, 6, 30)),
        RegionState(99, "430682103", "新镇", "township", COUNTY, date(2025, 7, 1)),
    )
)


def test_what_a_merged_place_reported_is_not_lost_from_the_year_and_its_stock_not_counted_twice() -> None:
    records = {"m": flows(WEST)[:6] + [{**record, "region": 99} for record in flows(WEST)[6:]]}
    document = view({"name": "x", "from": "m.flow"}, {"name": "s", "from": "m.stock"}, level="county")
    assert shown(mapped(document, KNOWN, records, None, MERGED)) == [{"x": 12, "s": 10}]


def test_coverage_is_not_asked_of_places_before_they_were_and_after() -> None:
    records = {"m": flows(WEST)[:6]}
    rule = any_of(only(regions={WEST}, last="2025-06-30"), only(regions={99}, first="2025-07-01"), only(regions={EAST}))
    assert read_in(MERGED, rule, records) == [6]
    assert read_in(MERGED, any_of(only(regions={WEST}, last="2025-05-31"), only(regions={EAST, 99})), records) == [None]


def test_the_stock_of_a_merged_place_is_not_reached_for_and_needs_no_coverage() -> None:
    records = {"m": [{**record, "region": 99} for record in flows(WEST)[6:]]}
    document = view({"name": "x", "from": "m.stock"}, {"name": "f", "from": "m.flow"}, level="county")
    rule = any_of(only(regions={99}, first="2025-07-01"), only(regions={EAST}))
    assert shown(mapped(document, KNOWN, records, rule, MERGED)) == [{"x": 10, "f": None}]


def test_a_county_agreement_does_not_reach_what_a_township_reported_before_it_came() -> None:
    """The agreement covers 汨罗市 and all below it at each period: of 西镇 the second half of the year."""

    def rule(path: str, region: int, period: Period) -> bool:
        return 2 in (region, *MOVED.ancestors(region, period.end))

    records = {"m": flows(WEST) + flows(NORTH)}
    document = view({"name": "x", "from": "m.flow"}, level="county")
    assert values(mapped(document, KNOWN, records, rule, MOVED)) == [None]
    halves = view({"name": "x", "from": "m.flow"}, level="county", frequency="half")
    assert values(mapped(halves, KNOWN, records, rule, MOVED)) == [6, 12]
    of_the_township = view({"name": "x", "from": "m.flow"}, {"name": "c", "from": "region.code"})
    assert shown(mapped(of_the_township, KNOWN, records, rule, MOVED))[-1] == {"x": None, "c": "430681102"}


def read_in(regions: RegionIndex, rule: Rule, records: dict[str, Any]) -> list[Any]:
    return values(mapped(view({"name": "x", "from": "m.flow"}, level="county"), KNOWN, records, rule, regions))


def test_exact_thirds_survive_partial_coverage() -> None:
    records = {
        "y": [
            {"region": EAST, "period": "2025", "people": Fraction(1, 3)},
            {"region": WEST, "period": "2025", "people": Fraction(2, 3)},
        ]
    }
    assert read(only(regions={EAST, WEST}), records, level="county", decimals=2, **{"from": "y.people"}) == [1]


def test_sources_may_leave_out_the_column_of_an_element_that_is_covered_nowhere() -> None:
    """A department that may see only one of two elements still reads the view: what rests on the other is missing."""

    class OnlyPeople(GivenRecords):
        def rows(self, dataset: str, elements: Sequence[str]) -> Rows:
            found = super().rows(dataset, elements)
            kept = [name for name in found.frame.columns if name not in elements or name == "people"]
            return Rows(found.frame.select(kept), {"people": 1})

    known = catalogue(dataset("y", "year", element("people"), element("area"), element("kind", "text", "attribute")))
    coverage = GivenCoverage(lambda path, _, __: path == "y.people")
    document = view(
        {"name": "x", "from": "y.people"},
        {"name": "f", "expr": "y.people / y.area", "decimals": 1},
        {"name": "g", "expr": "coalesce(y.area, y.people)"},
        {"name": "k", "from": "y.kind"},
    )
    held = {"y": [{"region": EAST, "period": "2025", "people": 3, "area": 2, "kind": "甲"}]}
    found = run(plan_of(document, known), OnlyPeople(known, held, coverage), coverage, REGIONS, TODAY)
    assert shown(found) == [{"x": 3, "f": None, "g": None, "k": None}]
