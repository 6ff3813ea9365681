"""The clerk's and the department's commands. Exit codes: 0 done, 1 refused, 2 the registry could not be reached."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from app.client.errors import Broken, Refused, TownshipError, Unreachable
from app.client.http import FORMATS, Township
from app.client.printing import print_error, print_submission, print_submissions
from app.client.transfer import Download

APPLIED, REFUSED, UNREACHABLE = 0, 1, 2
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
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="xlsx、xls、ods 或 csv")],
    dataset: Annotated[str | None, typer.Option(help="数据集编码；留空由登记库识别 / dataset code")] = None,
    period: Period = None,
    region: Region = None,
    as_view: Annotated[
        str | None,
        typer.Option("--as", metavar="VIEW", help="按视图的版式读回 / laid out as a view: read back through it"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="只检查，不入库 / check only")] = False,
    as_json: AsJson = False,
) -> None:
    """上报一份表格 / Send a workbook as it is and show what became of it, fault by fault."""
    with registry() as township:
        try:
            with progress_bar(file.name) as progress:
                answer = township.upload(
                    file,
                    dataset=dataset,
                    period=period,
                    region=region,
                    mode="check" if check else "apply",
                    view=as_view,
                    progress=progress,
                )
        except Refused as refusal:
            if as_json:
                print_json(refusal.problem)
                raise typer.Exit(REFUSED) from refusal
            raise
    if as_json:
        print_json(answer)
    else:
        print_submission(Console(), answer)
    faulty = any(finding.get("severity") == "error" for finding in answer.get("findings") or ())
    raise typer.Exit(REFUSED if faulty or answer.get("status") == "rejected" else APPLIED)


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
) -> None:
    """取一个视图的全部数据 / Fetch a whole view: to a file that appears only when it is whole, or to stdout.

    Without -o the text formats go to stdout, the others to VIEW.FORMAT.
    """
    chosen = format.value if format else format_by_name(output)
    if output is None and chosen not in TEXT_FORMATS:
        output = Path(f"{view}.{chosen}")
    target = None if output is None or str(output) == "-" else output
    with registry() as township, progress_bar(view) as progress:
        data = township.pull(view, target, format=chosen, progress=progress, period=period, region=region)
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
