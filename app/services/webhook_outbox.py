"""What webhooks are to be told: found by looking at what each receiver may see now, and put into the outbox.

Nothing is told of a change that the receiver may not see: what it was told of last is compared with what it may see
now, by the name of the state, which changes only with what is shown.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.errors import Problem
from app.policy import gate
from app.policy.callers import OPERATOR, Caller
from app.services.event_feed import EventReader
from app.services.follow import ViewFollower
from app.services.registry import Registry
from app.services.webhook_messages import EVENTS, event_message, view_message, view_topic
from app.store import credentials, events, webhooks
from app.store.webhooks import Webhook

_log = logging.getLogger(__name__)

_EVENTS_AT_ONCE = 100
_LOOK_ANYWAY = timedelta(seconds=30)  # credentials end by the clock


@dataclass(frozen=True, slots=True)
class _Moment:
    epoch: int
    event: int
    day: date


class WebhookOutbox:
    """Fills the outbox. Used by whoever holds the sender's lease."""

    def __init__(self, registry: Registry, follower: ViewFollower, reader: EventReader) -> None:
        self._registry = registry
        self._follower = follower
        self._reader = reader
        self._seen: _Moment | None = None
        self._looked: datetime | None = None
        self.active: dict[str, Webhook] = {}

    def look(self, *, anew: bool = False) -> None:
        """Put into the outbox what is new since the last look; nothing is done while nothing happened anywhere."""
        now = self._registry.now()
        epoch = self._registry.database.epoch()
        with self._registry.database.read() as cx:
            moment = _Moment(epoch, events.last(cx), self._registry.today())
            recent = self._looked is not None and abs(now - self._looked) < _LOOK_ANYWAY
            if not anew and recent and moment == self._seen:
                return
            found = [one for one in webhooks.every(cx) if one.ended_at is None]
            callers = {one.id: credentials.get(cx, one.created_by) for one in found}
        self.active = {}
        for one in found:
            credential = callers[one.id]
            if credential is None or not credential.valid(now):
                self.end(one, "credential")
                continue
            self.active[one.id] = one
            try:
                self._tell(one, credential.caller, now)
            except Problem as problem:
                if problem.code == "unavailable":
                    raise
                _log.error("webhook %s cannot be told: %s", one.id, problem.code)
        self._seen, self._looked = moment, now

    def end(self, webhook: Webhook, because: str) -> None:
        """No more is sent to a webhook: its address is gone, fails for too long, or its credential has ended."""
        permit = gate.permit_webhook(OPERATOR, webhook.owner)
        with self._registry.database.write() as write:
            webhooks.end(write, permit, webhook.id, because)
        with self._registry.database.journal() as journal:
            webhooks.drop(journal, webhook.id)
        self.active.pop(webhook.id, None)

    def _tell(self, webhook: Webhook, caller: Caller, now: datetime) -> None:
        with self._registry.database.read_journal() as cx:
            reached = webhooks.progress(cx, webhook.id)
        for code in webhook.views:
            try:
                name, _ = self._follower.present(caller, code)
            except Problem as problem:
                if problem.code != "not_found":
                    raise
                continue  # nothing is left to see: nothing to tell of it
            topic = view_topic(code)
            if reached.get(topic) == name:
                continue
            with self._registry.database.journal() as journal:
                if topic in reached and not webhooks.waits_untried(journal, webhook.id, topic):
                    since = self._follower.cursor(caller, code, reached[topic])
                    webhooks.enqueue(journal, webhook.id, topic, view_message(code, since, now), now)
                webhooks.reach(journal, webhook.id, topic, name)
        if webhook.kinds:
            self._tell_events(webhook, caller, int(reached.get(EVENTS, "0")), now)

    def _tell_events(self, webhook: Webhook, caller: Caller, reached: int, now: datetime) -> None:
        kinds = () if "*" in webhook.kinds else tuple(webhook.kinds)
        while told := self._reader.told(caller, reached, _EVENTS_AT_ONCE, kinds):
            with self._registry.database.journal() as journal:
                for kept in told:
                    message = event_message(kept, self._reader.cursor(caller, kept.id - 1))
                    webhooks.enqueue(journal, webhook.id, EVENTS, message, now)
                reached = told[-1].id
                webhooks.reach(journal, webhook.id, EVENTS, str(reached))
