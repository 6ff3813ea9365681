"""Names that may be used once: of client assertions and of proofs of possession. In the journal, for all processes."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from app.store import tables as t

_U = t.used_once.c


def use(journal: Connection, name: str, expires_at: datetime, now: datetime) -> bool:
    """Whether this is the first use of the name; it is remembered until ``expires_at``. In a journal transaction."""
    journal.execute(delete(t.used_once).where(_U.expires_at <= now))
    row = {"digest": hashlib.sha256(name.encode()).hexdigest(), "expires_at": expires_at}
    insert = postgresql.insert if journal.dialect.name == "postgresql" else sqlite.insert
    kept = insert(t.used_once).values(row).on_conflict_do_nothing().returning(_U.digest)
    return journal.execute(kept).one_or_none() is not None
