"""Backup while serving, restore, and the copy from one kind of database to another: one format, one path, verified."""

from __future__ import annotations

import os
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, func, select

from app.errors import Problem
from app.store import archive as format_
from app.store import epochs, evidence_archive, secrets
from app.store.archive import Manifest, TableDigest
from app.store.database import Database
from app.store.evidence_files import EvidenceFiles
from app.store.migrating import downgrade, migrate, migrations_folder, present_revision
from app.store.tables import JOURNAL_TABLES
from app.store.types import instant_text

_JOURNAL = frozenset(table.name for table in JOURNAL_TABLES)
_MADE_WITH_THE_TABLES = frozenset({"epoch", "setting"})


def backup(database: Database, target: Path, evidence: EvidenceFiles | None = None) -> Manifest:
    """Write a backup of everything the registry holds, of one moment, while it goes on serving.

    With ``evidence``, the files that its rows name are in it, and the manifest tells which of them were gone; without, only the rows.
    ``target`` appears only when it is complete, on the disk and read back. It holds the sealing key and the hashes of
    credentials: keep it like the database itself. Raises Problem ``unavailable``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _write(database, file, evidence)
            file.flush()
            os.fsync(file.fileno())
        manifest = format_.verified(partial)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return manifest


def restore(database: Database, source: Path, evidence: EvidenceFiles | None = None) -> Manifest:
    """Fill an empty database from a backup, all or nothing, then bring it to the newest tables.

    With ``evidence``, the files in the backup are first brought there: one that no row names yet does no harm. Every digest is
    checked twice: in the file before, in the database before the commit. Nobody may use the database meanwhile. Raises
    Problem: ``bad_request`` for a damaged file or one of a newer program, ``conflict`` when the database is not empty.
    """
    manifest = format_.verified(source)
    _refuse_unless_empty(database)
    _bring_to(database, manifest.revision)
    if evidence is not None:
        with zipfile.ZipFile(source) as archive:
            evidence_archive.load(archive, evidence)
    with zipfile.ZipFile(source) as archive, database.journal() as journal, database.write() as write:
        _load(archive, manifest, write.connection, journal if database.dialect == "sqlite" else write.connection)
        secrets.new_lineage(write.connection)
    migrate(database)
    return manifest


def copy(source: Database, target: Database) -> Manifest:
    """Copy all tables into another, empty database, such as from SQLite to PostgreSQL, as ``restore`` does.

    Files of evidence are in no database: they stay where they are.
    """
    with tempfile.TemporaryDirectory(prefix="township-copy-") as folder:
        path = Path(folder) / "copy.zip"
        backup(source, path)
        return restore(target, path)


def absent_evidence(database: Database, evidence: EvidenceFiles) -> tuple[str, ...]:
    """The hashes that the registry names and that are not, or not whole, where evidence is kept; all of them are read."""
    with database.read() as cx:
        hashes = evidence_archive.named(cx)
    return evidence_archive.absent(evidence, hashes)


def carry_evidence(database: Database, source: EvidenceFiles, target: EvidenceFiles) -> None:
    """Bring all files that the registry names from one place to another. Raises Problem ``unavailable``."""
    with database.read() as cx:
        hashes = evidence_archive.named(cx)
    evidence_archive.carry(source, target, hashes)


def _write(database: Database, file: object, evidence: EvidenceFiles | None) -> None:
    revision = present_revision(database)
    if revision is None:
        raise Problem("unavailable", "数据库尚未初始化 (the database is not migrated yet)")
    tables: dict[str, TableDigest] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # type: ignore[call-overload]
        with database.read() as cx:
            epoch = epochs.current(cx)
            hashes = evidence_archive.named(cx)
            for name, table in format_.reflected(cx).items():
                if name not in _JOURNAL:
                    tables[name] = format_.write_table(archive, cx, table)
        # After the truth, so that whatever an audit entry speaks of may be newer but is never older than it.
        with database.read_journal() as cx:
            for name, table in format_.reflected(cx).items():
                if name in _JOURNAL:
                    tables[name] = format_.write_table(archive, cx, table)
        # After the rows: the bytes are there before the row that names them, and are never changed.
        files = evidence_archive.write(archive, evidence, hashes) if evidence is not None else None
        made_at = instant_text(datetime.now(UTC))
        format_.write_manifest(archive, Manifest(format_.FORMAT, made_at, revision, epoch, tables, files))


def _load(archive: zipfile.ZipFile, manifest: Manifest, registry: Connection, journal: Connection) -> None:
    for cx, tables in ((registry, _family(registry, journal=False)), (journal, _family(journal, journal=True))):
        if missing := set(tables) - set(manifest.tables):
            raise Problem("bad_request", f"备份中缺少表 {', '.join(sorted(missing))} (tables are missing)")
        for name, table in tables.items():
            format_.load_table(archive, manifest, cx, table)
            if format_.digest_table(cx, table) != manifest.tables[name]:
                raise Problem("internal", f"恢复后的表 {name} 与备份不一致，已撤销 (differs from the backup; undone)")


def _family(cx: Connection, *, journal: bool) -> dict[str, Table]:
    return {name: table for name, table in format_.reflected(cx).items() if (name in _JOURNAL) == journal}


def _refuse_unless_empty(database: Database) -> None:
    filled = []
    for family, opened in ((False, database.read), (True, database.read_journal)):
        with opened() as cx:
            for name, table in _family(cx, journal=family).items():
                if (
                    name not in _MADE_WITH_THE_TABLES
                    and cx.execute(select(func.count()).select_from(table)).scalar_one()
                ):
                    filled.append(name)
    if filled:
        raise Problem(
            "conflict", f"目标数据库不为空：{', '.join(sorted(filled))} (the database to restore into is not empty)"
        )


def _bring_to(database: Database, revision: str) -> None:
    """Make the empty tables those of the backup, going up or down the tree."""
    tree = [script.revision for script in ScriptDirectory(str(migrations_folder())).walk_revisions()]  # newest first
    if revision not in tree:
        raise Problem("bad_request", f"备份来自更新的程序版本：{revision} (made by a newer program)")
    present = present_revision(database)
    if present is None or tree.index(present) > tree.index(revision):
        migrate(database, revision)
    elif present != revision:
        downgrade(database, revision)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
