"""Tables of the request for access, and in the journal what the audit says of who read what, taken together."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKey, Table, Text

from app.store.metadata import metadata
from app.store.types import BIG_ID, Instant, Json

# A department's request. What happened to it is in its steps; here is how it stands.
access_request = Table(
    "access_request",
    metadata,
    Column("id", Text, primary_key=True),
    Column("department", Text, nullable=False, index=True),
    Column("asked", Json, nullable=False),
    Column("items", Json, nullable=False),
    Column("rules", Json, nullable=False),  # the deadlines that it was handed in under
    Column("status", Text, nullable=False, index=True),
    Column("reply_due", Date, nullable=False, index=True),
    Column("extended", Boolean, nullable=False),
    Column("submitted_at", Instant, nullable=False, index=True),
    Column("submitted_by", Text, nullable=False),
)

# Append-only: who did what with it, when and why.
access_request_step = Table(
    "access_request_step",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("request_id", ForeignKey("access_request.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=True),
    Column("details", Json, nullable=False),
)

# The agreements that a request became. A row changes once: when what it opens was delivered.
access_grant = Table(
    "access_grant",
    metadata,
    Column("agreement", Text, primary_key=True),
    Column("request_id", ForeignKey("access_request.id"), nullable=False, index=True),
    Column("by_rule", Boolean, nullable=False),
    Column("granted_at", Instant, nullable=False),
    Column("delivery_due", Date, nullable=False, index=True),
    Column("delivered_at", Instant, nullable=True),
    Column("delivered_by", Text, nullable=True),
)

# Up to which of its entries each writer of the audit has been counted.
reading_progress = Table(
    "reading_progress",
    metadata,
    Column("writer", Text, primary_key=True),
    Column("position", BIG_ID, nullable=False),
)

# Everything that readings had in common (who, by which agreements, which elements, regions and periods), by its hash.
reading_scope = Table(
    "reading_scope",
    metadata,
    Column("id", Text, primary_key=True),
    Column("department", Text, nullable=True, index=True),
    Column("document", Json, nullable=False),
)

reading_count = Table(
    "reading_count",
    metadata,
    Column("scope_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("times", BIG_ID, nullable=False),
)
