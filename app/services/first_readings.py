"""An answer that several readers ask for while it is made the first time: made once, for all of them.

Whoever is ahead makes the next piece; the others read it from the file that is being written. So nobody waits for the
slowest reader, and when the one who began goes away, the others go on where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from app.services.kept_answers import Draft, Identity, KeptAnswers, Told

Begin = Callable[[], tuple[Iterator[bytes], Identity]]  # the bytes as they are sent, and what counts them before
_CHUNK = 1024 * 1024
_Place = tuple[str, str]


class _Making:
    """One answer on its way. What it has is read and changed under ``lock``; ``readers`` under the lock of them all."""

    def __init__(self, kept: KeptAnswers, place: _Place, told: Told, begin: Begin) -> None:
        self._kept, self._place, self._told, self._begin = kept, place, told, begin
        self.lock = threading.Lock()
        self.readers = 0
        self.size = 0
        self.whole = False
        self.identity: Identity | None = None
        self._draft: Draft | None = None
        self._pieces: Iterator[bytes] | None = None
        self._fault: BaseException | None = None

    def piece(self, at: int) -> bytes | None:
        """Bytes from there on; none at the end, and None where they were made but can no longer be read."""
        with self.lock:
            if self._fault is not None:
                raise self._fault
            if at < self.size:
                return None if self._draft is None else self._draft.read(at, min(_CHUNK, self.size - at))
            return b"" if self.whole else self._made()

    def end(self) -> None:
        """Nobody reads any more: what is not whole is not kept."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
        if self._draft is not None:
            self._draft.close()

    def _made(self) -> bytes:
        try:
            if self._pieces is None:
                pieces, self.identity = self._begin()
                self._draft = self._kept.draft(*self._place)
                self._pieces = self._kept.keeping(*self._place, self._told, pieces, self.identity, self._draft)
            piece = next(filter(None, self._pieces), b"")  # an empty piece is not the end
        except BaseException as fault:
            self._fault = fault
            raise
        self.whole = not piece
        self.size += len(piece)
        return piece


class FirstReadings:
    """The answers that are being made in this process. Whoever comes for one of them shares it."""

    def __init__(self, kept: KeptAnswers) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._under_way: dict[_Place, _Making] = {}

    def reading(self, key: str, coding: str, told: Told, begin: Begin) -> FirstReading:
        """The answer of this key in this coding, kept once the last of its bytes was made."""
        return FirstReading(self, (key, coding), told, begin)

    def join(self, place: _Place, told: Told, begin: Begin) -> _Making:
        """One reader more of what is being made, or the first of what is begun."""
        with self._lock:
            making = self._under_way.get(place)
            if making is None:
                making = self._under_way[place] = _Making(self._kept, place, told, begin)
            making.readers += 1
        return making

    def leave(self, place: _Place, making: _Making, *, failed: bool) -> None:
        """One reader less. What failed is joined by nobody any more."""
        with self._lock:
            making.readers -= 1
            last = not making.readers
            if (last or failed) and self._under_way.get(place) is making:
                del self._under_way[place]
        if last:
            making.end()


class FirstReading:
    """One reader's way through an answer: an iterator of its bytes, to be closed by whoever does not take them all."""

    def __init__(self, readings: FirstReadings, place: _Place, told: Told, begin: Begin) -> None:
        self._readings, self._place, self._told, self._begin = readings, place, told, begin
        self._making: _Making | None = None
        self._own: Iterator[bytes] | None = None
        self._identity: Identity | None = None
        self._at = 0
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        if self._own is None:
            if self._making is None:
                self._making = self._readings.join(self._place, self._told, self._begin)
            try:
                piece = self._making.piece(self._at)
            except BaseException:
                self._end(failed=True)
                raise
            self._identity = self._making.identity
            if piece is None:
                self._own = self._alone()
                self._end_sharing()
        if self._own is not None:
            piece = next(filter(None, self._own), b"")
        if not piece:
            self._end()
            raise StopIteration
        self._at += len(piece)
        return piece

    def sha256(self) -> str:
        """Of the bytes before the coding, as far as they were made."""
        return (self._identity or Identity()).sha256()

    def close(self) -> None:
        """Go no further; may be called at any time, but not while another thread takes a piece."""
        self._end()

    def _alone(self) -> Iterator[bytes]:
        """What others made can no longer be read: made anew, from where this reader is."""
        pieces, self._identity = self._begin()
        passed = self._at
        for piece in pieces:
            if passed < len(piece):
                yield piece[passed:]
            passed = max(0, passed - len(piece))

    def _end(self, *, failed: bool = False) -> None:
        self._ended = True
        self._end_sharing(failed=failed)
        close = getattr(self._own, "close", None)
        if close is not None:
            close()

    def _end_sharing(self, *, failed: bool = False) -> None:
        making, self._making = self._making, None
        if making is not None:
            self._readings.leave(self._place, making, failed=failed)
