"""``township mapping``: the administrator's commands on field mappings, with an administrator's key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.client.commands import AsJson, print_json, registry
from app.client.connection import Json
from app.client.errors import Refused
from app.client.http import Township

NOT_FOUND = 404
DRAFT_KEYS = frozenset({"draft", "based_on", "sunset", "etag", "faults", "changes"})

mapping = typer.Typer(
    name="mapping", help="字段映射的编辑（管理员） / edit field mappings (administrators)", no_args_is_help=True
)

View = Annotated[str, typer.Argument(metavar="VIEW", help="视图代码 / code of the view")]
Accept = Annotated[
    bool, typer.Option("--accept-breaking", help="确认会影响在用字段 / also where a field in use goes away")
]


@mapping.command("export")
def export(
    output: Annotated[Path, typer.Option("-o", "--output", help="写到的文件 / file to write")],
    department: Annotated[str | None, typer.Option(help="只要一个部门的 / of one department")] = None,
) -> None:
    """导出为一个 YAML，便于批量修改 / All mappings as one YAML document, to be edited in bulk."""
    with registry() as township:
        output.write_bytes(township.mappings.export(department))
    typer.echo(f"已写出 (written): {output}")


@mapping.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="export 写出的 YAML / as export writes it")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看计划 / show the plan, change nothing")] = False,
) -> None:
    """一次发布多个映射，全部或全不 / Publish many mappings at once, all or none."""
    with registry() as township:
        done = township.mappings.put_all(file.read_bytes(), dry_run=dry_run)
    for line in done["lines"]:
        typer.echo(f"{line['action']}  {line['code']}")
        for detail in line["details"]:
            typer.echo(f"    {detail}")
    typer.echo("已生效 (applied)" if done["applied"] else "只是计划，未作更改 (a plan only)")


@mapping.command("diff")
def diff(
    view: View,
    old: Annotated[int, typer.Argument(help="较早的版本 / earlier version")],
    new: Annotated[
        int | None, typer.Argument(help="较新的版本，默认现行 / later version; default the present one")
    ] = None,
) -> None:
    """用文字说明两个版本的差异 / What one version changes of another, in words."""
    with registry() as township:
        told = township.mappings.diff(view, old, new)
    for change in told["changes"] or ["没有差异 (no difference)"]:
        typer.echo(change)


@mapping.command("preview")
def preview(view: View, as_json: AsJson = False) -> None:
    """试算草稿（没有草稿则试算现行映射） / Try the draft, or the published mapping where there is none."""
    with registry() as township:
        found = township.admin.preview(view, _draft(township, view))
    if as_json:
        print_json(found)
        return
    console = Console()
    for title, items in (
        ("变更 (changes)", found["changes"]),
        (
            "协议未覆盖 (not covered)",
            [f"{item['field']}: {', '.join(item['elements'])}" for item in found["uncovered"]],
        ),
        (
            "没有目标的代码 (codes without a target)",
            [f"{i['field']}: {i['code']} × {i['records']}" for i in found["unmapped_codes"]],
        ),
        (
            "四舍五入会丢失位数 (digits lost)",
            [f"{i['field']}: {', '.join(i['examples'])}" for i in found["rounding_losses"]],
        ),
    ):
        console.print(Text(f"{title}: {len(items)}", style="bold"))
        for item in items:
            console.print(Text(f"    {item}"))
    typer.echo(f"{found['rows']} 行 (rows)")


def _draft(township: Township, view: str) -> Json | None:
    """The draft as it may be published; None where there is none, so that the published mapping is tried."""
    try:
        kept = township.mappings.draft(view)
    except Refused as refusal:
        if refusal.status == NOT_FOUND:
            return None
        raise
    return {key: value for key, value in kept.items() if key not in DRAFT_KEYS}


@mapping.command("publish")
def publish(view: View, accept_breaking: Accept = False) -> None:
    """发布草稿 / Publish the draft."""
    with registry() as township:
        done = township.mappings.publish(view, accept_breaking=accept_breaking)
    typer.echo(f"已发布第 {done['version']} 版 (published as version {done['version']})")


@mapping.command("restore")
def restore(
    view: View, version: Annotated[int, typer.Argument(help="要恢复的版本 / version")], accept_breaking: Accept = False
) -> None:
    """恢复较早的版本 / Publish an earlier version again."""
    with registry() as township:
        done = township.mappings.restore(view, version, accept_breaking=accept_breaking)
    typer.echo(f"已发布第 {done['version']} 版 (published as version {done['version']})")


def register(app: typer.Typer) -> None:
    """Adds the group to the program."""
    app.add_typer(mapping)
