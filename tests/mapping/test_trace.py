"""Explaining a cell gives the value that reading it gives, and everything it says can be worked out again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

from app.catalogue.model import FREQUENCIES, Dataset
from app.catalogue.periods import PER_YEAR, Period
from app.mapping.behind import Behind
from app.mapping.compile import check_view
from app.mapping.members import Hierarchy
from app.mapping.plan import CompiledField, FromElements, Plan
from app.mapping.points import Points
from app.mapping.readings import Readings
from app.mapping.run import ResultTooLarge, run
from app.mapping.trace import Input, Trace, trace
from app.mapping.tree import Value
from app.mapping.written import decimal_text, written
from tests.mapping.reference import STEPS, Reference, rounded
from tests.mapping.test_reference import REGIONS as MOVING
from tests.mapping.test_reference import STATES, actual, allowed, datasets, fields, grants, records_of
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
    plan_of,
    view,
)

EXAMPLES = int(os.environ.get("MAPPING_EXAMPLES", "60"))
PHASES = [Phase.explicit, Phase.generate] + ([Phase.shrink] if "MAPPING_SHRINK" in os.environ else [])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(st.data())
def test_every_cell_of_any_view_is_explained_as_it_is_answered(data: st.DataObject) -> None:
    known = catalogue(
        *(data.draw(datasets(f"d{n}")) for n in range(data.draw(st.integers(1, 2)))), codelists={"kinds": "12"}
    )
    grain = {
        "level": data.draw(st.sampled_from(["township", "county"])),
        "frequency": data.draw(st.sampled_from(FREQUENCIES)),
    }
    document: dict[str, Any] = {"code": "v", "department": "ecology", "grain": grain, "fields": []}
    for number in range(4):
        candidate = data.draw(fields(known, number))
        plan, _ = check_view(document | {"fields": [*document["fields"], candidate]}, "", known)
        if plan is not None:
            document["fields"].append(candidate)
    assume(document["fields"])
    plan, faults = check_view(document, "", known)
    assert plan is not None, faults
    records = {code: data.draw(records_of(dataset)) for code, dataset in known.datasets.items()}
    granted = data.draw(st.none() | grants(known))
    rule = None if granted is None else lambda path, region, period: allowed(granted, path, region, period)
    coverage = GivenCoverage(rule, claims_everywhere=data.draw(st.booleans()))
    note(str(document))
    reference = Reference(known, records, STATES, rule, document, TODAY)
    sources = GivenRecords(known, records, coverage)
    try:
        rows = actual(run(plan, sources, coverage, MOVING, TODAY))
    except ResultTooLarge:
        return
    for row in rows[:6]:
        place = {"region": row["region"], "period": row["period"]}
        place |= {f"key:{code}": key for code, key in zip(plan.key, row["key"], strict=True)}
        for each in plan.fields:
            told = trace(plan, each.name, place, sources, coverage, MOVING, TODAY)
            assert finished(each, told) == row[each.name], each.name
            check_inputs(told, reference)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(st.data())
def test_hidden_data_changes_nothing_of_what_is_told(data: st.DataObject) -> None:
    known = catalogue(
        *(data.draw(datasets(f"d{n}")) for n in range(data.draw(st.integers(1, 2)))), codelists={"kinds": "12"}
    )
    grain = {
        "level": data.draw(st.sampled_from(["township", "county"])),
        "frequency": data.draw(st.sampled_from(FREQUENCIES)),
    }
    candidates = [data.draw(fields(known, number)) for number in range(4)]
    document: dict[str, Any] = {"code": "v", "department": "ecology", "grain": grain, "fields": []}
    for candidate in candidates:
        if check_view(document | {"fields": [*document["fields"], candidate]}, "", known)[0] is not None:
            document["fields"].append(candidate)
    assume(document["fields"])
    plan, _ = check_view(document, "", known)
    assert plan is not None
    granted = data.draw(grants(known))
    coverage = GivenCoverage(lambda path, region, period: allowed(granted, path, region, period))
    worlds = [{code: data.draw(records_of(of)) for code, of in known.datasets.items()} for _ in range(2)]
    # The second world has the covered cells of the first and all others of its own.
    second = {code: other(known.datasets[code], worlds[0][code], worlds[1][code], coverage) for code in worlds[0]}
    told = []
    for records in (worlds[0], second):
        sources = GivenRecords(known, records, coverage)
        try:
            rows = actual(run(plan, sources, coverage, MOVING, TODAY))
        except ResultTooLarge:
            return
        told.append([notes(plan, row, sources, coverage) for row in rows])
    note(str(document))
    assert told[0] == told[1]


def notes(plan: Plan, row: dict[str, Any], sources: GivenRecords, coverage: GivenCoverage) -> list[Any]:
    """Everything that may be told of a row: its fields traced, and the records and counts where they are covered."""
    place = {"region": row["region"], "period": row["period"]}
    place |= {f"key:{code}": key for code, key in zip(plan.key, row["key"], strict=True)}
    hierarchy = Hierarchy(MOVING, TODAY)
    found: list[Any] = [row]
    for each in plan.fields:
        found.append(trace(plan, each.name, place, sources, coverage, MOVING, TODAY))
        only = plan.restricted([each.name])
        schema = {column: pl.String if column.startswith("key:") else pl.Int32 for column in place}
        frame = pl.DataFrame({column: [value] for column, value in place.items()}, schema=schema)
        points = Points(frame, PER_YEAR.get(plan.frequency, 1))
        assert isinstance(each.source, FromElements)
        if not found[-1].covered:
            continue
        behind = Behind(Readings(only, sources, coverage, hierarchy))
        counts = behind.counts(each.source.tree, points)
        found.append(None if counts is None else counts.rows())
        went_in = behind.went_in(each.source.tree, points)
        found.append({path: sorted(map(str, frame.rows())) for path, frame in went_in.items()})
    return found


def other(
    of: Dataset, first: list[dict[str, Any]], second: list[dict[str, Any]], coverage: GivenCoverage
) -> list[dict[str, Any]]:
    """The covered cells of ``first`` with the uncovered ones of ``second``."""
    merged: dict[Any, dict[str, Any]] = {}
    for records, wanted in ((first, True), (second, False)):
        for record in records:
            place = (record["region"], record["period"], record["k"])
            empty = {name: record[name] for name in ("region", "period", "k")}
            row = {**empty, **dict.fromkeys(code for code in of.by_code if code != "k")}
            for each in of.elements:
                own = Period.parse(record["period"], of.frequency)
                if each.code != "k" and coverage.covers(each.path, record["region"], own) == wanted:
                    row[each.code] = record[each.code]
                    merged.setdefault(place, dict(row))[each.code] = record[each.code]
            if wanted:
                # A record that is there may have its key covered, which is a value too.
                merged.setdefault(place, row)
    return [merged[place] for place in sorted(merged)]


def finished(each: CompiledField, told: Trace) -> Any:
    """What a reader is shown of a traced value: rounded, through the codes, with the default."""
    if not told.covered:
        return None
    shown: Any = told.value
    if each.codes is not None:
        if shown is not None:
            text = {True: "true", False: "false"}.get(shown) if isinstance(shown, bool) else str(shown)
            shown = each.codes.get(str(text), each.otherwise)
    elif isinstance(shown, Fraction):
        shown = rounded(shown, each.output.decimals, each.rounding)
    return each.default if shown is None else shown


def check_inputs(told: Trace, reference: Reference) -> None:
    """The base values are those held and covered, and the steps over them give what was read."""
    assert told.covered or (told.inputs, told.steps) == ((), ())
    for each in told.inputs:
        steps = each.reading.steps
        found = reference.catalogue.element(each.reading.path)
        assert found is not None
        base = reference.catalogue.datasets[found.dataset]
        for cell in each.cells:
            own = Period(base.frequency, cell.period)
            assert (cell.key, cell.value) in [*reference.held(base, found, cell.region, own), (cell.key, None)]
        values = [cell.value for cell in each.cells if cell.value is not None]
        if not steps.aggregated:
            assert each.counts is None
            assert each.value == (values[0] if values else None)
            continue
        assert each.value == again(each, values)
        assert each.counts is not None
        assert each.counts.values[0] == len(values)
        assert each.counts.regions[0] == len({cell.region for cell in each.cells})
        for have, of in (each.counts.values, each.counts.regions, each.counts.periods):
            assert of is None or have <= of


def again(each: Input, values: list[Any]) -> Value:
    steps = each.reading.steps
    if steps.counts:
        return Fraction(len(values))
    series: dict[Any, list[Any]] = {}
    for cell in sorted(each.cells, key=lambda cell: cell.period):
        series.setdefault((cell.region, cell.key), []).append(cell.value)
    over_time: Callable[[list[Any]], Any] = STEPS[steps.over_time] if steps.over_time else lambda own: own[0]
    timed = [over_time(own) for own in series.values()]
    if not timed:
        return None
    return STEPS[steps.over_regions](timed) if steps.over_regions else timed[0]  # type: ignore[no-any-return]


KNOWN = catalogue(
    dataset(
        "d",
        "year",
        element("people", unit="人"),
        element("area", "decimal", unit="公顷", decimals=1),
    ),
    dataset("m", "month", element("cases", measure="flow", unit="件")),
)
EXPLAINED = {
    "d": [
        {"region": EAST, "period": "2024", "people": 100, "area": 10},
        {"region": EAST, "period": "2025", "people": 300, "area": 20},
        {"region": WEST, "period": "2025", "people": 700, "area": None},
    ],
    "m": [
        {"region": EAST, "period": "2025-01", "cases": 3},
        {"region": EAST, "period": "2025-03", "cases": 4},
        {"region": WEST, "period": "2025-03", "cases": None},
    ],
}


def traced(
    fields: dict[str, Any], region: int, period: str, rule: Any = None, records: Any = None, **grain: Any
) -> Trace:
    plan = plan_of(view({"name": "x", **fields}, **grain), KNOWN)
    coverage = GivenCoverage(rule)
    sources = GivenRecords(KNOWN, records or EXPLAINED, coverage)
    place = {"region": region, "period": Period.parse(period).ordinal}
    return trace(plan, "x", place, sources, coverage, REGIONS, TODAY)


def test_each_part_of_an_expression_is_told_with_its_exact_value() -> None:
    told = traced({"expr": "to(d.area, '亩') / d.people - 1", "decimals": 3}, EAST, "2025")
    assert [(step.text, step.value, step.factor) for step in told.steps] == [
        ("d.area * 15", 300, 15),
        ("d.area * 15 / d.people", 1, None),
        ("d.area * 15 / d.people - 1", 0, None),
    ]
    assert [(each.reading.path, each.value) for each in told.inputs] == [("d.area", 20), ("d.people", 300)]


def test_an_earlier_period_is_told_as_such() -> None:
    told = traced({"expr": "d.people - last_year(d.people)"}, EAST, "2025")
    assert [(each.period, each.value) for each in told.inputs] == [(2025, 300), (2024, 100)]
    assert [(step.text, step.period, step.value) for step in told.steps] == [
        ("previous(d.people)", 2025, 100),
        ("d.people - previous(d.people)", 2025, 200),
    ]


def test_an_aggregate_names_the_regions_and_periods_that_went_in_and_how_many_could() -> None:
    told = traced({"from": "m.cases"}, COUNTY, "2025", level="county")
    (only,) = told.inputs
    assert only.value == 7
    assert [(cell.region, str(Period("month", cell.period)), cell.value) for cell in only.cells] == [
        (EAST, "2025-01", 3),
        (EAST, "2025-03", 4),
    ]
    assert only.counts is not None
    assert (only.counts.values, only.counts.regions, only.counts.periods) == ((2, 24), (1, 2), (2, 12))


def test_of_a_stock_only_the_places_that_exist_at_the_end_are_told() -> None:
    # 三镇 and 四镇 merge into 新镇 in May; what they held before was handed on.
    known = catalogue(dataset("s", "quarter", element("people", unit="人")))
    records = {
        "s": [
            {"region": 13, "period": "2025-Q1", "people": 40},
            {"region": 15, "period": "2025-Q3", "people": 100},
            {"region": 11, "period": "2025-Q2", "people": 7},
        ]
    }
    plan = plan_of(view({"name": "x", "from": "s.people"}, level="county"), known)
    sources, coverage = GivenRecords(known, records, GivenCoverage()), GivenCoverage()
    told = trace(plan, "x", {"region": 1, "period": 2025}, sources, coverage, MOVING, TODAY)
    assert told.value == 107
    assert [(cell.region, cell.value) for cell in told.inputs[0].cells] == [(11, 7), (15, 100)]
    assert told.inputs[0].counts is not None
    # 一镇 the whole year and 新镇 from the second quarter on; 二镇 has left the county by then.
    assert told.inputs[0].counts.values == (2, 7)


def test_the_year_to_date_is_told_month_by_month() -> None:
    told = traced({"expr": "ytd(m.cases)"}, EAST, "2025-03", frequency="month")
    assert [(each.period % 12 + 1, each.value) for each in told.inputs] == [(1, 3), (2, None), (3, 4)]
    assert told.value is None


def test_what_is_not_covered_is_not_told_whether_or_not_it_is_held() -> None:
    def rule(path: str, region: int, period: Period) -> bool:
        return region == EAST

    told = traced({"from": "d.people"}, COUNTY, "2025", rule, level="county")
    other = {**EXPLAINED, "d": [*EXPLAINED["d"][:2], {"region": WEST, "period": "2025", "people": None}]}
    without = traced({"from": "d.people"}, COUNTY, "2025", rule, other, level="county")
    assert told == without == Trace(covered=False)


@pytest.mark.parametrize(
    "expr",
    [
        "(d.people + 1) * (d.people - 2)",
        "d.people - (1 - d.people)",
        "d.people / (d.people / 2.5)",
        "-(d.people + 1)",
        "-d.people * d.people",
        "if(d.people > 1 and not d.people == 2, d.people, 1 / 3)",
        "coalesce(d.people, 0)",
        "round(d.people / 3, -1)",
        "round(d.people / 3)",
        "previous(last_year(d.people))",
        "if(d.people < 1 or d.people > 5 and d.people != 7, 1, 2)",
    ],
)
def test_what_is_written_reads_as_the_same_tree(expr: str) -> None:
    def tree(text: str) -> Any:
        source: Any = plan_of(view({"name": "x", "expr": text, "decimals": 2}), KNOWN).fields[0].source
        return source.tree

    assert tree(written(tree(expr))) == tree(expr)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(3, 2), ("1.5", True)),
        (Fraction(-1, 8), ("-0.125", True)),
        (Fraction(1200), ("1200", True)),
        (Fraction(-2, 3), ("-0." + "6" * 20, False)),
        (Fraction(1, 2**41), ("0." + str(10**20 // 2**41).zfill(20), False)),
    ],
)
def test_a_decimal_says_whether_its_digits_are_all_there(value: Fraction, expected: Sequence[Any]) -> None:
    assert decimal_text(value) == expected
