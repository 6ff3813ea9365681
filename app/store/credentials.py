"""Credentials and access tokens. A key is shown once and kept only as a hash.

A credential has one present key and, during a rotation, one former key until its end; or a set of public keys and no
secret at all.

A key is ``twn_<id>_<secret>``, an access token ``twt_<id>_<secret>``, or signed with
``twj_<id>_<secret>`` within. The id finds the row; the secret has 256 bits
from the system's random source. Slow password hashing protects secrets that can be guessed; nobody guesses 256
bits, so one SHA-256 salted with the id is enough, and it keeps checking a key to microseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, delete, select, update

from app.policy.callers import Caller, CallerKind, Role
from app.policy.scopes import ForgedError, Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write

_C = t.credential.c
_F = t.former_key.c
_T = t.access_token.c
_PRESENTED = re.compile(r"(twn|twt|twj)_([0-9a-v]{16})_([A-Za-z0-9-]{20,100})")
TokenForm = Literal["twt", "twj"]
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
    public_keys: Mapping[str, Any] | None = None
    bound: bool = False
    rotated_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Whether it may be used at this moment: not revoked, and its end not reached."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def caller(self) -> Caller:
        return Caller(self.kind, self.id, self.name, self.department, self.region_id, self.role)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A credential whose key was presented; ``until`` is the end of that key, if it is a former one."""

    credential: Credential
    until: datetime | None = None

    @property
    def former(self) -> bool:
        return self.until is not None

    def valid(self, now: datetime) -> bool:
        """Whether this key of it may be used at this moment."""
        return self.credential.valid(now) and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class StoredToken:
    """An access token that has not ended. ``thumbprint`` is that of the key it is bound to."""

    credential_id: str
    created_at: datetime
    expires_at: datetime
    thumbprint: str | None


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
    bound: bool = False,
) -> tuple[Credential, str]:
    """Make a credential; gives it and its key, which cannot be had again. ``bound``: only bound tokens may be used."""
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
        bound=bound,
    )
    write.connection.execute(t.credential.insert().values({**asdict(made), "secret_hash": _hashed(identity, secret)}))
    return made, f"twn_{identity}_{secret}"


def rotate(write: Write, permit: Permit, identity: str, overlap: timedelta) -> str | None:
    """A new key for a credential; the present one ends after ``overlap``, an earlier former one now.

    None if there is no credential of that id that lives and has a key. ``permit`` is to administer, or the holder's own.
    """
    if permit.action == "rotate_own":
        if demand(permit, "rotate_own") != identity:
            raise ForgedError("this permit is for another credential")
    else:
        demand(permit, "administer")
    row = write.connection.execute(select(t.credential).where(_C.id == identity)).mappings().one_or_none()
    if row is None or row["public_keys"] is not None or not _credential(row).valid(write.now):
        return None
    secret = _new_secret()
    epoch = write.epoch(f"credential {identity} rotated")
    write.connection.execute(delete(t.former_key).where(_F.credential_id == identity))
    if overlap > timedelta(0):
        former = {"credential_id": identity, "secret_hash": row["secret_hash"], "ends_at": write.now + overlap}
        write.connection.execute(t.former_key.insert().values(former))
    values = {"secret_hash": _hashed(identity, secret), "rotated_at": write.now, "epoch": epoch}
    write.connection.execute(update(t.credential).where(_C.id == identity).values(values))
    return f"twn_{identity}_{secret}"


def put_public_keys(write: Write, permit: Permit, identity: str, keys: Mapping[str, Any]) -> bool:
    """Give a credential these public keys (a JWK set) in place of its secret or of the ones it had.

    False if there is none of that id that lives.
    """
    demand(permit, "administer")
    present = get(write.connection, identity)
    if present is None or not present.valid(write.now):
        return False
    epoch = write.epoch(f"credential {identity} public keys")
    write.connection.execute(delete(t.former_key).where(_F.credential_id == identity))
    values = {"public_keys": keys, "secret_hash": _NOTHING, "rotated_at": write.now, "epoch": epoch}
    write.connection.execute(update(t.credential).where(_C.id == identity).values(values))
    return True


def former_keys(cx: Connection) -> dict[str, datetime]:
    """Until when a former key of each credential works, by credential id."""
    return {row.credential_id: row.ends_at for row in cx.execute(select(_F.credential_id, _F.ends_at))}


def find_by_key(cx: Connection, presented: str) -> Recognised | None:
    """The credential whose key this is, also when it has ended (ask ``valid``); None if there is no such key."""
    identity, secret = _parts("twn", presented)
    return _matching(cx, identity, secret)


def find_by_secret(cx: Connection, identity: str, presented: str) -> Recognised | None:
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


def issue_token(
    cx: Connection,
    credential: Credential,
    now: datetime,
    lifetime: timedelta,
    *,
    until: datetime | None = None,
    thumbprint: str | None = None,
    form: TokenForm = "twt",
) -> tuple[str, datetime]:
    """An access token for a credential and its end, never after the credential's or ``until``. In a journal transaction.

    In the form ``twj`` it is the name within a signed token, and cannot be presented by itself.
    """
    identity, secret = _new_id(), _new_secret()
    expires_at = min(end for end in (now + lifetime, credential.expires_at, until) if end is not None)
    cx.execute(delete(t.access_token).where(_T.expires_at <= now))
    cx.execute(
        t.access_token.insert().values(
            id=identity,
            secret_hash=_hashed(identity, secret, form),
            credential_id=credential.id,
            created_at=now,
            expires_at=expires_at,
            thumbprint=thumbprint,
        )
    )
    return f"{form}_{identity}_{secret}", expires_at


def find_token(journal: Connection, presented: str, now: datetime, form: TokenForm = "twt") -> StoredToken | None:
    """The access token, if it is there and has not ended; look its credential up as well."""
    identity, secret = _parts(form, presented)
    row = journal.execute(select(t.access_token).where(_T.id == identity)).one_or_none()
    expected = row.secret_hash if row is not None else _NOBODY
    if not hmac.compare_digest(expected, _hashed(identity, secret, form)) or row is None or row.expires_at <= now:
        return None
    return StoredToken(row.credential_id, row.created_at, row.expires_at, row.thumbprint)


def end_token(journal: Connection, presented: str, form: TokenForm = "twt") -> None:
    """Forget an access token. Whoever keeps what it stood for in memory has to be told by another way."""
    identity, secret = _parts(form, presented)
    journal.execute(delete(t.access_token).where(_T.id == identity, _T.secret_hash == _hashed(identity, secret, form)))


def _matching(cx: Connection, identity: str, secret: str) -> Recognised | None:
    row = cx.execute(select(t.credential).where(_C.id == identity)).mappings().one_or_none()
    # Compared also where there is no row, so that the time says nothing about which ids there are.
    given = _hashed(identity, secret)
    present = hmac.compare_digest(row["secret_hash"] if row is not None else _NOBODY, given)
    former = cx.execute(select(_F.secret_hash, _F.ends_at).where(_F.credential_id == identity)).one_or_none()
    passed = hmac.compare_digest(former.secret_hash if former is not None else _NOBODY, given)
    if row is None or not (present or passed):
        return None
    return Recognised(_credential(row), None if present or former is None else former.ends_at)


def _parts(prefix: str, presented: str) -> tuple[str, str]:
    found = _PRESENTED.fullmatch(presented)
    return (found[2], found[3]) if found and found[1] == prefix else ("", "")


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def _new_secret() -> str:
    return secrets.token_urlsafe(32).replace("_", "-")  # the underscore parts a key


def _hashed(identity: str, secret: str, form: str = "twt") -> str:
    salt = identity if form == "twt" else f"{form}\0{identity}"
    return hashlib.sha256(f"township\0{salt}\0{secret}".encode()).hexdigest()


_NOBODY = _hashed("", "nobody")
_NOTHING = "none"  # no hash of anything


def _credential(row: RowMapping) -> Credential:
    return Credential(**{field.name: row[field.name] for field in fields(Credential)})
