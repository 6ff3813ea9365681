"""Events, webhooks and their outbox.

Revision: 2026_11_23_events
After: 2026_11_23_principals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_23_events"
down_revision = "2026_11_23_principals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _events()
    _webhooks()
    _outbox()


def downgrade() -> None:
    for table in ("lease", "webhook_attempt", "webhook_delivery", "webhook_progress", "webhook", "event"):
        op.drop_table(table)


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=True),
        sa.Column("data", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("name", name=op.f("uq_event_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_audience_id", "event", ["audience", "id"])


def _webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("views", Json(), nullable=False),
        sa.Column("kinds", Json(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["credential.id"], name=op.f("fk_webhook_created_by_credential")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    _index("webhook", "department")
    _index("webhook", "created_by")


def _outbox() -> None:
    op.create_table(
        "webhook_progress",
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("reached", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "topic", name=op.f("pk_webhook_progress")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    _index("webhook_delivery", "webhook_id")
    _index("webhook_delivery", "next_at")
    op.create_table(
        "webhook_attempt",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempt")),
    )
    _index("webhook_attempt", "webhook_id")
    op.create_table(
        "lease",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_lease")),
    )


def _index(table: str, column: str) -> None:
    op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
