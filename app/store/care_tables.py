"""Tables of the care of figures: said to be still true, questioned, changed after a question, evidenced, reminded of."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, Table, Text

from app.store.metadata import metadata
from app.store.types import BIG_ID, Instant, Json

# Append-only: the source looked at what is held and says that it is still so. ``elements`` NULL: all of the record.
still_true = Table(
    "still_true",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("region_id", ForeignKey("region.id"), nullable=False),
    Column("period", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("elements", Json, nullable=True),
    Column("submission_id", ForeignKey("submission.id"), nullable=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Index("ix_still_true_dataset_region_id_period", "dataset", "region_id", "period"),
)

# A question to one figure. A row changes once: when it is answered.
correction = Table(
    "correction",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("element", Text, nullable=False),
    Column("region_id", ForeignKey("region.id"), nullable=False),
    Column("period", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("shown_key", Json, nullable=False),  # the key as whoever asks was shown it
    Column("seen", Json, nullable=True),
    Column("reason", Text, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("epoch", BIG_ID, nullable=False),  # the registry's when it was asked
    Column("status", Text, nullable=False, index=True),
    Column("asked_at", Instant, nullable=False, index=True),
    Column("asked_by", Text, nullable=False, index=True),
    Column("by_department", Text, nullable=True, index=True),
    Column("due_on", Date, nullable=False),
    Column("answered_at", Instant, nullable=True),
    Column("answered_by", Text, nullable=True),
    Column("answer", Text, nullable=True),
    Column("submission_id", ForeignKey("submission.id"), nullable=True),
    Index("ix_correction_dataset_region_id_period", "dataset", "region_id", "period"),
)

# A figure that became another after a question, or was withdrawn; what the notices rest on. Append-only.
figure_change = Table(
    "figure_change",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("elements", Json, nullable=False),
    Column("region_id", ForeignKey("region.id"), nullable=False),
    Column("period", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("old_epoch", BIG_ID, nullable=False),  # a state in which the old value is the one held
    Column("new_epoch", BIG_ID, nullable=False),
    Column("cause", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

# A file kept once for each who attached it; its bytes are kept by their hash, outside the database.
evidence = Table(
    "evidence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BIG_ID, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Index("uq_evidence_owner_sha256", "owner", "sha256", unique=True),
)

# What a file is attached to: a record (all of these) or a submission. ``elements`` NULL: all of the record.
evidence_place = Table(
    "evidence_place",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("evidence_id", ForeignKey("evidence.id"), nullable=False, index=True),
    Column("dataset", Text, nullable=False),
    Column("region_id", ForeignKey("region.id"), nullable=True),
    Column("period", Integer, nullable=True),
    Column("key", Text, nullable=True),
    Column("elements", Json, nullable=True),
    Column("submission_id", ForeignKey("submission.id"), nullable=True, index=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Index("ix_evidence_place_dataset_region_id_period", "dataset", "region_id", "period"),
)

# What was reminded of, so that each thing is told once at each stage.
reminder = Table(
    "reminder",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("region_id", ForeignKey("region.id"), primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("due_on", Date, primary_key=True),
    Column("at", Instant, nullable=False),
)
