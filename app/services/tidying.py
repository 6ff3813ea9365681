"""Files of snapshots that no state in use names any more are deleted, now and then, beside the work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from app.snapshots.parts import PartName, Parts

_FIRST_AFTER_SECONDS = 60.0
_PAUSE_SECONDS = 300.0
# Another process may have built a part for a state that this one has not seen yet.
_KEPT_SECONDS = 900.0


class SnapshotTidying:
    """Told of every new state; seldom does anything, and never in the way of who tells it."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        self._next = clock() + _FIRST_AFTER_SECONDS

    def changed(self, named: Callable[[], Collection[PartName]]) -> threading.Thread | None:
        """A state came into being; ``named`` gives the parts of all that are in use. Gives the thread that tidies, if any."""
        now = self._clock()
        if now < self._next:
            return None
        self._next = now + _PAUSE_SECONDS
        thread = threading.Thread(target=self._tidy, args=(frozenset(named()),), name="snapshot-tidying", daemon=True)
        thread.start()
        return thread

    def _tidy(self, named: frozenset[PartName]) -> None:
        with suppress(OSError):  # the folder may be deleted at any time, or not be ours to tidy
            self._parts.collect_garbage(named, older_than_seconds=_KEPT_SECONDS)
