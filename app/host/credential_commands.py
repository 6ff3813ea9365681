"""``township credentials``: keys made, listed and ended by the operator at the machine."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.host.local import local_registry
from app.policy.callers import CallerKind
from app.services import credentials

commands = typer.Typer(help="凭证 / Credentials: create, list, revoke.", no_args_is_help=True)


class Role(StrEnum):
    clerk = "clerk"
    confirmer = "confirmer"


@commands.command()
def create(
    name: Annotated[str, typer.Option(help="凭证名称 / what it is called in lists and the audit")],
    admin: Annotated[bool, typer.Option("--admin", help="管理员 / an administrator's")] = False,
    department: Annotated[str | None, typer.Option(help="部门编码 / a department's")] = None,
    region: Annotated[str | None, typer.Option(help="行政区划代码 / a region's")] = None,
    role: Annotated[Role | None, typer.Option(help="区划凭证的角色，默认 clerk / role of a region's key")] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="失效日期 / last day on which it works")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help='输出 {"id", "key"} / print JSON')] = False,
) -> None:
    """新建一个凭证，密钥只显示这一次 / Create a credential; its key is shown this once."""
    given: tuple[tuple[CallerKind, object], ...] = (("admin", admin), ("department", department), ("region", region))
    kinds = [kind for kind, value in given if value]
    if len(kinds) != 1:
        raise typer.BadParameter("须在 --admin、--department、--region 中恰好选一个 (exactly one of them)")
    if role is not None and region is None:
        raise typer.BadParameter("--role 只用于 --region (only with --region)")
    day: date | None = expires.date() if expires else None
    with local_registry() as registry:
        identity, key = credentials.create_credential(
            registry,
            name=name,
            kind=kinds[0],
            department=department,
            region=region,
            role=(role or Role.clerk).value if region else None,
            expires=day,
        )
    if as_json:
        typer.echo(json.dumps({"id": identity, "key": key}))
        return
    typer.echo(f"编号 (id):  {identity}\n密钥 (key): {key}\n密钥不再显示，请妥善保存 (the key is not shown again)")


@commands.command("list")
def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """列出凭证，不含密钥 / List credentials, without their keys."""
    with local_registry() as registry:
        listed = credentials.list_credentials(registry)
    if as_json:
        typer.echo(json.dumps(listed, ensure_ascii=False, indent=2, default=str))
        return
    table = Table()
    columns = ("id", "name", "kind", "department", "region", "role", "expires_at", "revoked_at")
    for column in columns:
        table.add_column(column, overflow="fold")
    for one in listed:
        table.add_row(*(Text("" if one.get(column) is None else str(one[column])) for column in columns))
    Console().print(table)


@commands.command()
def revoke(identity: Annotated[str, typer.Argument(metavar="ID", help="凭证编号 / credential id")]) -> None:
    """立即停用一个凭证 / End a credential at once, with every token made from it."""
    with local_registry() as registry:
        credentials.revoke_credential(registry, identity)
    typer.echo(f"已停用 (revoked): {identity}")


def register(app: typer.Typer) -> None:
    """Adds the commands to the program, under one word."""
    app.add_typer(commands, name="credentials")
