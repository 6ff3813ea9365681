"""Whoever writes and whoever reads, through whichever worker: there is one history, and every answer is a state of it.

``make linear-history`` does it for a minute with each number of workers on each database; here it is a short while.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.fixtures.databases import Kind
from tests.fixtures.linear_clients import CLERKS, FILES, READINGS, Remembered, Task, work
from tests.fixtures.linear_history import Seen, Written, faults
from tests.fixtures.programs import prepared, program

SECONDS = float(os.environ.get("TOWNSHIP_LINEAR_SECONDS", "2.5"))
LONG = "TOWNSHIP_LINEAR_SECONDS" in os.environ
PROCESSES = 2


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2] if LONG else [2])
def test_every_answer_is_a_state_of_one_history(
    database_kind: Kind, workers: int, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    url = new_url(database_kind)
    wanted: list[dict[str, object]] = [{"department": "ecology"}, {"admin": True}]
    wanted.extend({"region": county} for county in CLERKS)
    department, admin, *clerks = prepared(url, tmp_path, FILES, *wanted)
    with program(url, tmp_path, workers=workers) as served:
        tasks = [
            Task(
                served.address,
                SECONDS,
                tuple(range(number, len(CLERKS), PROCESSES)),
                READINGS[number::PROCESSES],
                tuple(clerks),
                department,
                admin,
            )
            for number in range(PROCESSES)
        ]
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(work, tasks))
    written = [each for one in found for each in one.written]
    seen = [each for one in found for each in one.seen]
    told(database_kind, workers, found)
    assert [refusal for one in found for refusal in one.refused] == []
    assert {each.writer for each in written} == set(range(len(CLERKS)))
    assert {each.how for each in seen} == set(READINGS)
    assert faults(written, seen) == []


def told(kind: Kind, workers: int, found: list[Remembered]) -> None:
    """The counts, for who asks for them (``-rP``)."""
    ways = Counter(each.how for one in found for each in one.seen)
    states = {each.blocks for one in found for each in one.seen}
    writes = sum(len(one.written) for one in found)
    print(f"{kind}, workers: {workers}, submissions: {writes}, answers: {sum(ways.values())}, states: {len(states)}")
    print(", ".join(f"{how}: {count}" for how, count in sorted(ways.items())))


W1 = Written(0, 1, 10.0, 11.0)
W2 = Written(1, 1, 12.0, 13.0)


def answer(blocks: tuple[set[int], ...], begun: float, ended: float) -> Seen:
    return Seen("json", tuple(frozenset(block) for block in blocks), begun, ended)


def test_what_one_history_explains_is_no_fault() -> None:
    at_once = [W1, Written(1, 1, 10.5, 13.0)]
    seen = [
        answer(({0}, {0}), 9.0, 10.9),  # asked for before, and while the first was written
        answer(({0}, {1}), 10.6, 12.0),  # of two at once either may come first
        answer(({1}, {1}), 10.7, 12.5),
        answer(({1}, {1}), 14.0, 15.0),
    ]
    assert faults(at_once, seen) == []
    assert faults([], []) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([answer(({0, 1}, {0}), 10.2, 12.0)], "half a submission"),
        ([answer(({0}, {0}), 11.5, 12.0)], "older than what was acknowledged"),
        ([answer(({1}, {1}), 10.2, 11.9)], "nobody had begun to write"),
        ([answer(({0}, {1}), 10.2, 12.5)], "without what was acknowledged before it"),
        ([answer(({1}, {0}), 10.1, 10.2), answer(({0}, {0}), 10.3, 10.4)], "an answer given before"),
    ],
)
def test_what_no_history_explains_is_told(seen: list[Seen], words: str) -> None:
    (fault,) = faults([W1, W2], seen)
    assert words in fault


def test_answers_that_disagree_about_the_order_are_told() -> None:
    at_once = [W1, Written(1, 1, 10.0, 11.0)]
    seen = [answer(({1}, {0}), 10.1, 12.0), answer(({0}, {1}), 10.1, 12.0)]
    assert any("no one order" in fault for fault in faults(at_once, seen))
