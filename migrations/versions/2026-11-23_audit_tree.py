"""The audit as a tree: leaves, inner nodes, checkpoints; and what an entry says of the answer.

Revision: 2026_11_23_audit_tree
After: 2026_11_22_forms_of_views
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_23_audit_tree"
down_revision = "2026_11_22_forms_of_views"
branch_labels = None
depends_on = None

_ADDED = ("purposes", "snapshot", "answered", "writer", "position", "link")


def upgrade() -> None:
    op.add_column("audit", sa.Column("purposes", Json(), nullable=True))
    op.add_column("audit", sa.Column("snapshot", sa.Text(), nullable=True))
    op.add_column("audit", sa.Column("answered", Json(), nullable=True))
    op.add_column("audit", sa.Column("writer", sa.Text(), nullable=True))
    op.add_column("audit", sa.Column("position", BIG_ID, nullable=True))
    op.add_column("audit", sa.Column("link", sa.Text(), nullable=True))
    op.create_table(
        "audit_writer",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("sequenced", BIG_ID, nullable=False),
        sa.Column("last", BIG_ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_writer")),
    )
    op.create_table(
        "audit_leaf",
        sa.Column("number", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("entry_id", BIG_ID, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("running", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_leaf")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_audit_leaf_entry_id")),
    )
    op.create_index("ix_audit_leaf_hash", "audit_leaf", ["hash"])
    op.create_table(
        "audit_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name=op.f("pk_audit_node")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoint")),
    )
    # Entries from before the tree are taken into it as they are found: by one writer, in the order of their ids.
    op.execute("UPDATE audit SET writer = 'before', position = id")
    op.execute(
        "INSERT INTO audit_writer (id, started_at, sequenced, last)"
        " SELECT 'before', min(at), 0, max(id) FROM audit HAVING count(*) > 0"
    )
    op.create_index("uq_audit_writer_position", "audit", ["writer", "position"], unique=True)


def downgrade() -> None:
    for table in ("audit_checkpoint", "audit_node", "audit_leaf", "audit_writer"):
        op.drop_table(table)
    op.drop_index("uq_audit_writer_position", "audit")
    for column in _ADDED:
        op.drop_column("audit", column)
