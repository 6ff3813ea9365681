"""Snapshots that are named and kept; indexes by which a part is made from an earlier revision.

Revision: 2026_11_23_pinned_snapshots
After: 2026_11_23_bulk_uploads
"""

from __future__ import annotations

from alembic import op

revision = "2026_11_23_pinned_snapshots"
down_revision = "2026_11_23_bulk_uploads"
branch_labels = None
depends_on = None


_TABLE = "record_version"


def upgrade() -> None:
    op.drop_index("ix_record_version_dataset_year", _TABLE)
    op.create_index("ix_record_version_dataset_year_epoch", _TABLE, ["dataset", "year", "epoch"])
    op.create_index("ix_record_version_dataset_year_superseded_epoch", _TABLE, ["dataset", "year", "superseded_epoch"])


def downgrade() -> None:
    op.drop_index("ix_record_version_dataset_year_superseded_epoch", _TABLE)
    op.drop_index("ix_record_version_dataset_year_epoch", _TABLE)
    op.create_index("ix_record_version_dataset_year", _TABLE, ["dataset", "year"])
