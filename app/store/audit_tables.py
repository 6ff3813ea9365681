"""Tables of the audit's tree. All are in the journal; nothing here is changed but the two counters of a writer."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from app.store.metadata import metadata
from app.store.types import BIG_ID, Instant

# Who wrote entries: one row for each run of a process. ``sequenced``: up to which position the tree holds them;
# ``last``: the position of its last entry, once the process has ended in good order.
audit_writer = Table(
    "audit_writer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("sequenced", BIG_ID, nullable=False),
    Column("last", BIG_ID, nullable=True),
)

# The leaves in their order. Kept when the entry itself is pruned.
audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("number", BIG_ID, primary_key=True, autoincrement=False),
    Column("entry_id", BIG_ID, nullable=False, unique=True),
    Column("hash", Text, nullable=False, index=True),
    Column("running", Text, nullable=False),
)

# Inner nodes, every eighth level: ``level`` 1 stands over 256 leaves, 2 over 256 of those, and so on.
audit_node = Table(
    "audit_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BIG_ID, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("size", BIG_ID, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False),
)
