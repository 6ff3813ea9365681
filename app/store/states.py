"""Names handed out for what a caller was shown: a view's version, an epoch, a scope. Kept in the journal."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from app.store import tables as t


@dataclass(frozen=True, slots=True)
class StoredState:
    """One named state. ``scope`` is a JSON document saying under what the caller was answered."""

    id: str
    digest: str
    view: str
    view_version: int
    epoch: int
    scope: dict[str, Any]
    created_at: datetime


def remember(cx: Connection, state: StoredState) -> None:
    """Keep a state under its name; if the name is kept already, that one stays."""
    insert = insert_sqlite if cx.dialect.name == "sqlite" else insert_postgresql
    row = {each.name: getattr(state, each.name) for each in fields(state)}
    cx.execute(insert(t.state).on_conflict_do_nothing(index_elements=["id"]), row)


def find(cx: Connection, name: str) -> StoredState | None:
    """The state of that name, or None."""
    row = cx.execute(select(t.state).where(t.state.c.id == name)).mappings().one_or_none()
    return StoredState(**row) if row is not None else None
