"""A caller's own notices and reminders: the events of these kinds, as their own feeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.answers import Answer, entity_tag
from app.services.auditing import Auditing, Reading
from app.services.event_feed import EventReader
from app.services.questions import LARGEST_PAGE, PAGE
from app.services.registry import Registry
from app.services.reminding import KIND as REMINDER
from app.store.events import KeptEvent

NOTICES = ("correction.asked", "correction.answered", "figure.corrected", "figure.withdrawn", "submission.refused")
FEEDS: dict[str, Sequence[str]] = {"notices": NOTICES, "reminders": (REMINDER,)}


class NoticeReader:
    """Answers ``GET /v1/notices`` and ``GET /v1/reminders``."""

    def __init__(self, registry: Registry, events: EventReader, auditing: Auditing) -> None:
        self._registry = registry
        self._events = events
        self._auditing = auditing

    def read(self, caller: Caller, feed: str, since: str | None, limit: int | None, request_id: str) -> Answer:
        """The caller's own, oldest first, after a cursor; what it may not see any more is left out."""
        if limit is not None and not 1 <= limit <= LARGEST_PAGE:
            raise Problem("bad_request", f"limit 应为 1 至 {LARGEST_PAGE} 的整数 (limit is from 1 to {LARGEST_PAGE})")
        size, start = limit or PAGE, 0
        holder = ",".join(audience.name for audience in gate.audiences_of(caller))
        if since is not None:
            whose, start = self._registry.sealer.open(feed, since)
            if whose != holder:
                raise Problem("bad_cursor", "游标或快照标识无效或已失效 (the cursor or snapshot id is not valid)")
        found = self._events.told(caller, start, size + 1, FEEDS[feed])
        told, more = found[:size], len(found) > size
        following = self._registry.sealer.seal(feed, [holder, told[-1].id if told else start])
        body = orjson.dumps({feed: [_document(one) for one in told], "next": following, "more": more})
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept", "ETag": entity_tag(body)}
        question = {"since": since is not None, "limit": limit}
        reading = Reading(caller, feed, feed, None, question, (), self._registry.state().epoch, request_id)
        answer = Answer(200, "application/json", body, headers=headers, rows=len(told))
        answer.finish = self._auditing.begin(reading)
        return answer


def _document(kept: KeptEvent) -> dict[str, Any]:
    """As on ``/v1/events``, without ``view``, which these never have."""
    event = kept.event
    return {
        "id": kept.name,
        "time": kept.at.isoformat(),
        "type": event.kind,
        "subject": event.subject,
        "data": dict(event.data),
    }
