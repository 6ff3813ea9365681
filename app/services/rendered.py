"""Records as they are written in JSON, kept in pieces, so that a page is cut from what was written before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import polars as pl

from app.formats.writing_json import write_ndjson
from app.mapping.plan import OutputField

PIECE = 1_000


class RenderedRecords:
    """Bounded in bytes. What is kept is found by the digest of all that a mapped frame shows, so it suits that alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], tuple[bytes, ...]] = OrderedDict()
        self._bytes = 0

    def array(self, digest: str, fields: Sequence[OutputField], frame: pl.DataFrame, start: int, count: int) -> bytes:
        """Rows ``start`` to ``start + count`` of the frame with this digest, all its fields, as one JSON array."""
        records: list[bytes] = []
        end = min(start + count, frame.height)
        for piece in range(start // PIECE, -(-end // PIECE)):
            lines = self._piece(digest, fields, frame, piece)
            records += lines[max(start - piece * PIECE, 0) : end - piece * PIECE]
        return b"[" + b",".join(records) + b"]"

    def _piece(self, digest: str, fields: Sequence[OutputField], frame: pl.DataFrame, piece: int) -> tuple[bytes, ...]:
        key = (digest, piece)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        # In JSON a line break within a text is written otherwise, so that each is the end of a record.
        made = tuple(b"".join(write_ndjson(fields, frame.slice(piece * PIECE, PIECE))).split(b"\n")[:-1])
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += _size(made)
            while self._bytes > self._limit and self._kept:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        return made


def _size(lines: Sequence[bytes]) -> int:
    return sum(map(len, lines)) + 48 * len(lines)
