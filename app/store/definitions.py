"""Definitions: datasets, code lists, units, departments, views, agreements. Versions are immutable."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from app.policy.scopes import Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write
from app.store.types import json_text

_D = t.definition.c
_LAST_VERSION = 2**31 - 1  # what the column can hold


@dataclass(frozen=True, slots=True)
class StoredDefinition:
    """One version of one definition; versions count from 1. ``digest`` is the SHA-256 of the body's JSON text."""

    kind: str
    code: str
    version: int
    epoch: int
    body: dict[str, Any]
    digest: str
    created_at: datetime
    created_by: str


def latest(cx: Connection, at_epoch: int | None = None, *, kind: str | None = None) -> list[StoredDefinition]:
    """The version in force of every definition, now or at an epoch, in order of kind and code."""
    newest = select(_D.kind, _D.code, func.max(_D.version).label("version")).group_by(_D.kind, _D.code)
    if at_epoch is not None:
        newest = newest.where(_D.epoch <= at_epoch)
    if kind is not None:
        newest = newest.where(_D.kind == kind)
    chosen = newest.subquery()
    rows = cx.execute(
        select(t.definition).join(
            chosen, (_D.kind == chosen.c.kind) & (_D.code == chosen.c.code) & (_D.version == chosen.c.version)
        )
    ).mappings()
    return sorted((_stored(row) for row in rows), key=lambda item: (item.kind, item.code))


def get(cx: Connection, kind: str, code: str, version: int | None = None) -> StoredDefinition | None:
    """One definition, in its present version or the one asked for; None if there is none."""
    if version is not None and not 0 < version <= _LAST_VERSION:
        return None
    wanted = select(t.definition).where(_D.kind == kind, _D.code == code)
    wanted = wanted.where(_D.version == version) if version is not None else wanted.order_by(_D.version.desc()).limit(1)
    row = cx.execute(wanted).mappings().one_or_none()
    return _stored(row) if row is not None else None


def versions(cx: Connection, kind: str, code: str) -> list[StoredDefinition]:
    """Every version of one definition, newest first."""
    rows = cx.execute(
        select(t.definition).where(_D.kind == kind, _D.code == code).order_by(_D.version.desc())
    ).mappings()
    return [_stored(row) for row in rows]


def revision(cx: Connection, at_epoch: int | None = None) -> int:
    """The epoch that last changed any definition, not above ``at_epoch``; 0 if none did."""
    newest = select(func.max(_D.epoch))
    if at_epoch is not None:
        newest = newest.where(_D.epoch <= at_epoch)
    return cx.execute(newest).scalar_one_or_none() or 0


def put(write: Write, permit: Permit, kind: str, code: str, body: Mapping[str, Any]) -> StoredDefinition:
    """Save a definition. A body equal to the present one changes nothing and gives the present version.

    The body is taken as it is, key order included: give the normal form.
    """
    by = demand(permit, "administer")
    digest = hashlib.sha256(json_text(body).encode()).hexdigest()
    present = get(write.connection, kind, code)
    if present is not None and present.digest == digest:
        return present
    stored = StoredDefinition(
        kind=kind,
        code=code,
        version=present.version + 1 if present else 1,
        epoch=write.epoch(f"{kind} {code}"),
        body=dict(body),
        digest=digest,
        created_at=write.now,
        created_by=by,
    )
    write.connection.execute(t.definition.insert().values(asdict(stored)))
    return stored


def _stored(row: RowMapping) -> StoredDefinition:
    return StoredDefinition(**row)
