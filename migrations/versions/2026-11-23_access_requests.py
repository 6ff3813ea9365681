"""Requests for access, and who read what of a region.

Revision: 2026_11_23_access_requests
After: 2026_11_23_audit_tree
"""

from __future__ import annotations

revision = "2026_11_23_access_requests"
down_revision = "2026_11_23_audit_tree"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
