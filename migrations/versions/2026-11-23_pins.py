"""Snapshots that somebody named and keeps.

Revision: 2026_11_23_pins
After: 2026_11_23_pinned_snapshots
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_23_pins"
down_revision = "2026_11_23_pinned_snapshots"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pinned_snapshot",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("view_version", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("scope", Json(), nullable=False),
        sa.Column("datasets", Json(), nullable=False),
        sa.Column("shown_at", Instant(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("pinned_at", Instant(), nullable=False),
        sa.Column("pinned_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("department", "name", "view", name=op.f("pk_pinned_snapshot")),
    )
    op.create_index("ix_pinned_snapshot_snapshot", "pinned_snapshot", ["snapshot"])


def downgrade() -> None:
    op.drop_table("pinned_snapshot")
