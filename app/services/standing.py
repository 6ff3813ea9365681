"""Readings decided once and answered again while everything that the decision rests on stands.

Who may see what of a view is decided by the ordinary way of a reading. What came of it is kept for the credential and
the view, and holds for one epoch and one calendar day: whatever else could change it (an agreement, a credential, a
view, a region, a record) moves the epoch. A record asked for by region and period then costs a look into an index.
Where anything is not plain (a refusal, a quota, a page that goes on, an answer to be packed) nothing is said here, and
the ordinary way is taken.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from app.errors import Problem
from app.formats.writing import FORMATS
from app.policy.callers import Caller
from app.policy.scopes import Grant
from app.services.answered import told_of
from app.services.answers import PRIVATE, entity_tag
from app.services.auditing import Auditing, Reading
from app.services.authentication import fingerprint
from app.services.kept_pages import KeptPages, around
from app.services.mapped import MappedState, MappedViews, mapped_key
from app.services.naming import StateNames
from app.services.questions import PAGE, Question, Span, read_periods, read_regions
from app.services.read import ViewReader
from app.services.registry import CHINA, Registry, State
from app.services.rendered import RenderedRecords
from app.services.view_drafts import coming_end
from app.services.visible_views import VisibleView, is_covered, reaching, visible_view

_KEPT = 256  # decisions
_TIMES = 1_024  # of one decision
_Where = tuple[Sequence[str], Sequence[Span] | None]
_When = tuple[Sequence[Span] | None, Sequence[tuple[Grant, Sequence[date]]]]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class MadeAtOnce:
    """An answer of 200 with a body, and what the audit has to say: before its first byte, and after its last."""

    body: bytes
    headers: Headers
    intent: Mapping[str, Any]
    closing: Mapping[str, Any]
    """Without ``at`` and ``status``."""


@dataclass(slots=True)
class Standing:
    """What was decided of one credential and one view: good at ``state``'s epoch, from ``begins`` until ``ends``."""

    state: State
    today: date
    view: VisibleView
    shown: weakref.ref[MappedState]
    rendered: RenderedRecords
    pages: KeptPages
    headers: Headers
    begins: datetime
    ends: datetime
    head: bytes
    tail: bytes
    intent: Mapping[str, Any]
    closing: Mapping[str, Any]
    fields: Sequence[str]
    times: dict[str | None, _When] = field(default_factory=dict)

    def answer(
        self, region: str, period: str | None, limit: int | None, now: datetime, identity: str
    ) -> MadeAtOnce | None:
        """The records of a place and a time as the ordinary way answers them; None where that way has to be taken."""
        shown = self.shown()
        where = self._covered(region, period)
        if shown is None or where is None:
            return None
        places, spec = shown.places, self.view.spec
        ranges = places.look(*where, spec.places_by, self.state.regions, self.today)
        if ranges is None:
            return None
        count = sum(end - first for first, end in ranges)
        if count > (limit or PAGE):
            return None
        told = places.told(ranges)
        if told is None:
            return None
        outputs, frame = self.view.plan.outputs, shown.mapped.frame
        records = self.rendered.few(shown.digest, outputs, frame, ranges)
        body = b"".join((self.head, records, self.tail))
        question: dict[str, Any] = {} if period is None else {"period": period}
        question["region"] = region
        if limit is not None:
            question["limit"] = limit
        question["format"] = "json"
        intent = {
            **self.intent,
            "at": now,
            "request_id": identity,
            "question": question,
            "answered": told_of(self.fields, *told, spec.frequency),
        }
        closing = {
            **self.closing,
            "request_id": identity,
            "rows": count,
            "digest": sha256(body).hexdigest(),
        }
        return MadeAtOnce(body, self._headers(entity_tag(body)), intent, closing)

    def page(self, question: Question, now: datetime, identity: str) -> MadeAtOnce | None:
        """A page of the whole view that was cut before; None where it was not."""
        shown = self.shown()
        cut = self.pages.find((self.head, self.tail, question.limit, question.cursor))
        if shown is None or cut is None or not self.rendered.holds(shown.digest, cut.start, cut.rows):
            return None
        records = self.rendered.array(shown.digest, self.view.plan.outputs, shown.mapped.frame, cut.start, cut.rows)
        body = b"".join((self.head, records, cut.tail))
        told = {"request_id": identity, "at": now, "question": question.document(), "answered": cut.answered}
        closing = {**self.closing, "request_id": identity, "rows": cut.rows, "digest": cut.sha256}
        return MadeAtOnce(body, self._headers(cut.etag), {**self.intent, **told}, closing)

    def _headers(self, etag: str) -> Headers:
        return [*self.headers[:2], (b"etag", etag.encode()), *self.headers[2:]]

    def _covered(self, region: str, period: str | None) -> _Where | None:
        """The places and times asked for, where they are of the right form and any of them is covered."""
        try:
            codes = read_regions(region) or ()
            spans, grants = self.times.get(period) or self._time(period)
        except Problem:
            return None
        return (codes, spans) if is_covered(self.view, self.state, codes, grants, self.today) else None

    def _time(self, period: str | None) -> _When:
        spans = read_periods(period, self.view.spec.frequency)
        if len(self.times) >= _TIMES:
            self.times.clear()
        self.times[period] = found = (spans, reaching(self.view, self.state, spans, self.today))
        return found


class StandingReadings:
    """The decisions that stand, by the digest of what was presented and the view. One for each process; safe between threads."""

    def __init__(
        self, registry: Registry, views: MappedViews, names: StateNames, auditing: Auditing, reader: ViewReader
    ) -> None:
        self._registry = registry
        self._views = views
        self._names = names
        self._auditing = auditing
        self._reader = reader
        self._kept: OrderedDict[tuple[bytes, str], Standing] = OrderedDict()
        self._lock = threading.Lock()

    def decide(self, presented: str, caller: Caller, code: str, until: datetime | None, epoch: int) -> None:
        """Keep what is decided of readings of a view that is in memory, for as long as it stands, at most ``until`` then.

        ``epoch`` is the one at which what was presented was found to stand for the caller. Nothing is kept where it is
        over, since the credential may have ended with it, nor where each reading has to be counted. Raises Problem as a
        reading does.
        """
        state, today = self._registry.state(), self._registry.today()
        if state.epoch != epoch:
            return
        view = visible_view(state, caller, code, today)
        agreements = [item.agreement for name in view.agreements if (item := state.agreements.get(name)) is not None]
        shown = self._views.held(mapped_key(state, code, str(view.version), view.plan, view.scope, today))
        if shown is None or not self._registry.quotas.free(agreements):
            return
        name = self._names.name(caller, view, state.epoch, shown)
        reading = Reading(caller, "read", code, view.version, {}, view.agreements, state.epoch, "", snapshot=name)
        intent, closing = self._auditing.always(reading)
        said = {**PRIVATE, "Township-Snapshot": name, **coming_end(state, view)}
        said["Content-Type"] = FORMATS["json"].media_type
        begins, ends = _day_of(today, until)
        beside = {"notes": list(shown.mapped.notes)} if shown.mapped.notes else {}
        head, tail = around(view.spec.code, view.version, name, beside, None)
        decided = Standing(
            state=state, today=today, view=view, shown=weakref.ref(shown), rendered=self._reader.rendered,
            pages=self._reader.pages, begins=begins, ends=ends, headers=[(key.lower().encode(), value.encode("latin-1")) for key, value in said.items()],
            head=head, tail=tail, intent=intent, closing=closing, fields=[each.name for each in view.plan.outputs],
        )  # fmt: skip
        with self._lock:
            key = (fingerprint(presented), code)
            self._kept[key] = decided
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def find(self, presented: str, view: str, epoch: int, now: datetime) -> Standing | None:
        """What was decided, if it still stands at an epoch that was read since the request came."""
        found = self._kept.get((fingerprint(presented), view))
        if found is None or found.state.epoch != epoch or not found.begins <= now < found.ends:
            return None
        return found


def _day_of(today: date, until: datetime | None) -> tuple[datetime, datetime]:
    """The instants between which it is that day in Asia/Shanghai, at most until the one given."""
    begins = datetime.combine(today, time.min, tzinfo=CHINA).astimezone(UTC)
    ends = datetime.combine(today + timedelta(days=1), time.min, tzinfo=CHINA).astimezone(UTC)
    return begins, ends if until is None else min(ends, until)
