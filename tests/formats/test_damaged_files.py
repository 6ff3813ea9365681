"""Damaged files of every kind are read or refused: a short run of the fuzz that ``make fuzz`` runs for minutes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from app.errors import Problem
from app.formats import reading
from bench.fuzz import KINDS, context, mutated, read, seeds

SEEDS = seeds()
CONTEXT = context()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(kind, SEEDS[kind], CONTEXT, tmp_path).rows
    outcomes = set()
    for number in range(40):
        chance = random.Random(f"{kind}/{number}")
        monkeypatch.setattr(reading, "MANY_ROWS", chance.choice((1, 400)))
        try:
            read(kind, mutated(SEEDS[kind], kind, chance), CONTEXT, tmp_path)
            outcomes.add("read")
        except Problem:
            outcomes.add("refused")
    assert "read" in outcomes


@pytest.mark.parametrize(("kind", "seed", "number"), [("xls", 37, 6), ("ods", 1229, 1)])
def test_what_the_fuzz_once_found(kind: str, seed: int, number: int, tmp_path: Path) -> None:
    """A panic inside the library that reads xls, and an encoding that no one knows."""
    data = mutated(SEEDS[kind], kind, random.Random(f"{kind}/{seed}/{number}"))
    with pytest.raises(Problem, match="损坏"):
        read(kind, data, CONTEXT, tmp_path)
