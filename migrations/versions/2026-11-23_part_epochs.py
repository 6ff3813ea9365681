"""Which parts changed after an epoch is found without looking at all that ever did.

Revision: 2026_11_23_part_epochs
After: 2026_11_23_pins
"""

from __future__ import annotations

from alembic import op

revision = "2026_11_23_part_epochs"
down_revision = "2026_11_23_pins"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_part_revision_epoch", "part_revision", ["epoch"])


def downgrade() -> None:
    op.drop_index("ix_part_revision_epoch", "part_revision")
