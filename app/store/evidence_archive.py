"""The files of evidence of a registry, put into its backup and brought back: each by its hash, none believed unread."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.store import tables as t
from app.store.evidence_files import EvidenceFiles

_FOLDER = "evidence/"


@dataclass(frozen=True, slots=True)
class EvidenceDigest:
    """What files a backup holds: how many, how large in all, and the hashes of those that were gone when it was made."""

    files: int
    bytes: int
    missing: tuple[str, ...] = ()


def named(cx: Connection) -> list[str]:
    """The hashes that the rows of evidence name, each once, in order."""
    return sorted(set(cx.execute(select(t.evidence.c.sha256)).scalars()))


def write(archive: zipfile.ZipFile, files: EvidenceFiles, hashes: Collection[str]) -> EvidenceDigest:
    """Put files into an archive, as they are: scans do not grow smaller. Raises Problem ``unavailable``."""
    size, missing = 0, []
    for digest in hashes:
        data = files.found(digest)
        if data is None:
            missing.append(digest)
            continue
        size += len(data)
        archive.writestr(zipfile.ZipInfo(f"{_FOLDER}{digest}"), data)
    return EvidenceDigest(len(hashes) - len(missing), size, tuple(missing))


def faults(archive: zipfile.ZipFile, expected: EvidenceDigest | None) -> Iterator[str]:
    """What in an archive is not what it says it is; nothing for a whole one."""
    members, size = _members(archive), 0
    for digest in members:
        data = archive.read(f"{_FOLDER}{digest}")
        size += len(data)
        if hashlib.sha256(data).hexdigest() != digest:
            yield f"{_FOLDER}{digest}"
    if (len(members), size) != ((expected.files, expected.bytes) if expected else (0, 0)):
        yield _FOLDER


def load(archive: zipfile.ZipFile, files: EvidenceFiles) -> None:
    """Bring the files of an archive to where evidence is kept. Raises Problem ``unavailable``."""
    for digest in _members(archive):
        files.put(archive.read(f"{_FOLDER}{digest}"))


def carry(source: EvidenceFiles, target: EvidenceFiles, hashes: Collection[str]) -> None:
    """Bring files from one place to another; those that are gone are passed over. Raises Problem ``unavailable``."""
    for digest in hashes:
        data = source.found(digest)
        if data is not None:
            target.put(data)


def absent(files: EvidenceFiles, hashes: Collection[str]) -> tuple[str, ...]:
    """Which of these are gone or are not what was kept, after reading every one. Raises Problem ``unavailable``."""
    return tuple(digest for digest in hashes if files.found(digest) is None)


def _members(archive: zipfile.ZipFile) -> list[str]:
    return [name.removeprefix(_FOLDER) for name in archive.namelist() if name.startswith(_FOLDER)]
