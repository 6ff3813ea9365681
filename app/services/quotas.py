"""How much may be asked: of each credential as the house has it, of each agreement as it says.

Counted in the journal by all processes together, in portions: a process takes a small part of what is left and spends
it without asking again. No more than the limit is ever given. Limits below ``2 × _PORTIONS`` are exact to the last one;
of larger ones, what another process holds unspent (at most one part in ``_PORTIONS`` of what was left) may be missing.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from app.errors import Problem
from app.policy.agreements import Agreement
from app.policy.callers import Caller
from app.settings import Settings
from app.store import quotas as kept
from app.store.database import Database

Measure = Literal["minute", "day", "rows"]
_PORTIONS = 128
_KNOWN = 10_000
_DAY = timedelta(days=1)
_CHINA = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: ``most`` requests (or rows) of a subject in each minute or day (of the calendar in Asia/Shanghai)."""

    subject: str
    name: str
    measure: Measure
    most: int

    def policy(self) -> str:
        """As an item of ``RateLimit-Policy``."""
        window = 60 if self.measure == "minute" else 86_400
        unit = ';qu="rows"' if self.measure == "rows" else ""
        return f'"{self.name}";q={self.most};w={window}{unit}'


@dataclass(frozen=True, slots=True)
class Used:
    """What is left of a limit, and when it begins anew."""

    limit: Limit
    left: int
    ends_at: datetime

    def item(self, now: datetime) -> str:
        """As an item of ``RateLimit``."""
        return f'"{self.limit.name}";r={self.left};t={_seconds(now, self.ends_at)}'


@dataclass(slots=True)
class _Portion:
    begins_at: datetime | None = None
    held: int = 0
    left: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Quotas:
    """Counts what is asked. One for each process."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._portions: OrderedDict[tuple[str, Measure], _Portion] = OrderedDict()
        self._lock = threading.Lock()

    def free(self, agreements: Iterable[Agreement]) -> bool:
        """Whether nothing is counted of a reading under these agreements, by whatever credential."""
        if self._settings.requests_per_minute is not None or self._settings.requests_per_day is not None:
            return False
        return all(agreement.quota is None for agreement in agreements)

    def request(self, caller: Caller) -> dict[str, str]:
        """Count a request of a credential; gives what to say of it in the headers. Raises Problem ``rate_limited``."""
        limits = []
        for measure, most in (
            ("minute", self._settings.requests_per_minute),
            ("day", self._settings.requests_per_day),
        ):
            if most is not None:
                limits.append(Limit(f"credential {caller.credential_id}", f"credential-{measure}", measure, most))  # type: ignore[arg-type]
        return self._count(limits, 1)

    def reading(self, agreements: Iterable[Agreement]) -> dict[str, str]:
        """Count a reading under agreements; each that it rests on counts it. Raises 429 when one is used up."""
        limits: list[Limit] = []
        for agreement in agreements:
            quota = agreement.quota
            if quota is None:
                continue
            subject = f"agreement {agreement.code}"
            if quota.requests_per_minute is not None:
                name = f"{agreement.code}-minute"
                limits.append(Limit(subject, name, "minute", quota.requests_per_minute))
            if quota.requests_per_day is not None:
                limits.append(Limit(subject, f"{agreement.code}-day", "day", quota.requests_per_day))
        return self._count(limits, 1)

    def rows(self, agreements: Iterable[Agreement], rows: int) -> dict[str, str]:
        """Count the rows of an answer before it is given. Raises 429 when more than is left would be given."""
        limits = [
            Limit(f"agreement {agreement.code}", f"{agreement.code}-rows", "rows", agreement.quota.rows_per_day)
            for agreement in agreements
            if agreement.quota is not None and agreement.quota.rows_per_day is not None
        ]
        return self._count(limits, rows)

    def _count(self, limits: Sequence[Limit], wanted: int) -> dict[str, str]:
        if not limits:
            return {}
        now = self._clock()
        used = [self._take(limit, wanted, now) for limit in limits]
        return headers_of(used, now)

    def _take(self, limit: Limit, wanted: int, now: datetime) -> Used:
        begins_at, ends_at = span(limit.measure, now)
        portion = self._portion(limit)
        with portion.lock:
            if portion.begins_at != begins_at:
                portion.begins_at, portion.held, portion.left = begins_at, 0, limit.most
            if portion.held < wanted:
                missing = wanted - portion.held
                ask = max(missing, portion.left // _PORTIONS)
                with self._database.journal() as cx:
                    given = kept.take(cx, limit.subject, limit.measure, begins_at, limit.most, ask, missing)
                portion.held += given.amount
                portion.left = given.left
            left = min(limit.most, portion.held + portion.left)
            if portion.held < wanted:
                raise _used_up(Used(limit, left, ends_at), now)
            portion.held -= wanted
            return Used(limit, left - wanted, ends_at)

    def _portion(self, limit: Limit) -> _Portion:
        key = (limit.subject, limit.measure)
        with self._lock:
            found = self._portions.setdefault(key, _Portion())
            self._portions.move_to_end(key)
            while len(self._portions) > _KNOWN:
                self._portions.popitem(last=False)
            return found


def headers_of(used: Sequence[Used], now: datetime) -> dict[str, str]:
    """``RateLimit-Policy`` and ``RateLimit`` as draft-ietf-httpapi-ratelimit-headers-10 has them."""
    return {
        "RateLimit-Policy": ", ".join(each.limit.policy() for each in used),
        "RateLimit": ", ".join(each.item(now) for each in used),
    }


def span(measure: Measure, now: datetime) -> tuple[datetime, datetime]:
    """The minute, or the calendar day in Asia/Shanghai, that an instant lies in."""
    if measure == "minute":
        begins = now.replace(second=0, microsecond=0)
        return begins, begins + timedelta(minutes=1)
    begins = datetime.combine(now.astimezone(_CHINA).date(), time.min, tzinfo=_CHINA)
    return begins, begins + _DAY


def _seconds(now: datetime, end: datetime) -> int:
    return max(1, math.ceil((end - now).total_seconds()))


def _used_up(used: Used, now: datetime) -> Problem:
    limit = used.limit
    headers = {**headers_of([used], now), "Retry-After": str(_seconds(now, used.ends_at))}
    if limit.measure == "minute":
        detail = f"{limit.name}：每分钟 {limit.most} 次 (requests a minute)"
        return Problem("rate_limited", detail, headers=headers)
    what, what_en = ("行", "rows") if limit.measure == "rows" else ("次", "requests")
    detail = f"{limit.name}：每日 {limit.most} {what}，余 {used.left} ({what_en} a day; left)"
    code = "rate_limited" if limit.subject.startswith("credential ") else "quota_exhausted"
    return Problem(code, detail, headers=headers)
