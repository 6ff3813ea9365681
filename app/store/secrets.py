"""Keys of the registry itself, made when it is migrated and kept with it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, delete, select

from app.errors import Problem
from app.store import tables as t
from app.witness.checkpoints import public_bytes
from app.witness.merkle import HASHINGS, Hashing

SEALING_KEY = "sealing_key"
LINEAGE = "lineage"
AUDIT_KEY = "audit_key"
AUDIT_HASH = "audit_hash"
AUDIT_ORIGIN = "audit_origin"


@dataclass(frozen=True, slots=True)
class AuditKeys:
    """What makes and checks the audit's tree. ``origin`` is the name of this log, made with it."""

    seed: bytes
    hashing: Hashing
    origin: str

    @property
    def signing(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self) -> bytes:
        return public_bytes(self.signing)

    @property
    def chain(self) -> bytes:
        """The key of the links between entries; from the seed, but the seed can not be had from it."""
        return self.hashing.digest(b"township audit chain\x00" + self.seed)


def ensure(cx: Connection, audit_hash: str | None = None) -> None:
    """Make what is missing. Called by the migration environment, inside its transaction.

    ``audit_hash`` is the hash of the audit's tree, settled for good when the log is made; None makes no log.
    """
    present = set(cx.execute(select(t.setting.c.name)).scalars())
    values = {SEALING_KEY: secrets.token_hex(32), LINEAGE: secrets.token_hex(32)}
    if audit_hash is not None and AUDIT_KEY not in present:
        values |= {
            AUDIT_KEY: secrets.token_hex(32),
            AUDIT_HASH: audit_hash,
            AUDIT_ORIGIN: f"township-registry/{secrets.token_hex(8)}/{audit_hash}",
        }
    rows = [{"name": name, "value": value} for name, value in values.items() if name not in present]
    if rows:
        cx.execute(t.setting.insert(), rows)


def audit_keys(cx: Connection) -> AuditKeys:
    """The keys of the audit's tree."""
    return AuditKeys(bytes.fromhex(_value(cx, AUDIT_KEY)), HASHINGS[_value(cx, AUDIT_HASH)], _value(cx, AUDIT_ORIGIN))


def sealing_key(cx: Connection) -> bytes:
    """The 32 bytes under which cursors, revisions and snapshot ids are sealed."""
    return bytes.fromhex(_value(cx, SEALING_KEY))


def lineage(cx: Connection) -> str:
    """A name for this run of history. A restored registry gets a new one: its next epochs are not the old ones,

    so nothing that was derived from the old ones, such as snapshot files, may be taken for its own.
    """
    return _value(cx, LINEAGE)


def new_lineage(cx: Connection) -> None:
    """Give a restored registry a name of its own."""
    cx.execute(delete(t.setting).where(t.setting.c.name == LINEAGE))
    ensure(cx)


def _value(cx: Connection, name: str) -> str:
    value: str | None = cx.execute(select(t.setting.c.value).where(t.setting.c.name == name)).scalar_one_or_none()
    if value is None:
        raise Problem("unavailable", "数据库尚未初始化，请先运行 township migrate (the database is not migrated yet)")
    return value
