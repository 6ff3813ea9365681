"""Forms of views: the departments' own workbooks, and where the fields of a view go in them.

Revision: 2026_11_22_forms_of_views
After: 2026_11_22_form_gate
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_22_forms_of_views"
down_revision = "2026_11_22_form_gate"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "form_file",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_form_file")),
    )
    op.create_table(
        "form_template",
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("filename", sa.Text(), nullable=True),
        sa.Column("binding", Json(), nullable=True),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["form_file.digest"], name=op.f("fk_form_template_digest_form_file")),
        sa.PrimaryKeyConstraint("view", "version", name=op.f("pk_form_template")),
    )


def downgrade() -> None:
    op.drop_table("form_template")
    op.drop_table("form_file")
