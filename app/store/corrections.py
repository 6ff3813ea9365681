"""Questions to figures, their answers, and the changes of figures that are told to those who had the old ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from app.intake.records import RecordKey
from app.policy.scopes import ForgedError, Permit
from app.store import tables as t
from app.store.bulk import among
from app.store.database import Write
from app.store.records import key_of, key_text

_C = t.correction.c
_F = t.figure_change.c


@dataclass(frozen=True, slots=True)
class StoredCorrection:
    """A question. ``status``: ``open corrected upheld``; ``epoch``: the registry's when it was asked.

    ``seen`` is the value as whoever asks wrote it, ``shown_key`` the key as it was shown to them.
    """

    id: str
    dataset: str
    element: str
    region_id: int
    period: int
    key: tuple[str, ...]
    shown_key: Sequence[str]
    seen: Any
    reason: str
    evidence: Sequence[str]
    epoch: int
    due_on: date
    asked_by: str
    by_department: str | None
    status: str = "open"
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    answer: str | None = None
    submission_id: str | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """Whose questions may be seen: all; those asked by a department or a credential; those of sources' records."""

    everything: bool = False
    department: str | None = None
    credential: str | None = None
    datasets: Collection[str] = ()
    regions: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class FigureChange:
    """Figures of one record: in the state ``old_epoch`` they had their old values, in ``new_epoch`` new ones, or none.

    ``cause``: ``corrected withdrawn``.
    """

    id: str
    dataset: str
    elements: tuple[str, ...]
    region_id: int
    period: int
    key: tuple[str, ...]
    old_epoch: int
    new_epoch: int
    cause: str

    @property
    def place(self) -> RecordKey:
        return self.region_id, self.period, self.key


def insert(write: Write, permit: Permit, correction: StoredCorrection) -> None:
    """Keep a question, dated now."""
    if permit.action != "question":
        raise ForgedError("this permit is not for questions")
    row = {**asdict(correction), "key": key_text(correction.key), "asked_at": write.now}
    row |= {"shown_key": list(correction.shown_key), "evidence": list(correction.evidence)}
    write.connection.execute(t.correction.insert().values(row))


def answer(
    write: Write, permit: Permit, identity: str, status: str, words: str | None, submission_id: str | None
) -> bool:
    """Answer an open question, once. False if it was answered already."""
    if permit.action != "submit":
        raise ForgedError("only the source answers")
    done = write.connection.execute(
        update(t.correction)
        .where(_C.id == identity, _C.status == "open", _C.dataset == permit.dataset)
        .values(
            status=status,
            answer=words,
            submission_id=submission_id,
            answered_at=write.now,
            answered_by=permit.caller.credential_id,
        )
    )
    return done.rowcount == 1


def open_on(cx: Connection, dataset: str, regions: Collection[int]) -> list[StoredCorrection]:
    """The open questions to records of these regions, oldest first."""
    wanted = select(t.correction).where(
        _C.dataset == dataset, _C.status == "open", among(cx, _C.region_id, sorted(regions))
    )
    return [_stored(row) for row in cx.execute(wanted.order_by(_C.asked_at, _C.id)).mappings()]


def get(cx: Connection, identity: str, seat: Seat) -> StoredCorrection | None:
    """One question, if it may be seen from there."""
    row = cx.execute(select(t.correction).where(_C.id == identity, _seen_from(cx, seat))).mappings().one_or_none()
    return _stored(row) if row is not None else None


def visible(
    cx: Connection,
    seat: Seat,
    *,
    dataset: str | None,
    status: str | None,
    overdue_on: date | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[StoredCorrection]:
    """Questions that may be seen, newest first; with ``overdue_on`` only open ones that were due before that day."""
    wanted = select(t.correction).where(_seen_from(cx, seat)).order_by(_C.asked_at.desc(), _C.id.desc()).limit(limit)
    if dataset is not None:
        wanted = wanted.where(_C.dataset == dataset)
    if status is not None:
        wanted = wanted.where(_C.status == status)
    if overdue_on is not None:
        wanted = wanted.where(_C.status == "open", _C.due_on < overdue_on)
    if after is not None:
        at, identity = after
        wanted = wanted.where(or_(_C.asked_at < at, and_(_C.asked_at == at, _C.id < identity)))
    return [_stored(row) for row in cx.execute(wanted).mappings()]


def put_change(write: Write, change: FigureChange) -> None:
    """Keep that a figure changed, in the transaction that tells of it."""
    row = {**asdict(change), "elements": list(change.elements), "key": key_text(change.key), "at": write.now}
    write.connection.execute(t.figure_change.insert().values(row))


def changes(cx: Connection, ids: Collection[str]) -> dict[str, FigureChange]:
    """Changes of figures by their ids."""
    wanted = select(t.figure_change).where(among(cx, _F.id, sorted(ids)))
    found = {}
    for row in cx.execute(wanted).mappings():
        values = {name: row[name] for name in FigureChange.__slots__}
        found[row["id"]] = FigureChange(**{**values, "elements": tuple(row["elements"]), "key": key_of(row["key"])})
    return found


def _seen_from(cx: Connection, seat: Seat) -> Any:
    if seat.everything:
        return _C.id.is_not(None)
    reasons = []
    if seat.department is not None:
        reasons.append(_C.by_department == seat.department)
    if seat.credential is not None:
        reasons.append(_C.asked_by == seat.credential)
    if seat.datasets:
        of_source = among(cx, _C.dataset, sorted(seat.datasets))
        within = among(cx, _C.region_id, sorted(seat.regions)) if seat.regions is not None else None
        reasons.append(of_source if within is None else and_(of_source, within))
    return or_(*reasons) if reasons else _C.id.is_(None)


def _stored(row: Any) -> StoredCorrection:
    return StoredCorrection(**{**row, "key": key_of(row["key"])})
