"""Webhooks of departments and regions: made, listed, tried, ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.event_feed import EventReader
from app.services.follow import ViewFollower
from app.services.registry import Registry
from app.services.webhook_addresses import check_form
from app.services.webhook_messages import EVENTS, TEST, test_message, view_topic
from app.services.webhook_signature import new_secret
from app.store import events, webhooks
from app.store.ids import new_id
from app.store.webhooks import Webhook

MOST_OF_ONE_OWNER = 20
_ATTEMPTS_TOLD = 100
_NONE = "没有这个通知订阅 (there is no such webhook)"


@dataclass(frozen=True)
class Subscribing:
    """What is to be told of, and where."""

    url: str
    views: Sequence[str]
    kinds: Sequence[str]


class Webhooks:
    """The errands around webhooks; sending is another's (``webhook_sender``)."""

    def __init__(self, registry: Registry, follower: ViewFollower, reader: EventReader) -> None:
        self._registry = registry
        self._follower = follower
        self._reader = reader

    def create(self, caller: Caller, asked: Subscribing) -> dict[str, Any]:
        """Make a webhook; the answer has its secret, this once, and the cursors that the telling begins from."""
        owner = gate.owner_of_webhooks(caller)
        if owner is None:
            raise Problem("forbidden", "只有部门和区划可以订阅通知 (only departments and regions have webhooks)")
        permit = gate.permit_webhook(caller, owner)
        if not asked.views and not asked.kinds:
            raise Problem("bad_request", "须至少订阅一个视图或一类事件 (views or kinds: at least one)")
        check_form(asked.url, self._registry.settings)
        # What stands now is where the telling begins; a view one may not see is the 404 of one that is not there.
        reached = {code: self._follower.present(caller, code) for code in dict.fromkeys(asked.views)}
        identity, secret = new_id(), new_secret()
        with self._registry.database.read() as cx:
            last = events.last(cx)
        with self._registry.database.journal() as journal:
            for code, (name, _) in reached.items():
                webhooks.reach(journal, identity, view_topic(code), name)
            webhooks.reach(journal, identity, EVENTS, str(last))
        with self._registry.database.write() as write:
            present = [one for one in webhooks.every(write.connection, owner) if one.ended_at is None]
            if len(present) >= MOST_OF_ONE_OWNER:
                raise Problem("conflict", f"最多 {MOST_OF_ONE_OWNER} 个订阅 (the most one may have)")
            made = Webhook(
                id=identity,
                department=caller.department or "",
                url=asked.url,
                views=list(reached),
                kinds=sorted(set(asked.kinds)),
                sealed_secret=self._registry.sealer.seal("webhook", [identity, secret]),
                created_at=write.now,
                created_by=caller.credential_id,
                region_id=caller.region_id,
            )
            webhooks.insert(write, permit, made)
        cursors = {code: cursor for code, (_, cursor) in reached.items()}
        return {**self._document(made), "secret": secret, "cursors": cursors}

    def listed(self, caller: Caller) -> dict[str, Any]:
        """A department's or region's own webhooks; all of them for an administrator."""
        return {"webhooks": [self._document(one) for one in self._seen(caller)]}

    def one(self, caller: Caller, identity: str) -> dict[str, Any]:
        """One webhook with its last attempts; another's is the 404 of one that is not there."""
        found = self._own(caller, identity)
        with self._registry.database.read_journal() as cx:
            attempts = webhooks.attempts(cx, identity, _ATTEMPTS_TOLD)
        return {
            **self._document(found),
            "attempts": [
                {
                    "message": one.delivery_id,
                    "at": one.at.isoformat(),
                    "status": one.status,
                    "outcome": one.outcome,
                }
                for one in attempts
            ],
        }

    def end(self, caller: Caller, identity: str) -> None:
        """End a webhook for good; what waits for it is not sent any more."""
        found = self._own(caller, identity)
        permit = gate.permit_webhook(caller, found.owner)
        with self._registry.database.write() as write:
            webhooks.end(write, permit, identity, "deleted")
        with self._registry.database.journal() as journal:
            webhooks.drop(journal, identity)

    def test(self, caller: Caller, identity: str) -> dict[str, Any]:
        """Send a trial message, and whatever waits, as soon as the sender comes by. Problem ``conflict`` if ended."""
        found = self._own(caller, identity)
        if found.ended_at is not None:
            raise Problem("conflict", "该订阅已终止，请另建 (this webhook has ended; make another)")
        now = self._registry.now()
        with self._registry.database.journal() as journal:
            webhooks.hurry(journal, identity, now)
            message = webhooks.enqueue(journal, identity, TEST, test_message(now), now)
        return {"message": message}

    def _own(self, caller: Caller, identity: str) -> Webhook:
        for one in self._seen(caller):
            if one.id == identity:
                return one
        raise Problem("not_found", _NONE)

    def _seen(self, caller: Caller) -> list[Webhook]:
        owner = gate.owner_of_webhooks(caller)
        if owner is None and not caller.administers:
            return []
        with self._registry.database.read() as cx:
            return webhooks.every(cx, owner)

    def _document(self, webhook: Webhook) -> dict[str, Any]:
        regions = self._registry.state().regions
        held = regions.state(webhook.region_id, self._registry.today()) if webhook.region_id is not None else None
        return {
            "id": webhook.id,
            "department": webhook.department or None,
            "region": held.code if held is not None else None,
            "url": webhook.url,
            "views": list(webhook.views),
            "kinds": list(webhook.kinds),
            "created_at": webhook.created_at.isoformat(),
            "created_by": webhook.created_by,
            "ended_at": webhook.ended_at.isoformat() if webhook.ended_at else None,
            "ended_because": webhook.ended_because,
        }
