"""Kept answers: whole or not at all, checked when first used, bounded, and never missed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from app.services.kept_answers import Identity, KeptAnswer, KeptAnswers, Told

TOLD = Told('"tag"', {"X-Told": "this"}, 7, {"fields": ["a"]}, True, True)
DATA = [b"one,", b"two,", b"three"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "answers" / "now"


def put(kept: KeptAnswers, key: str, pieces: list[bytes]) -> None:
    identity = Identity()
    draft = kept.draft(key, "identity")
    assert list(kept.keeping(key, "identity", TOLD, identity.passing(pieces), identity, draft)) == pieces
    if draft is not None:
        draft.close()


def bytes_of(found: KeptAnswer | None) -> bytes | None:
    if found is None:
        return None
    file = found.open()
    assert file is not None
    with file:
        return file.read(found.size)


def test_another_process_finds_what_was_sent_once(folder: Path) -> None:
    put(KeptAnswers(folder, 10_000), "k", DATA)
    found = KeptAnswers(folder, 10_000).find("k", "identity")
    assert found is not None
    assert bytes_of(found) == b"one,two,three"
    assert (found.told, found.length) == (TOLD, 13)
    assert found.sha256 == hashlib.sha256(b"one,two,three").hexdigest()
    assert KeptAnswers(folder, 10_000).find("k", "zstd") is None


def test_what_breaks_off_is_not_kept(folder: Path) -> None:
    kept, identity = KeptAnswers(folder, 10_000), Identity()
    begun = kept.keeping("k", "identity", TOLD, identity.passing(DATA), identity, kept.draft("k", "identity"))
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert kept.find("k", "identity") is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("damage", ["changed", "cut", "empty", "foreign"])
def test_a_damaged_file_is_deleted_and_not_answered(folder: Path, damage: str) -> None:
    put(KeptAnswers(folder, 10_000), "k", DATA)
    (path,) = folder.iterdir()
    data = path.read_bytes()
    path.write_bytes(
        {"changed": b"X" + data[1:], "cut": data[:-30], "empty": b"", "foreign": b"something else"}[damage]
    )
    assert KeptAnswers(folder, 10_000).find("k", "identity") is None
    assert not path.exists()


def test_the_least_recently_used_goes_when_there_is_no_room(folder: Path) -> None:
    kept = KeptAnswers(folder, 3_000)
    for number, key in enumerate("abc"):
        put(kept, key, [key.encode() * 800])
        os.utime(folder / f"{key}.identity.answer", (number, number))
    put(kept, "d", [b"d" * 800])
    assert sorted(path.name[0] for path in folder.iterdir()) == ["c", "d"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3_000
    assert kept.find("a", "identity") is None


def test_files_of_a_history_that_ended_count_and_go(folder: Path) -> None:
    former = folder.parent / "before"
    put(KeptAnswers(former, 3_000), "a", [b"a" * 2_000])
    os.utime(former / "a.identity.answer", (1, 1))
    put(KeptAnswers(folder, 3_000), "b", [b"b" * 2_000])
    assert list(former.iterdir()) == []


def test_what_has_no_room_at_all_is_sent_all_the_same(folder: Path) -> None:
    kept = KeptAnswers(folder, 10)
    put(kept, "k", DATA)
    assert kept.find("k", "identity") is None
    assert kept.told("k") == TOLD


def test_without_room_nothing_touches_the_disk(folder: Path) -> None:
    kept = KeptAnswers(folder, 0)
    put(kept, "k", DATA)
    assert kept.told("k") == TOLD
    assert not folder.parent.exists()


def test_a_folder_deleted_meanwhile_costs_only_time(folder: Path) -> None:
    kept = KeptAnswers(folder, 10_000)
    put(kept, "k", DATA)
    assert kept.find("k", "identity") is not None
    (folder / "k.identity.answer").unlink()
    folder.rmdir()
    assert kept.find("k", "identity") is None
    put(kept, "k", DATA)
    assert bytes_of(kept.find("k", "identity")) == b"one,two,three"


def test_a_folder_that_cannot_be_written_keeps_nobody_from_an_answer(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file where the folder should be")
    put(KeptAnswers(tmp_path / "answers" / "now", 10_000), "k", DATA)
