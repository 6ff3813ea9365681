"""The audit as a tree: leaves, checkpoints.

Revision: 2026_11_23_audit_tree
After: 2026_11_22_forms_of_views
"""

from __future__ import annotations

revision = "2026_11_23_audit_tree"
down_revision = "2026_11_22_forms_of_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
