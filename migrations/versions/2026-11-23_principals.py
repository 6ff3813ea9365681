"""Keys in rotation, public keys, bound tokens, what may be used once, and what was used up of a limit.

Revision: 2026_11_23_principals
After: 2026_11_23_access_requests
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_23_principals"
down_revision = "2026_11_23_access_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the columns of credentials and tokens."""
    op.add_column("credential", sa.Column("public_keys", Json(), nullable=True))
    op.add_column("credential", sa.Column("bound", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("credential", sa.Column("rotated_at", Instant(), nullable=True))
    op.add_column("access_token", sa.Column("thumbprint", sa.Text(), nullable=True))
    op.create_table(
        "former_key",
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_former_key_credential_id_credential")
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_former_key")),
    )
    op.create_index(op.f("ix_former_key_credential_id"), "former_key", ["credential_id"])
    op.create_table(
        "used_once",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_used_once")),
    )
    op.create_index(op.f("ix_used_once_expires_at"), "used_once", ["expires_at"])
    op.create_table(
        "quota_use",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("begins_at", Instant(), nullable=False),
        sa.Column("used", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("subject", "measure", "begins_at", name=op.f("pk_quota_use")),
    )
    op.create_index("ix_quota_use_begins_at", "quota_use", ["begins_at"])
    op.create_table(
        "export_slot",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", "subject", name=op.f("pk_export_slot")),
    )
    op.create_index("ix_export_slot_subject", "export_slot", ["subject"])


def downgrade() -> None:
    """Keys in overlap end, public keys are forgotten, and what was counted begins anew."""
    for table in ("export_slot", "quota_use", "used_once", "former_key"):
        op.drop_table(table)
    op.drop_column("access_token", "thumbprint")
    for column in ("rotated_at", "bound", "public_keys"):
        op.drop_column("credential", column)
