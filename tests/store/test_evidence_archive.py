"""Files of evidence in a backup: all that rows name, each read again by its hash, and what is gone said by name."""

from __future__ import annotations

import hashlib
import zipfile

import orjson
import pytest

from app.errors import Problem
from app.store import backup, evidence
from app.store.evidence import StoredEvidence
from app.store.evidence_files import EvidenceFiles
from tests.store.given import given_regions
from tests.store.given_care import caring

SCANS = (b"%PDF-1.7 one", b"\x89PNG two", b"%PDF-1.7 gone")
HASHES = tuple(hashlib.sha256(data).hexdigest() for data in SCANS)


@pytest.fixture
def files(tmp_path):
    return EvidenceFiles("", tmp_path / "data")


def keep(database, files):
    """Three files by rows of two owners; the last one is not where it was put."""
    given_regions(database)
    for data in SCANS[:2]:
        files.put(data)
    with database.write() as write:
        for number, (owner, digest) in enumerate(zip(("region:1", "region:2", "region:1"), HASHES, strict=True)):
            one = StoredEvidence(str(number), owner, digest, "台账.pdf", "application/pdf", 12)
            evidence.insert(write, caring(), one)
        evidence.insert(write, caring(), StoredEvidence("3", "region:2", HASHES[0], "又.pdf", "application/pdf", 12))


def test_a_backup_holds_each_file_once_and_a_restore_brings_it_back(
    database, new_database, database_kind, tmp_path, files
):
    keep(database, files)
    manifest = backup.backup(database, tmp_path / "b.zip", files)
    assert manifest.evidence.files == 2
    assert manifest.evidence.bytes == len(SCANS[0]) + len(SCANS[1])
    assert manifest.evidence.missing == (HASHES[2],)
    fresh = EvidenceFiles("", tmp_path / "fresh")
    restored = new_database(database_kind)
    assert backup.restore(restored, tmp_path / "b.zip", fresh) == manifest
    assert [fresh.found(digest) for digest in HASHES] == [*SCANS[:2], None]
    assert backup.absent_evidence(restored, fresh) == (HASHES[2],)


def test_files_may_be_left_out_and_what_is_then_missing_is_told(new_database, tmp_path, files):
    source, restored = new_database("sqlite"), new_database("sqlite")
    keep(source, files)
    assert backup.backup(source, tmp_path / "b.zip").evidence is None
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert not [name for name in archive.namelist() if name.startswith("evidence/")]
    elsewhere = EvidenceFiles("", tmp_path / "fresh")
    backup.restore(restored, tmp_path / "b.zip", elsewhere)
    assert sorted(backup.absent_evidence(restored, elsewhere)) == sorted(HASHES)
    backup.carry_evidence(restored, files, elsewhere)
    assert backup.absent_evidence(restored, elsewhere) == (HASHES[2],)


def _with_member(data):
    def rewritten(name, old):
        return data if name == f"evidence/{HASHES[0]}" else old

    return rewritten


@pytest.mark.parametrize("damage", [_with_member(b"%PDF-1.7 0ne"), _with_member(None)])
def test_a_backup_with_a_damaged_or_missing_file_is_refused(new_database, tmp_path, files, damage):
    source, empty = new_database("sqlite"), new_database("sqlite")
    keep(source, files)
    backup.backup(source, tmp_path / "b.zip", files)
    with zipfile.ZipFile(tmp_path / "b.zip") as old, zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        for name in old.namelist():
            if (data := damage(name, old.read(name))) is not None:
                bad.writestr(name, data)
    fresh = EvidenceFiles("", tmp_path / "fresh")
    with pytest.raises(Problem) as told:
        backup.restore(empty, tmp_path / "bad.zip", fresh)
    assert told.value.code == "bad_request"
    assert (empty.epoch(), fresh.found(HASHES[1])) == (0, None)


def test_a_backup_of_before_files_were_in_it_is_still_restored(new_database, tmp_path, files):
    source, restored = new_database("sqlite"), new_database("sqlite")
    keep(source, files)
    backup.backup(source, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as new, zipfile.ZipFile(tmp_path / "old.zip", "w") as old:
        for name in new.namelist():
            document = new.read(name)
            if name == "manifest.json":
                told = orjson.loads(document)
                told.pop("evidence")
                document = orjson.dumps({**told, "format": 1})
            old.writestr(name, document)
    assert backup.restore(restored, tmp_path / "old.zip", files).evidence is None
    assert backup.absent_evidence(restored, files) == (HASHES[2],)


def test_a_storage_that_cannot_be_asked_loses_nothing(new_database, tmp_path, files, monkeypatch):
    source = new_database("sqlite")
    keep(source, files)

    def away(_):
        raise ConnectionError

    monkeypatch.setattr(files._files, "cat_file", away)
    with pytest.raises(Problem) as told:
        backup.backup(source, tmp_path / "b.zip", files)
    assert told.value.code == "unavailable"
    assert not (tmp_path / "b.zip").exists()


def test_a_storage_without_its_driver_is_refused_by_name(tmp_path):
    for url in ("nowhere://bucket/folder",):
        with pytest.raises(Problem) as told:
            EvidenceFiles(url, tmp_path)
        assert (told.value.code, "nowhere" in told.value.detail) == ("unavailable", True)
