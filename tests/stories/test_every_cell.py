"""Registries made up by hypothesis, filled and read through the services: every cell is what the slow reference says.

EVERY_CELL_WORLDS sets how many registries each kind of database is tried with; each is asked a dozen questions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.catalogue.model import Catalogue
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex
from app.services.questions import Question
from tests.fixtures.databases import Kind
from tests.fixtures.made_up_registries import Bound, MadeUp, hold_against_the_reference
from tests.fixtures.services import EVERYTHING, VALID
from tests.mapping.reference import Reference

WORLDS = int(os.environ.get("EVERY_CELL_WORLDS", "30"))
# The suite tries the same worlds every time; whoever asks for a number (make oracle) gets new ones.
SAME = "EVERY_CELL_WORLDS" not in os.environ


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


def reference_of(world: MadeUp, view: dict[str, Any], bound: Sequence[Bound]) -> Reference:
    states, successions = tuple(world.regions.states()), world.regions.successions
    reference = Reference(world.known, world.records, states, None, view, world.today, successions)
    reference.rule = rule_of([document for document, _ in bound], reference, world.regions)
    return reference


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
    def agreement(known: Catalogue, number: int) -> st.SearchStrategy[Bound]:
        return st.tuples(agreements(known, number), st.none())

    def questions(view: dict[str, Any]) -> Iterable[Question]:
        year = None if view["grain"]["frequency"] == "once" else "2025"
        place = data.draw(st.sampled_from([None, "430101", "430102", "430101102"]))
        return Question(), Question(period=year, region=place)

    folder = tmp_path_factory.mktemp("data")
    hold_against_the_reference(data, new_url(database_kind), folder, agreement, reference_of, questions)
