"""``township receipt``: receipts checked without the registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from app.witness.checkpoints import read_verifier
from app.witness.merkle import ProofFault
from app.witness.receipts import check_answer, public_jwk, read_receipt

commands = typer.Typer(help="回执 / Receipts: verify.", no_args_is_help=True)

_CHUNK = 1024 * 1024


@commands.callback()
def together() -> None:
    """Keeps a single command under its own name."""


@commands.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="回执文件 / the receipt")],
    answer: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="所取得的数据 / the data it is about")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="登记库公布的公钥：检查点公钥、JWK 或 JWK 集 / the registry's public key"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print the claims")] = False,
) -> None:
    """核验回执，无须连接登记库 / Check a receipt without the registry; exit 1 where it does not hold.

    Without --key the key kept with the receipt is used: compare its id with the one the registry publishes.
    """
    try:
        receipt, kept = _read(file.read_text("utf-8"))
        keys = _keys(key.read_text("utf-8")) if key is not None else kept
        claims, jwk = _signed(receipt, keys)
        if answer is not None:
            check_answer(claims, _chunks(answer))
    except (ProofFault, UnicodeDecodeError) as fault:
        Console(stderr=True).print(Text(f"回执不成立 (does not hold): {fault}", style="bold red"))
        raise typer.Exit(1) from fault
    if as_json:
        typer.echo(json.dumps(claims, ensure_ascii=False, indent=2))
        return
    typer.echo(_told(claims))
    typer.echo(f"密钥 (key): {jwk['kid']}" + ("" if key else " · 随回执保存，请与公布的核对 (kept with the receipt)"))
    typer.echo("回执成立 (holds)" + (" · 数据相符 (the data is the same)" if answer else ""))


def _read(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Receipt and keys of a kept file, or of the bare header."""
    if not text.lstrip().startswith("{"):
        return text.strip(), []
    try:
        document = json.loads(text)
        return str(document["receipt"]), list(document.get("keys") or [])
    except (ValueError, KeyError, TypeError) as error:
        raise ProofFault("不是回执文件 (not a receipt)") from error


def _keys(text: str) -> list[dict[str, Any]]:
    if not text.lstrip().startswith("{"):
        return [public_jwk(read_verifier(text)[1])]
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ProofFault("公钥格式不对 (not a key)") from error
    return list(document.get("keys") or [document])


def _signed(receipt: str, keys: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    if not keys:
        raise ProofFault("没有公钥，请用 --key 给出 (no key; give one with --key)")
    for jwk in keys[:-1]:
        try:
            return read_receipt(receipt, jwk), _named(jwk)
        except ProofFault:
            continue
    return read_receipt(receipt, keys[-1]), _named(keys[-1])


def _named(jwk: dict[str, Any]) -> dict[str, Any]:
    return {"kid": "?", **jwk}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _told(claims: dict[str, Any]) -> str:
    request, answer = claims.get("request") or {}, claims.get("answer") or {}
    lines = (
        ("登记库 (registry)", claims.get("iss")),
        ("时间 (at)", claims.get("at")),
        ("请求 (request)", f"{request.get('method')} {request.get('path')}?{request.get('query', '')}"),
        ("视图 (view)", f"{claims.get('view')} v{claims.get('version')}"),
        ("快照 (snapshot)", claims.get("snapshot")),
        ("协议 (agreements)", ", ".join(claims.get("agreements") or [])),
        ("数据 (data)", f"{answer.get('rows')} 行 (rows) · {answer.get('bytes')} B · sha256 {answer.get('sha256')}"),
        ("审计 (audit leaf)", (claims.get("entry") or {}).get("leaf")),
    )
    return "\n".join(f"{name}: {value}" for name, value in lines)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program, under one word."""
    app.add_typer(commands, name="receipt")
