"""Files of snapshots that no state in use names any more are deleted, now and then, beside the work."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from app.snapshots.parts import PartName, Parts

_FIRST_AFTER_SECONDS = 60.0
_PAUSE_SECONDS = 300.0
# Another process may have built a part for a state that this one has not seen yet.
_KEPT_SECONDS = 900.0
# What was derived before a restore is of no use after it, but a process that still serves the old run may be ending.
_LINEAGE_KEPT_SECONDS = 86_400.0
_LINEAGE = re.compile(r"[0-9a-f]{64}")


class SnapshotTidying:
    """Told of every new state; seldom does anything, and never in the way of who tells it."""

    def __init__(self, parts: Parts, lineage: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``lineage``: the folder of ``parts``; its neighbours belong to runs of history that a restore has ended."""
        self._parts = parts
        self._lineage = lineage
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
        if self._lineage is not None:
            with suppress(OSError):
                _forget_former(self._lineage)


def _forget_former(lineage: Path) -> None:
    """Deletes the folders beside ``lineage`` that nobody has written to for a day; only such as hold snapshots."""
    limit = time.time() - _LINEAGE_KEPT_SECONDS
    for folder in lineage.parent.iterdir():
        if folder.name == lineage.name or folder.is_symlink() or not _LINEAGE.fullmatch(folder.name):
            continue
        newest = max((Path(place).stat().st_mtime for place, _, _ in os.walk(folder)), default=limit)
        if newest < limit:
            shutil.rmtree(folder, ignore_errors=True)
