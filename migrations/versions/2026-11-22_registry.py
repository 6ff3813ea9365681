"""The registry: the epoch, definitions, regions, submissions, record versions, credentials, and the journal.

Revision: 2026_11_22_registry
After: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.types import BIG_ID, Instant, Json

revision = "2026_11_22_registry"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _epochs()
    _definitions()
    _regions()
    _submissions()
    _records()
    _credentials()
    _journal()


def downgrade() -> None:
    for table in (
        "access_token",
        "state",
        "audit",
        "idempotency",
        "credential",
        "part_revision",
        "record_version",
        "submission",
        "succession",
        "region_state",
        "region",
        "definition",
        "setting",
        "epoch_log",
        "epoch",
    ):
        op.drop_table(table)


def _epochs() -> None:
    epoch = op.create_table(
        "epoch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", BIG_ID, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_epoch_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epoch")),
    )
    op.bulk_insert(epoch, [{"id": 1, "value": 0}])
    op.create_table(
        "epoch_log",
        sa.Column("epoch", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_epoch_log")),
    )
    _index("epoch_log", "at")
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )


def _definitions() -> None:
    op.create_table(
        "definition",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "code", "version", name=op.f("pk_definition")),
    )
    _index("definition", "epoch")


def _regions() -> None:
    op.create_table(
        "region",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region")),
    )
    op.create_table(
        "region_state",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("region_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("superseded_epoch", BIG_ID, nullable=True),
        _to_region("region_state", "region_id"),
        _to_region("region_state", "parent_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region_state")),
    )
    _index("region_state", "region_id")
    _index("region_state", "code")
    op.create_table(
        "succession",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("old_id", sa.Integer(), nullable=False),
        sa.Column("new_id", sa.Integer(), nullable=False),
        sa.Column("share", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("superseded_epoch", BIG_ID, nullable=True),
        _to_region("succession", "old_id"),
        _to_region("succession", "new_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_succession")),
    )


def _submissions() -> None:
    op.create_table(
        "submission",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("region_id", sa.Integer(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=True),
        sa.Column("file_digest", sa.Text(), nullable=True),
        sa.Column("counts", Json(), nullable=False),
        sa.Column("findings", Json(), nullable=False),
        sa.Column("pending", Json(), nullable=True),
        sa.Column("epoch", BIG_ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("by_department", sa.Text(), nullable=True),
        sa.Column("by_region_id", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        _to_region("submission", "region_id"),
        _to_region("submission", "by_region_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
    )
    _index("submission", "region_id")
    _index("submission", "created_by")
    _index("submission", "by_department")
    _index("submission", "by_region_id")


def _records() -> None:
    op.create_table(
        "record_version",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("region_id", sa.Integer(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("values", Json(), nullable=False),
        sa.Column("submission_id", sa.Text(), nullable=True),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("superseded_epoch", BIG_ID, nullable=True),
        sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        _to_region("record_version", "region_id"),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_record_version_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_version")),
    )
    _index("record_version", "dataset", "year")
    _index("record_version", "dataset", "region_id", "epoch")
    _index("record_version", "submission_id")
    op.create_index(
        "uq_record_version_current",
        "record_version",
        ["dataset", "region_id", "period", "key"],
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )
    op.create_table(
        "part_revision",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", BIG_ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "year", "epoch", name=op.f("pk_part_revision")),
    )


def _credentials() -> None:
    op.create_table(
        "credential",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("region_id", sa.Integer(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("epoch", BIG_ID, nullable=False),
        _to_region("credential", "region_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
    )
    op.create_table(
        "idempotency",
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", "key", name=op.f("pk_idempotency")),
    )


def _journal() -> None:
    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("caller_kind", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("region_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("question", Json(), nullable=True),
        sa.Column("agreements", Json(), nullable=True),
        sa.Column("epoch", BIG_ID, nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("rows", BIG_ID, nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    for column in ("at", "request_id", "credential_id", "department"):
        _index("audit", column)
    op.create_table(
        "state",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("view_version", sa.Integer(), nullable=False),
        sa.Column("epoch", BIG_ID, nullable=False),
        sa.Column("scope", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state")),
    )
    op.create_table(
        "access_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
    )
    _index("access_token", "credential_id")
    _index("access_token", "expires_at")


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _to_region(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["region.id"], name=op.f(f"fk_{table}_{column}_region"))
