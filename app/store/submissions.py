"""Submissions: every attempt, what became of it, and what it said at which cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from app.policy.scopes import ForgedError, Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.bulk import among
from app.store.database import Write

_S = t.submission.c
_NEW = t.submission.insert()  # made once: for a small upload the making of a statement costs more than its running


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """One attempt. ``status``: ``applied pending checked rejected refused withdrawn``; ``channel``: ``json workbook ndjson``.

    ``findings`` are documents of ``errors.Finding``; ``pending`` is what waits for its second person. ``created_by``
    is a credential id, ``by_department`` and ``by_region_id`` whom it stands for; ``created_at`` is set by ``insert``.
    """

    id: str
    dataset: str
    period: str | None
    region_id: int | None
    mode: str
    status: str
    channel: str
    created_by: str
    created_at: datetime | None = None
    by_department: str | None = None
    by_region_id: int | None = None
    filename: str | None = None
    file_digest: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] = ()
    pending: Any = None
    epoch: int | None = None
    reason: str | None = None
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Whose submissions may be seen: all; or those of a department and of the datasets it is the source of;

    or those made by or about some regions.
    """

    everything: bool = False
    department: str | None = None
    datasets: Collection[str] = ()
    regions: Collection[int] = ()


def insert(write: Write, permit: Permit, submission: StoredSubmission) -> None:
    """Keep an attempt, dated now. Insert it before its records; set its epoch once they are written."""
    demand(permit, "submit", submission.dataset)
    row = {**asdict(submission), "findings": _documents(submission.findings), "created_at": write.now}
    write.connection.execute(_NEW, row)


def set_epoch(write: Write, permit: Permit, submission_id: str, epoch: int) -> None:
    """Say at which epoch the submission's records were written."""
    demand(permit, "submit", permit.dataset)
    done = write.connection.execute(
        update(t.submission).where(_S.id == submission_id, _S.dataset == permit.dataset).values(epoch=epoch)
    )
    if done.rowcount != 1:
        raise ForgedError("this permit is not for this submission")


def set_counts(
    write: Write,
    permit: Permit,
    submission_id: str,
    counts: Mapping[str, int],
    findings: Sequence[Mapping[str, Any]],
    epoch: int | None,
) -> None:
    """Say what a submission written in pieces came to; within the transaction that inserted it."""
    demand(permit, "submit", permit.dataset)
    own = update(t.submission).where(_S.id == submission_id, _S.dataset == permit.dataset)
    done = write.connection.execute(own.values(counts=dict(counts), findings=_documents(findings), epoch=epoch))
    if done.rowcount != 1:
        raise ForgedError("this permit is not for this submission")


def confirm(
    write: Write,
    permit: Permit,
    submission_id: str,
    dataset: str,
    *,
    status: str,
    counts: Mapping[str, int],
    findings: Sequence[Mapping[str, Any]],
    epoch: int | None,
    reason: str | None = None,
) -> bool:
    """End the waiting of a submission, as ``applied`` or ``rejected``. False if it was not waiting any more."""
    by = demand(permit, "submit", dataset)
    ended = write.connection.execute(
        update(t.submission)
        .where(_S.id == submission_id, _S.dataset == dataset, _S.status == "pending")
        .values(
            status=status,
            counts=dict(counts),
            findings=_documents(findings),
            pending=None,
            epoch=epoch,
            reason=reason,
            confirmed_at=write.now,
            confirmed_by=by,
        )
    )
    return ended.rowcount == 1


def get(cx: Connection, submission_id: str, viewpoint: Viewpoint) -> StoredSubmission | None:
    """One submission, if it may be seen from there."""
    wanted = _seen_from(cx, viewpoint).where(_S.id == submission_id)
    row = cx.execute(wanted).mappings().one_or_none()
    return StoredSubmission(**row) if row is not None else None


def visible(
    cx: Connection,
    viewpoint: Viewpoint,
    *,
    dataset: str | None = None,
    status: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[StoredSubmission]:
    """Submissions that may be seen, newest first; go on after ``(created_at, id)`` of the last one."""
    wanted = _seen_from(cx, viewpoint).order_by(_S.created_at.desc(), _S.id.desc()).limit(limit)
    if dataset is not None:
        wanted = wanted.where(_S.dataset == dataset)
    if status is not None:
        wanted = wanted.where(_S.status == status)
    if after is not None:
        at, identity = after
        wanted = wanted.where(or_(_S.created_at < at, (_S.created_at == at) & (_S.id < identity)))
    return [StoredSubmission(**row) for row in cx.execute(wanted).mappings()]


def _seen_from(cx: Connection, viewpoint: Viewpoint) -> Any:
    wanted = select(t.submission)
    if viewpoint.everything:
        return wanted
    reasons = []
    if viewpoint.department is not None:
        reasons += [_S.by_department == viewpoint.department, among(cx, _S.dataset, viewpoint.datasets)]
    if viewpoint.regions:
        reasons += [among(cx, _S.region_id, viewpoint.regions), among(cx, _S.by_region_id, viewpoint.regions)]
    return wanted.where(or_(*reasons)) if reasons else wanted.where(_S.id.is_(None))


def _documents(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(finding) for finding in findings]
