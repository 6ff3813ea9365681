"""Answers made once: the bytes of a whole answer kept as a file, so that asking again costs no more than sending them.

A file is found by what the answer depends on as its reader sees it: the name of the state shown, the scope it was shown
under, the question and the coding. What is hidden from the reader is no part of that. Access is decided before anything
is looked for here. All workers share the folder; it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import secrets
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, cast

import orjson

from app.formats.encoding import IDENTITY

_SUFFIX = ".answer"
_TEMPORARY = ".partial"
_END = b"township-answer1"
_LENGTH = 8
_CHUNK = 1024 * 1024
_TOLD_AT_ONCE = 10_000
_USE_NOTED_SECONDS = 60.0
_LEFTOVER_SECONDS = 3_600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said with the bytes of an answer: its tag (without a coding), headers, rows, and what the audit says."""

    etag: str
    headers: Mapping[str, str]
    rows: int
    answered: Mapping[str, Any] | None
    large: bool = False
    """Whether it is large enough to be packed."""
    streamed: bool = False
    """Whether it counts as an export, and is sent piece by piece."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One answer in one coding. ``sha256`` and ``length`` are of its bytes before any coding."""

    path: Path
    told: Told
    size: int
    sha256: str
    length: int
    place: tuple[int, int] | None
    """Where the file lies on the disk, and how long it is: as it was checked."""

    def open(self) -> IO[bytes] | None:
        """The file, at its first byte; None where it has gone."""
        try:
            return self.path.open("rb")
        except OSError:
            return None


class KeptAnswers:
    """The kept answers of one registry in ``folder``, of at most ``limit`` bytes together; 0 keeps none.

    The least recently used go first. What is said with an answer is kept in memory too, whatever the limit.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._told: OrderedDict[str, Told] = OrderedDict()
        self._whole: OrderedDict[tuple[str, str], KeptAnswer] = OrderedDict()
        self._noted: dict[Path, float] = {}
        self._lock = threading.Lock()

    @property
    def keeps(self) -> bool:
        """Whether answers are kept as files."""
        return self._limit > 0

    def told(self, key: str) -> Told | None:
        """What is said with the answer of this key, where it was answered before."""
        with self._lock:
            found = self._told.get(key)
            if found is not None:
                self._told.move_to_end(key)
        return found

    def remember(self, key: str, told: Told) -> None:
        """Keep what is said with an answer, in memory."""
        with self._lock:
            self._told[key] = told
            self._told.move_to_end(key)
            while len(self._told) > _TOLD_AT_ONCE:
                self._told.popitem(last=False)

    def find(self, key: str, coding: str) -> KeptAnswer | None:
        """The answer in that coding, whole; None where it is not kept. One that is damaged is deleted."""
        if not self.keeps:
            return None
        path = self.path(key, coding)
        with self._lock:
            found = self._whole.get((key, coding))
        if found is not None and found.place != _place(path):  # deleted, made anew, or cut off since it was checked
            found = None
        if found is None:
            found = _read(path)
            if found is None:
                return None
            self._checked(key, coding, found)
        self._note_use(path)
        return found

    def draft(self, key: str, coding: str) -> Draft | None:
        """A file for the answer while it is made, to be closed by the caller; None where none can be kept."""
        return Draft.begin(self.path(key, coding), self._limit, plain=coding == IDENTITY) if self.keeps else None

    def keeping(
        self, key: str, coding: str, told: Told, pieces: Iterable[bytes], identity: Identity, draft: Draft | None
    ) -> Iterator[bytes]:
        """The same pieces, kept in ``draft`` once the last was taken; ``identity`` has counted them before the coding.

        Nothing is kept of an answer that breaks off, nor of one that has no room, which goes on all the same.
        """
        self.remember(key, told)
        whole = False
        try:
            for piece in pieces:
                if draft is not None and not draft.add(piece):
                    draft = None
                yield piece
            if draft is not None and draft.finish(told, identity):
                whole = True
                self._checked(key, coding, draft.kept(told, identity))  # its bytes were here a moment ago
                self._make_room()
        finally:
            if draft is not None and not whole:
                draft.drop()

    def path(self, key: str, coding: str) -> Path:
        """Where the answer will stand."""
        return self._folder / f"{key}.{coding}{_SUFFIX}"

    def _checked(self, key: str, coding: str, found: KeptAnswer) -> None:
        with self._lock:
            self._whole[key, coding] = found
            while len(self._whole) > _TOLD_AT_ONCE:
                self._whole.popitem(last=False)
        self.remember(key, found.told)

    def _note_use(self, path: Path) -> None:
        now = time.monotonic()
        if now - self._noted.get(path, -_USE_NOTED_SECONDS) < _USE_NOTED_SECONDS:
            return
        if len(self._noted) > _TOLD_AT_ONCE:
            self._noted.clear()
        self._noted[path] = now
        with suppress(OSError):
            os.utime(path)

    def _make_room(self) -> None:
        """Delete the least recently used until the rest is within the limit; also those of a history that was ended."""
        found: list[tuple[float, int, Path]] = []
        limit = time.time() - _LEFTOVER_SECONDS
        for path in self._folder.parent.glob("*/*"):
            with suppress(OSError):
                stat = path.stat()
                if path.suffix == _TEMPORARY and stat.st_mtime < limit:
                    path.unlink()
                elif path.suffix == _SUFFIX:
                    found.append((stat.st_mtime, stat.st_size, path))
        size = sum(each[1] for each in found)
        for _, length, path in sorted(found):
            if size <= self._limit:
                return
            with suppress(OSError):
                path.unlink()
            size -= length


class Identity:
    """Counts and digests the bytes of an answer before any coding, as they come by."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.length = 0

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._digest.update(piece)
            self.length += len(piece)
            yield piece

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def mark(self) -> hashlib._Hash:
        """The digest as it is now, to go on from."""
        return self._digest.copy()


class Draft:
    """A file on its way: under a temporary name until it is whole."""

    def __init__(self, final: Path, temporary: Path, file: IO[bytes], limit: int, *, plain: bool) -> None:
        self._final, self._temporary, self._file = final, temporary, file
        self._limit = limit
        self._size = 0
        self._digest = None if plain else hashlib.sha256()  # of plain bytes the digest is taken already

    @classmethod
    def begin(cls, final: Path, limit: int, *, plain: bool) -> Draft | None:
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary = final.parent / f"{os.getpid()}-{secrets.token_hex(8)}{_TEMPORARY}"
            return cls(final, temporary, temporary.open("x+b", buffering=0), limit, plain=plain)
        except OSError as error:
            _log.warning("an answer is not kept: %s", error)
            return None

    def add(self, piece: bytes) -> bool:
        """Whether it is still being kept."""
        self._size += len(piece)
        if self._size > self._limit:
            self.drop()
            return False
        try:
            self._write(piece)
        except OSError as error:
            _log.warning("an answer is not kept: %s", error)
            self.drop()
            return False
        if self._digest is not None:
            self._digest.update(piece)
        return True

    def finish(self, told: Told, identity: Identity) -> bool:
        about = orjson.dumps(
            {
                "etag": told.etag,
                "headers": dict(told.headers),
                "rows": told.rows,
                "answered": told.answered,
                "large": told.large,
                "streamed": told.streamed,
                "size": self._size,
                "digest": identity.sha256() if self._digest is None else self._digest.hexdigest(),
                "sha256": identity.sha256(),
                "length": identity.length,
            }
        )
        try:
            self._write(about + len(about).to_bytes(_LENGTH, "big") + _END)
            self._temporary.replace(self._final)
        except OSError as error:
            _log.warning("an answer is not kept: %s", error)
            return False
        return True

    def kept(self, told: Told, identity: Identity) -> KeptAnswer:
        """What was written, once it is whole."""
        return KeptAnswer(self._final, told, self._size, identity.sha256(), identity.length, _place(self._final))

    def read(self, start: int, most: int) -> bytes | None:
        """At most that many of the bytes that were added; None where they are no longer there."""
        if self._file.closed:
            return None
        try:
            return os.pread(self._file.fileno(), most, start) or None
        except OSError as error:
            _log.warning("an answer on its way cannot be read: %s", error)
            return None

    def drop(self) -> None:
        """It will not be whole."""
        self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def close(self) -> None:
        """Nobody adds to it or reads it any more."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]


def _read(path: Path) -> KeptAnswer | None:
    """The answer of a file, its bytes checked."""
    try:
        with path.open("rb") as file:
            about, size = _about(file)
            _check(file, size, about["digest"])
            told = Told(
                about["etag"], about["headers"], about["rows"], about["answered"], about["large"], about["streamed"]
            )
            return KeptAnswer(path, told, size, about["sha256"], about["length"], _place(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("a damaged answer is made anew: %s", error)
        with suppress(OSError):
            path.unlink()
        return None


def _place(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size


def _check(file: IO[bytes], size: int, expected: str) -> None:
    digest, left = hashlib.sha256(), size
    file.seek(0)
    while left and (chunk := file.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    if left or digest.hexdigest() != expected:
        raise ValueError("the bytes are not those that were written")


def _about(file: IO[bytes]) -> tuple[Mapping[str, Any], int]:
    end = file.seek(0, os.SEEK_END)
    tail = _LENGTH + len(_END)
    file.seek(max(0, end - tail))
    read = file.read(tail)
    if read[_LENGTH:] != _END:
        raise ValueError("not a kept answer")
    length = int.from_bytes(read[:_LENGTH], "big")
    start = end - tail - length
    if start < 0:
        raise ValueError("cut off")
    file.seek(start)
    about = cast("Mapping[str, Any]", orjson.loads(file.read(length)))
    if about["size"] != start:
        raise ValueError("cut off")
    return about, start


@cache
def makers() -> str:
    """What the bytes of an answer rest on besides its content: another edition of these may write them otherwise."""
    libraries = ("township-registry", "polars", "pyarrow", "zstandard")
    return " ".join([*(version(name) for name in libraries), zlib.ZLIB_RUNTIME_VERSION, platform.machine()])
