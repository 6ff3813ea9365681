"""Tables of snapshots that somebody named and keeps."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from app.store.metadata import metadata
from app.store.types import BIG_ID, Instant, Json

# A state of one view under a department's own name for it, with all that is needed to read it again anywhere.
pinned_snapshot = Table(
    "pinned_snapshot",
    metadata,
    Column("department", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("view", Text, primary_key=True),
    Column("view_version", Integer, nullable=False),
    Column("snapshot", Text, nullable=False, index=True),
    Column("digest", Text, nullable=False),
    Column("epoch", BIG_ID, nullable=False),
    Column("scope", Json, nullable=False),
    Column("datasets", Json, nullable=False),
    Column("shown_at", Instant, nullable=False),
    Column("note", Text, nullable=True),
    Column("pinned_at", Instant, nullable=False),
    Column("pinned_by", Text, nullable=False),
)
