"""``township snapshots``: naming what an assessment rests on, and letting go of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.client.commands import AsJson, print_json, registry

Name = Annotated[str, typer.Argument(help="快照名 / name of the snapshot")]
Department = Annotated[str | None, typer.Option(help="所属部门（管理员） / whose (administrators)")]

snapshots = typer.Typer(
    name="snapshots", help="固定快照：命名、查看、释放 / snapshots that are named and kept", no_args_is_help=True
)


@snapshots.command("pin")
def pin(
    view: Annotated[str | None, typer.Argument(help="视图编码；缺省为全部视图 / view code; else every view")] = None,
    name: Annotated[str | None, typer.Option(help="名称，如 kaohe-2026 / a name of one's own")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="时刻或快照标识，缺省为现在 / an instant or a snapshot; else now")
    ] = None,
    note: Annotated[str | None, typer.Option(help="说明 / a note")] = None,
    as_json: AsJson = False,
) -> None:
    """固定一个快照，日后以 pull --as-of 名称 重取 / Keep what is shown now (or then) under a name."""
    with registry() as township:
        made = township.snapshots.pin(view, name=name, as_of=as_of, note=note)
    _print([made], as_json=as_json)


@snapshots.command("list")
def listed(as_json: AsJson = False) -> None:
    """查看已固定的快照 / The snapshots that are kept, the newest first."""
    with registry() as township:
        found = township.snapshots.every()
    _print(found, as_json=as_json)


@snapshots.command("release")
def release(name: Name, department: Department = None) -> None:
    """释放一个快照 / Let go of a snapshot."""
    with registry() as township:
        township.snapshots.release(name, department=department)
    Console(stderr=True).print(f"已释放 (released): {name}", markup=False)


def _print(found: list[Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    table = Table("名称 name", "部门 department", "固定于 pinned at", "视图 views", "说明 note")
    for each in found:
        views = ", ".join(f"{view['view']} v{view['version']}" for view in each["views"])
        table.add_row(each["name"], each["department"], each["pinned_at"], views, each["note"] or "")
    Console().print(table)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    app.add_typer(snapshots)
