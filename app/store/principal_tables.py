"""Tables of who may come in: keys that end, what may be used once, and what was used up of a limit."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from app.store.metadata import metadata
from app.store.types import BIG_ID, Instant

# Keys that a newer one has replaced, each until its end: two keys of one credential are valid during a rotation.
former_key = Table(
    "former_key",
    metadata,
    Column("secret_hash", Text, primary_key=True),
    Column("credential_id", ForeignKey("credential.id"), nullable=False, index=True),
    Column("ends_at", Instant, nullable=False),
)

# -- in the journal -----------------------------------------------------------------------------------------------

# Names of assertions and proofs that were used, kept until these would have ended by themselves.
used_once = Table(
    "used_once",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("expires_at", Instant, nullable=False, index=True),
)

# How much of a limit is used in one span of time, by all processes together.
quota_use = Table(
    "quota_use",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("measure", Text, primary_key=True),
    Column("begins_at", Instant, primary_key=True),
    Column("used", BIG_ID, nullable=False),
    Index("ix_quota_use_begins_at", "begins_at"),
)

# Exports under way: given back at the end of each, or lost when its process is.
export_slot = Table(
    "export_slot",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("until", Instant, nullable=False),
    Index("ix_export_slot_subject", "subject"),
)
