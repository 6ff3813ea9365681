"""Views under the regions of today: figures of former places carried to those that succeeded them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState, Succession
from app.mapping.behind import Behind
from app.mapping.points import Points
from app.mapping.present import hierarchy_of
from app.mapping.readings import Readings
from app.mapping.run import ResultTooLarge
from app.mapping.trace import trace
from tests.catalogue import region_lists
from tests.mapping.world import (
    TODAY,
    GivenCoverage,
    GivenRecords,
    catalogue,
    dataset,
    element,
    mapped,
    plan_of,
    shown,
    view,
)

WORLD = catalogue(
    dataset(
        "people",
        "year",
        element("total", unit="人"),
        element("rate", "decimal", "ratio", unit="%", decimals=1),
        element("income", "decimal", "flow", unit="元/人", decimals=0),
        element("note", "text", "attribute"),
    ),
    dataset("cases", "month", element("received", measure="flow", unit="件"), element("to_date", measure="cumulative")),
    dataset(
        "wells",
        "year",
        element("number", "text"),
        element("depth", unit="米"),
        element("kind", "text"),
        key=("number",),
    ),
)
# Two counties. On 2024-07-01 甲 and 乙 merged into 丙; 丁 gave 30 % of itself to 戊, a new place of the other county;
# 己 was split without a word on how; 庚 moved to the other county under a new code; 辛 ceased with no successor.
CHANGE = date(2024, 7, 1)
_EVE = date(2024, 6, 30)
STATES = (
    RegionState(1, "4301", "东县", "county", None),
    RegionState(2, "4302", "西县", "county", None),
    RegionState(11, "4301001", "甲", "township", 1, None, _EVE),
    RegionState(12, "4301002", "乙", "township", 1, None, _EVE),
    RegionState(13, "4301003", "丙", "township", 1, CHANGE),
    RegionState(14, "4301004", "丁", "township", 1),
    RegionState(15, "4302005", "戊", "township", 2, CHANGE),
    RegionState(16, "4301006", "己", "township", 1),
    RegionState(17, "4301007", "新己", "township", 1, CHANGE),
    RegionState(18, "4301008", "庚", "township", 1, None, _EVE),
    RegionState(18, "4302008", "庚街道", "township", 2, CHANGE),
    RegionState(19, "4301009", "辛", "township", 1, None, _EVE),
)
EDGES = (
    Succession(CHANGE, "merge", 11, 13),
    Succession(CHANGE, "merge", 12, 13),
    Succession(CHANGE, "split", 14, 14, Fraction(7, 10)),
    Succession(CHANGE, "split", 14, 15, Fraction(3, 10)),
    Succession(CHANGE, "split", 16, 17),
    Succession(CHANGE, "move", 18, 18),
)
REGIONS = RegionIndex(STATES, EDGES)


def present(*fields: dict[str, Any], **grain: str) -> dict[str, Any]:
    return {**view({"name": "code", "from": "region.code"}, *fields, **grain), "regions": "present"}


def told(
    document: dict[str, Any],
    records: dict[str, list[dict[str, Any]]],
    rule: Callable[[str, int, Period], bool] | None = None,
    regions: RegionIndex = REGIONS,
) -> dict[Any, Any]:
    """(code, period) → x."""
    found = mapped(document, WORLD, records, rule, regions)
    periods = [str(Period(document["grain"]["frequency"], p)) for p in found.frame["period"]]
    return {(row["code"], period): row["x"] for row, period in zip(shown(found), periods, strict=True)}


def people(element: str = "total", year: str = "2023", **held: Any) -> dict[str, list[dict[str, Any]]]:
    ids = {s.name: s.region_id for s in STATES}
    return {"people": [{"region": ids[name], "period": year, element: value} for name, value in held.items()]}


TOTAL = {"name": "x", "from": "people.total", "decimals": 1}


def test_the_figures_of_merged_places_are_summed_under_their_successor() -> None:
    held = people(甲=10, 乙=5)
    assert told(present(TOTAL), held) == {("4301003", "2023"): 15}
    historical = told(present(TOTAL) | {"regions": "historical"}, held)
    assert historical == {("4301001", "2023"): 10, ("4301002", "2023"): 5}


def test_a_share_is_taken_exactly_of_what_was_split() -> None:
    found = told(present(TOTAL), people(丁=101))
    assert found == {("4301004", "2023"): Fraction(707, 10), ("4302005", "2023"): Fraction(303, 10)}


def test_counties_of_the_past_are_those_of_today() -> None:
    held = people(甲=10, 丁=100, 庚=1000)
    field = {"name": "x", "from": "people.total"}
    assert told(present(field, level="county"), held) == {("4301", "2023"): 80, ("4302", "2023"): 1030}
    historical = present(field, level="county") | {"regions": "historical"}
    assert told(historical, held) == {("4301", "2023"): 1110}


def test_a_split_without_shares_leaves_both_without_a_figure_and_is_said() -> None:
    document = present(TOTAL, {"name": "y", "from": "people.note"})
    held = people(己=7, 甲=1, 庚=3)
    found = mapped(document, WORLD, held, regions=REGIONS)
    assert [(row["code"], row["x"]) for row in shown(found)] == [("4301003", 1), ("4302008", 3)]
    assert len(found.notes) == 2
    assert "己（4301006） 于 2024-07-01 拆分，己（4301006）、新己（4301007） 所得份额不明" in found.notes[0]
    assert "辛（4301009）" in found.notes[1]


def test_what_is_said_does_not_depend_on_what_is_held() -> None:
    document = present(TOTAL)
    assert (
        mapped(document, WORLD, {}, regions=REGIONS).notes
        == mapped(document, WORLD, people(甲=1), regions=REGIONS).notes
    )
    assert mapped(document | {"regions": "historical"}, WORLD, people(己=7), regions=REGIONS).notes == ()


def test_a_place_that_ceased_without_a_successor_has_no_row() -> None:
    assert told(present(TOTAL), people(辛=3)) == {}


@pytest.mark.parametrize(("name", "value"), [("rate", "12.5"), ("income", "300"), ("note", "话")])
def test_what_does_not_add_up_is_missing_where_places_were_merged_or_divided_but_not_where_one_moved(
    name: str, value: str
) -> None:
    held = people(name, 甲=value, 丁=value, 庚=value)
    for record in held["people"]:
        record["total"] = 1
    more = {} if name == "note" else {"decimals": 1}
    found = told(present({"name": "x", "from": f"people.{name}", **more}, TOTAL | {"name": "t"}), held)
    kept = value if name == "note" else Fraction(value)
    assert found == {
        ("4301003", "2023"): None,
        ("4301004", "2023"): None,
        ("4302005", "2023"): None,
        ("4302008", "2023"): kept,
    }


def test_codes_and_names_are_those_of_today() -> None:
    document = present(
        TOTAL,
        {"name": "name", "from": "region.name"},
        {"name": "parent", "from": "region.parent"},
        {"name": "when", "from": "period"},
    )
    (row,) = shown(mapped(document, WORLD, people(庚=3), regions=REGIONS))
    assert row == {"code": "4302008", "x": 3, "name": "庚街道", "parent": "4302", "when": "2023"}


def test_in_the_year_of_a_merger_flows_add_up_and_stocks_are_the_successors() -> None:
    records = {
        "cases": [
            {"region": region, "period": month, "received": 1, "to_date": 10}
            for region, months in ((11, ("2024-05", "2024-06")), (12, ("2024-06",)), (13, ("2024-07", "2024-08")))
            for month in months
        ]
    }
    received = {"name": "x", "from": "cases.received"}
    assert told(present(received), records) == {("4301003", "2024"): 5}
    assert told(present(received, frequency="month"), records) == {
        ("4301003", "2024-05"): 1,
        ("4301003", "2024-06"): 2,
        ("4301003", "2024-07"): 1,
        ("4301003", "2024-08"): 1,
    }
    yearly = {"people": [{"region": r, "period": "2024", "total": v} for r, v in ((11, 10), (12, 5), (13, 16))]}
    assert told(present(TOTAL), yearly) == {("4301003", "2024"): 16}


def test_a_carried_figure_is_missing_unless_all_it_comes_from_is_covered_held_or_not() -> None:
    def without_second(_: str, region: int, __: Period) -> bool:
        return region != 12

    document = present(TOTAL | {"default": -1}, {"name": "t", "expr": "coalesce(people.total, 0)"})
    for held in (people(甲=10, 乙=5), people(甲=10)):
        found = mapped(document, WORLD, held, without_second, REGIONS)
        assert shown(found) == [{"code": "4301003", "x": None, "t": None}]
    county = told(present(TOTAL, level="county"), people(甲=10, 丁=5), without_second)
    assert county == {("4301", "2023"): None, ("4302", "2023"): Fraction(3, 2)}


def test_the_successor_itself_need_not_have_been_covered_before_it_was() -> None:
    def former_only(_: str, region: int, __: Period) -> bool:
        return region in (11, 12)

    assert told(present(TOTAL), people(甲=10, 乙=5), former_only) == {("4301003", "2023"): 15}


def test_complete_asks_every_former_place() -> None:
    field = TOTAL | {"complete": "required"}
    assert told(present(field), people(甲=10, 乙=5)) == {("4301003", "2023"): 15}
    assert told(present(field), people(甲=10)) == {("4301003", "2023"): None}


def test_records_of_a_list_move_as_they_are_and_are_not_divided() -> None:
    wells = [
        {"region": region, "period": "2023", "number": number, "depth": depth, "kind": "井"}
        for region, number, depth in ((11, "1", 5), (12, "2", 6), (12, "1", 8), (14, "9", 7), (18, "4", 2))
    ]
    document = present({"name": "x", "from": "wells.depth"}, {"name": "k", "from": "wells.kind"})
    found = mapped(document, WORLD, {"wells": wells}, regions=REGIONS)
    rows = zip(
        found.frame["code"], found.frame["key:number"], found.frame["field:x"], found.frame["field:k"], strict=True
    )
    # Two of one number fell together: their depths add up as every stock does, what kind they are nobody can say.
    assert list(rows) == [("4301003", "1", 13, None), ("4301003", "2", 6, "井"), ("4302008", "4", 2, "井")]


def test_the_period_before_is_carried_too() -> None:
    held = people(甲=10, 乙=5)
    held["people"].append({"region": 13, "period": "2024", "total": 20})
    found = told(present({"name": "x", "expr": "people.total - previous(people.total)"}), held)
    assert found == {("4301003", "2023"): None, ("4301003", "2024"): 5}


def test_chains_are_followed_and_circles_end() -> None:
    states = tuple(RegionState(n, f"430{n}", f"镇{n}", "township", None) for n in range(1, 6))
    chain = RegionIndex(
        (states[0]._replace(valid_to=date(2022, 12, 31)), states[1]._replace(valid_to=date(2023, 12, 31)), *states[2:]),
        (
            Succession(date(2023, 1, 1), "split", 1, 2, Fraction(1, 3)),
            Succession(date(2023, 1, 1), "split", 1, 3, Fraction(2, 3)),
            Succession(date(2024, 1, 1), "split", 2, 4, Fraction(1, 7)),
            Succession(date(2024, 1, 1), "split", 2, 3, Fraction(6, 7)),
        ),
    )
    held = {"people": [{"region": 1, "period": "2021", "total": 21}, {"region": 4, "period": "2021", "total": 1}]}
    assert told(present(TOTAL), held, regions=chain) == {("4303", "2021"): 20, ("4304", "2021"): 2}
    day = date(2023, 1, 1)
    circle = RegionIndex(states, (Succession(day, "merge", 1, 2), Succession(day, "merge", 2, 1)))
    held = {"people": [{"region": 1, "period": "2021", "total": 3}, {"region": 2, "period": "2021", "total": 4}]}
    assert told(present(TOTAL), held, regions=circle) == {("4301", "2021"): 4, ("4302", "2021"): 3}


def test_a_place_merged_into_one_that_is_merged_on_the_same_day_goes_all_the_way() -> None:
    day = date(2023, 1, 1)
    ended = date(2022, 12, 31)
    states = (
        RegionState(1, "4301", "一", "township", None, None, ended),
        RegionState(2, "4302", "二", "township", None, None, ended),
        RegionState(3, "4303", "三", "township", None),
    )
    regions = RegionIndex(states, (Succession(day, "merge", 1, 2), Succession(day, "merge", 2, 3)))
    held = {"people": [{"region": n, "period": "2021", "total": n} for n in (1, 2, 3)]}
    assert told(present(TOTAL), held, regions=regions) == {("4303", "2021"): 6}


def test_a_succession_of_a_later_day_has_not_happened() -> None:
    later = RegionIndex(
        (RegionState(1, "4301", "一", "township", None), RegionState(2, "4302", "二", "township", None)),
        (Succession(date(2099, 1, 1), "merge", 1, 2),),
    )
    assert told(present(TOTAL), {"people": [{"region": 1, "period": "2021", "total": 3}]}, regions=later) == {
        ("4301", "2021"): 3
    }


def test_shares_beyond_every_column_are_refused() -> None:
    tiny = Fraction(1, 2**100 + 277)
    states = (RegionState(1, "4301", "一", "township", None), RegionState(2, "4302", "二", "township", None))
    regions = RegionIndex(states, (Succession(date(2023, 1, 1), "split", 1, 2, tiny),))
    with pytest.raises(ResultTooLarge):
        told(present(TOTAL), {"people": [{"region": 1, "period": "2021", "total": 10**12}]}, regions=regions)


def test_what_stands_behind_a_carried_value_is_what_was_reported() -> None:
    held = people(甲=10, 丁=101)
    coverage = GivenCoverage(None)
    plan = plan_of(present(TOTAL), WORLD)
    sources = GivenRecords(WORLD, held, coverage)
    merged = trace(plan, "x", {"region": 13, "period": 2023}, sources, coverage, REGIONS, TODAY)
    assert [(cell.region, cell.value) for cell in merged.inputs[0].cells] == [(11, 10)]
    shared = trace(plan, "x", {"region": 15, "period": 2023}, sources, coverage, REGIONS, TODAY)
    assert shared.value == Fraction(303, 10)
    assert [(cell.region, cell.value) for cell in shared.inputs[0].cells] == [(14, 101)]


def test_counts_are_of_the_former_places() -> None:
    plan = plan_of(present({"name": "x", "from": "people.total"}, level="county"), WORLD)
    coverage = GivenCoverage(None)
    hierarchy = hierarchy_of(plan, REGIONS, TODAY)
    behind = Behind(Readings(plan, GivenRecords(WORLD, people(甲=10, 丁=1), coverage), coverage, hierarchy))
    points = Points(
        mapped(present(TOTAL, level="county"), WORLD, people(甲=10), regions=REGIONS).frame.select("region", "period"),
        1,
    )
    counted = behind.counts(plan.fields[1].source.tree, points)  # type: ignore[union-attr]
    assert counted is not None
    # 甲 乙 丁 己 stand behind the county of today (己 by a part that nobody knows); 庚 went, 辛 ended.
    assert counted.row(0, named=True)["regions"] == 2
    assert counted.row(0, named=True)["regions:of"] == 4


# -- the real lists --------------------------------------------------------------------------------------------------
BEFORE = region_lists.BEFORE


def real() -> RegionIndex:
    first, _ = region_lists.applied(RegionIndex(), region_lists.listed(2021))
    return region_lists.applied(first, region_lists.listed(2023), region_lists.successions())[0]


def numbered(index: RegionIndex, codes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Each of these codes of 2021 reported its own number for 2022."""
    held = {code: index.holder(code, BEFORE) for code in codes}
    assert None not in held.values()
    return {"people": [{"region": held[code], "period": "2022", "total": n} for n, code in enumerate(codes, start=1)]}


@pytest.mark.parametrize("county", ["230604", "410103", "131127", "340323", "330371"])
def test_places_keep_their_figures_through_codes_that_were_handed_on(county: str) -> None:
    index = real()
    old, new = region_lists.names(2021), region_lists.names(2023)
    codes = sorted(code for code in old if code.startswith(county) and len(code) == 9)
    listed = region_lists.successions()
    moved = {row.old_code: row.new_code for row in listed}
    held = numbered(index, codes)
    historical = told(present(TOTAL) | {"regions": "historical"}, held, regions=index)
    assert historical == {(code, "2022"): n for n, code in enumerate(codes, start=1)}
    carried = told(present(TOTAL), held, regions=index)
    assert carried == {(moved.get(code, code), "2022"): n for n, code in enumerate(codes, start=1)}
    for code in codes:
        if county in ("230604", "410103") and code in moved:
            # The name went with the figure, wherever its old code is today.
            assert new[moved.get(code, code)] == old[code]


def test_the_reused_codes_mean_other_streets_today() -> None:
    index = real()
    held = numbered(index, ["230604004", "230604012", "410103015", "410103016"])
    name = {"name": "n", "from": "region.name"}
    rows = {
        row["n"]: (row["code"], row["x"]) for row in shown(mapped(present(TOTAL, name), WORLD, held, regions=index))
    }
    assert rows == {
        "奋斗街道": ("230604012", 1),
        "怡园街道": ("230604016", 2),
        "人和路街道": ("410103014", 3),
        "侯寨街道": ("410103015", 4),
    }


def test_merged_streets_of_the_real_lists_are_summed() -> None:
    index = real()
    held = numbered(index, ["360103005", "360103006", "360103101"])
    assert told(present(TOTAL), held, regions=index) == {("360103015", "2022"): 3, ("360103014", "2022"): 3}


def test_streets_that_moved_to_a_real_county_count_for_it_today() -> None:
    index = real()
    codes = ["330371005", "330371008", "330371009", "330371011"]
    counties = told(
        present({"name": "x", "from": "people.total"}, level="county"), numbered(index, codes), regions=index
    )
    assert counties == {("330303", "2022"): 10}
    historical = present({"name": "x", "from": "people.total"}, level="county") | {"regions": "historical"}
    assert told(historical, numbered(index, codes), regions=index) == {("330371", "2022"): 10}
