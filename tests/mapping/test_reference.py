"""The program against the reference, over worlds, mappings, data and coverages that hypothesis makes up."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import date
from fractions import Fraction
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

from app.catalogue.model import FREQUENCIES, LEVELS, Catalogue, Dataset, Element
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState, Succession
from app.mapping.compile import check_view
from app.mapping.run import ResultTooLarge, run
from tests.mapping.reference import Reference
from tests.mapping.world import TODAY, GivenCoverage, GivenRecords, catalogue

# Two counties; in the middle of 2025 one township moves, two merge into a third, and a village changes its township.
STATES = (
    RegionState(1, "41", "甲县", "county", None),
    RegionState(2, "42", "乙县", "county", None),
    RegionState(11, "4101", "一镇", "township", 1),
    RegionState(12, "4102", "二镇", "township", 1, None, date(2025, 6, 30)),
    RegionState(12, "4201", "二镇", "township", 2, date(2025, 7, 1)),
    RegionState(13, "4103", "三镇", "township", 1, None, date(2025, 4, 30)),
    RegionState(14, "4104", "四镇", "township", 1, None, date(2025, 4, 30)),
    RegionState(15, "4103", "新镇", "township", 1, date(2025, 5, 1)),
    RegionState(21, "4202", "五镇", "township", 2),
    RegionState(111, "410101", "东村", "village", 11),
    RegionState(112, "410102", "西村", "village", 11, None, date(2025, 9, 14)),
    RegionState(112, "420201", "西村", "village", 21, date(2025, 9, 15)),
)
REGIONS = RegionIndex(STATES)
_MAY, _JULY, _NEXT = date(2025, 5, 1), date(2025, 7, 1), date(2026, 3, 1)
# What became of the merged, and more for views under the regions of today: shares, parts that nobody measured, chains,
# going round in circles, and what has not happened yet.
EDGES = (
    Succession(_MAY, "merge", 13, 15),
    Succession(_MAY, "merge", 14, 15),
    Succession(_JULY, "split", 15, 11, Fraction(1, 3)),
    Succession(_JULY, "split", 15, 21),
    Succession(_NEXT, "split", 11, 11, Fraction(3, 10)),
    Succession(_NEXT, "split", 11, 12, Fraction(7, 10)),
    Succession(_NEXT, "split", 21, 12, Fraction(1, 7)),
    Succession(_NEXT, "merge", 12, 15),
    Succession(date(2026, 4, 1), "merge", 15, 12),
    Succession(date(2099, 1, 1), "merge", 21, 11),
    Succession(_JULY, "merge", 111, 112),
)
SUCCESSION_SETS = st.sets(st.sampled_from(EDGES)).map(
    lambda edges: tuple(sorted(edges, key=lambda e: (e.date, e.old_id, e.new_id)))
)
IDS = {"county": [1, 2], "township": [11, 12, 13, 14, 15, 21], "village": [111, 112]}
EXAMPLES = int(os.environ.get("MAPPING_EXAMPLES", "100"))
# The suite tries the same worlds every time; whoever asks for a number (make oracle) gets new ones.
SAME = "MAPPING_EXAMPLES" not in os.environ

PERIODS = {
    "once": [""],
    "year": ["2024", "2025"],
    "half": ["2024-H2", "2025-H1", "2025-H2"],
    "quarter": ["2024-Q4", "2025-Q1", "2025-Q2", "2025-Q3"],
    "month": ["2024-12", "2025-01", "2025-02", "2025-04", "2025-05", "2025-12"],
    "event": ["2024-12-31", "2025-01-01", "2025-01-31", "2025-02-03", "2025-06-30", "2025-09-14"],
}
NUMBERS = st.one_of(
    st.integers(-20, 20).map(Fraction),
    st.builds(Fraction, st.integers(-2000, 2000), st.sampled_from([1, 2, 3, 10, 15, 100])),
    st.integers(-(10**15), 10**15).map(Fraction),
)
UNITS = [None, "人", "万人", "%", "人", "人"]


@st.composite
def elements(draw: st.DrawFn, dataset: str, code: str) -> Element:
    type: Any = draw(st.sampled_from(["integer", "decimal", "decimal", "decimal", "boolean", "code"]))
    numeric = type in ("integer", "decimal")
    measure: Any = draw(st.sampled_from(["stock", "flow", "flow", "cumulative", "ratio"])) if numeric else "attribute"
    unit = draw(st.sampled_from(UNITS)) if numeric else None
    return Element(
        dataset,
        code,
        code,
        type,
        measure,
        "open",
        unit=unit,
        decimals=2 if type == "decimal" else 0,
        codes="kinds" if type == "code" else None,
    )


@st.composite
def datasets(draw: st.DrawFn, code: str) -> Dataset:
    made = tuple(draw(elements(code, f"e{n}")) for n in range(draw(st.integers(1, 3))))
    key = ("k",) if draw(st.integers(0, 3)) == 0 else ()
    if key:
        made = (Element(code, "k", "k", "text", "attribute", "open"), *made)
    frequency = draw(st.sampled_from(FREQUENCIES))
    level = draw(st.sampled_from(["county", "township", "township", "village"]))
    return Dataset(code, code, frequency, level, key, "region", "open", None, "none", made)  # type: ignore[arg-type]


@st.composite
def records_of(draw: st.DrawFn, dataset: Dataset) -> list[dict[str, Any]]:
    places = st.tuples(
        st.sampled_from(IDS[dataset.level]), st.sampled_from(PERIODS[dataset.frequency]), st.sampled_from("ab")
    )
    unique = {(r, p, k if dataset.key else "") for r, p, k in draw(st.lists(places, max_size=12))}
    found = []
    for region, period, key in sorted(unique):
        record: dict[str, Any] = {"region": region, "period": period, "k": key}
        for element in dataset.elements:
            if element.code == "k":
                continue
            kinds: dict[str, Any] = {
                "integer": st.integers(-50, 50),
                "decimal": NUMBERS,
                "boolean": st.booleans(),
                "code": st.sampled_from("12"),
            }
            record[element.code] = draw(st.none() | kinds[element.type])
        found.append(record)
    return found


@st.composite
def numbers(draw: st.DrawFn, paths: dict[str, list[str]], depth: int) -> str:  # noqa: PLR0911 - one for each form
    kinds = ["literal", "element", "element", "element"]
    if depth:
        kinds += ["binary", "binary", "binary", "call", "time", "if", "percent", "minus"]
    kind = draw(st.sampled_from(kinds))
    if kind == "element" and paths["number"]:
        return draw(st.sampled_from(paths["number"]))
    if kind in ("literal", "element"):
        return draw(st.sampled_from(["0", "1", "2", "100", "0.1", "1.25"]))

    def part() -> str:
        return draw(numbers(paths, depth - 1))

    if kind == "binary":
        return f"({part()} {draw(st.sampled_from('+-*/'))} {part()})"
    if kind == "percent":
        return f"({part()} / {part()} * 100)"
    if kind == "minus":
        return f"-{part()}"
    if kind == "time":
        return f"{draw(st.sampled_from(['previous', 'last_year', 'ytd']))}({part()})"
    if kind == "if":
        return f"if({draw(truths(paths, depth - 1))}, {part()}, {part()})"
    function = draw(st.sampled_from(["coalesce", "min", "max", "abs", "round", "to"]))
    if function == "to":
        return f"to({part()}, '{draw(st.sampled_from(['人', '万人', '%', '‰']))}')"
    if function == "round":
        return f"round({part()}, {draw(st.integers(-2, 3))})"
    return f"abs({part()})" if function == "abs" else f"{function}({part()}, {part()})"


@st.composite
def truths(draw: st.DrawFn, paths: dict[str, list[str]], depth: int) -> str:
    kind = draw(st.sampled_from(["compare", "compare", "logic", "not", "element", "chain"]))
    below = max(depth - 1, 0)
    if kind == "element" and paths["boolean"]:
        return draw(st.sampled_from(paths["boolean"]))
    if kind == "logic" and depth:
        return f"({draw(truths(paths, below))} {draw(st.sampled_from(['and', 'or']))} {draw(truths(paths, below))})"
    if kind == "not" and depth:
        return f"(not {draw(truths(paths, below))})"
    sign = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
    if paths["text"] and draw(st.integers(0, 4)) == 0:
        return f"({draw(st.sampled_from(paths['text']))} {sign} '1')"
    if kind == "chain":
        return f"({draw(numbers(paths, below))} <= {draw(numbers(paths, below))} {sign} 5)"
    return f"({draw(numbers(paths, below))} {sign} {draw(numbers(paths, below))})"


@st.composite
def fields(draw: st.DrawFn, known: Catalogue, number: int) -> dict[str, Any]:
    every = [e for d in known.datasets.values() for e in d.elements]
    paths = {
        "number": [e.path for e in every if e.numeric],
        "boolean": [e.path for e in every if e.type == "boolean"],
        "text": [e.path for e in every if e.type in ("code", "text")],
    }
    made: dict[str, Any] = {"name": f"f{number}"}
    aggregate = draw(st.sampled_from([None, None, None, "sum", "last", "mean", "min", "max", "count"]))
    if aggregate:
        made["aggregate"] = aggregate
    if draw(st.integers(0, 2)) == 0:
        element = draw(st.sampled_from(every))
        made["from"] = element.path
        kind = "number" if element.numeric else element.type
    elif draw(st.integers(0, 4)) == 0:
        made["expr"], kind = draw(truths(paths, 2)), "boolean"
    else:
        made["expr"], kind = draw(numbers(paths, 3)), "number"
    if kind == "number":
        made["decimals"] = draw(st.integers(0, 4))
        made["rounding"] = draw(st.sampled_from(["half_up", "half_even"]))
        made |= draw(st.sampled_from([{}, {}, {}, {"unit": "人"}, {"unit": "万人"}, {"unit": "%"}]))
        made |= draw(st.sampled_from([{}, {}, {"default": -7}]))
    elif kind == "boolean":
        made |= draw(st.sampled_from([{}, {"codes": {"true": "Y", "false": "N"}}, {"default": True}]))
    elif kind == "code":
        made |= draw(st.sampled_from([{}, {"codes": {"1": "一"}}, {"default": "无"}]))
    if "codes" in made:
        made |= draw(st.sampled_from([{}, {"otherwise": "其他"}]))
    made |= draw(st.sampled_from([{}, {}, {"complete": "required"}]))
    return made


@st.composite
def grants(draw: st.DrawFn, known: Catalogue) -> list[tuple[set[str], set[int], date | None, date | None]]:
    paths = sorted(e.path for d in known.datasets.values() for e in d.elements)
    regions = sorted({r for ids in IDS.values() for r in ids})
    firsts = st.sampled_from([None, None, date(2024, 12, 1), date(2025, 1, 1), date(2025, 5, 1)])
    lasts = st.sampled_from([None, None, date(2024, 12, 31), date(2025, 4, 30), date(2025, 12, 31)])

    def mostly(of: list[Any]) -> st.SearchStrategy[set[Any]]:
        return st.sets(st.sampled_from(of), max_size=2).map(lambda gone: set(of) - gone)

    one = st.tuples(mostly(paths), st.one_of(mostly(regions), st.just(set(regions))), firsts, lasts)
    return draw(st.lists(one, min_size=1, max_size=3))


def allowed(
    granted: list[tuple[set[str], set[int], date | None, date | None]], path: str, region: int, period: Period
) -> bool:
    for paths, regions, first, last in granted:
        inside = period.frequency == "once" or (
            (first or date.min) <= period.start and period.end <= (last or date.max)
        )
        if path in paths and region in regions and inside:
            return True
    return False


# Shrinking takes minutes here; set MAPPING_SHRINK to have it, MAPPING_EXAMPLES for a longer search.
PHASES = [Phase.explicit, Phase.generate] + ([Phase.shrink] if "MAPPING_SHRINK" in os.environ else [])


@settings(
    max_examples=EXAMPLES, derandomize=SAME, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES
)
@given(st.data())
def test_the_program_and_the_reference_agree_on_every_cell(data: st.DataObject) -> None:
    known = catalogue(
        *(data.draw(datasets(f"d{n}")) for n in range(data.draw(st.integers(1, 3)))), codelists={"kinds": "12"}
    )
    grain = {
        "level": data.draw(st.sampled_from(["township", "township", "county"])),
        "frequency": data.draw(st.sampled_from(FREQUENCIES)),
    }
    document: dict[str, Any] = {"code": "v", "department": "ecology", "grain": grain, "fields": []}
    if data.draw(st.booleans()):
        document["regions"] = "present"
    edges = data.draw(SUCCESSION_SETS)
    regions = RegionIndex(STATES, edges)
    for number in range(6):
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
    expected = Reference(known, records, STATES, rule, document, TODAY, edges).answer()
    for row in expected:
        row["code"] = said(row["region"], plan.spec.places_by, row["period"])
    expected.sort(key=lambda row: (row["code"], row["period"], row["key"], row["region"]))
    # With room for two digits nearly every step is too large for columns, and goes the slow way.
    room = data.draw(st.sampled_from([None, None, 50]))
    with ExitStack() as narrowed:
        for module in ("exact", "columns", "aggregation") if room is not None else ():
            narrowed.enter_context(patch(f"app.mapping.{module}.LIMIT", room))
        try:
            result = run(plan, GivenRecords(known, records, coverage), coverage, regions, TODAY)
        except ResultTooLarge:
            assert any(abs(v) > 10**30 for row in expected for v in row.values() if isinstance(v, Fraction))
            return
    assert differences(actual(result), expected) == []


def said(region: int, frequency: Any, ordinal: int) -> str:
    state = REGIONS.state(region, TODAY if frequency == "once" else Period(frequency, ordinal).end)
    assert state is not None
    return state.code


def actual(result: Any) -> list[dict[str, Any]]:
    rows = []
    for row in result.frame.to_dicts():
        made: dict[str, Any] = {"region": row["region"], "period": row["period"], "code": row["code"]}
        made["key"] = tuple(row[f"key:{code}"] for code in result.key)
        for output in result.fields:
            value = row[f"field:{output.name}"]
            exact = output.kind == "number" and value is not None
            made[output.name] = Fraction(value, 10**output.decimals) if exact else value
        rows.append(made)
    return rows


def differences(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """The first cells that differ, or the rows where those do."""
    places = [[(row["code"], row["period"], row["key"], row["region"]) for row in rows] for rows in (found, expected)]
    if places[0] != places[1]:
        return [f"rows {places[0]} instead of {places[1]}"]
    return [
        f"{name} at {place}: {mine[name]} instead of {theirs[name]}"
        for place, mine, theirs in zip(places[0], found, expected, strict=True)
        for name in theirs
        if mine[name] != theirs[name]
    ][:5]


def test_the_levels_of_the_made_up_worlds_are_real() -> None:
    assert set(IDS) <= set(LEVELS)
