"""Files of evidence as the database knows them: one row for each file of an owner, and what it is attached to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from app.intake.records import RecordKey
from app.policy.scopes import ForgedError, Permit
from app.store import tables as t
from app.store.bulk import among
from app.store.database import Write
from app.store.records import key_of, key_text

_E = t.evidence.c
_P = t.evidence_place.c


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """One file. ``owner``: ``department:CODE``, ``region:ID`` or ``credential:ID``, whoever attached it first."""

    id: str
    owner: str
    sha256: str
    filename: str
    media_type: str
    size: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EvidencePlace:
    """What a file is attached to: a record, or a submission. ``elements`` None: all of the record."""

    evidence_id: str
    dataset: str
    region_id: int | None = None
    period: int | None = None
    key: tuple[str, ...] = ()
    elements: tuple[str, ...] | None = None
    submission_id: str | None = None

    @property
    def record(self) -> RecordKey | None:
        if self.region_id is None or self.period is None:
            return None
        return self.region_id, self.period, self.key


def insert(write: Write, permit: Permit, evidence: StoredEvidence) -> None:
    """Keep a file's row, dated now."""
    _demand(permit)
    row = {name: getattr(evidence, name) for name in ("id", "owner", "sha256", "filename", "media_type", "size")}
    write.connection.execute(t.evidence.insert().values(at=write.now, by=permit.caller.credential_id, **row))


def attach(write: Write, permit: Permit, place: EvidencePlace) -> None:
    """Attach a file to one more place; nothing where it is there already."""
    _demand(permit)
    if place in places(write.connection, [place.evidence_id]):
        return
    write.connection.execute(
        t.evidence_place.insert().values(
            evidence_id=place.evidence_id,
            dataset=place.dataset,
            region_id=place.region_id,
            period=place.period,
            key=key_text(place.key) if place.region_id is not None else None,
            elements=list(place.elements) if place.elements is not None else None,
            submission_id=place.submission_id,
            at=write.now,
            by=permit.caller.credential_id,
        )
    )


def of_owner(cx: Connection, owner: str, sha256: str) -> StoredEvidence | None:
    """The file with this content that this owner has attached before."""
    row = cx.execute(select(t.evidence).where(_E.owner == owner, _E.sha256 == sha256)).mappings().one_or_none()
    return _stored(row) if row is not None else None


def owned(cx: Connection, owner: str, limit: int) -> list[StoredEvidence]:
    """An owner's files, newest first."""
    rows = cx.execute(select(t.evidence).where(_E.owner == owner).order_by(_E.at.desc(), _E.id.desc()).limit(limit))
    return [_stored(row) for row in rows.mappings()]


def get(cx: Connection, ids: Sequence[str]) -> list[StoredEvidence]:
    """Files by their ids, in the order of their making."""
    rows = cx.execute(select(t.evidence).where(among(cx, _E.id, sorted(set(ids)))).order_by(_E.id)).mappings()
    return [_stored(row) for row in rows]


def places(cx: Connection, ids: Sequence[str]) -> list[EvidencePlace]:
    """What these files are attached to."""
    rows = cx.execute(select(t.evidence_place).where(among(cx, _P.evidence_id, sorted(set(ids)))).order_by(_P.id))
    return [_place(row) for row in rows.mappings()]


def attached_to(
    cx: Connection, dataset: str, record: RecordKey | None = None, submission_id: str | None = None
) -> list[EvidencePlace]:
    """What is attached to a record, or to a submission."""
    wanted = select(t.evidence_place).where(_P.dataset == dataset).order_by(_P.id)
    if record is not None:
        region_id, period, key = record
        wanted = wanted.where(_P.region_id == region_id, _P.period == period, _P.key == key_text(key))
    else:
        wanted = wanted.where(_P.submission_id == submission_id)
    return [_place(row) for row in cx.execute(wanted).mappings()]


def _demand(permit: Permit) -> None:
    if permit.action not in {"evidence", "question"}:
        raise ForgedError("this permit is not for evidence")


def _stored(row: Any) -> StoredEvidence:
    return StoredEvidence(**{name: row[name] for name in StoredEvidence.__slots__})


def _place(row: Any) -> EvidencePlace:
    return EvidencePlace(
        evidence_id=row["evidence_id"],
        dataset=row["dataset"],
        region_id=row["region_id"],
        period=row["period"],
        key=key_of(row["key"] or ""),
        elements=tuple(row["elements"]) if row["elements"] is not None else None,
        submission_id=row["submission_id"],
    )
