"""Forms that departments handed in before asking townships: kept for good, with their verdicts and the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from app.policy.scopes import ForgedError, Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write

_F = t.form_request.c


@dataclass(frozen=True, slots=True)
class StoredFormRequest:
    """One form. ``form`` is what was handed in, ``verdicts`` what was answered (a list, one document a column).

    ``status``: ``checked decided refused published``. ``view`` is the code of the view made from it.
    """

    id: str
    department: str
    form: Mapping[str, Any]
    verdicts: Sequence[Mapping[str, Any]]
    burden: Mapping[str, Any]
    status: str
    created_by: str
    created_at: datetime | None = None
    decision: Mapping[str, Any] | None = None
    view: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None


def insert(write: Write, permit: Permit, request: StoredFormRequest) -> None:
    """Keep a checked form, dated now."""
    demand(permit, "request_form")
    if permit.caller.department not in (None, request.department):
        raise ForgedError("this permit is for forms of another department")
    write.connection.execute(t.form_request.insert().values({**asdict(request), "created_at": write.now}))


def decide(
    write: Write, permit: Permit, identity: str, *, status: str, decision: Mapping[str, Any], view: str | None
) -> None:
    """Write down what was decided on a form; a later decision replaces an earlier one."""
    by = demand(permit, "administer")
    write.connection.execute(
        update(t.form_request)
        .where(_F.id == identity)
        .values(status=status, decision=dict(decision), view=view, decided_at=write.now, decided_by=by)
    )


def publish(write: Write, permit: Permit, view: str) -> None:
    """Say that this view is published: of every form it was made from, whichever way it was published."""
    demand(permit, "administer")
    made_from = (_F.view == view, _F.status == "decided")
    write.connection.execute(update(t.form_request).where(*made_from).values(status="published"))


def get(cx: Connection, identity: str) -> StoredFormRequest | None:
    row = cx.execute(select(t.form_request).where(_F.id == identity)).mappings().one_or_none()
    return StoredFormRequest(**row) if row is not None else None


def every(
    cx: Connection,
    *,
    department: str | None = None,
    status: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[StoredFormRequest]:
    """Forms, newest first; go on after ``(created_at, id)`` of the last one."""
    wanted = select(t.form_request).order_by(_F.created_at.desc(), _F.id.desc()).limit(limit)
    if department is not None:
        wanted = wanted.where(_F.department == department)
    if status is not None:
        wanted = wanted.where(_F.status == status)
    if after is not None:
        at, identity = after
        wanted = wanted.where(or_(_F.created_at < at, (_F.created_at == at) & (_F.id < identity)))
    return [StoredFormRequest(**row) for row in cx.execute(wanted).mappings()]
