"""Two registries that differ only in what conditions and masks of agreements hide answer byte for byte the same.

Values that a mask shows alike differ between the worlds, and so do the records that do not meet a condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fixtures.databases import _copied as copied
from tests.fixtures.planted_leaks import LEAKS_OF_REFINEMENTS, Leak
from tests.fixtures.refined_worlds import Mask
from tests.fixtures.world_catalogue import TOWNSHIPS
from tests.fixtures.world_happenings import directed
from tests.fixtures.world_session import Asker
from tests.fixtures.worlds import Granted, Seen, Story, World, world
from tests.stories.test_two_worlds import ELEMENTS, REGIONS, SPANS, told_apart

NUMBERS = (
    "people.total",
    "people.men",
    "people.women",
    "people.area",
    "cases.received",
    "wells.depth",
    "dams.capacity",
)
MASKS: tuple[Mask, ...] = (
    ("round", (100,)),
    ("round", (7,)),
    ("band", (0, 100, 1000)),
    ("suppress_below", (50,)),
    ("suppress_below", (1500,)),
)


@st.composite
def refined(draw: st.DrawFn) -> Granted:
    elements = draw(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=5, unique=True))
    region, span = draw(st.sampled_from(REGIONS)), draw(st.sampled_from(SPANS))
    covered = [path for path in NUMBERS if path in elements or f"{path.partition('.')[0]}.*" in elements]
    masks = [(path, draw(st.sampled_from(MASKS))) for path in covered if draw(st.booleans())]
    if "dams.name" in elements or "dams.*" in elements:
        masks += [("dams.name", ("hash", ()))] if draw(st.booleans()) else []
    datasets = {path.partition(".")[0] for path in elements}
    conditional = tuple(each for each in ("people", "dams") if each in datasets and draw(st.booleans()))
    return Granted(tuple(elements), region, *span, masks=tuple(masks), conditional=conditional)


STORIES = st.builds(Story, st.lists(refined(), min_size=1, max_size=4).map(tuple), st.integers(0, 2**16))


DIRECTED = Story(
    (
        Granted(
            ("people.total", "people.area", "people.men", "dams.*"),
            "*",
            masks=(("people.total", ("round", (100,))), ("people.men", ("band", (0, 100, 1000)))),
            conditional=("people", "dams"),
        ),
        Granted(
            ("people.total", "people.women"), "430101", "2024", masks=(("people.women", ("suppress_below", (1500,))),)
        ),
        Granted(("cases.received",), masks=(("cases.received", ("round", (50,))),)),
    ),
    seed=5,
)
Pair = tuple[tuple[World, str], tuple[World, str]]


@pytest.fixture(scope="module")
def pair(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        made = []
        for seed in (1, 7):
            url = copied(sqlite_template, tmp_path_factory)
            place = stack.enter_context(world(url, tmp_path_factory.mktemp("world")))
            made.append((place, directed(place, DIRECTED, seed)))
        yield made[0], made[1]


def explanations(place: World, key: str) -> Iterator[Seen]:
    """Every figure of one year of one view explained."""
    for region in TOWNSHIPS:
        for field in ("rk", "nan"):
            asked = {"region": region, "period": "2024", "field": field}
            answer = place.ask(key, "GET", "/v1/views/people-view/explain", params=asked)
            yield f"explain {asked}", answer.status_code, {}, answer.content


def suspicious(pair: Pair) -> Iterator[str]:
    for place, _ in pair:
        place.forget()
    one, other = (chain(Asker(0, 0).session(place, key, 2), explanations(place, key)) for place, key in pair)
    return told_apart(one, other)


def test_the_worlds_differ_in_covered_values(pair: Pair) -> None:
    held = [
        place.ask(place.admin(), "GET", "/v1/datasets/people/records", params={"limit": 100}).json()["records"]
        for place, _ in pair
    ]
    met = [[row["total"] for row in rows if float(row.get("area") or 0) >= 500_000] for rows in held]
    assert met[0] != met[1]


def test_without_a_leak_nothing_is_found(pair: Pair) -> None:
    assert not list(suspicious(pair))


@pytest.mark.parametrize("leak", LEAKS_OF_REFINEMENTS, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_found(pair: Pair, leak: Leak) -> None:
    with leak():
        found = next(suspicious(pair), None)
    for place, _ in pair:
        place.forget()
    assert found is not None
