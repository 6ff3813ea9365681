"""Two registries that differ only in what a department may not see answer it byte for byte the same.

``TOWNSHIP_TWO_WORLDS`` multiplies the number of pairs tried; beyond one they are other pairs at every run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fixtures.databases import Kind
from tests.fixtures.databases import _copied as copied
from tests.fixtures.planted_leaks import LEAKS, Leak
from tests.fixtures.world_catalogue import CELLS, TOWNSHIPS, Place
from tests.fixtures.world_happenings import directed
from tests.fixtures.world_session import Asker
from tests.fixtures.worlds import Granted, Seen, Story, World, world

NewUrl = Callable[[Kind], str]
TIMES = int(os.environ.get("TOWNSHIP_TWO_WORLDS", "1"))
ELEMENTS = (
    "people.total", "people.men", "people.women", "people.area", "people.*", "cases.received", "cases.*", "wells.depth",
    "wells.*", "dams.capacity", "dams.grade", "dams.name", "dams.*",
)  # fmt: skip
REGIONS = ("*", "430101", "430102", "430101101", "430102101")
SPANS = ((None, None), ("2024", None), ("2024", "2024"), ("2024-02", "2024-12"), (None, "2024-03"))


def granted(elements: list[str], region: str, span: tuple[str | None, str | None]) -> Granted:
    return Granted(tuple(elements), region, *span)


AGREEMENTS = st.lists(
    st.builds(
        granted,
        st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=5, unique=True),
        st.sampled_from(REGIONS),
        st.sampled_from(SPANS),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
STORIES = st.builds(Story, AGREEMENTS, st.integers(0, 2**16))


def told_apart(one: Iterable[Seen], other: Iterable[Seen]) -> Iterator[str]:
    """The questions whose answers differ, each with what differs first, as they are asked."""
    for left, right in zip_longest(one, other):
        if left is None or right is None:
            yield "one of them was asked more"
            return
        if left[0] != right[0]:
            yield f"{left[0]} / {right[0]}"
            return
        if left != right:
            yield f"{left[0]}\n  {left[1:]}\n  {right[1:]}"


# What the fields of these views rest on, as the views say it.
RESTS: dict[str, dict[str, tuple[str, ...]]] = {
    "people-view": {"rk": ("people.total",), "mj": ("people.area",), "nan": ("people.men",), "rj": ("people.area", "people.total")},
    "dams-view": {"kr": ("dams.capacity",), "dj": ("dams.grade",), "aq": ("dams.safe",), "bz": ("dams.note",), "rk": ("people.total",)},
    "county-view": {"rk": ("people.total",), "aj": ("cases.received",)},
}  # fmt: skip


def uncovered_but_shown(story: Story, seen: Iterable[Seen]) -> Iterator[str]:
    """Cells that are answered although something of what they rest on is not covered: what two worlds cannot tell."""
    for asked, status, headers, body in seen:
        view = asked.partition("/v1/views/")[2].partition("/")[0]
        if (
            status != 200
            or view not in RESTS
            or "/records" not in asked
            or headers["content-type"] != "application/json"
        ):
            continue
        for record in json.loads(body)["records"]:
            if "dm" not in record or "nd" not in record:
                continue
            for name, paths in RESTS[view].items():
                cells = [(CELL[path], place) for path in paths for place in reached(path, record["dm"], record["nd"])]
                if record.get(name) is not None and not all(story.covered(*each) for each in cells):
                    yield f"{asked}: {name} of {record}"


def reached(path: str, region: str, year: str) -> list[Place]:
    dataset = path.partition(".")[0]
    months = [f"{year}-{month:02}" for month in range(1, 13)]
    periods = months if dataset == "cases" else [year]
    return [Place(dataset, below, period, {}) for below in TOWNSHIPS if below.startswith(region) for period in periods]


CELL = {cell.path: cell for cells in CELLS.values() for cell in cells}


SEEDS = (1, 7)
DIRECTED = Story(
    (
        Granted(("people.total", "people.area", "dams.capacity", "dams.grade"), "430101", "2024"),
        Granted(("people.total", "cases.received"), "430102"),
    ),
    seed=8,
)
Pair = tuple[tuple[World, str], tuple[World, str]]


@pytest.fixture(scope="module")
def pair(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two worlds as different as can be in what is hidden, each with the department's key."""
    with ExitStack() as stack:
        made = []
        for seed in SEEDS:
            url = copied(sqlite_template, tmp_path_factory)
            place = stack.enter_context(world(url, tmp_path_factory.mktemp("world")))
            made.append((place, directed(place, DIRECTED, seed)))
        yield made[0], made[1]


def suspicious(pair: Pair) -> Iterator[str]:
    """What the checker has against the answers of both worlds to the plain session, as soon as it is found."""
    for place, _ in pair:
        place.forget()
    one, other = (Asker(0, 0).session(place, key, 2) for place, key in pair)
    seen: list[Seen] = []
    yield from told_apart(_kept(one, seen), other)
    yield from uncovered_but_shown(DIRECTED, seen)


def _kept(session: Iterator[Seen], seen: list[Seen]) -> Iterator[Seen]:
    for each in session:
        seen.append(each)
        yield each


def test_the_worlds_differ_in_what_is_held(pair: Pair) -> None:
    held = [
        place.ask(place.admin(), "GET", "/v1/datasets/people/records", params={"limit": 100}).json()["records"]
        for place, _ in pair
    ]
    assert held[0] != held[1]


def test_without_a_leak_nothing_is_found(pair: Pair) -> None:
    assert not list(suspicious(pair))


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_found(pair: Pair, leak: Leak) -> None:
    with leak():
        found = next(suspicious(pair), None)
    for place, _ in pair:
        place.forget()
    assert found is not None
