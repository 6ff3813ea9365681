"""Uploads in pieces: files in the data folder, no table of their own; kept so that the chain of revisions is whole.

Revision: 2026_11_23_bulk_uploads
After: 2026_11_23_care_of_figures
"""

from __future__ import annotations

revision = "2026_11_23_bulk_uploads"
down_revision = "2026_11_23_care_of_figures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing."""


def downgrade() -> None:
    """Nothing."""
