"""Small errands done together: those that arrive while others are under way share a thread and a look at the epoch.

Handing each of them to a thread of its own, and waiting there for the audit, would take longer than the errands do.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextvars import Context, copy_context

from app.store.database import Database

Errand = Callable[[], None]
_MOST = 64


class Together:
    """One thread for errands that take a fraction of a millisecond each. Make it after the process has forked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[tuple[Context, Errand] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, errand: Errand, failed: Callable[[BaseException], None]) -> None:
        """Do it soon, in the caller's context, after one look at the epoch from now on; ``failed`` hears what went wrong."""

        def guarded() -> None:
            try:
                errand()
            except BaseException as fault:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
                failed(fault)

        with self._gate:
            if self._closed:
                failed(RuntimeError("closed"))
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="small-errands", daemon=True)
                self._thread.start()
            self._waiting.put((copy_context(), guarded))

    def close(self) -> None:
        """Do what is waiting and stop."""
        with self._gate:
            self._closed = True
            thread, self._thread = self._thread, None
            if thread is not None:
                self._waiting.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, last = [first], False
            while len(group) < _MOST:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                group.append(more)
            self._do(group)
            if last:
                return

    def _do(self, group: list[tuple[Context, Errand]]) -> None:
        try:
            with self._database.one_look():
                for context, errand in group:
                    context.run(errand)
        except Exception:  # noqa: BLE001 - the look failed: each errand looks for itself, and tells its own caller
            for context, errand in group:
                context.run(errand)
