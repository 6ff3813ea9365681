"""``township audit``: the log proved, its signed heads, its entries, and what is old taken out, at the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.errors import Problem
from app.host.local import local_registry, refusals_told
from app.policy.callers import OPERATOR
from app.services import audit_entries, audit_proofs
from app.settings import load_settings
from app.store.audit_keeping import archived_log, opened_log
from app.store.audit_tree import AuditTree
from app.store.database import Database
from app.witness.checkpoints import verifier_text
from app.witness.exported import ExportedLog, exported_lines
from app.witness.merkle import ProofFault
from app.witness.verification import KeptLog, Verdict
from app.witness.verification import verify as prove

commands = typer.Typer(
    help="审计 / The audit: verify, checkpoint, key, list, show, export, prune.", no_args_is_help=True
)

Url = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="数据库；默认按设置 / default: the settings'")
]


@contextmanager
def _database(url: str | None) -> Iterator[Database]:
    settings = load_settings()
    with refusals_told(), closing(Database.open(url or settings.database_url, settings.data_dir)) as database:
        yield database


@commands.command()
def verify(
    database: Url = None,
    archive: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="备份文件 / a backup instead")
    ] = None,
    exported: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="导出的 NDJSON / an export instead")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="另存的检查点，可多次 / a head kept elsewhere, repeatable"),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="另存的公钥 / the public key kept elsewhere (audit key)"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """离线证明整份审计 / Prove the whole log offline; exit 1 and the first broken entry where it was touched."""
    if sum(each is not None for each in (database, archive, exported)) > 1:
        raise typer.BadParameter("--database、--archive、--exported 只能选一个 (only one of them)")
    notes = [path.read_text("utf-8") for path in checkpoint or ()]
    verifier = key.read_text("utf-8") if key is not None else None
    try:
        verdict = _verdict(database, archive, exported, notes, verifier)
    except ProofFault as fault:
        Console(stderr=True).print(Text(str(fault), style="bold red"))
        raise typer.Exit(1) from fault
    _print(verdict, as_json=as_json)
    if verdict.faults:
        raise typer.Exit(1)


def _verdict(
    url: str | None, archive: Path | None, exported: Path | None, notes: list[str], verifier: str | None
) -> Verdict:
    if exported is not None:
        with exported.open("rb") as file:
            log = ExportedLog(file)
            _same_key(log, verifier)
            return prove(log, notes)
    if archive is not None:
        with refusals_told(), archived_log(archive) as kept:
            _same_key(kept, verifier)
            return prove(kept, notes)
    with _database(url) as database, opened_log(database) as held:
        _same_key(held, verifier)
        return prove(held, notes)


def _same_key(log: KeptLog, verifier: str | None) -> None:
    if verifier is not None and verifier_text(log.origin, log.public) != verifier.strip():
        raise ProofFault("日志的公钥不是另存的那一个 (the key of the log is not the one kept elsewhere)")


def _print(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {
            "size": verdict.size, "root": verdict.root.hex(), "tail": verdict.tail, "pruned": verdict.pruned,
            "checkpoints": verdict.heads, "holds": not verdict.faults,
            "faults": [
                {"kind": fault.kind, "leaf": fault.number, "entry": fault.entry_id, "message": fault.message}
                for fault in verdict.faults
            ],
        }  # fmt: skip
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for fault in verdict.faults:
        Console(stderr=True).print(Text(str(fault), style="bold red"), soft_wrap=True)
    held = (
        f"{verdict.size} 条在树中 (in the tree) · {verdict.tail} 条未入树 (not yet) · {verdict.pruned} 条已清理 (pruned) · "
        f"{verdict.heads} 个检查点 (signed heads)"
    )
    outcome = "审计被动过 (the audit was touched)" if verdict.faults else "审计完整 (the audit holds)"
    typer.echo(f"{outcome}: {held}")


@commands.command()
def checkpoint(
    database: Url = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="写到 / file to write")] = None,
) -> None:
    """签署并输出当前检查点，另存他处 / Sign the present head and print it, to be kept elsewhere."""
    with _database(database) as opened:
        note = AuditTree(opened).checkpoint(datetime.now(UTC)).note
    if output is None:
        typer.echo(note, nl=False)
    else:
        output.write_text(note, "utf-8")


@commands.command()
def key(database: Url = None) -> None:
    """输出公钥，供他人核验检查点与回执 / Print the public key by which others check checkpoints and receipts."""
    with _database(database) as opened:
        keys = AuditTree(opened).keys
        typer.echo(verifier_text(keys.origin, keys.public))


@commands.command("list")
def list_entries(
    department: Annotated[str | None, typer.Option(help="部门编码 / department")] = None,
    action: Annotated[str | None, typer.Option(help="动作 / action, such as read")] = None,
    target: Annotated[str | None, typer.Option(help="对象，如视图编码 / such as a view")] = None,
    credential: Annotated[str | None, typer.Option(help="凭证编号 / credential id")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="最近多少条 / how many, newest first")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """列出审计条目，最新在前 / List entries, newest first."""
    wanted = audit_entries.Wanted(
        department=department, action=action, target=target, credential_id=credential, request_id=None
    )
    with local_registry("list-audit") as registry:
        found = audit_entries.list_entries(registry, OPERATOR, wanted, None, limit)["entries"]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table()
    columns = ("id", "at", "kind", "caller_kind", "department", "action", "target", "status", "rows")
    for column in columns:
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(*(Text("" if one.get(column) is None else str(one[column])) for column in columns))
    Console().print(table)


@commands.command()
def show(entry: Annotated[int, typer.Argument(metavar="ID", help="条目编号 / entry id")]) -> None:
    """显示一条及其在树中的证明 / Show one entry with the proof that it is in the log."""
    with local_registry("show-audit", str(entry)) as registry:
        listed = audit_entries.list_entries(registry, OPERATOR, audit_entries.Wanted(), entry + 1, 1)["entries"]
        if not listed or listed[0]["id"] != entry:
            raise Problem("not_found", f"没有第 {entry} 条 (there is no entry {entry})")
        proof = audit_proofs.inclusion(registry, OPERATOR, entry, None)
    typer.echo(json.dumps({**listed[0], "proof": proof}, ensure_ascii=False, indent=2))


@commands.command()
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="文件 / file to write")], database: Url = None
) -> None:
    """导出全部条目为 NDJSON，供外部核验 / Write the whole log as NDJSON, to be verified elsewhere."""
    with _database(database) as opened:
        note = AuditTree(opened).checkpoint(datetime.now(UTC)).note
        with opened_log(opened) as log, file.open("wb") as out:
            for line in exported_lines(log, note):
                out.write(orjson.dumps(line, option=orjson.OPT_SORT_KEYS) + b"\n")
    typer.echo(f"已导出 (exported): {file}")


@commands.command()
def prune(
    before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="此日以前的条目；默认按保留天数 / entries from before this day"),
    ] = None,
) -> None:
    """清理旧条目，保留其叶 / Take out old entries; their leaves stay, so that the log still proves itself."""
    with local_registry("prune", before.date().isoformat() if before else "") as registry:
        gone, below = audit_proofs.prune(registry, before.date() if before else None)
    typer.echo(f"已清理 (pruned): {gone} 条 (entries) · 自第 {below} 叶起保留 (kept from leaf {below})")


def register(app: typer.Typer) -> None:
    """Adds the commands to the program, under one word."""
    app.add_typer(commands, name="audit")
