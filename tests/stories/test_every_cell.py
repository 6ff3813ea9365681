"""Registries made up by hypothesis, filled and read through the services: every cell is what the slow reference says.

EVERY_CELL_WORLDS sets how many registries each kind of database is tried with; each is asked a dozen questions.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.catalogue.model import Catalogue, Dataset
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex
from app.errors import Problem
from app.mapping.compile import check_view
from app.policy.callers import Caller
from app.services.apply import apply_folder
from app.services.auditing import Auditing
from app.services.mapped import MappedViews
from app.services.naming import StateNames
from app.services.questions import Question
from app.services.read import ViewReader
from app.services.registry import Registry
from app.services.submit import SubmissionRequest, submit
from app.settings import Settings
from tests.fixtures.databases import Kind
from tests.mapping.reference import Reference
from tests.mapping.test_reference import PERIODS, datasets, fields
from tests.mapping.world import catalogue

WORLDS = int(os.environ.get("EVERY_CELL_WORLDS", "14"))
REGIONS = """code,name,level,parent,valid_from,valid_to
43,某省,province,,,
4301,某市,prefecture,43,,
430101,甲县,county,4301,,
430102,乙县,county,4301,,
430101101,一镇,township,430101,,
430101102,二镇,township,430101,0001-01-01,2025-06-30
430102102,二镇,township,430102,2025-07-01,
430101103,三镇,township,430101,0001-01-01,2025-04-30
430101104,四镇,township,430101,0001-01-01,2025-04-30
430101105,新镇,township,430101,2025-05-01,
430102101,五镇,township,430102,,
430101101001,东村,village,430101101,,
430101101002,西村,village,430101101,,
"""
SUCCESSIONS = """date,kind,old_code,new_code,share,document
2025-07-01,move,430101102,430102102,,
2025-05-01,merge,430101103,430101105,,
2025-05-01,merge,430101104,430101105,,
"""
CODES = {
    "county": ["430101", "430102"],
    "township": ["430101101", "430101102", "430101103", "430101104", "430101105", "430102101", "430102102"],
    "village": ["430101101001", "430101101002"],
}
KINDS = "code: kinds\ntitle: 种类\ncodes: [{code: '1', label: 甲}, {code: '2', label: 乙}]\n"
EVERYTHING = {"code": "all", "department": "ecology", "purpose": "试", "legal_basis": "试", "elements": ["*.*"]}
VALID = {"from": "2020-01-01", "until": "2099-12-31"}


def document_of(dataset: Dataset) -> dict[str, Any]:
    """A dataset of the reference's worlds as a schema folder has it."""
    elements = []
    for element in dataset.elements:
        made = {"code": element.code, "title": f"{dataset.code} {element.code}", "type": element.type}
        more = {"measure": element.measure if element.numeric else None, "unit": element.unit, "codes": element.codes}
        made |= {key: value for key, value in more.items() if value is not None}
        if element.type == "decimal":
            made["decimals"] = element.decimals
        elements.append(made)
    head = {"code": dataset.code, "title": dataset.code, "frequency": dataset.frequency, "level": dataset.level}
    key = {"key": list(dataset.key)} if dataset.key else {}
    return {**head, **key, "source": "region", "sharing": "open", "elements": elements}


@st.composite
def rows_of(draw: st.DrawFn, dataset: Dataset, regions: RegionIndex, today: date) -> list[dict[str, Any]]:
    places = st.tuples(
        st.sampled_from(CODES[dataset.level]), st.sampled_from(PERIODS[dataset.frequency]), st.sampled_from("ab")
    )
    unique = {(r, p, k if dataset.key else "") for r, p, k in draw(st.lists(places, min_size=3, max_size=14))}
    kinds: dict[str, Any] = {
        "integer": st.integers(-50, 5000),
        "decimal": st.one_of(st.integers(-2000, 200_000), st.integers(-(10**14), 10**14)).map(
            lambda n: Decimal(n) / 100
        ),
        "boolean": st.booleans(),
        "code": st.sampled_from("12"),
    }
    found = []
    for code, period, key in sorted(unique):
        day = today if dataset.frequency == "once" else Period.parse(period, dataset.frequency).end
        holder = regions.holder(code, day)
        if holder is None or not regions.exists(holder, day):
            continue
        row: dict[str, Any] = {"region": code, "period": period, "id": holder}
        for element in dataset.elements:
            value = key if element.code in dataset.key else draw(st.none() | kinds[element.type])
            row[element.code] = value
        if any(row[e.code] is not None for e in dataset.elements if e.code not in dataset.key):
            found.append(row)
    return found


@st.composite
def views(draw: st.DrawFn, known: Catalogue, number: int) -> dict[str, Any] | None:
    grain = {
        "level": draw(st.sampled_from(["township", "township", "county"])),
        "frequency": draw(st.sampled_from(["once", "year", "half", "quarter", "month"])),
    }
    document: dict[str, Any] = {"code": f"v{number}", "department": "ecology", "title": "试", "grain": grain}
    document["regions"] = draw(st.sampled_from(["historical", "present"]))
    document["fields"] = [{"name": "dm", "from": "region.code"}, {"name": "qj", "from": "period"}]
    for each in range(5):
        candidate = draw(fields(known, each))
        plan, _ = check_view(document | {"fields": [*document["fields"], candidate]}, "", known)
        if plan is not None:
            document["fields"].append(candidate)
    return document if len(document["fields"]) > 2 else None


@st.composite
def agreements(draw: st.DrawFn, known: Catalogue, number: int) -> dict[str, Any]:
    paths = sorted(e.path for d in known.datasets.values() for e in d.elements)
    periods = draw(st.sampled_from([{}, {}, {"from": "2025"}, {"to": "2025-04"}, {"from": "2024", "to": "2025-06"}]))
    return {
        **EVERYTHING,
        "code": f"a{number}",
        "elements": sorted(draw(st.sets(st.sampled_from(paths), min_size=1))) if draw(st.booleans()) else paths,
        "regions": draw(st.sampled_from([["*"], ["43"], ["430101"], ["430102", "430101101"], ["430101105"]])),
        **({"periods": periods} if periods else {}),
        "valid": VALID,
    }


def rule_of(given_agreements: Sequence[Mapping[str, Any]], reference: Reference, regions: RegionIndex) -> Any:
    """Whether a cell is covered, worked out from the agreements' documents."""
    today = reference.today
    bounds = []
    for each in given_agreements:
        said = each.get("periods", {})
        first = Period.parse(said["from"]).start if "from" in said else date.min
        last = Period.parse(said["to"]).end if "to" in said else date.max
        roots = None if each["regions"] == ["*"] else [regions.holder(code, today) for code in each["regions"]]
        bounds.append((set(each["elements"]), roots, first, last))

    def covers(path: str, region: int, period: Period) -> bool:
        undated = period.frequency == "once"
        day = today if undated else period.end
        return any(
            path in paths
            and (undated or (first <= period.start and period.end <= last))
            and (roots is None or any(reference.lies_below(region, root, day) for root in roots if root))
            for paths, roots, first, last in bounds
        )

    return covers


@contextmanager
def registry_of(url: str, folder: Path) -> Iterator[Registry]:
    with Registry.open(Settings(database_url=url, data_dir=folder)) as registry:
        yield registry


def apply(registry: Registry, files: Mapping[str, Any]) -> None:
    encoded = {
        name: (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)).encode()
        for name, body in files.items()
    }
    plan = apply_folder(registry, encoded)
    assert not plan.faults, "\n".join(map(str, plan.faults))


def report(registry: Registry, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
    province = registry.state().regions.holder("43", registry.today())
    clerk = Caller("region", "c", "clerk", region_id=province, role="clerk")
    given_rows = [{key: value for key, value in row.items() if key != "id" and value is not None} for row in rows]
    if given_rows:
        outcome = submit(registry, clerk, SubmissionRequest(dataset, None, None, "apply", rows=given_rows))
        assert outcome.status == 201, outcome.body


def reader_of(registry: Registry) -> ViewReader:
    return ViewReader(registry, MappedViews(2**24), StateNames(registry), Auditing(registry))


def read(reader: ViewReader, code: str, question: Question) -> list[dict[str, Any]] | str:
    """The records with exact numbers, or the code of the problem."""
    caller = Caller("department", "d", "ecology", department="ecology")
    try:
        answer = reader.read(caller, code, question, None, "test")
    except Problem as problem:
        return problem.code
    return json.loads(answer.body, parse_float=Fraction, parse_int=Fraction)["records"]  # type: ignore[no-any-return]


def expected_of(reference: Reference, regions: RegionIndex, question: Question) -> list[dict[str, Any]]:
    """The records that the reference gives, in the order of the answer."""
    found = []
    for row in reference.answer():
        period = Period(reference.frequency, row["period"])
        undated = period.frequency == "once"
        day = reference.today if undated or reference.carries else period.end
        state = regions.state(row["region"], day)
        assert state is not None
        if question.period is not None and str(period.year) != question.period:
            continue
        asked = None if question.region is None else regions.holder(question.region, day)
        if question.region is not None and (asked is None or not reference.lies_below(row["region"], asked, day)):
            continue
        shown = {each["name"]: row[each["name"]] for each in reference.document["fields"]}
        found.append(((state.code, row["period"], row["key"]), {**shown, "dm": state.code, "qj": str(period) or None}))
    return [shown for _, shown in sorted(found, key=lambda pair: pair[0])]


def differing(found: Any, expected: list[dict[str, Any]]) -> list[str]:
    """The first cells that differ, or the rows."""
    assert isinstance(found, list), found
    if [(row["dm"], row["qj"]) for row in found] != [(row["dm"], row["qj"]) for row in expected]:
        return [f"rows {[tuple(r.values()) for r in found]} instead of {[tuple(r.values()) for r in expected]}"]
    return [
        f"{name} at {mine['dm']} {mine['qj']}: {mine.get(name)} instead of {theirs[name]}"
        for mine, theirs in zip(found, expected, strict=True)
        for name in theirs
        if mine.keys() != theirs.keys() or mine[name] != theirs[name]
    ]


def no_value_of_its_time(document: Mapping[str, Any], expected: list[dict[str, Any]]) -> bool:
    """Whether no field has a value at any row: refused only where nothing asked for is covered."""
    moved = ("previous", "last_year", "ytd")
    resting = [
        each["name"]
        for each in document["fields"]
        if Reference.paths_of(each) and not any(word in each.get("expr", "") for word in moved)
    ]
    return all(row[name] is None for row in expected for name in resting)


def visible(document: Mapping[str, Any], sees: set[str]) -> dict[str, Any] | None:
    """The view with the fields that rest on something visible; None without one. Literals are always shown."""
    paths = {each["name"]: Reference.paths_of(each) for each in document["fields"]}
    shown = [each for each in document["fields"] if not paths[each["name"]] or paths[each["name"]] & sees]
    return {**document, "fields": shown} if any(paths[each["name"]] for each in shown) else None


@settings(
    max_examples=WORLDS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(data=st.data())
def test_the_service_and_the_reference_agree_on_every_cell(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path_factory: Any, data: st.DataObject
) -> None:
    known = catalogue(*(data.draw(datasets(f"d{n}")) for n in range(2)), codelists={"kinds": "12"})
    with registry_of(new_url(database_kind), tmp_path_factory.mktemp("data")) as registry:
        made = [view for number in range(3) if (view := data.draw(views(known, number))) is not None]
        apply(
            registry,
            {
                "regions.csv": REGIONS,
                "successions.csv": SUCCESSIONS,
                "codelists/kinds.yaml": KINDS,
                "departments.yaml": "departments: [{code: ecology, name: 生态环境局}]",
                **{f"datasets/{d.code}.yaml": document_of(d) for d in known.datasets.values()},
                **{f"views/{view['code']}.yaml": view for view in made},
            },
        )
        regions, today = registry.state().regions, registry.today()
        records: dict[str, list[dict[str, Any]]] = {}
        for code, dataset in known.datasets.items():
            rows = data.draw(rows_of(dataset, regions, today))
            report(registry, code, rows)
            records[code] = [{**row, "region": row["id"]} for row in rows]
        reader = reader_of(registry)
        for turn in range(2):
            # The second agreement comes beside the first: grants add up, each for its own cells.
            bound = [data.draw(agreements(known, n)) for n in range(turn + 1)]
            apply(registry, {f"agreements/{each['code']}.yaml": each for each in bound})
            sees = {path for each in bound for path in each["elements"]}
            for view in made:
                shown = visible(view, sees)
                reference = Reference(
                    known, records, tuple(regions.states()), None, shown or view, today, regions.successions
                )
                reference.rule = rule_of(bound, reference, regions)
                for question in (
                    Question(),
                    Question(
                        period=None if view["grain"]["frequency"] == "once" else "2025",
                        region=data.draw(st.sampled_from([None, "430101", "430102", "430101102"])),
                    ),
                ):
                    found = read(reader, view["code"], question)
                    note(f"{view} {bound} {question}")
                    if shown is None:
                        assert found == "not_found"
                        continue
                    expected = expected_of(reference, regions, question)
                    if found == "not_covered":
                        assert no_value_of_its_time(shown, expected)
                        continue
                    assert differing(found, expected) == []


# -- an independent relational query -------------------------------------------------------------------------------
CASES = {
    "code": "cases",
    "title": "案件",
    "frequency": "month",
    "level": "township",
    "source": "region",
    "sharing": "open",
    "elements": [
        {"code": "received", "title": "受理", "type": "integer", "unit": "件", "measure": "flow"},
        {"code": "staff", "title": "人员", "type": "integer", "unit": "人", "measure": "stock"},
    ],
}
COUNTY = {
    "code": "counties",
    "department": "ecology",
    "title": "县",
    "grain": {"level": "county", "frequency": "year"},
    "fields": [
        {"name": "dm", "from": "region.code"},
        {"name": "nd", "from": "period"},
        {"name": "sl", "from": "cases.received"},
        {"name": "zd", "from": "cases.received", "aggregate": "max"},
        {"name": "pj", "from": "cases.received", "aggregate": "mean", "decimals": 6},
        {"name": "ry", "from": "cases.staff"},
    ],
}
# A township belongs to the county it is in on the last day of the year, or on its own last day; what is there to stay
# (staff) counts only for those that are there at the end.
BY_COUNTY = """
WITH placed AS (
  SELECT r.region, r.year, r.period, r.received, r.staff,
    (SELECT s.parent FROM state s WHERE s.region = r.region AND s.first <= r.year || '-12-31' ORDER BY s.first DESC LIMIT 1)
      AS county,
    (SELECT max(s.last) FROM state s WHERE s.region = r.region) >= r.year || '-12-31' AS lasting
  FROM record r
), timed AS (
  SELECT county, year, region, sum(received) AS s, max(received) AS m, sum(received) * 1.0 / count(received) AS a,
    (SELECT q.staff FROM placed q WHERE q.region = p.region AND q.year = p.year AND q.staff IS NOT NULL AND q.lasting
      ORDER BY q.period DESC LIMIT 1) AS staff
  FROM placed p GROUP BY county, year, region
)
SELECT c.code, t.year, sum(t.s), max(t.m), avg(t.a), sum(t.staff) FROM timed t
JOIN state c ON c.region = t.county GROUP BY c.code, t.year ORDER BY c.code, t.year
"""


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
def test_aggregates_are_what_a_query_over_the_stored_rows_gives(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path_factory: Any, data: st.DataObject
) -> None:
    with registry_of(new_url(database_kind), tmp_path_factory.mktemp("data")) as registry:
        apply(
            registry,
            {
                "regions.csv": REGIONS,
                "successions.csv": SUCCESSIONS,
                "departments.yaml": "departments: [{code: ecology, name: 生态环境局}]",
                "datasets/cases.yaml": CASES,
                "views/counties.yaml": COUNTY,
            },
        )
        apply(
            registry, {"agreements/all.yaml": {**EVERYTHING, "elements": ["cases.*"], "regions": ["*"], "valid": VALID}}
        )
        regions = registry.state().regions
        figures = st.none() | st.integers(0, 10_000)
        rows = []
        for code in CODES["township"]:
            for month in data.draw(
                st.sets(st.sampled_from([f"{y}-{m:02}" for y in (2024, 2025) for m in range(1, 13)]))
            ):
                end = Period.parse(month).end
                holder = regions.holder(code, end)
                if holder is not None and regions.exists(holder, end):
                    values = {"received": data.draw(figures), "staff": data.draw(figures)}
                    if values["received"] is not None or values["staff"] is not None:
                        rows.append({"region": code, "period": month, **values})
        report(registry, "cases", rows)
        memory = sqlite3.connect(":memory:")
        memory.execute("CREATE TABLE record (region, year, period, received, staff)")
        memory.execute("CREATE TABLE state (region, code, parent, first, last)")
        with registry.database.read() as cx:
            held = cx.execute(
                text('SELECT region_id, year, period, "values" FROM record_version WHERE superseded_epoch IS NULL')
            ).all()
            states = cx.execute(
                text(
                    "SELECT region_id, code, parent_id, valid_from, valid_to FROM region_state WHERE superseded_epoch IS NULL"
                )
            ).all()
        for region, year, period, values in held:
            stored = values if isinstance(values, dict) else json.loads(values)
            numbers = [stored.get(code, {}).get("n") for code in ("received", "staff")]
            memory.execute(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
                (region, year, period, *(None if n is None else int(n) for n in numbers)),
            )
        for region, code, parent, first, last in states:
            said = (str(first or "0001-01-01"), str(last or "9999-12-31"))
            memory.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?)", (region, code, parent, *said))
        expected = memory.execute(BY_COUNTY).fetchall()
        found = read(reader_of(registry), "counties", Question())
        assert isinstance(found, list)
        shown = [(row["dm"], row["nd"], row["sl"], row["zd"], row["ry"]) for row in found]
        assert shown == [(code, str(year), total, most, staff) for code, year, total, most, _, staff in expected]
        means = [row["pj"] for row in found]
        assert all(
            (mean is None) == (row[4] is None) and (mean is None or abs(float(mean) - row[4]) < 1e-5)
            for mean, row in zip(means, expected, strict=True)
        )
