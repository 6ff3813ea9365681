"""Elements that decided forms propose to the catalogue. They wait for a review; nothing here changes the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from app.policy.scopes import Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write

_P = t.proposed_element.c


@dataclass(frozen=True, slots=True)
class ProposedElement:
    """An element that is not in the catalogue yet. ``status``: ``proposed accepted refused``.

    ``body`` has its definition, lead source, sharing class, approval, validity and duty item.
    """

    id: str
    form_request_id: str
    dataset: str
    code: str
    body: Mapping[str, Any]
    status: str = "proposed"
    created_at: datetime | None = None
    created_by: str = ""
    reviewed_at: datetime | None = None
    reviewed_by: str | None = None
    reason: str | None = None


def put_proposals(write: Write, permit: Permit, proposals: Sequence[ProposedElement], form_request_id: str) -> None:
    """The elements a form proposes, in place of those of an earlier decision that nobody reviewed."""
    by = demand(permit, "administer")
    write.connection.execute(
        delete(t.proposed_element).where(_P.form_request_id == form_request_id, _P.status == "proposed")
    )
    for proposal in proposals:
        row = {**asdict(proposal), "created_at": write.now, "created_by": by}
        write.connection.execute(t.proposed_element.insert().values(row))


def proposals(cx: Connection, *, form_request_id: str | None = None) -> list[ProposedElement]:
    """Proposed elements, newest first."""
    wanted = select(t.proposed_element).order_by(_P.created_at.desc(), _P.id.desc())
    if form_request_id is not None:
        wanted = wanted.where(_P.form_request_id == form_request_id)
    return [ProposedElement(**row) for row in cx.execute(wanted).mappings()]


def proposal(cx: Connection, identity: str) -> ProposedElement | None:
    row = cx.execute(select(t.proposed_element).where(_P.id == identity)).mappings().one_or_none()
    return ProposedElement(**row) if row is not None else None


def review(write: Write, permit: Permit, identity: str, status: str, reason: str) -> None:
    """End the waiting of a proposal."""
    by = demand(permit, "administer")
    write.connection.execute(
        update(t.proposed_element)
        .where(_P.id == identity)
        .values(status=status, reviewed_at=write.now, reviewed_by=by, reason=reason)
    )
