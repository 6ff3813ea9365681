"""Large answers under way: a number at once, of everybody, of each credential, and of each agreement that says so.

Counted in the journal by all processes together. What a process held that is gone comes back when its time is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from app.errors import Problem
from app.policy.agreements import Agreement
from app.policy.callers import Caller
from app.settings import Settings
from app.store import quotas as kept
from app.store.database import Database
from app.store.ids import new_id

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 5
_GRACE = timedelta(seconds=60)


class Exports:
    """Lets large answers begin, and hears of their end."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock

    def begin(self, caller: Caller, agreements: Iterable[Agreement]) -> Callable[[], None]:
        """Begin one; gives what is called at its end, however it ends. Raises Problem ``too_many_exports``."""
        limits = {
            "everybody": self._settings.exports_at_once,
            f"credential {caller.credential_id}": self._settings.exports_per_credential,
        }
        for agreement in agreements:
            if agreement.quota is not None and agreement.quota.exports_at_once is not None:
                limits[f"agreement {agreement.code}"] = agreement.quota.exports_at_once
        identity = new_id()
        now = self._clock()
        until = now + timedelta(seconds=self._settings.longest_export_seconds) + _GRACE
        with self._database.journal() as cx:
            full = kept.begin_export(cx, identity, limits, now, until)
        if full is not None:
            raise Problem(
                "too_many_exports",
                "同时进行的导出已达上限，请稍后重试 (too many exports at once; try again)",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )

        def end() -> None:
            try:
                with self._database.journal() as cx:
                    kept.end_export(cx, identity)
            except Problem:
                _log.warning("an export's place is given back only at the end of its time")

        return end
