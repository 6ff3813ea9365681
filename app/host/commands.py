"""The operator's commands on the machine of the registry."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.errors import Fault
from app.host.folders import read_files, write_files
from app.host.listening import APPLICATION, address, bind, listen
from app.host.local import demand_migrated, local_registry, refusals_told
from app.host.supervision import Supervisor
from app.services.apply import ApplyPlan, PlanLine, apply_folder, export_folder
from app.settings import Settings, load_settings
from app.store.connection_room import connection_room
from app.store.engines import checked_url
from app.store.evidence_files import demand_driver
from app.store.migrating import migrate as migrate_database

ACTION_TITLES = {"create": "新增 create", "change": "变更 change", "unchanged": "不变 unchanged"}
ACTION_STYLES = {"create": "green", "change": "yellow", "unchanged": "dim"}


def say(line: str) -> None:
    """One line on stdout at once, so that a supervisor reading it does not wait."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(
    host: Annotated[str, typer.Option(help="监听地址 / address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口；0 为任一空闲端口 / port; 0 for a free one")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="工作进程数 / serving processes")] = 1,
) -> None:
    """启动服务 / Serve until SIGTERM or Ctrl-C. Says where as soon as it really listens."""
    with refusals_told():
        settings = load_settings()
        demand_migrated(settings)
        demand_driver(settings.evidence_url)
    try:
        if workers > 1:
            code = Supervisor(APPLICATION, host, port, workers).run(lambda url: say(f"serving on {url}"))
            raise typer.Exit(code)
        bound = bind(host, port, shared=False)
    except OSError as error:
        Console(stderr=True).print(Text(f"无法监听 {host}:{port} (cannot listen): {error.strerror}", style="bold red"))
        raise typer.Exit(1) from error
    url = address(bound)
    listen(APPLICATION, bound, lambda: say(f"serving on {url}"))


def connections_told(settings: Settings, workers: int) -> list[str]:
    """What is said at the start where PostgreSQL has no room for all the connections that the workers may open."""
    room = connection_room(checked_url(settings.database_url), settings.pool_size, workers)
    if room is None or room.enough:
        return []
    remedy = f"TOWNSHIP_POOL_SIZE={room.pool_that_fits}" if room.pool_that_fits else "max_connections"
    needed = f"{workers} 个工作进程最多用 {room.needed} 个数据库连接（每个 {room.each}），而服务器只给 {room.given} 个"
    english = f"the workers may open more connections than the server gives; set {remedy}"
    return [f"提示：{needed}；请调整 {remedy} ({english})"]


def migrate() -> None:
    """建立或升级数据库 / Bring the database to the newest form. Running it again changes nothing."""
    with refusals_told():
        migrate_database(load_settings().database_url)
    say("数据库已是最新 (the database is up to date)")


def apply(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="目录 / schema folder")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看计划 / show the plan, change nothing")] = False,
) -> None:
    """载入一个定义目录 / Load a schema folder: all of it in one transaction, or, with any fault, nothing."""
    with local_registry("apply", str(folder), dry_run=dry_run) as registry:
        plan = apply_folder(registry, read_files(folder), dry_run=dry_run)
    print_plan(Console(), plan.lines)
    for warning in plan.warnings:
        Console(stderr=True).print(Text(f"提示 (warning) {warning}", style="yellow"), soft_wrap=True)
    if plan.faults:
        print_faults(Console(stderr=True), plan.faults)
        raise typer.Exit(1)
    say(outcome(plan, dry_run=dry_run))


def outcome(plan: ApplyPlan, *, dry_run: bool) -> str:
    """The last line of ``apply``."""
    if not any(line.action != "unchanged" for line in plan.lines):
        return "没有变化 (nothing to change)"
    return "只是计划，未作更改 (a plan only; nothing was changed)" if dry_run else "已生效 (applied)"


def print_plan(console: Console, lines: Iterable[PlanLine]) -> None:
    """Every creation and change with what changes; what is unchanged is counted."""
    unchanged = 0
    for line in lines:
        if line.action == "unchanged":
            unchanged += 1
            continue
        text = Text(f"{ACTION_TITLES[line.action]}  ", style=ACTION_STYLES[line.action])
        text.append(f"{line.kind} {line.code}", style="default")
        console.print(text)
        for detail in line.details:
            console.print(Text(f"    {detail}", style="dim"))
    if unchanged:
        console.print(Text(f"{ACTION_TITLES['unchanged']}  {unchanged}", style=ACTION_STYLES["unchanged"]))


def print_faults(console: Console, faults: Iterable[Fault]) -> None:
    """Every fault with its file and place."""
    told = list(faults)
    console.print(Text(f"{len(told)} 处错误，未作任何更改 (faults; nothing was changed)", style="bold red"))
    for fault in told:
        console.print(Text(str(fault)), soft_wrap=True)


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="目录 / folder to write")],
) -> None:
    """导出现有定义 / Write the present catalogue, views and agreements as a schema folder."""
    with local_registry("export", str(folder)) as registry:
        files = export_folder(registry)
    others = write_files(folder, files)
    say(f"已写出 {len(files)} 个文件 (files written): {folder}")
    for name in others:
        Console(stderr=True).print(Text(f"原有文件，不属于本次导出 (was there before): {name}", style="yellow"))


COMMANDS: tuple[Callable[..., None], ...] = (serve, migrate, apply, export)


def register(app: typer.Typer) -> None:
    """Adds the machine's commands to the program."""
    for command in COMMANDS:
        app.command()(command)
