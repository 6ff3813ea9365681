"""Events, webhooks and their outbox.

Revision: 2026_11_23_events
After: 2026_11_23_principals
"""

from __future__ import annotations

revision = "2026_11_23_events"
down_revision = "2026_11_23_principals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
