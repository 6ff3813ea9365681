"""Refusals of callers who are not known: on record, but so that nobody can fill the disk with them."""

from __future__ import annotations

import threading
import time
from collections import Counter

from app.services.redaction import redacted
from app.services.registry import Registry
from app.store.audit import AuditEntry

_WINDOW_SECONDS = 60.0
_TOLD_EACH = 20  # of one window; what comes after them is counted


class Strangers:
    """Writes the first refusals of a minute one by one and of the others their number; one for each process."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._since = float("-inf")
        self._told = 0
        self._counted: Counter[str] = Counter()
        registry.before_close.append(self.flush)

    def refused(self, status: int, target: str, address: str | None, request_id: str) -> None:
        """Write it down, durably unless it is one of many; what is sent to get in is not kept."""
        now = time.monotonic()
        with self._lock:
            ended = now - self._since >= _WINDOW_SECONDS
            counted = self._counted if ended else Counter[str]()
            if ended:
                self._since, self._told, self._counted = now, 0, Counter()
            one_by_one = self._told < _TOLD_EACH
            if one_by_one:
                self._told += 1
            else:
                self._counted[str(status)] += 1
        if counted:
            self._write("many", None, {"counts": dict(counted)}, sum(counted.values()), "")
        if one_by_one:
            self._write(str(status), redacted(target)[:500], {"address": address}, None, request_id)

    def flush(self) -> None:
        """Write the number of those that were only counted so far."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
        if counted:
            self._write("many", None, {"counts": dict(counted)}, sum(counted.values()), "")

    def _write(
        self, status: str, target: str | None, question: dict[str, object], rows: int | None, request_id: str
    ) -> None:
        self._registry.audit.append(
            AuditEntry(
                at=self._registry.now(),
                request_id=request_id,
                kind="act",
                caller_kind="stranger",
                action="refused",
                target=target,
                question=question,
                status=status,
                rows=rows,
            )
        )
