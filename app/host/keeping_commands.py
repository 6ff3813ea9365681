"""``township backup``, ``restore`` and ``copy``: the whole registry kept, brought back, moved; every digest checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.host.local import refusals_told
from app.policy.callers import OPERATOR
from app.settings import Settings, load_settings
from app.store import backup as keeping
from app.store.archive import Manifest
from app.store.audit import AuditEntry, AuditLog
from app.store.database import Database
from app.store.evidence_files import EvidenceFiles
from app.store.ids import new_id


def opened(settings: Settings, url: str | None = None) -> closing[Database]:
    """The database of the settings, or another one by its URL, for as long as the context lasts."""
    return closing(Database.open(url or settings.database_url, settings.data_dir))


def told(title: str, manifest: Manifest, place: str) -> None:
    """What was kept or brought back, in one line."""
    rows = sum(table.rows for table in manifest.tables.values())
    held = f"{len(manifest.tables)} 张表 (tables) · {rows} 行 (rows) · epoch {manifest.epoch}"
    if manifest.evidence is not None:
        held += f" · {manifest.evidence.files} 份佐证文件 (files of evidence) · {manifest.evidence.bytes} 字节 (bytes)"
    typer.echo(f"{title}: {place} · {held} · 校验无误 (verified)")


def evidence_place(settings: Settings, url: str | None = None) -> EvidenceFiles:
    """Where the settings keep evidence, or another place by its URL."""
    return EvidenceFiles(url or settings.evidence_url, settings.data_dir)


def demand_evidence(missing: Sequence[str], place: str) -> None:
    """Ends the command with exit code 1 where files are gone, naming each by its hash."""
    if missing:
        lines = [
            f"{len(missing)} 份佐证文件不在 {place} 或已损坏 (these files of evidence are gone or damaged):",
            *missing,
        ]
        typer.echo("\n  ".join(lines), err=True)
        raise typer.Exit(1)


def noted(database: Database, action: str, target: str) -> None:
    """Write down what the operator did with the whole registry."""
    log = AuditLog(database)
    with closing(log):
        at = datetime.now(UTC)
        log.append(AuditEntry(at, new_id(), "act", OPERATOR.kind, action, OPERATOR.credential_id, target=target))


def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="备份文件 / file to write")],
    evidence: Annotated[
        bool, typer.Option("--evidence/--no-evidence", help="是否含佐证文件 / whether files of evidence are in it")
    ] = True,
) -> None:
    """备份，服务可照常运行 / Write a backup of one moment while the registry goes on serving, and read it back.

    It holds the sealing key and the hashes of credentials: keep it like the database itself. Where files of evidence are gone, the
    backup is made without them, they are named, and the exit code is 1.
    """
    with refusals_told():
        settings = load_settings()
        files = evidence_place(settings) if evidence else None
        with opened(settings) as database:
            manifest = keeping.backup(database, file, files)
            noted(database, "backup", str(file))
            told("已备份 (backed up)", manifest, str(file))
    if files is not None and manifest.evidence is not None:
        demand_evidence(manifest.evidence.missing, files.url)


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="备份文件 / backup to read")],
) -> None:
    """恢复到一个空库 / Fill the empty database that the settings name from a backup: all of it or nothing.

    Its files of evidence are brought to where the settings keep evidence. Then every file that the registry names is read there: those
    that are gone are named, and the exit code is 1.
    """
    with refusals_told():
        settings = load_settings()
        files = evidence_place(settings)
        with opened(settings) as database:
            manifest = keeping.restore(database, file, files)
            noted(database, "restore", str(file))
            told("已恢复 (restored)", manifest, str(file))
            missing = keeping.absent_evidence(database, files)
    demand_evidence(missing, files.url)


def copy(
    to: Annotated[str, typer.Option("--to", help="目标数据库，须为空 / URL of an empty database")],
    evidence_to: Annotated[
        str | None,
        typer.Option(
            "--evidence-to",
            help="佐证文件也复制到此处（目录或 fsspec 地址） / folder or fsspec URL to bring the files of evidence to",
        ),
    ] = None,
) -> None:
    """把登记库复制到另一个库，如从 SQLite 到 PostgreSQL / Copy everything into another, empty database.

    Files of evidence stay where they are, which the copy has to be told by the same settings; with --evidence-to they are brought
    there, and every one is read back.
    """
    with refusals_told():
        settings = load_settings()
        files = evidence_place(settings, evidence_to)
        with opened(settings) as source, opened(settings, to) as target:
            if evidence_to is not None:
                keeping.carry_evidence(source, evidence_place(settings), files)
            manifest = keeping.copy(source, target)
            noted(source, "copy", target.url.render_as_string(hide_password=True))
            noted(target, "restore", "copy")
            told("已复制 (copied)", manifest, target.url.render_as_string(hide_password=True))
            typer.echo(f"佐证文件的存放处 (files of evidence are in): {files.url}")
            missing = keeping.absent_evidence(target, files)
    demand_evidence(missing, files.url)


COMMANDS: tuple[Callable[..., None], ...] = (backup, restore, copy)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for command in COMMANDS:
        app.command()(command)
