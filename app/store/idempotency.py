"""Answers kept under an Idempotency-Key, in the transaction of the submission they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from app.store import tables as t
from app.store.database import Write

_I = t.idempotency.c
# Made once: for a small upload the making of a statement costs more than its running.
_FOUND = select(t.idempotency).where(_I.credential_id == bindparam("credential"), _I.key == bindparam("named"))
_KEPT = t.idempotency.insert()


@dataclass(frozen=True, slots=True)
class Kept:
    """What a request was answered: its digest, the HTTP status, and the body as a JSON document."""

    request_digest: str
    status: int
    body: Any


def find(cx: Connection, credential_id: str, key: str) -> Kept | None:
    """The answer kept under this key of this credential, or None if the key is new.

    Look inside the write that would carry the request out, so that of two at once the second sees the first.
    """
    row = cx.execute(_FOUND, {"credential": credential_id, "named": key}).one_or_none()
    return Kept(row.request_digest, row.status, row.body) if row is not None else None


def keep(write: Write, credential_id: str, key: str, request_digest: str, status: int, body: Any) -> None:
    """Keep an answer for those who ask again."""
    given = {
        "credential_id": credential_id,
        "key": key,
        "request_digest": request_digest,
        "status": status,
        "body": body,
        "created_at": write.now,
    }
    write.connection.execute(_KEPT, given)


def forget_before(write: Write, instant: datetime) -> int:
    """Drop the answers kept before an instant; gives how many there were."""
    return write.connection.execute(delete(t.idempotency).where(_I.created_at < instant)).rowcount
