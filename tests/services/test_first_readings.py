"""Readers who come for an answer while it is made the first time share the making, and none depends on another."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.services.first_readings import FirstReading, FirstReadings
from app.services.kept_answers import Identity, KeptAnswers, Told

TOLD = Told('"tag"', {}, 7, None, True, True)
DATA = [b"one,", b"", b"two,", b"three,", b"four"]
WHOLE = b"".join(DATA)


class Maker:
    """Makes the answer, and counts how often it was begun and how many pieces were made."""

    def __init__(self, pieces: list[bytes], fault_after: int | None = None) -> None:
        self.pieces, self.fault_after = pieces, fault_after
        self.begun = self.made = self.closed = 0

    def __call__(self) -> tuple[Iterator[bytes], Identity]:
        identity = Identity()
        self.begun += 1
        return identity.passing(self._pieces()), identity

    def _pieces(self) -> Iterator[bytes]:
        try:
            for number, piece in enumerate(self.pieces):
                if number == self.fault_after:
                    raise ValueError("no more")
                self.made += 1
                yield piece
        finally:
            self.closed += 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "answers" / "now"


def two(folder: Path, make: Maker, limit: int = 10_000) -> tuple[KeptAnswers, FirstReading, FirstReading]:
    kept = KeptAnswers(folder, limit)
    readings = FirstReadings(kept)
    return kept, readings.reading("k", "identity", TOLD, make), readings.reading("k", "identity", TOLD, make)


def kept_bytes(kept: KeptAnswers) -> bytes | None:
    found = kept.find("k", "identity")
    return None if found is None else found.path.read_bytes()[: found.size]


def test_what_two_ask_for_at_once_is_made_once(folder: Path) -> None:
    make = Maker(DATA)
    kept, one, other = two(folder, make)
    assert (next(one), next(other), next(other)) == (b"one,", b"one,", b"two,")
    assert b"".join(one) == b"two,three,four"
    assert b"".join(other) == b"three,four"
    assert (make.begun, make.made) == (1, len(DATA))
    assert one.sha256() == other.sha256() == hashlib.sha256(WHOLE).hexdigest()
    assert kept_bytes(kept) == WHOLE


def test_who_comes_last_reads_to_the_end_what_the_others_have_left(folder: Path) -> None:
    make = Maker(DATA)
    kept, one, other = two(folder, make)
    next(other)
    assert b"".join(one) == WHOLE
    with pytest.raises(StopIteration):
        next(one)
    assert b"".join(other) == WHOLE[4:]
    assert make.begun == 1
    assert kept_bytes(kept) == WHOLE


def test_when_the_one_who_began_goes_away_the_others_go_on(folder: Path) -> None:
    make = Maker(DATA)
    kept, one, other = two(folder, make)
    next(other), next(one), next(one)
    one.close()
    assert make.closed == 0
    assert b"".join(other) == WHOLE[4:]
    assert make.begun == 1
    assert kept_bytes(kept) == WHOLE


def test_when_all_go_away_nothing_is_kept_and_the_next_begins_anew(folder: Path) -> None:
    make = Maker(DATA)
    kept, one, other = two(folder, make)
    next(one), next(other)
    one.close()
    other.close()
    assert make.closed == 1
    assert list(folder.iterdir()) == []
    assert list(one) == []
    again = FirstReadings(kept).reading("k", "identity", TOLD, make)
    assert b"".join(again) == WHOLE
    assert make.begun == 2


@pytest.mark.parametrize("limit", [0, 5, 10])
def test_without_room_each_gets_all_the_same(folder: Path, limit: int) -> None:
    make = Maker(DATA)
    kept, one, other = two(folder, make, limit)
    assert next(other) == b"one,"
    assert b"".join(one) == WHOLE
    assert b"".join(other) == WHOLE[4:]
    assert other.sha256() == hashlib.sha256(WHOLE).hexdigest()
    assert make.begun == 2
    assert make.closed == 2
    assert kept_bytes(kept) is None


def test_a_fault_reaches_all_and_whoever_comes_then_begins_anew(folder: Path) -> None:
    make = Maker(DATA, fault_after=3)
    kept = KeptAnswers(folder, 10_000)
    readings = FirstReadings(kept)
    one, other, late = (readings.reading("k", "identity", TOLD, make) for _ in range(3))
    next(other)
    for reading in (one, other):
        with pytest.raises(ValueError, match="no more"):
            list(reading)
    assert make.begun == 1
    make.fault_after = None
    assert b"".join(late) == WHOLE
    assert make.begun == 2


def test_many_threads_share_one_making(folder: Path) -> None:
    pieces = [bytes([number]) * (number * 37 % 1_000 + 1) for number in range(200)]
    make = Maker(pieces)
    readings = FirstReadings(KeptAnswers(folder, 1_000_000))
    start = threading.Barrier(8)

    def read(number: int) -> bytes | None:
        reading = readings.reading("k", "identity", TOLD, make)
        start.wait()
        first = next(reading)  # so that nobody comes after it was made
        start.wait()
        if number % 4 == 3:
            reading.close()
            return None
        return first + b"".join(reading)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(8)))
    assert [each for each in found if each is not None] == [b"".join(pieces)] * 6
    assert (make.begun, make.made) == (1, len(pieces))


def test_answers_of_other_keys_and_codings_are_their_own(folder: Path) -> None:
    readings = FirstReadings(KeptAnswers(folder, 10_000))
    makers = {place: Maker([repr(place).encode()]) for place in [("k", "identity"), ("k", "zstd"), ("l", "identity")]}
    begun = {place: readings.reading(*place, TOLD, make) for place, make in makers.items()}
    firsts = {place: next(reading) for place, reading in begun.items()}
    assert firsts == {place: repr(place).encode() for place in makers}
