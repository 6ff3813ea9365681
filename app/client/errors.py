"""What a call to the registry can end in, other than its answer.

The tree::

    TownshipError            catch this to catch everything below
    ├── Unreachable          no answer came: refused, timed out, cut off; the retries are used up
    ├── Broken               an answer came that is not of the contract (a proxy's page, bytes cut short)
    └── Refused              the registry said no: ``status``, ``code``, ``title``, ``detail``, ``findings``
        ├── Unauthenticated  401  the key is missing, wrong, expired or revoked
        ├── Forbidden        403  the key may not do this, or nothing asked for is covered by an agreement
        ├── NotFound         404  there is no such thing, or this key may not know of it
        ├── Conflict         409 412 428  someone else was faster, or the edit names no version
        ├── Rejected         422  what was sent has faults; nothing was stored; ``findings`` has them all
        └── Unavailable      408 429 5xx  not now; the retries, where they are safe, are used up

No error carries the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class TownshipError(Exception):
    """The registry did not do what was asked."""


class Unreachable(TownshipError):
    """No answer came. ``url`` is where it was looked for, ``reason`` the network's own word."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"无法连接 {url}：{reason} (cannot be reached)")
        self.url = url
        self.reason = reason


class Broken(TownshipError):
    """An answer came that is not of the contract."""


class Refused(TownshipError):
    """The registry said no, after RFC 9457. ``retry_after`` is in seconds, where the registry named a time."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        self.problem = problem
        self.code = str(problem.get("code", ""))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.findings: Sequence[Mapping[str, Any]] = problem.get("findings") or ()
        super().__init__(" · ".join(part for part in (str(status), self.code, self.title, self.detail) if part))


class Unauthenticated(Refused):
    """401: the key is missing, wrong, expired or revoked."""


class Forbidden(Refused):
    """403: the key may not do this, or nothing asked for is covered."""


class NotFound(Refused):
    """404: there is no such thing, or this key may not know of it."""


class Conflict(Refused):
    """409, 412 or 428: the present state is another than the caller thinks."""


class Rejected(Refused):
    """422: what was sent has faults, all of them in ``findings``; nothing was stored."""


class Unavailable(Refused):
    """408, 429 or 5xx: not now."""


BY_STATUS: Mapping[int, type[Refused]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    412: Conflict,
    422: Rejected,
    428: Conflict,
    429: Unavailable,
}


def refusal(status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> Refused:
    """The error of the tree for an answer of this status."""
    kind = BY_STATUS.get(status, Unavailable if status >= 500 else Refused)
    return kind(status, problem, retry_after)
