"""Keys of the registry itself, made when it is migrated and kept with it."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, delete, select

from app.errors import Problem
from app.store import tables as t

SEALING_KEY = "sealing_key"
LINEAGE = "lineage"


def ensure(cx: Connection) -> None:
    """Make what is missing. Called by the migration environment, inside its transaction."""
    present = set(cx.execute(select(t.setting.c.name)).scalars())
    rows = [{"name": name, "value": secrets.token_hex(32)} for name in (SEALING_KEY, LINEAGE) if name not in present]
    if rows:
        cx.execute(t.setting.insert(), rows)


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
