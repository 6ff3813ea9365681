"""Tables of what is told: events, who is told by webhook, and the outbox of the sender."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from app.store.metadata import metadata
from app.store.types import BIG_ID, Instant, Json

# Append-only. Written in the transaction of the change it tells of; a write holds the epoch row, so that the order of
# ids is the order of commits, and who has read up to an id has missed nothing before it.
event = Table(
    "event",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("view", Text, nullable=True),
    Column("data", Json, nullable=False),
    Index("ix_event_audience_id", "audience", "id"),
    sqlite_autoincrement=True,
)

# Who is told by webhook of what; ``department`` is empty where a region's credential made it. The secret is sealed with the
# registry's key: it is needed for signing.
webhook = Table(
    "webhook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("department", Text, nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("views", Json, nullable=False),
    Column("kinds", Json, nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", ForeignKey("credential.id"), nullable=False, index=True),
    Column("ended_at", Instant, nullable=True),
    Column("ended_because", Text, nullable=True),
)

# -- in the journal: what telling leaves behind -----------------------------------------------------------------

# How far the telling has come: for a view the name of the state that was told of last, for "events" the last event.
webhook_progress = Table(
    "webhook_progress",
    metadata,
    Column("webhook_id", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("reached", Text, nullable=False),
)

# The outbox. ``next_at`` is when it is tried next; NULL when it is over, as ``status`` says.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", Text, primary_key=True),
    Column("webhook_id", Text, nullable=False, index=True),
    Column("topic", Text, nullable=False),
    Column("body", Json, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=True, index=True),
)

webhook_attempt = Table(
    "webhook_attempt",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("webhook_id", Text, nullable=False, index=True),
    Column("delivery_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", Integer, nullable=True),
    Column("outcome", Text, nullable=False),
)

# Who of several processes does a task that only one may do, and until when.
lease = Table(
    "lease",
    metadata,
    Column("task", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Instant, nullable=False),
)
