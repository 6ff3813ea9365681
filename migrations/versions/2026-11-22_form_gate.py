"""The form gate: form requests, what administrators said headings mean, proposed elements.

Revision: 2026_11_22_form_gate
After: 2026_11_22_registry
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_22_form_gate"
down_revision = "2026_11_22_registry"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "form_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("form", Json(), nullable=False),
        sa.Column("verdicts", Json(), nullable=False),
        sa.Column("burden", Json(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decision", Json(), nullable=True),
        sa.Column("view", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_request")),
    )
    op.create_index(op.f("ix_form_request_department"), "form_request", ["department"])
    op.create_index(op.f("ix_form_request_created_at"), "form_request", ["created_at"])
    _of_requests(
        "form_memory",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("rejected", sa.Boolean(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("formula", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("form_request_id", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        key="id",
    )
    op.create_index(op.f("ix_form_memory_signature"), "form_memory", ["signature"])
    op.create_index(op.f("ix_form_memory_form_request_id"), "form_memory", ["form_request_id"])
    _of_requests(
        "proposed_element",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("form_request_id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("reviewed_at", Instant(), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        key="id",
    )
    op.create_index(op.f("ix_proposed_element_form_request_id"), "proposed_element", ["form_request_id"])


def downgrade() -> None:
    for table in ("proposed_element", "form_memory", "form_request"):
        op.drop_table(table)


def _of_requests(table: str, *columns: sa.Column, key: str) -> None:
    """A table whose rows each belong to one form request."""
    op.create_table(
        table,
        *columns,
        sa.ForeignKeyConstraint(
            ["form_request_id"], ["form_request.id"], name=op.f(f"fk_{table}_form_request_id_form_request")
        ),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{table}")),
    )
