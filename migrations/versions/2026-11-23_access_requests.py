"""Requests for access, and who read what of a region.

Revision: 2026_11_23_access_requests
After: 2026_11_23_audit_tree
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_23_access_requests"
down_revision = "2026_11_23_audit_tree"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("asked", Json(), nullable=False),
        sa.Column("items", Json(), nullable=False),
        sa.Column("rules", Json(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reply_due", sa.Date(), nullable=False),
        sa.Column("extended", sa.Boolean(), nullable=False),
        sa.Column("submitted_at", Instant(), nullable=False),
        sa.Column("submitted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request")),
    )
    for column in ("department", "status", "reply_due", "submitted_at"):
        op.create_index(f"ix_access_request_{column}", "access_request", [column])
    op.create_table(
        "access_request_step",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("details", Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_access_request_step_request_id_access_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request_step")),
    )
    op.create_index("ix_access_request_step_request_id", "access_request_step", ["request_id"])
    op.create_table(
        "access_grant",
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("by_rule", sa.Boolean(), nullable=False),
        sa.Column("granted_at", Instant(), nullable=False),
        sa.Column("delivery_due", sa.Date(), nullable=False),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("delivered_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["access_request.id"], name=op.f("fk_access_grant_request_id_access_request")
        ),
        sa.PrimaryKeyConstraint("agreement", name=op.f("pk_access_grant")),
    )
    op.create_index("ix_access_grant_request_id", "access_grant", ["request_id"])
    op.create_index("ix_access_grant_delivery_due", "access_grant", ["delivery_due"])
    op.create_table(
        "reading_progress",
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("position", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("writer", name=op.f("pk_reading_progress")),
    )
    op.create_table(
        "reading_scope",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("document", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading_scope")),
    )
    op.create_index("ix_reading_scope_department", "reading_scope", ["department"])
    op.create_table(
        "reading_count",
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("times", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "day", name=op.f("pk_reading_count")),
    )


def downgrade() -> None:
    for table in (
        "reading_count", "reading_scope", "reading_progress", "access_grant", "access_request_step", "access_request",
    ):  # fmt: skip
        op.drop_table(table)
