"""When to ask again, and after how long. No input or output here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

PASSING_STATUSES = frozenset({408, 429, 502, 503, 504})  # the same request may succeed later


@dataclass(frozen=True, slots=True)
class Retries:
    """At most ``attempts`` requests in all; waits grow from ``first`` seconds, doubling, never above ``longest``.

    A wait is drawn evenly between half and the whole of its bound, so that clients that failed together do not
    come back together. A server that names a longer time than ``patience`` is believed, and not waited for.
    """

    attempts: int = 4
    first: float = 0.25
    longest: float = 8.0
    patience: float = 60.0

    def wait(self, failures: int, draw: Callable[[], float]) -> float:
        """Seconds to wait after the given number of failures (from 1); ``draw`` gives a number in [0, 1)."""
        bound = min(self.longest, self.first * 2.0 ** (failures - 1))
        return bound * (0.5 + draw() / 2)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds asked for by a ``Retry-After`` header, either form; None where there is none that can be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
