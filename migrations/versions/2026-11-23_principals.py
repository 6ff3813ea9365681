"""Keys in rotation, public keys, issuers.

Revision: 2026_11_23_principals
After: 2026_11_23_access_requests
"""

from __future__ import annotations

revision = "2026_11_23_principals"
down_revision = "2026_11_23_access_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
