"""Snapshots that are named and kept.

Revision: 2026_11_23_pinned_snapshots
After: 2026_11_23_bulk_uploads
"""

from __future__ import annotations

revision = "2026_11_23_pinned_snapshots"
down_revision = "2026_11_23_bulk_uploads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
