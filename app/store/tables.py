"""Every table. Two families: *registry* tables hold the truth, *journal* tables what reading leaves behind.

On SQLite each family lives in a file of its own, so that a read that is being audited never waits for an upload;
on PostgreSQL both are in one database. No table is ever made at run time, whatever the catalogue.
Tables of one subject that nothing here refers to have a file of their own (``<subject>_tables.py``) and are listed below.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    false,
    text,
)

from app.store import access_tables, audit_tables, care_tables, event_tables, principal_tables, snapshot_tables
from app.store.metadata import metadata
from app.store.types import BIG_ID, Instant, Json

# The counter of everything a read can notice. One row; locked by every write, so commit order is epoch order.
epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BIG_ID, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

epoch_log = Table(
    "epoch_log",
    metadata,
    Column("epoch", BIG_ID, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False, index=True),
    Column("reason", Text, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Datasets, code lists, units, departments, views and agreements: every save is a new, immutable version.
definition = Table(
    "definition",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BIG_ID, nullable=False, index=True),
    Column("body", Json, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
)

region = Table("region", metadata, Column("id", Integer, primary_key=True, autoincrement=False))

region_state = Table(
    "region_state",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("region_id", ForeignKey("region.id"), nullable=False, index=True),
    Column("code", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("parent_id", ForeignKey("region.id"), nullable=True),
    Column("valid_from", Date, nullable=True),
    Column("valid_to", Date, nullable=True),
    Column("epoch", BIG_ID, nullable=False),
    Column("superseded_epoch", BIG_ID, nullable=True),
)

succession = Table(
    "succession",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("date", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("old_id", ForeignKey("region.id"), nullable=False),
    Column("new_id", ForeignKey("region.id"), nullable=False),
    Column("share", Text, nullable=True),
    Column("document", Text, nullable=True),
    Column("epoch", BIG_ID, nullable=False),
    Column("superseded_epoch", BIG_ID, nullable=True),
)

submission = Table(
    "submission",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("period", Text, nullable=True),
    Column("region_id", ForeignKey("region.id"), nullable=True, index=True),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("filename", Text, nullable=True),
    Column("file_digest", Text, nullable=True),
    Column("counts", Json, nullable=False),
    Column("findings", Json, nullable=False),
    Column("pending", Json, nullable=True),
    Column("epoch", BIG_ID, nullable=True),
    Column("reason", Text, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False, index=True),
    Column("by_department", Text, nullable=True, index=True),
    Column("by_region_id", ForeignKey("region.id"), nullable=True, index=True),
    Column("confirmed_at", Instant, nullable=True),
    Column("confirmed_by", Text, nullable=True),
)

# Append-only: nothing of a row changes but ``superseded_epoch``, once. A withdrawal is a version too.
record_version = Table(
    "record_version",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("region_id", ForeignKey("region.id"), nullable=False),
    Column("period", Integer, nullable=False),
    Column("year", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("values", Json, nullable=False),
    Column("submission_id", ForeignKey("submission.id"), nullable=True),
    Column("epoch", BIG_ID, nullable=False),
    Column("superseded_epoch", BIG_ID, nullable=True),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    Column("reason", Text, nullable=True),
    Index("ix_record_version_dataset_year_epoch", "dataset", "year", "epoch"),
    Index("ix_record_version_dataset_year_superseded_epoch", "dataset", "year", "superseded_epoch"),
    Index("ix_record_version_dataset_region_id_epoch", "dataset", "region_id", "epoch"),
    Index("ix_record_version_submission_id", "submission_id"),
    Index(
        "uq_record_version_current",
        "dataset",
        "region_id",
        "period",
        "key",
        unique=True,
        sqlite_where=text("superseded_epoch IS NULL"),
        postgresql_where=text("superseded_epoch IS NULL"),
    ),
)

# When a part (one dataset's year) changed. The revision of a part at an epoch is the greatest not above it.
part_revision = Table(
    "part_revision",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BIG_ID, primary_key=True, autoincrement=False),
    Index("ix_part_revision_epoch", "epoch"),
)

credential = Table(
    "credential",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("department", Text, nullable=True),
    Column("region_id", ForeignKey("region.id"), nullable=True),
    Column("role", Text, nullable=True),
    Column("secret_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    Column("epoch", BIG_ID, nullable=False),
    Column("public_keys", Json, nullable=True),  # a JWK set in place of a secret
    Column("bound", Boolean, nullable=False, server_default=false()),  # only tokens that are bound to a key (DPoP)
    Column("rotated_at", Instant, nullable=True),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("credential_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# -- the form gate --------------------------------------------------------------------------------------------

# Every form a department handed in before asking townships, with its verdicts and what was decided. Never deleted.
form_request = Table(
    "form_request",
    metadata,
    Column("id", Text, primary_key=True),
    Column("department", Text, nullable=False, index=True),
    Column("form", Json, nullable=False),
    Column("verdicts", Json, nullable=False),
    Column("burden", Json, nullable=False),
    Column("status", Text, nullable=False),
    Column("decision", Json, nullable=True),
    Column("view", Text, nullable=True),
    Column("created_at", Instant, nullable=False, index=True),
    Column("created_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=True),
    Column("decided_by", Text, nullable=True),
)

# What administrators said a heading means, or does not mean. Append-only: the newest judgement stands.
form_memory = Table(
    "form_memory",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("signature", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("heading", Text, nullable=False),
    Column("relation", Text, nullable=False),
    Column("rejected", Boolean, nullable=False),
    Column("object", Text, nullable=False),
    Column("formula", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("form_request_id", ForeignKey("form_request.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
)

# What a form asks that is not held, on its way to the catalogue: reviewed before any township sees it.
proposed_element = Table(
    "proposed_element",
    metadata,
    Column("id", Text, primary_key=True),
    Column("form_request_id", ForeignKey("form_request.id"), nullable=False, index=True),
    Column("dataset", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("body", Json, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("reviewed_at", Instant, nullable=True),
    Column("reviewed_by", Text, nullable=True),
    Column("reason", Text, nullable=True),
)

# A department's own workbook, kept once by its content; text, so that a backup is the same from either database.
form_file = Table(
    "form_file",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("data", Text, nullable=False),
)

# Which workbook the form of a view is filled into, and where; a version without a file says that there is none any more.
form_template = Table(
    "form_template",
    metadata,
    Column("view", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", ForeignKey("form_file.digest"), nullable=True),
    Column("filename", Text, nullable=True),
    Column("binding", Json, nullable=True),
    Column("epoch", BIG_ID, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
)

# -- the journal ----------------------------------------------------------------------------------------------

audit = Table(
    "audit",
    metadata,
    Column("id", BIG_ID, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("request_id", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("caller_kind", Text, nullable=False),
    Column("credential_id", Text, nullable=True, index=True),
    Column("department", Text, nullable=True, index=True),
    Column("region_id", Integer, nullable=True),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=True),
    Column("version", Integer, nullable=True),
    Column("question", Json, nullable=True),
    Column("agreements", Json, nullable=True),
    Column("epoch", BIG_ID, nullable=True),
    Column("status", Text, nullable=True),
    Column("rows", BIG_ID, nullable=True),
    Column("digest", Text, nullable=True),
    # What was answered, also where the question did not name it; and the entry's place in its writer's chain.
    Column("purposes", Json, nullable=True),
    Column("snapshot", Text, nullable=True),
    Column("answered", Json, nullable=True),
    Column("writer", Text, nullable=True),
    Column("position", BIG_ID, nullable=True),
    Column("link", Text, nullable=True),
    Index("uq_audit_writer_position", "writer", "position", unique=True),
    sqlite_autoincrement=True,
)

# Names handed out for what a caller was answered with: snapshots, and the cursors of the change feed.
state = Table(
    "state",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("view", Text, nullable=False),
    Column("view_version", Integer, nullable=False),
    Column("epoch", BIG_ID, nullable=False),
    Column("scope", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)

access_token = Table(
    "access_token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret_hash", Text, nullable=False),
    Column("credential_id", Text, nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("thumbprint", Text, nullable=True),
)

# Tables that have a file of their own.
event = event_tables.event
webhook = event_tables.webhook
webhook_progress = event_tables.webhook_progress
webhook_delivery = event_tables.webhook_delivery
webhook_attempt = event_tables.webhook_attempt
lease = event_tables.lease
audit_writer = audit_tables.audit_writer
audit_leaf = audit_tables.audit_leaf
audit_node = audit_tables.audit_node
audit_checkpoint = audit_tables.audit_checkpoint
still_true = care_tables.still_true
correction = care_tables.correction
figure_change = care_tables.figure_change
evidence = care_tables.evidence
evidence_place = care_tables.evidence_place
reminder = care_tables.reminder
former_key = principal_tables.former_key
used_once = principal_tables.used_once
quota_use = principal_tables.quota_use
export_slot = principal_tables.export_slot
access_request = access_tables.access_request
access_request_step = access_tables.access_request_step
access_grant = access_tables.access_grant
reading_progress = access_tables.reading_progress
reading_scope = access_tables.reading_scope
reading_count = access_tables.reading_count
pinned_snapshot = snapshot_tables.pinned_snapshot

JOURNAL_TABLES: tuple[Table, ...] = (
    audit, audit_writer, audit_leaf, audit_node, audit_checkpoint,
    state, access_token, webhook_progress, webhook_delivery, webhook_attempt, lease,
    used_once, quota_use, export_slot, reading_progress, reading_scope, reading_count,
)  # fmt: skip
# In the order in which rows can be inserted: what is referred to comes first.
REGISTRY_TABLES: tuple[Table, ...] = tuple(t for t in metadata.sorted_tables if t not in JOURNAL_TABLES)
