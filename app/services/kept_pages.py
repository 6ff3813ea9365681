"""What is known of pages of whole views that were cut before, so that cutting one again is putting its pieces together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from app.formats.paging import Page, Position
from app.services.kept_answers import Told

_KEPT = 4_096

PageKey = tuple[bytes, bytes, int | None, str | None]
"""What stands before the records and, of a last page, after them (so the state's name and all that is said beside it);
``limit`` and ``cursor`` as they were asked."""


@dataclass(frozen=True)
class Opened:
    """Where a page begins: after this row of the question's answer at a named state."""

    state: str
    position: Position
    offset: int | None = None

    def start(self, name: str) -> int | Position:
        """Where to go on in a state of that name: what has the same name shows the same, so that a row's number holds."""
        return self.offset if self.offset is not None and name == self.state else self.position


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page but for its records: where they begin and how many they are, what follows them, and what is said with it."""

    start: int
    rows: int
    tail: bytes
    etag: str
    sha256: str
    answered: Mapping[str, Any]


class KeptPages:
    """The pages of one process. Safe between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[PageKey, KeptPage] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: PageKey) -> KeptPage | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def note(self, key: PageKey, cut: Page, height: int, tail: bytes, body: bytes, told: Told) -> str:
        """Keep what is known of a page that was cut from a whole view of ``height`` rows; gives its digest, SHA-256."""
        digest = sha256(body).hexdigest()
        start = (height if cut.offset is None else cut.offset) - cut.frame.height
        page = KeptPage(start, cut.frame.height, tail, told.etag, digest, told.answered or {})
        with self._lock:
            self._kept[key] = page
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return digest


def around(
    code: str, version: int, name: str, said: Mapping[str, object], following: str | None
) -> tuple[bytes, bytes]:
    """What stands in a page before and after its records; ``said`` beside them, ``following`` where to go on."""
    head = orjson.dumps({"view": code, "version": version, "snapshot": name})[:-1]
    return head + b',"records":', b"," + orjson.dumps({**said, "next": following})[1:]
