"""``township outbox``: what was sent and what was answered, and sending what waits."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.client.commands import APPLIED, REFUSED, UNREACHABLE, progress_bar, registry
from app.client.errors import TownshipError
from app.client.outbox import Outbox
from app.client.printing import print_error, print_submission
from app.client.sending import Sender, away

STATES = {"sending": "未得到答复 no answer yet", "queued": "待发送 queued", "answered": "已答复 answered"}
commands = typer.Typer(
    help="本机发件箱：已发送、已答复、待发送 / What was sent, answered, and waits", add_completion=False
)


@commands.callback(invoke_without_command=True)
def outbox(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """列出发件箱 / List the outbox: each file, when, and what was answered."""
    if context.invoked_subcommand is not None:
        return
    entries = list(Outbox().entries())
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=2))
        return
    table = Table("时间 at", "文件 file", "数据集 dataset", "期间 period", "状态 state", "答复 answer")
    for entry in entries:
        answer = entry.answer
        told = " ".join(
            str(answer.get(name)) for name in ("submission_status", "status", "code", "id") if answer.get(name)
        )
        table.add_row(
            entry.at[:19], entry.filename, entry.said.get("dataset", ""), entry.said.get("period", ""),
            STATES[entry.state], told,
        )  # fmt: skip
    Console().print(table)


@commands.command("send")
def send() -> None:
    """发送待发送的文件 / Send what waits. Exit code: the worst of 0 stored, 1 refused, 2 not reached."""
    worst = APPLIED
    with registry() as township, progress_bar("outbox") as progress:
        for entry, answer in Sender(township, Outbox()).send_queued(progress):
            Console().print(entry.filename, markup=False, style="bold")
            if isinstance(answer, TownshipError):
                print_error(Console(stderr=True), answer)
                worst = max(worst, UNREACHABLE if away(answer) else REFUSED)
            else:
                print_submission(Console(), answer)
                faulty = any(finding.get("severity") == "error" for finding in answer.get("findings") or ())
                worst = max(worst, REFUSED if faulty else APPLIED)
    raise typer.Exit(worst)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program, under one word."""
    app.add_typer(commands, name="outbox")
