"""The event feed: what a caller is to be told of, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.answers import Answer, entity_tag
from app.services.auditing import Auditing, Reading
from app.services.figure_notices import readable
from app.services.questions import LARGEST_PAGE, PAGE
from app.services.registry import Registry
from app.services.visible_views import visible_views
from app.store import events
from app.store.events import KeptEvent


@dataclass(frozen=True)
class EventsPage:
    """One page of events; see ``ChangesPage``."""

    body: bytes
    next: str
    rows: int
    more: bool
    question: dict[str, object]


class EventReader:
    """Answers ``GET /v1/events``."""

    def __init__(self, registry: Registry, auditing: Auditing) -> None:
        self._registry = registry
        self._auditing = auditing

    def page(self, caller: Caller, since: str | None, limit: int | None) -> EventsPage:
        """The caller's events after a cursor, or from the first. The cursor counts only what this caller is told."""
        if limit is not None and not 1 <= limit <= LARGEST_PAGE:
            raise Problem("bad_request", f"limit 应为 1 至 {LARGEST_PAGE} 的整数 (limit is from 1 to {LARGEST_PAGE})")
        size = limit or PAGE
        start = 0
        if since is not None:
            holder, start = self._registry.sealer.open("events", since)
            if holder != _holder(caller):
                raise Problem("bad_cursor", "游标或快照标识无效或已失效 (the cursor or snapshot id is not valid)")
        found = self.told(caller, start, size + 1)
        told, more = found[:size], len(found) > size
        following = self.cursor(caller, told[-1].id if told else start)
        body = orjson.dumps({"events": [_document(one) for one in told], "next": following, "more": more})
        return EventsPage(body, following, len(told), more, {"since": since is not None, "limit": limit})

    def cursor(self, caller: Caller, last: int) -> str:
        """The cursor of one who was told everything up to an id."""
        return self._registry.sealer.seal("events", [_holder(caller), last])

    def told(self, caller: Caller, start: int, most: int, kinds: Sequence[str] = ()) -> list[KeptEvent]:
        """At most so many events after an id that the caller may read now."""
        audiences = gate.audiences_of(caller)
        state = self._registry.state()
        views = {view.stored.stored.code for view in visible_views(state, caller, self._registry.today())}
        told: list[KeptEvent] = []
        while len(told) < most:
            with self._registry.database.read() as cx:
                found = events.after(cx, start, audiences, limit=most, kinds=kinds)
            seen = [one for one in found if one.event.view is None or one.event.view in views]
            told += readable(self._registry, caller, seen)
            if len(found) < most:
                break
            start = found[-1].id
        return told[:most]

    def answer(self, caller: Caller, page: EventsPage, request_id: str) -> Answer:
        """The page as it is answered, its intent written."""
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept", "ETag": entity_tag(page.body)}
        epoch = self._registry.state().epoch
        finish = self._auditing.begin(Reading(caller, "events", "events", None, page.question, (), epoch, request_id))
        return Answer(200, "application/json", page.body, headers=headers, rows=page.rows, finish=finish)


def _holder(caller: Caller) -> str:
    """Whose cursor it is; it means nothing to anybody else."""
    return ",".join(audience.name for audience in gate.audiences_of(caller))


def _document(kept: KeptEvent) -> dict[str, object]:
    event = kept.event
    return {
        "id": kept.name,
        "time": kept.at.isoformat(),
        "type": event.kind,
        "subject": event.subject,
        "view": event.view,
        "data": event.data,
    }
