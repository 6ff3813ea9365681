"""Registries made up by hypothesis, filled and read through the services: every cell is what the slow reference says.

EVERY_CELL_WORLDS sets how many registries each kind of database is tried with; each is asked a dozen questions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from app.catalogue.model import Catalogue, Dataset
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex
from app.mapping.compile import check_view
from app.services.questions import Question
from tests.fixtures.databases import Kind
from tests.fixtures.services import (
    CODES,
    EVERYTHING,
    REGIONS,
    SUCCESSIONS,
    VALID,
    apply,
    read,
    reader_of,
    registry_of,
    report,
)
from tests.mapping.reference import Reference
from tests.mapping.test_reference import PERIODS, datasets, fields
from tests.mapping.world import catalogue

WORLDS = int(os.environ.get("EVERY_CELL_WORLDS", "30"))
# The suite tries the same worlds every time; whoever asks for a number (make oracle) gets new ones.
SAME = "EVERY_CELL_WORLDS" not in os.environ
KINDS = "code: kinds\ntitle: 种类\ncodes: [{code: '1', label: 甲}, {code: '2', label: 乙}]\n"


def document_of(dataset: Dataset) -> dict[str, Any]:
    """A dataset of the reference's worlds as a schema folder has it."""
    elements = []
    for element in dataset.elements:
        made: dict[str, Any] = {"code": element.code, "title": f"{dataset.code} {element.code}", "type": element.type}
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


def visible(document: Mapping[str, Any], sees: set[str]) -> dict[str, Any] | None:
    """The view with the fields that rest on something visible; None without one. Literals are always shown."""
    paths = {each["name"]: Reference.paths_of(each) for each in document["fields"]}
    shown = [each for each in document["fields"] if not paths[each["name"]] or paths[each["name"]] & sees]
    return {**document, "fields": shown} if any(paths[each["name"]] for each in shown) else None


@settings(
    max_examples=WORLDS,
    derandomize=SAME,
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
                        # Refused only where nothing asked for can be covered, so that no row could stand there.
                        assert expected == []
                        continue
                    assert differing(found, expected) == []
