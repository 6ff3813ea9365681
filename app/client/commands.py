"""The clerk's and the department's commands. Exit codes: 0 done, 1 refused, 2 the registry could not be reached."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from app.client.audit import KeptReceipt
from app.client.errors import Broken, Refused, Rejected, TownshipError, Unreachable
from app.client.http import FORMATS, Township
from app.client.outbox import Outbox
from app.client.printing import print_error, print_submission, print_submissions
from app.client.sending import Sender, away, files_of
from app.client.transfer import Download

APPLIED, REFUSED, UNREACHABLE = 0, 1, 2
ARRIVED = "已传完，等待登记库 (there; waiting for the registry)"
TEXT_FORMATS = frozenset({"csv", "json", "ndjson"})

Period = Annotated[str | None, typer.Option(help="时期，如 2025、2025-Q3、2025-03 / period")]
Region = Annotated[str | None, typer.Option(help="行政区划代码 / region code")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")]


class PullFormat(StrEnum):
    csv = "csv"
    json = "json"
    ndjson = "ndjson"
    parquet = "parquet"
    arrow = "arrow"
    xlsx = "xlsx"


@contextmanager
def registry() -> Iterator[Township]:
    """The registry of the environment; its refusals become words on stderr and an exit code."""
    console = Console(stderr=True)
    try:
        with Township.from_environment() as township:
            yield township
    except ValidationError as error:
        console.print(str(error), style="bold red", markup=False)
        raise typer.Exit(REFUSED) from error
    except TownshipError as error:
        print_error(console, error)
        raise typer.Exit(UNREACHABLE if isinstance(error, Unreachable | Broken) else REFUSED) from error


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr while bytes move; nothing where stderr is not a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def moved(done: int, total: int | None) -> None:
            arrived = total is not None and done >= total
            bar.update(task, completed=done, total=total, description=f"{title} {ARRIVED}" if arrived else title)

        yield moved


def print_json(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def upload(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, help="xlsx、xls、ods、csv、ndjson，或文件夹 / files or folders"),
    ],
    dataset: Annotated[str | None, typer.Option(help="数据集编码；留空由登记库识别 / dataset code")] = None,
    period: Period = None,
    region: Region = None,
    as_view: Annotated[
        str | None,
        typer.Option("--as", metavar="VIEW", help="按视图的版式读回 / laid out as a view: read back through it"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="只检查，不入库 / check only")] = False,
    fix_file: Annotated[
        Path | None,
        typer.Option(
            "--fix-file",
            metavar="OUT.xlsx",
            dir_okay=False,
            help="有问题时把标注好的原表写到此文件 / where faults are found, write the workbook with each marked",
        ),
    ] = None,
    queue: Annotated[
        bool,
        typer.Option("--queue", help="连不上时存入发件箱，稍后 township outbox send / keep for later where it is away"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """上报一份或多份表格 / Send workbooks as they are and show what became of each, fault by fault.

    Of several files, or a folder, all are sent; the exit code is the worst of theirs.
    """
    said = {
        "dataset": dataset, "period": period, "region": region, "mode": "check" if check else "apply", "view": as_view,
    }  # fmt: skip
    chosen = files_of(files)
    if len(chosen) == 1 and not queue:
        raise typer.Exit(_upload_one(chosen[0], said, fix_file, as_json=as_json))
    if fix_file is not None:
        raise typer.BadParameter("--fix-file 只用于一份文件 (takes a single file)")
    raise typer.Exit(_upload_all(chosen, said, queue=queue, as_json=as_json))


def _upload_all(files: list[Path], said: Mapping[str, str | None], *, queue: bool, as_json: bool) -> int:
    """Every file, also after one that was refused; once the registry is away the others are not tried."""
    worst, gone = APPLIED, False
    told: list[Any] = []
    console, errors = Console(), Console(stderr=True)
    with registry() as township:
        sender = Sender(township, None if said["mode"] == "check" else Outbox())
        for file in files:
            if not as_json:
                console.print(str(file), markup=False, style="bold")
            try:
                if gone:
                    raise Unreachable(township.url, "见上 (as above)")
                with progress_bar(file.name) as progress:
                    answer = sender.send(file, said, progress)
            except TownshipError as error:
                gone = gone or isinstance(error, Unreachable)
                worst = max(worst, UNREACHABLE if away(error) else REFUSED)
                kept = queue and away(error) and said["mode"] != "check" and sender.queue(file, said)
                told.append({"file": str(file), "queued": kept, "error": getattr(error, "problem", str(error))})
                if not as_json:
                    print_error(errors, error)
                if kept and not as_json:
                    errors.print("已存入发件箱 (kept in the outbox): township outbox send", markup=False)
            else:
                told.append({"file": str(file), **answer})
                faulty = any(finding.get("severity") == "error" for finding in answer.get("findings") or ())
                worst = max(worst, REFUSED if faulty else APPLIED)
                if not as_json:
                    print_submission(console, answer)
    if as_json:
        print_json(told)
    return worst


def _upload_one(file: Path, said: Mapping[str, str | None], fix_file: Path | None, *, as_json: bool) -> int:
    place = (said["dataset"], said["period"], said["region"], said["view"])
    with registry() as township:
        sender = Sender(township, None if said["mode"] == "check" else Outbox())
        try:
            with progress_bar(file.name) as progress:
                answer = sender.send(file, said, progress)
        except Unreachable as error:
            if said["mode"] != "check" and _offered(error) and sender.queue(file, said):
                Console(stderr=True).print("已存入发件箱 (kept in the outbox): township outbox send", markup=False)
            raise
        except Refused as refusal:
            if fix_file is not None and isinstance(refusal, Rejected) and refusal.findings:
                save_fix_file(township, file, fix_file, *place)
            if as_json:
                print_json(refusal.problem)
                raise typer.Exit(REFUSED) from refusal
            raise
        if fix_file is not None and answer.get("findings"):
            save_fix_file(township, file, fix_file, *place)
    if as_json:
        print_json(answer)
    else:
        print_submission(Console(), answer)
    faulty = any(finding.get("severity") == "error" for finding in answer.get("findings") or ())
    return REFUSED if faulty or answer.get("status") == "rejected" else APPLIED


def _offered(error: Unreachable) -> bool:
    """Whether the clerk, asked at a terminal, wants the file kept until the registry is back."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm(f"{error}\n存入发件箱，稍后发送？ (keep it in the outbox?)", default=True, err=True)


def save_fix_file(
    township: Township,
    file: Path,
    output: Path,
    dataset: str | None,
    period: str | None,
    region: str | None,
    view: str | None,
) -> None:
    """Writes the workbook with every finding marked; what stands against that (a file too large) is said on stderr."""
    console = Console(stderr=True)
    try:
        data = township.checked_workbook(file, dataset=dataset, period=period, region=region, view=view)
    except TownshipError as error:
        print_error(console, error)
        return
    with Download(output) as download:
        download.write(data)
    console.print(f"标注后的表格已保存 (the marked workbook): {output}", markup=False)


def template(
    dataset: Annotated[str, typer.Argument(help="数据集编码 / dataset code")],
    period: Period = None,
    region: Region = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="写到 / file to write")] = None,
) -> None:
    """下载填报模板，已有数据预先填好 / Fetch the workbook to fill, with what is already held."""
    with registry() as township:
        data = township.template(dataset, period, region)
    path = output or Path("-".join(part for part in (dataset, period) if part) + ".xlsx")
    with Download(path) as download:
        download.write(data)
    Console().print(f"已保存 (saved): {path}", markup=False)


def submissions(
    limit: Annotated[int, typer.Option(min=1, help="最近多少份 / how many, newest first")] = 50,
    as_json: AsJson = False,
) -> None:
    """列出上报记录 / List the submissions this key may see."""
    with registry() as township:
        listed = list(islice(township.submissions(), limit))
    if as_json:
        print_json(listed)
    else:
        print_submissions(Console(), listed)


def confirm(
    submission: Annotated[str, typer.Argument(metavar="ID", help="上报编号 / submission id")],
    as_json: AsJson = False,
) -> None:
    """第二人确认一份上报 / Confirm a pending submission; its sender's own key may not."""
    with registry() as township:
        answer = township.confirm(submission)
    if as_json:
        print_json(answer)
    else:
        print_submission(Console(), answer)


def pull(
    view: Annotated[str, typer.Argument(help="视图编码 / view code")],
    period: Annotated[
        str | None, typer.Option(help="时期、逗号列表或范围 2025-01..2025-12 / period, list or range")
    ] = None,
    region: Region = None,
    format: Annotated[
        PullFormat | None, typer.Option(help="默认按文件扩展名，否则 csv / by the file's extension, else csv")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="写到；- 为标准输出 / file to write; - for stdout")
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", metavar="FILE", help="同时保存签名回执 / keep a signed receipt in FILE")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="时刻、快照标识或固定的快照名 / an instant, a snapshot's id or name")
    ] = None,
) -> None:
    """取一个视图的全部数据 / Fetch a whole view: to a file that appears only when it is whole, or to stdout.

    Without -o the text formats go to stdout, the others to VIEW.FORMAT.
    """
    chosen = format.value if format else format_by_name(output)
    if output is None and chosen not in TEXT_FORMATS:
        output = Path(f"{view}.{chosen}")
    target = None if output is None or str(output) == "-" else output
    if receipt is not None and chosen == "json":
        raise typer.BadParameter("分页的 json 没有一张回执，请用 ndjson (json comes in pages; use ndjson)")
    kept = KeptReceipt() if receipt is not None else None
    with registry() as township, progress_bar(view) as progress:
        question = {"period": period, "region": region, "as_of": as_of}
        data = township.pull(view, target, format=chosen, progress=progress, receipt=kept, **question)
    if receipt is not None and kept is not None:
        with Download(receipt) as file:
            file.write(kept.document())
    if target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        Console(stderr=True).print(f"已保存 (saved): {target}", markup=False)


def form(
    view: Annotated[str, typer.Argument(help="视图编码 / view code")],
    period: Period = None,
    region: Region = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="写到 / file to write")] = None,
) -> None:
    """下载填好的部门表格 / Fetch the department's own form, filled from the registry."""
    with registry() as township:
        data = township.form(view, period, region)
    path = output or Path("-".join(part for part in (view, period) if part) + ".xlsx")
    with Download(path) as download:
        download.write(data)
    Console().print(f"已保存 (saved): {path}", markup=False)


def format_by_name(output: Path | None) -> str:
    """The format a file's extension names; csv where it names none."""
    suffix = output.suffix.removeprefix(".").lower() if output else ""
    return suffix if suffix in FORMATS else "csv"


COMMANDS: tuple[Callable[..., None], ...] = (upload, template, submissions, confirm, pull, form)


def register(app: typer.Typer) -> None:
    """Adds the client's commands to the program."""
    for command in COMMANDS:
        app.command()(command)
