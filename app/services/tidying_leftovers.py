"""What nobody will come back for is forgotten now and then: answers under old idempotency keys, uploads never submitted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from app.errors import Problem
from app.services.registry import Registry
from app.services.uploads import Uploads
from app.store import idempotency

_PAUSE_SECONDS = 3_600.0
_log = logging.getLogger(__name__)


class LeftoverTidying:
    """Told of every submission; seldom does anything, and never in the way of who tells it."""

    def __init__(self, registry: Registry, uploads: Uploads, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._uploads, self._clock = registry, uploads, clock
        self._next = clock() + _PAUSE_SECONDS
        self._turn = threading.Lock()

    def submitted(self) -> threading.Thread | None:
        """A submission was answered. Gives the thread that tidies, if it is time for it."""
        now = self._clock()
        with self._turn:
            if now < self._next:
                return None
            self._next = now + _PAUSE_SECONDS
        thread = threading.Thread(target=self._tidy, name="leftover-tidying", daemon=True)
        thread.start()
        return thread

    def _tidy(self) -> None:
        try:
            self.tidy()
        except (Problem, OSError) as fault:  # the next one will do it
            _log.warning("tidying was put off: %s", fault)

    def tidy(self) -> tuple[int, int]:
        """Forget now; gives how many answers and how many uploads were forgotten."""
        limit = self._registry.now() - timedelta(days=self._registry.settings.idempotency_days)
        with self._registry.database.write() as write:
            answers = idempotency.forget_before(write, limit)
        return answers, self._uploads.forget_expired()
