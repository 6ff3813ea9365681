"""Webhooks, and in the journal the outbox of what they are told: how far it has come, deliveries, attempts.

A delivery is made together with the progress it stands for, and counted as tried before it is sent: whatever dies in
between, it is sent at least once, always under the same id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from app.policy.audiences import Audience
from app.policy.scopes import Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write
from app.store.ids import new_id

_W, _P, _D, _A = t.webhook.c, t.webhook_progress.c, t.webhook_delivery.c, t.webhook_attempt.c
Status = Literal["waiting", "delivered", "failed", "dropped"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of what. ``department`` is empty where a region's credential made it; ``ended_because``: deleted, gone, failing, credential."""

    id: str
    department: str
    url: str
    views: Sequence[str]
    kinds: Sequence[str]
    sealed_secret: str
    created_at: datetime
    created_by: str
    ended_at: datetime | None = None
    ended_because: str | None = None
    region_id: int | None = None

    @property
    def owner(self) -> Audience:
        """Whose it is: as long as it lives, that of the credential that made it."""
        return Audience.region(self.region_id) if self.region_id is not None else Audience.department(self.department)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way. ``next_at`` is None when it is over."""

    id: str
    webhook_id: str
    topic: str
    body: Mapping[str, Any]
    status: Status
    attempts: int
    created_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery: the status that came back, or why none did."""

    webhook_id: str
    delivery_id: str
    at: datetime
    status: int | None
    outcome: str


# -- the truth --------------------------------------------------------------------------------------------------


def insert(write: Write, permit: Permit, webhook: Webhook) -> None:
    """Keep a webhook. The epoch moves, so that the sender sees it."""
    demand(permit, "webhook")
    write.epoch("webhook")
    row = {name: value for name, value in asdict(webhook).items() if name != "region_id"}
    write.connection.execute(t.webhook.insert().values(row))


def end(write: Write, permit: Permit, identity: str, because: str) -> bool:
    """End a webhook; whether it had not been ended before. Its row stays."""
    demand(permit, "webhook")
    changed = write.connection.execute(
        update(t.webhook)
        .where(_W.id == identity, _W.ended_at.is_(None))
        .values(ended_at=write.now, ended_because=because)
    ).rowcount
    if changed:
        write.epoch("webhook")
    return bool(changed)


def every(cx: Connection, owner: Audience | None = None) -> list[Webhook]:
    """Webhooks that were not deleted, oldest first; of one department or region, or of all."""
    maker = t.credential.c
    wanted = select(t.webhook, maker.region_id).join(t.credential, maker.id == _W.created_by)
    wanted = wanted.where(func.coalesce(_W.ended_because, "") != "deleted").order_by(_W.id)
    found = [Webhook(**row) for row in cx.execute(wanted).mappings()]
    return found if owner is None else [one for one in found if one.owner == owner]


# -- the outbox: in a journal transaction -----------------------------------------------------------------------


def progress(journal: Connection, identity: str) -> dict[str, str]:
    """How far each topic of a webhook has been told."""
    rows = journal.execute(select(_P.topic, _P.reached).where(_P.webhook_id == identity))
    return {row.topic: row.reached for row in rows}


def reach(journal: Connection, identity: str, topic: str, reached: str) -> None:
    """A topic has been told as far as ``reached``."""
    insert = insert_sqlite if journal.dialect.name == "sqlite" else insert_postgresql
    statement = insert(t.webhook_progress).values(webhook_id=identity, topic=topic, reached=reached)
    journal.execute(statement.on_conflict_do_update(index_elements=["webhook_id", "topic"], set_={"reached": reached}))


def enqueue(journal: Connection, identity: str, topic: str, body: Mapping[str, Any], now: datetime) -> str:
    """A delivery that is due now; gives its id."""
    name = f"msg_{new_id().replace('-', '')}"
    row = Delivery(name, identity, topic, body, "waiting", 0, now, now)
    journal.execute(t.webhook_delivery.insert().values(asdict(row)))
    return name


def waits_untried(journal: Connection, identity: str, topic: str) -> bool:
    """Whether something about the topic waits that was never sent, so that it tells of what comes now as well."""
    wanted = select(_D.id).where(_D.webhook_id == identity, _D.topic == topic, _D.status == "waiting", _D.attempts == 0)
    return journal.execute(wanted.limit(1)).first() is not None


def waiting(journal: Connection) -> list[Delivery]:
    """Every delivery that is not over, in the order in which they were made."""
    wanted = select(t.webhook_delivery).where(_D.next_at.is_not(None)).order_by(_D.created_at, _D.id)
    return [Delivery(**row) for row in journal.execute(wanted).mappings()]


def claim(journal: Connection, delivery: Delivery, next_at: datetime) -> bool:
    """Count one more attempt before it is made; whether nobody else did so meanwhile."""
    return bool(
        journal.execute(
            update(t.webhook_delivery)
            .where(_D.id == delivery.id, _D.status == "waiting", _D.attempts == delivery.attempts)
            .values(attempts=delivery.attempts + 1, next_at=next_at)
        ).rowcount
    )


def mark(journal: Connection, attempt: Attempt, status: Status, next_at: datetime | None) -> None:
    """Write down how an attempt went and what becomes of its delivery."""
    journal.execute(t.webhook_attempt.insert().values(asdict(attempt)))
    journal.execute(
        update(t.webhook_delivery).where(_D.id == attempt.delivery_id).values(status=status, next_at=next_at)
    )


def hurry(journal: Connection, identity: str, now: datetime) -> None:
    """Whatever waits for a webhook is due now."""
    journal.execute(
        update(t.webhook_delivery).where(_D.webhook_id == identity, _D.next_at.is_not(None)).values(next_at=now)
    )


def drop(journal: Connection, identity: str) -> None:
    """Nothing more is sent to a webhook."""
    journal.execute(
        update(t.webhook_delivery)
        .where(_D.webhook_id == identity, _D.next_at.is_not(None))
        .values(status="dropped", next_at=None)
    )


def attempts(journal: Connection, identity: str, limit: int) -> list[Attempt]:
    """The last attempts for a webhook, newest first."""
    wanted = (
        select(_A.webhook_id, _A.delivery_id, _A.at, _A.status, _A.outcome)
        .where(_A.webhook_id == identity)
        .order_by(_A.id.desc())
        .limit(limit)
    )
    return [Attempt(*row) for row in journal.execute(wanted)]


def forget(journal: Connection, before: datetime) -> None:
    """Take away deliveries that were over, and attempts that were made, before an instant."""
    journal.execute(delete(t.webhook_delivery).where(_D.created_at < before, _D.next_at.is_(None)))
    journal.execute(delete(t.webhook_attempt).where(_A.at < before))
