"""Records as they are written in JSON, kept in pieces, so that a page or a record is cut from what was written before."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import polars as pl

from app.formats.writing_json import ndjson_rows, write_ndjson
from app.mapping.plan import OutputField

PIECE = 1_000
_MISSED = 4  # single records of a piece that were written one by one before all of it is worth writing
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Piece:
    """Records one after the other, a comma between them; ``starts`` of each, and one more beyond the last."""

    text: bytes
    starts: array[int]

    @property
    def size(self) -> int:
        return len(self.text) + 8 * len(self.starts)

    def cut(self, first: int, end: int) -> bytes:
        """Some of them, as they stand in a JSON array."""
        return self.text[self.starts[first] : self.starts[end] - 1]


class RenderedRecords:
    """Bounded in bytes. What is kept is found by the digest of all that a mapped frame shows, so it suits that alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], _Piece] = OrderedDict()
        self._bytes = 0
        self._missed: dict[tuple[str, int], int] = {}
        self._aside = threading.Lock()

    def array(self, digest: str, fields: Sequence[OutputField], frame: pl.DataFrame, start: int, count: int) -> bytes:
        """Rows ``start`` to ``start + count`` of the frame with this digest, all its fields, as one JSON array."""
        end = min(start + count, frame.height)
        records = [b"["]
        for number in range(start // PIECE, -(-end // PIECE)):
            piece = self._find((digest, number)) or self._make((digest, number), fields, frame)
            first = number * PIECE
            records += (b"," if len(records) > 1 else b"", piece.cut(max(start - first, 0), min(end - first, PIECE)))
        records.append(b"]")
        return b"".join(records)

    def few(
        self, digest: str, fields: Sequence[OutputField], frame: pl.DataFrame, ranges: Iterable[tuple[int, int]]
    ) -> bytes:
        """As ``array``, of a few rows given as ranges: those of pieces that are not kept are written one by one."""
        records: list[bytes] = []
        for row, end in ranges:
            first = row
            while first < end:
                number = first // PIECE
                until = min(end, (number + 1) * PIECE)
                piece = self._find((digest, number))
                if piece is None:
                    self._miss((digest, number), fields, frame)
                    lines = ndjson_rows(fields, frame.slice(first, until - first))
                    records.append(lines[:-1].replace(b"\n", b","))
                else:
                    records.append(piece.cut(first - number * PIECE, until - number * PIECE))
                first = until
        return b"[" + b",".join(records) + b"]"

    def carry(self, before: str, after: str, changed: Sequence[tuple[int, int]]) -> None:
        """What is kept of the frame with the digest ``before`` is of the one ``after``, but for the ranges ``changed``."""
        anew = {number for first, end in changed for number in range(first // PIECE, (end - 1) // PIECE + 1)}
        with self._lock:
            for key in [key for key in self._kept if key[0] == before]:
                piece = self._kept.pop(key)
                moved = (after, key[1])
                if key[1] in anew or moved in self._kept:
                    self._bytes -= piece.size
                else:
                    self._kept[moved] = piece

    def _find(self, key: tuple[str, int]) -> _Piece | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def holds(self, digest: str, start: int, count: int) -> bool:
        """Whether ``array`` has nothing to write."""
        with self._lock:
            return all((digest, number) in self._kept for number in range(start // PIECE, -(-(start + count) // PIECE)))

    def _miss(self, key: tuple[str, int], fields: Sequence[OutputField], frame: pl.DataFrame) -> None:
        """Have a piece written, aside of whoever misses it, when its records were missed often enough; one at a time."""
        with self._lock:
            if len(self._missed) > _REMEMBERED:
                self._missed.clear()
            self._missed[key] = missed = self._missed.get(key, 0) + 1
        if missed > _MISSED and self._limit > 0 and self._aside.acquire(blocking=False):
            threading.Thread(target=self._make_aside, args=(key, fields, frame), name="rendering", daemon=True).start()

    def _make_aside(self, key: tuple[str, int], fields: Sequence[OutputField], frame: pl.DataFrame) -> None:
        try:
            self._make(key, fields, frame)
        finally:
            self._aside.release()

    def _make(self, key: tuple[str, int], fields: Sequence[OutputField], frame: pl.DataFrame) -> _Piece:
        # In JSON a line break within a text is written otherwise, so that each is the end of a record.
        text = b"".join(write_ndjson(fields, frame.slice(key[1] * PIECE, PIECE)))
        lines = text.split(b"\n")[:-1]
        made = _Piece(b",".join(lines), array("L", accumulate((len(line) + 1 for line in lines), initial=0)))
        with self._lock:
            self._missed.pop(key, None)
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += made.size
            while self._bytes > self._limit and self._kept:
                self._bytes -= self._kept.popitem(last=False)[1].size
        return made
