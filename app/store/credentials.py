"""Credentials and access tokens. A key is shown once and kept only as a hash.

A key is ``twn_<id>_<secret>``, an access token ``twt_<id>_<secret>``. The id finds the row; the secret has 256 bits
from the system's random source. Slow password hashing protects secrets that can be guessed; nobody guesses 256
bits, so one SHA-256 salted with the id is enough, and it keeps checking a key to microseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, delete, select, update

from app.policy.callers import Caller, CallerKind, Role
from app.policy.scopes import Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write

_C = t.credential.c
_T = t.access_token.c
_PRESENTED = re.compile(r"(twn|twt)_([0-9a-v]{16})_([A-Za-z0-9-]{20,100})")
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as administrators see it; nothing of its secret."""

    id: str
    name: str
    kind: CallerKind
    department: str | None
    region_id: int | None
    role: Role | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    epoch: int

    def valid(self, now: datetime) -> bool:
        """Whether it may be used at this moment: not revoked, and its end not reached."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def caller(self) -> Caller:
        return Caller(self.kind, self.id, self.name, self.department, self.region_id, self.role)


def create(
    write: Write,
    permit: Permit,
    *,
    name: str,
    kind: CallerKind,
    department: str | None = None,
    region_id: int | None = None,
    role: Role | None = None,
    expires_at: datetime | None = None,
) -> tuple[Credential, str]:
    """Make a credential; gives it and its key, which cannot be had again."""
    by = demand(permit, "administer")
    identity, secret = _new_id(), _new_secret()
    made = Credential(
        id=identity,
        name=name,
        kind=kind,
        department=department,
        region_id=region_id,
        role=role,
        created_at=write.now,
        created_by=by,
        expires_at=expires_at,
        revoked_at=None,
        epoch=write.epoch(f"credential {identity}"),
    )
    write.connection.execute(t.credential.insert().values({**asdict(made), "secret_hash": _hashed(identity, secret)}))
    return made, f"twn_{identity}_{secret}"


def find_by_key(cx: Connection, presented: str) -> Credential | None:
    """The credential whose key this is, also when it has ended (ask ``valid``); None if there is no such key."""
    identity, secret = _parts("twn", presented)
    return _matching(cx, identity, secret)


def find_by_secret(cx: Connection, identity: str, presented: str) -> Credential | None:
    """The same for OAuth: the credential of that id, if ``presented`` is its key."""
    named, secret = _parts("twn", presented)
    return _matching(cx, named, secret) if hmac.compare_digest(named.encode(), identity.encode()) else None


def get(cx: Connection, identity: str) -> Credential | None:
    """The credential of that id, or None."""
    row = cx.execute(select(t.credential).where(_C.id == identity)).mappings().one_or_none()
    return _credential(row) if row is not None else None


def every(cx: Connection) -> list[Credential]:
    """All credentials, oldest first, ended ones included."""
    return [_credential(row) for row in cx.execute(select(t.credential).order_by(_C.created_at, _C.id)).mappings()]


def revoke(write: Write, permit: Permit, identity: str) -> Credential | None:
    """End a credential now. One that is revoked already stays as it is; None if there is none of that id."""
    demand(permit, "administer")
    present = get(write.connection, identity)
    if present is None or present.revoked_at is not None:
        return present
    epoch = write.epoch(f"credential {identity} revoked")
    write.connection.execute(update(t.credential).where(_C.id == identity).values(revoked_at=write.now, epoch=epoch))
    return get(write.connection, identity)


def issue_token(cx: Connection, credential: Credential, now: datetime, lifetime: timedelta) -> tuple[str, datetime]:
    """An access token for a credential and its end, which is never after the credential's. In a journal transaction."""
    identity, secret = _new_id(), _new_secret()
    expires_at = now + lifetime
    if credential.expires_at is not None:
        expires_at = min(expires_at, credential.expires_at)
    cx.execute(delete(t.access_token).where(_T.expires_at <= now))
    cx.execute(
        t.access_token.insert().values(
            id=identity,
            secret_hash=_hashed(identity, secret),
            credential_id=credential.id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return f"twt_{identity}_{secret}", expires_at


def find_token(journal: Connection, presented: str, now: datetime) -> tuple[str, datetime] | None:
    """The credential id and end of an access token that has not ended; look the credential up as well."""
    identity, secret = _parts("twt", presented)
    row = journal.execute(select(t.access_token).where(_T.id == identity)).one_or_none()
    expected = row.secret_hash if row is not None else _NOBODY
    if not hmac.compare_digest(expected, _hashed(identity, secret)) or row is None or row.expires_at <= now:
        return None
    return row.credential_id, row.expires_at


def _matching(cx: Connection, identity: str, secret: str) -> Credential | None:
    row = cx.execute(select(t.credential).where(_C.id == identity)).mappings().one_or_none()
    # Compared also where there is no row, so that the time says nothing about which ids there are.
    expected = row["secret_hash"] if row is not None else _NOBODY
    if not hmac.compare_digest(expected, _hashed(identity, secret)) or row is None:
        return None
    return _credential(row)


def _parts(prefix: str, presented: str) -> tuple[str, str]:
    found = _PRESENTED.fullmatch(presented)
    return (found[2], found[3]) if found and found[1] == prefix else ("", "")


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def _new_secret() -> str:
    return secrets.token_urlsafe(32).replace("_", "-")  # the underscore parts a key


def _hashed(identity: str, secret: str) -> str:
    return hashlib.sha256(f"township\0{identity}\0{secret}".encode()).hexdigest()


_NOBODY = _hashed("", "nobody")


def _credential(row: RowMapping) -> Credential:
    return Credential(**{field.name: row[field.name] for field in fields(Credential)})
