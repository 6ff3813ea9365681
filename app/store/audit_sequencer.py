"""Brings entries into the tree a little after they were written, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from app.errors import Problem
from app.store.audit_tree import AuditTree

_log = logging.getLogger(__name__)


class AuditSequencer:
    """Signs the tree at most every ``seconds``, while entries come. Make it after the process has forked."""

    def __init__(self, tree: AuditTree, seconds: float, clock: Callable[[], datetime]) -> None:
        self._tree = tree
        self._seconds = seconds
        self._clock = clock
        self._news = threading.Event()
        self._ended = threading.Event()
        self._gate = threading.Lock()
        self._thread: threading.Thread | None = None
        self._started = False

    def told(self) -> None:
        """There are new entries."""
        self._news.set()
        if self._thread is not None:
            return
        with self._gate:
            if not self._started and not self._ended.is_set():
                self._started = True
                self._thread = threading.Thread(target=self._run, name="audit-sequencer", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Bring in what is there and stop. Call it when no more entries come."""
        with self._gate:
            self._ended.set()
            thread = self._thread
        if thread is None:
            return
        self._news.set()
        thread.join()
        with suppress(Problem):  # the next process takes it up
            self._tree.checkpoint(self._clock())

    def _run(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if self._ended.wait(self._seconds):
                return
            try:
                self._tree.checkpoint(self._clock())
            except Exception:  # noqa: BLE001 - whatever it is, the thread goes on
                # Entries stay where they are, durable; the next ones bring another try.
                _log.exception("the audit's tree could not be brought forward")
