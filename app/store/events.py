"""Events: what happened that someone is to be told of, kept with the change itself.

``announce`` writes an event in the transaction of the change, so that there is no event without its change and no
change without its event. Events are only ever added. Every write holds the epoch row, so ids are given out in the
order of commits: whoever has read everything up to an id has missed nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.policy.audiences import Audience
from app.store import tables as t
from app.store.bulk import among
from app.store.database import Write
from app.store.ids import new_id

_E = t.event.c


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be told. ``kind`` is dotted, as ``submission.due``; ``subject`` names the thing it is about.

    ``audience`` is who may read it, and whoever announces answers for it: subject and data hold nothing that this
    audience may not see. With ``view`` it is told only as long as the reader may see that view.
    """

    kind: str
    subject: str
    audience: Audience
    data: Mapping[str, Any] = field(default_factory=dict)
    view: str | None = None


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as it is kept. ``name`` is its identity to the outside; ``id`` orders events and stays inside."""

    id: int
    name: str
    at: datetime
    event: Event


def announce(write: Write, *events: Event) -> None:
    """Keep events in the transaction of the change they tell of. A read does not notice them: no epoch moves."""
    for one in events:
        write.connection.execute(
            t.event.insert().values(
                name=new_id(),
                at=write.now,
                kind=one.kind,
                subject=one.subject,
                audience=one.audience.name,
                view=one.view,
                data=dict(one.data),
            )
        )


def after(
    cx: Connection, last: int, audiences: Sequence[Audience], *, limit: int, kinds: Collection[str] = ()
) -> list[KeptEvent]:
    """Events for any of these audiences after an id, in order; only of ``kinds`` where some are named."""
    names = sorted({audience.name for audience in audiences})
    wanted = select(t.event).where(among(cx, _E.audience, names), _E.id > last).order_by(_E.id).limit(limit)
    if kinds:
        wanted = wanted.where(among(cx, _E.kind, sorted(kinds)))
    return [
        KeptEvent(
            row.id,
            row.name,
            row.at,
            Event(row.kind, row.subject, Audience(row.audience), row.data, row.view),
        )
        for row in cx.execute(wanted)
    ]


def last(cx: Connection) -> int:
    """The id of the newest event of all; 0 when there is none. Tells something of others: never handed out."""
    return cx.execute(select(func.max(_E.id))).scalar_one_or_none() or 0
