"""The workbooks that departments' forms are filled into: every save is a new version, each file is kept once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from app.policy.scopes import Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write

_T = t.form_template.c
_F = t.form_file.c


@dataclass(frozen=True, slots=True)
class StoredForm:
    """One version of a view's form. ``digest`` (SHA-256 of the workbook) and ``binding`` are None where it was removed."""

    view: str
    version: int
    digest: str | None
    filename: str | None
    binding: Mapping[str, Any] | None
    epoch: int
    created_at: datetime
    created_by: str


def latest(cx: Connection, view: str) -> StoredForm | None:
    """The present version, also one that says that the form was removed; None where there never was one."""
    wanted = select(t.form_template).where(_T.view == view).order_by(_T.version.desc()).limit(1)
    row = cx.execute(wanted).mappings().one_or_none()
    return _stored(row) if row is not None else None


def versions(cx: Connection, view: str) -> list[StoredForm]:
    """Every version, newest first."""
    wanted = select(t.form_template).where(_T.view == view).order_by(_T.version.desc())
    return [_stored(row) for row in cx.execute(wanted).mappings()]


def file(cx: Connection, digest: str) -> bytes:
    """The workbook of that content. Raises KeyError where it is not kept."""
    data = cx.execute(select(_F.data).where(_F.digest == digest)).scalar_one_or_none()
    if data is None:
        raise KeyError(digest)
    return base64.b64decode(data)


def put(
    write: Write, permit: Permit, view: str, data: bytes, filename: str, binding: Mapping[str, Any]
) -> StoredForm:  # fmt: skip
    """Keep a workbook as the view's form. The same workbook bound in the same way makes no new version."""
    by = demand(permit, "administer")
    cx = write.connection
    digest = hashlib.sha256(data).hexdigest()
    present = latest(cx, view)
    if present is not None and present.digest == digest and present.binding == dict(binding):
        return present
    if cx.execute(select(_F.digest).where(_F.digest == digest)).scalar_one_or_none() is None:
        cx.execute(t.form_file.insert().values(digest=digest, data=base64.b64encode(data).decode()))
    return _insert(write, view, present, digest, filename, binding, by)


def remove(write: Write, permit: Permit, view: str) -> StoredForm | None:
    """Say that the view has no form any more; None where it has none."""
    by = demand(permit, "administer")
    present = latest(write.connection, view)
    if present is None or present.digest is None:
        return None
    return _insert(write, view, present, None, None, None, by)


def _insert(
    write: Write,
    view: str,
    present: StoredForm | None,
    digest: str | None,
    filename: str | None,
    binding: Mapping[str, Any] | None,
    by: str,
) -> StoredForm:
    row: dict[str, Any] = {
        "view": view,
        "version": present.version + 1 if present is not None else 1,
        "digest": digest,
        "filename": filename,
        "binding": dict(binding) if binding is not None else None,
        "epoch": write.epoch(f"form {view}"),
        "created_at": write.now,
        "created_by": by,
    }
    write.connection.execute(t.form_template.insert().values(row))
    return StoredForm(**row)


def _stored(row: RowMapping) -> StoredForm:
    return StoredForm(**row)
