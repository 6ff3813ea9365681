"""Those who present what is not valid again and again are slowed, each source by itself."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address

from app.errors import Problem

_WINDOW_SECONDS = 600.0
_LONGEST_DELAY_SECONDS = 300.0
_SOURCES = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Brake:
    """Counts failures of sources in this process; after ``allowed`` within ten minutes each next try has to wait.

    The wait doubles with each failure, up to five minutes. Bounded: of very many sources those that failed longest ago
    are forgotten.
    """

    def __init__(self, allowed: int, clock: Callable[[], datetime]) -> None:
        self._allowed = allowed
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, source: str) -> None:
        """Raises Problem ``rate_limited`` while the source has to wait."""
        now = self._clock().timestamp()
        with self._lock:
            found = self._failures.get(source)
            wait = self._wait(found, now) if found is not None else 0.0
        if wait > 0:
            raise slowed(wait)

    def failed(self, source: str) -> None:
        """Count a failure."""
        now = self._clock().timestamp()
        with self._lock:
            found = self._failures.get(source)
            if found is None or now - found.last > _WINDOW_SECONDS:
                found = self._failures[source] = _Failures(0, now)
            found.count += 1
            found.last = now
            self._failures.move_to_end(source)
            while len(self._failures) > _SOURCES:
                self._failures.popitem(last=False)

    def _wait(self, found: _Failures, now: float) -> float:
        if found.count < self._allowed or abs(now - found.last) > _WINDOW_SECONDS:
            return 0.0
        delay = min(_LONGEST_DELAY_SECONDS, 2.0 ** min(found.count - self._allowed, 30))
        return found.last + delay - now


def slowed(seconds: float) -> Problem:
    """The one refusal of those who have to wait."""
    return Problem(
        "rate_limited",
        "多次出示无效凭证，请稍后再试 (too often not valid; try again later)",
        headers={"Retry-After": str(max(1, math.ceil(seconds)))},
    )


def source_of(address: str | None) -> str:
    """One source: an IPv4 address, or the /64 that one subscriber has of IPv6."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "address -"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"address {parsed.ipv4_mapped}"
        return f"address {IPv6Address(int(parsed) >> 64 << 64)}/64"
    return f"address {parsed}"
