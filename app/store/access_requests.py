"""Requests for access, every step of them, and the agreements that they became."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, exists, or_, select, update

from app.policy.scopes import ForgedError, Permit
from app.store import tables as t
from app.store.bulk import among
from app.store.database import Write

_R, _S, _G = t.access_request.c, t.access_request_step.c, t.access_grant.c
WAITING = ("submitted", "extended")


@dataclass(frozen=True, slots=True)
class StoredAccessRequest:
    """A request as it stands. ``status``: ``submitted extended granted partly_granted refused delivered withdrawn``.

    ``asked`` is what was handed in; ``items`` one document an element: what became of it; ``rules`` the deadlines.
    """

    id: str
    department: str
    asked: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]]
    rules: Mapping[str, Any]
    status: str
    reply_due: date
    submitted_by: str
    extended: bool = False
    submitted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did with a request. ``by`` is a credential, or ``rule``."""

    kind: str
    by: str
    reason: str | None = None
    details: Mapping[str, Any] | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """An agreement that a request became, and when what it opens is, or was, delivered."""

    agreement: str
    by_rule: bool
    delivery_due: date
    granted_at: datetime | None = None
    delivered_at: datetime | None = None
    delivered_by: str | None = None


def insert(write: Write, permit: Permit, request: StoredAccessRequest) -> None:
    """Keep a request, dated now."""
    if permit.action != "request_access" or permit.caller.department != request.department:
        raise ForgedError("this permit is not for requests of this department")
    row = {**asdict(request), "items": list(request.items), "submitted_at": write.now}
    write.connection.execute(t.access_request.insert().values(row))


def change(write: Write, permit: Permit, request: StoredAccessRequest, step: Step) -> None:
    """Keep how a request stands now, with the step that brought it there."""
    _demand(permit, request.department)
    write.connection.execute(
        update(t.access_request)
        .where(_R.id == request.id)
        .values(
            items=list(request.items), status=request.status, reply_due=request.reply_due, extended=request.extended
        )
    )
    add_step(write, permit, request, step)


def add_step(write: Write, permit: Permit, request: StoredAccessRequest, step: Step) -> None:
    """Write down what happened to a request, dated now."""
    _demand(permit, request.department)
    write.connection.execute(
        t.access_request_step.insert().values(
            request_id=request.id,
            at=write.now,
            by=step.by,
            kind=step.kind,
            reason=step.reason,
            details=dict(step.details or {}),
        )
    )


def add_grant(write: Write, permit: Permit, request: str, grant: AccessGrant) -> None:
    """Say that a request became an agreement, now."""
    if permit.action != "administer":
        raise ForgedError("only an administrator or the rule grants")
    write.connection.execute(
        t.access_grant.insert().values({**asdict(grant), "request_id": request, "granted_at": write.now})
    )


def deliver(write: Write, permit: Permit, request: str) -> int:
    """Say that all that was granted is delivered; gives how many agreements were not before."""
    if permit.action != "administer":
        raise ForgedError("only an administrator says so")
    done = write.connection.execute(
        update(t.access_grant)
        .where(_G.request_id == request, _G.delivered_at.is_(None))
        .values(delivered_at=write.now, delivered_by=permit.caller.credential_id)
    )
    return done.rowcount


def _demand(permit: Permit, department: str) -> None:
    own = permit.action == "request_access" and permit.caller.department == department
    if not own and permit.action != "administer":
        raise ForgedError("this permit is not for this request")


def get(cx: Connection, identity: str) -> StoredAccessRequest | None:
    row = cx.execute(select(t.access_request).where(_R.id == identity)).mappings().one_or_none()
    return StoredAccessRequest(**row) if row is not None else None


def every(
    cx: Connection,
    *,
    department: str | None = None,
    status: str | None = None,
    overdue_on: date | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[StoredAccessRequest]:
    """Requests, newest first; go on after ``(submitted_at, id)`` of the last one.

    ``overdue_on``: those that wait for an answer, or for what was granted, longer than they should have on that day.
    """
    wanted = select(t.access_request).order_by(_R.submitted_at.desc(), _R.id.desc()).limit(limit)
    if department is not None:
        wanted = wanted.where(_R.department == department)
    if status is not None:
        wanted = wanted.where(_R.status == status)
    if overdue_on is not None:
        undelivered = exists().where(_G.request_id == _R.id, _G.delivered_at.is_(None), _G.delivery_due < overdue_on)
        wanted = wanted.where(or_(_R.status.in_(WAITING) & (_R.reply_due < overdue_on), undelivered))
    if after is not None:
        at, identity = after
        wanted = wanted.where(or_(_R.submitted_at < at, (_R.submitted_at == at) & (_R.id < identity)))
    return [StoredAccessRequest(**row) for row in cx.execute(wanted).mappings()]


def steps(cx: Connection, identity: str) -> list[Step]:
    """Everything that happened to a request, oldest first."""
    rows = cx.execute(select(t.access_request_step).where(_S.request_id == identity).order_by(_S.id))
    return [Step(row.kind, row.by, row.reason, row.details, row.at) for row in rows]


def grants(cx: Connection, identities: Collection[str]) -> dict[str, list[AccessGrant]]:
    """The agreements that each request became, in the order of granting."""
    found: dict[str, list[AccessGrant]] = {identity: [] for identity in identities}
    wanted = select(t.access_grant).where(among(cx, _G.request_id, sorted(identities)))
    for row in cx.execute(wanted.order_by(_G.granted_at, _G.agreement)):
        found[row.request_id].append(
            AccessGrant(
                row.agreement, row.by_rule, row.delivery_due, row.granted_at, row.delivered_at, row.delivered_by
            )
        )
    return found
