"""``township backup``, ``restore`` and ``copy``: the whole registry kept, brought back, moved; every digest checked."""

from __future__ import annotations

from collections.abc import Callable
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
from app.store.ids import new_id


def opened(settings: Settings, url: str | None = None) -> closing[Database]:
    """The database of the settings, or another one by its URL, for as long as the context lasts."""
    return closing(Database.open(url or settings.database_url, settings.data_dir))


def told(title: str, manifest: Manifest, place: str) -> None:
    """What was kept or brought back, in one line."""
    rows = sum(table.rows for table in manifest.tables.values())
    held = f"{len(manifest.tables)} 张表 (tables) · {rows} 行 (rows) · epoch {manifest.epoch}"
    typer.echo(f"{title}: {place} · {held} · 校验无误 (verified)")


def noted(database: Database, action: str, target: str) -> None:
    """Write down what the operator did with the whole registry."""
    log = AuditLog(database)
    with closing(log):
        at = datetime.now(UTC)
        log.append(AuditEntry(at, new_id(), "act", OPERATOR.kind, action, OPERATOR.credential_id, target=target))


def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="备份文件 / file to write")],
) -> None:
    """备份，服务可照常运行 / Write a backup of one moment while the registry goes on serving, and read it back.

    It holds the sealing key and the hashes of credentials: keep it like the database itself.
    """
    with refusals_told(), opened(load_settings()) as database:
        manifest = keeping.backup(database, file)
        noted(database, "backup", str(file))
        told("已备份 (backed up)", manifest, str(file))


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="备份文件 / backup to read")],
) -> None:
    """恢复到一个空库 / Fill the empty database that the settings name from a backup: all of it or nothing."""
    with refusals_told(), opened(load_settings()) as database:
        manifest = keeping.restore(database, file)
        noted(database, "restore", str(file))
        told("已恢复 (restored)", manifest, str(file))


def copy(
    to: Annotated[str, typer.Option("--to", help="目标数据库，须为空 / URL of an empty database")],
) -> None:
    """把登记库复制到另一个库，如从 SQLite 到 PostgreSQL / Copy everything into another, empty database."""
    with refusals_told():
        settings = load_settings()
        with opened(settings) as source, opened(settings, to) as target:
            manifest = keeping.copy(source, target)
            noted(source, "copy", target.url.render_as_string(hide_password=True))
            noted(target, "restore", "copy")
            told("已复制 (copied)", manifest, target.url.render_as_string(hide_password=True))


COMMANDS: tuple[Callable[..., None], ...] = (backup, restore, copy)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for command in COMMANDS:
        app.command()(command)
