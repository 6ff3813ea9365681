"""Registries made up by hypothesis under agreements with conditions and masks: every cell is what the slow reference says,
and an explanation of a field comes to the same value.

MASKED_CELL_WORLDS sets how many registries each kind of database is tried with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.catalogue.model import Catalogue
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex
from app.mapping.conditions import compile_condition
from app.services.questions import Question
from tests.fixtures.databases import Kind
from tests.fixtures.made_up_registries import Bound, MadeUp, hold_against_the_reference
from tests.fixtures.masked_reference import Compared, Given, MaskedReference
from tests.fixtures.services import EVERYTHING, VALID
from tests.mapping.reference import Reference

WORLDS = int(os.environ.get("MASKED_CELL_WORLDS", "8"))
# The suite tries the same worlds every time; whoever asks for a number (make oracle) gets new ones.
SAME = "MASKED_CELL_WORLDS" not in os.environ
NUMBER_MASKS = [
    {"round": "100"},
    {"round": "0.5"},
    {"round": "1000"},
    {"band": ["0", "100", "1000"]},
    {"band": ["-20", "-0.5", "7"]},
    {"suppress_below": "10"},
    {"suppress_below": "1000.5"},
]


@st.composite
def conditions(draw: st.DrawFn, known: Catalogue) -> list[Compared]:
    """At most two, each of which means something to the program."""
    found: list[Compared] = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        element = draw(st.sampled_from([e for d in known.datasets.values() for e in d.elements if e.code != "k"]))
        limited = draw(st.sampled_from([element.dataset, element.dataset, *known.datasets]))
        if element.numeric:
            made = Compared(limited, element.path, draw(st.sampled_from([">=", "<"])), draw(st.sampled_from([0, 100])))
        elif element.type == "code":
            made = Compared(limited, element.path, draw(st.sampled_from(["==", "!="])), "1")
        else:
            made = Compared(limited, element.path, draw(st.sampled_from(["==", "!="])), draw(st.booleans()))
        condition, _ = compile_condition(made.text, known.datasets[limited], known)
        finer = condition is not None and any(
            reading.level != condition.dataset.level or (reading.key and reading.code != limited)
            for reading in condition.plan.datasets.values()
        )
        steps = condition is not None and "aggregated" in str(condition.tree)
        if condition is not None and not finer and not steps and limited not in [one.limited for one in found]:
            found.append(made)
    return found


@st.composite
def agreements(draw: st.DrawFn, known: Catalogue, number: int) -> tuple[dict[str, Any], list[Compared]]:
    paths = sorted(e.path for d in known.datasets.values() for e in d.elements)
    periods = draw(st.sampled_from([{}, {}, {}, {"from": "2025"}, {"from": "2024", "to": "2025-06"}]))
    named = sorted(draw(st.sets(st.sampled_from(paths), min_size=1))) if draw(st.booleans()) else paths
    covered = {path.partition(".")[0] for path in named}
    where = [one for one in draw(conditions(known)) if one.limited in covered]
    masks: dict[str, Any] = {}
    for path in named:
        element = known.element(path)
        assert element is not None
        if element.numeric and draw(st.booleans()):
            masks[path] = draw(st.sampled_from(NUMBER_MASKS))
        elif element.type == "code" and draw(st.integers(0, 3)) == 0:
            masks[path] = {"hash": True}
    return {
        **EVERYTHING,
        "code": f"a{number}",
        "elements": named,
        "regions": draw(st.sampled_from([["*"], ["*"], ["43"], ["430101"], ["430102", "430101101"]])),
        **({"periods": periods} if periods else {}),
        **({"where": {one.limited: one.text for one in where}} if where else {}),
        **({"masks": masks} if masks else {}),
        "valid": VALID,
    }, where


def as_given(bound: Sequence[tuple[dict[str, Any], list[Compared]]], regions: RegionIndex, today: date) -> list[Given]:
    found = []
    for each, where in bound:
        said = each.get("periods", {})
        holders = [regions.holder(code, today) for code in each["regions"] if code != "*"]
        found.append(
            Given(
                each["code"],
                frozenset(each["elements"]),
                None if each["regions"] == ["*"] else [holder for holder in holders if holder is not None],
                Period.parse(said["from"]).start if "from" in said else date.min,
                Period.parse(said["to"]).end if "to" in said else date.max,
                where,
                each.get("masks"),
            )
        )
    return found


def reference_of(world: MadeUp, view: dict[str, Any], bound: Sequence[Bound]) -> Reference:
    regions = world.regions
    return MaskedReference(
        world.known, world.records, tuple(regions.states()), None, view, world.today, regions.successions,
        given=as_given(bound, regions, world.today), sealing_key=world.registry.sealing_key,
    )  # fmt: skip


@settings(
    max_examples=WORLDS,
    derandomize=SAME,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(data=st.data())
def test_under_conditions_and_masks_the_service_and_the_reference_agree_on_every_cell(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path_factory: Any, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("data")
    hold_against_the_reference(
        data, new_url(database_kind), folder, agreements, reference_of, lambda _view: [Question()]
    )
