"""``township credentials``: keys made, listed and ended by the operator at the machine."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.host.local import local_registry
from app.policy.callers import CallerKind
from app.services import credentials
from app.services.client_assertions import checked_public_keys

commands = typer.Typer(help="凭证 / Credentials: create, rotate, list, revoke.", no_args_is_help=True)


class Role(StrEnum):
    clerk = "clerk"
    confirmer = "confirmer"


@commands.command()
def create(  # noqa: PLR0913, PLR0917 - one for each option
    name: Annotated[str, typer.Option(help="凭证名称 / what it is called in lists and the audit")],
    admin: Annotated[bool, typer.Option("--admin", help="管理员 / an administrator's")] = False,
    auditor: Annotated[
        bool, typer.Option("--auditor", help="审计员，只看审计，不看数据 / an auditor's: the audit and no data")
    ] = False,
    department: Annotated[str | None, typer.Option(help="部门编码 / a department's")] = None,
    region: Annotated[str | None, typer.Option(help="行政区划代码 / a region's")] = None,
    role: Annotated[Role | None, typer.Option(help="区划凭证的角色，默认 clerk / role of a region's key")] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="失效日期 / last day on which it works")
    ] = None,
    bound: Annotated[
        bool, typer.Option("--dpop", help="只能用绑定密钥的访问令牌 / only through tokens bound to a key (DPoP)")
    ] = False,
    public_keys: Annotated[
        Path | None,
        typer.Option(
            "--public-keys", exists=True, dir_okay=False, help="公钥集合（JWK），不发密钥 / a JWK set in place of a key"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help='输出 {"id", "key"} / print JSON')] = False,
) -> None:
    """新建一个凭证，密钥只显示这一次 / Create a credential; its key is shown this once."""
    given: tuple[tuple[CallerKind, object], ...] = (
        ("admin", admin), ("auditor", auditor), ("department", department), ("region", region),
    )  # fmt: skip
    kinds = [kind for kind, value in given if value]
    if len(kinds) != 1:
        raise typer.BadParameter("须在 --admin、--auditor、--department、--region 中恰好选一个 (exactly one of them)")
    if role is not None and region is None:
        raise typer.BadParameter("--role 只用于 --region (only with --region)")
    day: date | None = expires.date() if expires else None
    keys = _read_keys(public_keys) if public_keys is not None else None
    with local_registry("create-credential", name, kind=kinds[0], department=department, region=region) as registry:
        identity, key = credentials.create_credential(
            registry,
            name=name,
            kind=kinds[0],
            department=department,
            region=region,
            role=(role or Role.clerk).value if region else None,
            expires=day,
            bound=bound,
        )
        if keys is not None:
            credentials.put_public_keys(registry, identity, keys)
    if as_json:
        typer.echo(json.dumps({"id": identity, "key": key if keys is None else None}))
        return
    if keys is not None:
        typer.echo(f"编号 (id):  {identity}\n以所登记的公钥验证 (proves itself by the registered keys)")
        return
    typer.echo(f"编号 (id):  {identity}\n密钥 (key): {key}\n密钥不再显示，请妥善保存 (the key is not shown again)")


@commands.command("list")
def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """列出凭证，不含密钥 / List credentials, without their keys."""
    with local_registry("list-credentials") as registry:
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
def rotate(
    identity: Annotated[str, typer.Argument(metavar="ID", help="凭证编号 / credential id")],
    overlap_hours: Annotated[
        int,
        typer.Option(
            min=0,
            max=credentials.LONGEST_OVERLAP_HOURS,
            help="旧密钥继续有效的小时数 / hours the old key goes on working",
        ),
    ] = credentials.OVERLAP_HOURS,
    as_json: Annotated[bool, typer.Option("--json", help='输出 {"id", "key"} / print JSON')] = False,
) -> None:
    """更换密钥，新密钥只显示这一次 / A new key for a credential; the old one works until the overlap ends."""
    with local_registry() as registry:
        renewed = credentials.rotate_credential(registry, identity, overlap_hours)
    end = renewed.former_key_ends_at.isoformat() if renewed.former_key_ends_at else None
    if as_json:
        typer.echo(json.dumps({"id": renewed.id, "key": renewed.key, "former_key_ends_at": end}))
        return
    typer.echo(f"编号 (id):  {renewed.id}\n密钥 (key): {renewed.key}\n旧密钥有效至 (old key ends): {end or '现在 now'}")


@commands.command("public-keys")
def public_keys_command(
    identity: Annotated[str, typer.Argument(metavar="ID", help="凭证编号 / credential id")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="公钥集合（JWK）/ a JWK set")],
) -> None:
    """以公钥代替密钥，或换一组公钥 / Public keys in place of a credential's key, or of those it had."""
    keys = _read_keys(file)
    with local_registry() as registry:
        put = credentials.put_public_keys(registry, identity, keys)
    typer.echo(f"已登记 (registered): {', '.join(key['kid'] for key in put['keys'])}")


def _read_keys(file: Path) -> object:
    try:
        return checked_public_keys(json.loads(file.read_bytes()))
    except ValueError as error:
        raise typer.BadParameter(f"{file} 不是 JSON (not JSON)") from error


@commands.command()
def revoke(identity: Annotated[str, typer.Argument(metavar="ID", help="凭证编号 / credential id")]) -> None:
    """立即停用一个凭证 / End a credential at once, with every token made from it."""
    with local_registry("revoke-credential", identity) as registry:
        credentials.revoke_credential(registry, identity)
    typer.echo(f"已停用 (revoked): {identity}")


def register(app: typer.Typer) -> None:
    """Adds the commands to the program, under one word."""
    app.add_typer(commands, name="credentials")
