"""Due dates, confirmations of stillness, questions to figures, evidence.

Revision: 2026_11_23_care_of_figures
After: 2026_11_23_events
"""

from __future__ import annotations

revision = "2026_11_23_care_of_figures"
down_revision = "2026_11_23_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
