"""Stretches of a whole answer that were written before, taken from the file of the last answer instead of written anew.

A stretch is found by the digest of all that it shows, so what is taken is what would be written.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from app.formats.slices import Writer, pieces, writers
from app.formats.writing import Lines
from app.mapping.plan import OutputField
from app.services.kept_answers import Identity
from app.services.row_by_row import Stretch

_KNOWN = 256
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class _Place:
    start: int
    length: int
    before: hashlib._Hash
    """The digest of all that stands before it."""
    sha256: bytes
    """The digest of all up to its end."""


@dataclass(slots=True)
class _Written:
    """Where the stretches of one answer stand in its file."""

    path: Path
    places: Mapping[bytes, _Place]


class WrittenBefore:
    """Knows where the stretches of the last answer of each kind stand. One for each process; bounded."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, _Written] = OrderedDict()
        self._lock = threading.Lock()

    def pieces(
        self,
        kind: Hashable,
        path: Path | None,
        lines: Lines,
        fields: Sequence[OutputField],
        frame: pl.DataFrame,
        parts: Sequence[Stretch],
        identity: Identity,
    ) -> Iterator[bytes]:
        """The answer that shows the whole of ``frame``, in pieces, which will stand in ``path`` (if any) once it is kept.

        ``identity`` counts the pieces as they are taken.
        """
        with self._lock:
            before = self._known.get(kind)
        places: dict[bytes, _Place] = {}
        head = lines.head(fields)
        if head:
            yield head
        for part, data in _each(before, lines.writer(fields, frame), frame, parts):
            start, mark = identity.length, identity.mark()
            yield from data
            places[part.digest] = _Place(start, identity.length - start, mark, identity.mark().digest())
        if path is None:
            return
        with self._lock:
            self._known[kind] = _Written(path, places)
            self._known.move_to_end(kind)
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)


def _each(
    before: _Written | None, write: Writer, frame: pl.DataFrame, parts: Sequence[Stretch]
) -> Iterator[tuple[Stretch, list[bytes]]]:
    """Each stretch with its bytes in pieces, the next ones under way while one is sent."""
    file = _opened(before)
    begun: deque[tuple[Stretch, _Place | None, Future[list[bytes]] | None]] = deque()

    def rows(part: Stretch) -> pl.DataFrame:
        return frame.slice(part.start, part.length)

    def taken() -> tuple[Stretch, list[bytes]]:
        part, place, future = begun.popleft()
        if future is not None:
            return part, future.result()
        data = _read(file, place) if file is not None and place is not None else None
        # A file that is not what it was is of no use.
        return part, pieces(write, rows(part)) if data is None else [data]

    try:
        for part in parts:
            place = before.places.get(part.digest) if before is not None and file is not None else None
            begun.append((part, place, writers().submit(pieces, write, rows(part)) if place is None else None))
            if len(begun) > _AHEAD:
                yield taken()
        while begun:
            yield taken()
    finally:
        for _, _, future in begun:
            if future is not None:
                future.cancel()
        if file is not None:
            file.close()


def _read(file: IO[bytes], place: _Place) -> bytes | None:
    file.seek(place.start)
    data = file.read(place.length)
    digest = place.before.copy()
    digest.update(data)
    return data if digest.digest() == place.sha256 else None


def _opened(before: _Written | None) -> IO[bytes] | None:
    try:
        return None if before is None else before.path.open("rb")
    except OSError:
        return None
