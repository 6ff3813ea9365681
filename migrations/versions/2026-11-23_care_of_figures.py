"""Due dates, confirmations of stillness, questions to figures, evidence.

Revision: 2026_11_23_care_of_figures
After: 2026_11_23_events
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_23_care_of_figures"
down_revision = "2026_11_23_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _still_true()
    _corrections()
    _evidence()
    op.create_table(
        "reminder",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("region_id", sa.Integer(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        _to("reminder", "region_id", "region"),
        sa.PrimaryKeyConstraint("dataset", "region_id", "period", "state", "stage", "due_on", name=op.f("pk_reminder")),
    )


def downgrade() -> None:
    for table in ("reminder", "evidence_place", "evidence", "figure_change", "correction", "still_true"):
        op.drop_table(table)


def _still_true() -> None:
    op.create_table(
        "still_true",
        sa.Column("id", BIG_ID, nullable=False),
        *_place(),
        sa.Column("elements", Json(), nullable=True),
        sa.Column("submission_id", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _to("still_true", "region_id", "region"),
        _to("still_true", "submission_id", "submission"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_still_true")),
    )
    _index("still_true", "dataset", "region_id", "period")


def _corrections() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.Text(), nullable=False),
        *_place(),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("shown_key", Json(), nullable=False),
        sa.Column("seen", Json(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", Json(), nullable=False),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("by_department", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("submission_id", sa.Text(), nullable=True),
        _to("correction", "region_id", "region"),
        _to("correction", "submission_id", "submission"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    _index("correction", "dataset", "region_id", "period")
    for column in ("status", "asked_at", "asked_by", "by_department"):
        _index("correction", column)
    op.create_table(
        "figure_change",
        sa.Column("id", sa.Text(), nullable=False),
        *_place(),
        sa.Column("elements", Json(), nullable=False),
        sa.Column("old_epoch", BIG_ID, nullable=False),
        sa.Column("new_epoch", BIG_ID, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        _to("figure_change", "region_id", "region"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_figure_change")),
    )


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", BIG_ID, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index("uq_evidence_owner_sha256", "evidence", ["owner", "sha256"], unique=True)
    op.create_table(
        "evidence_place",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("evidence_id", sa.Text(), nullable=False),
        *_place(nullable=True),
        sa.Column("elements", Json(), nullable=True),
        sa.Column("submission_id", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _to("evidence_place", "evidence_id", "evidence"),
        _to("evidence_place", "region_id", "region"),
        _to("evidence_place", "submission_id", "submission"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_place")),
    )
    _index("evidence_place", "dataset", "region_id", "period")
    _index("evidence_place", "evidence_id")
    _index("evidence_place", "submission_id")


def _place(*, nullable: bool = False) -> tuple[sa.Column, ...]:
    return (
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("region_id", sa.Integer(), nullable=nullable),
        sa.Column("period", sa.Integer(), nullable=nullable),
        sa.Column("key", sa.Text(), nullable=nullable),
    )


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))
