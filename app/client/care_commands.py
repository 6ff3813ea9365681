"""The care of figures on the command line. Exit codes as everywhere: 0 done, 1 refused, 2 could not be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.client.commands import AsJson, Period, Region, print_json, registry
from app.client.printing import print_submission
from app.client.transfer import Download

STATES: Mapping[str, str] = {
    "missing": "缺 (missing)",
    "stale": "过期未核 (stale)",
    "questioned": "待校核 (questioned)",
}
STATUSES: Mapping[str, str] = {"open": "待答复 (open)", "corrected": "已更正 (corrected)", "upheld": "维持 (upheld)"}

Dataset = Annotated[str | None, typer.Option(help="数据集编码 / dataset code")]
Keys = Annotated[
    list[str] | None, typer.Option("--key", metavar="NAME=VALUE", help="清单记录的主键 / key of a list's record")
]
Elements = Annotated[list[str] | None, typer.Option("--element", help="数据项编码，可重复 / element codes")]

corrections = typer.Typer(
    help="校核：对数据提出疑问与答复 / Questions to figures, and their answers.", no_args_is_help=True
)
evidence = typer.Typer(help="佐证材料（台账） / Files of evidence: attach, list, get.", no_args_is_help=True)


def due(
    region: Region = None,
    dataset: Dataset = None,
    period: Period = None,
    state: Annotated[str | None, typer.Option(help="missing、stale 或 questioned / only these")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="把只含待填单元格的表写到此文件 / the workbook of just the open cells"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """列出该报未报、过期未核、被质疑的数据 / What is missing, stale or questioned; with -o, the workbook that asks for it."""
    if output is not None and dataset is None:
        raise typer.BadParameter("-o 须同时给出 --dataset (with -o a dataset is needed)")
    with registry() as township:
        if output is not None and dataset is not None:
            data = township.care.workbook(dataset, period, region)
        else:
            items = list(township.care.due(region=region, dataset=dataset, period=period, state=state))
    if output is not None:
        with Download(output) as download:
            download.write(data)
        Console().print(f"已保存 (saved): {output}", markup=False)
    elif as_json:
        print_json(items)
    else:
        rows = (
            (i["region"], i["region_name"], i["title"], i["period"], STATES.get(i["state"], i["state"]), _short(i["elements"]),
             i["due"], i["days_overdue"] or "")
            for i in items
        )  # fmt: skip
        _print(("区划", "名称", "数据集", "时期", "状态", "数据项", "期限", "逾期天数"), rows)
        for item in items:
            for words in item["checks"]:
                Console().print(f"{item['region']} {item['period'] or ''} {words}", markup=False)


def still_true(
    dataset: Annotated[str, typer.Argument(help="数据集编码 / dataset code")],
    region: Region = None,
    period: Period = None,
    element: Elements = None,
    key: Keys = None,
    as_json: AsJson = False,
) -> None:
    """核对过，仍然属实 / Say that what is held was checked and is still true."""
    with registry() as township:
        done = township.care.still_true(dataset, region=region, period=period, elements=element, key=_key(key))
    if as_json:
        print_json(done)
    else:
        Console().print(f"已确认 {done['records']} 条记录仍然属实 (records found still true)")


def refuse(
    submission: Annotated[str, typer.Argument(metavar="ID", help="上报编号 / submission id")],
    reason: Annotated[str, typer.Option(help="理由 / why")],
    as_json: AsJson = False,
) -> None:
    """第二人退回一份上报，说明理由 / Refuse a pending submission, saying why."""
    with registry() as township:
        answer = township.care.refuse(submission, reason)
    print_json(answer) if as_json else print_submission(Console(), answer)


def take_back(
    submission: Annotated[str, typer.Argument(metavar="ID", help="上报编号 / submission id")], as_json: AsJson = False
) -> None:
    """收回自己待确认的上报 / Take back one's own pending submission."""
    with registry() as township:
        answer = township.care.take_back(submission)
    print_json(answer) if as_json else print_submission(Console(), answer)


def notices(
    since: Annotated[str | None, typer.Option(help="上次的游标 / cursor of the last time")] = None,
    reminders: Annotated[bool, typer.Option("--reminders", help="到期提醒 / reminders instead")] = False,
    as_json: AsJson = False,
) -> None:
    """通知：校核、更正、撤回、退回 / Notices: questions, answers, figures corrected or withdrawn, refusals."""
    with registry() as township:
        feed = "reminders" if reminders else "notices"
        pages = list(township.care.notices(since, feed=feed))
    found = [one for page in pages for one in page[feed]]
    if as_json:
        print_json({feed: found, "next": pages[-1]["next"]})
        return
    _print(("时间", "事由", "数据集", "区划", "时期", "内容"), (_notice(one) for one in found))


@corrections.command("list")
def listed(
    dataset: Dataset = None,
    status: Annotated[str | None, typer.Option(help="open、overdue、corrected 或 upheld / only these")] = None,
    limit: Annotated[int, typer.Option(min=1, help="最近多少条 / how many, newest first")] = 50,
    as_json: AsJson = False,
) -> None:
    """列出校核申请 / Questions asked by this key's department, or of what it reports."""
    with registry() as township:
        found = list(islice(township.care.corrections(dataset, status), limit))
    if as_json:
        print_json(found)
        return
    rows = (
        (c["id"], c["dataset"], c["title"] or c["element"], c["region"], c["period"], c["value"], c["reason"],
         STATUSES.get(c["status"], c["status"]), c["due"] + (" 逾期" if c["overdue"] else ""))
        for c in found
    )  # fmt: skip
    _print(("编号", "数据集", "数据项", "区划", "时期", "所见的值", "理由", "状态", "答复期限"), rows)


@corrections.command("ask")
def ask(
    dataset: Annotated[str, typer.Argument(help="数据集编码 / dataset code")],
    element: Annotated[str, typer.Argument(help="数据项编码 / element code")],
    region: Annotated[str, typer.Option(help="行政区划代码 / region code")],
    reason: Annotated[str, typer.Option(help="理由 / why it is doubted")],
    period: Period = None,
    value: Annotated[str | None, typer.Option(help="所见的值 / the value as it was seen")] = None,
    key: Keys = None,
    file: Annotated[
        list[Path] | None, typer.Option("--evidence", exists=True, dir_okay=False, help="佐证文件，可重复 / files")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """对一个数据提出疑问 / Question one figure, with a reason and evidence."""
    with registry() as township:
        kept = [township.care.attach(each)["id"] for each in file or ()]
        question = {"dataset": dataset, "element": element, "region": region, "period": period, "value": value}
        made = township.care.ask({**question, "key": _key(key), "reason": reason, "evidence": kept})
    if as_json:
        print_json(made)
    else:
        Console().print(f"{made['id']} · 须在 {made['due']} 前答复 (to be answered by then)", markup=False)


@corrections.command("answer")
def answer(
    correction: Annotated[str, typer.Argument(metavar="ID", help="校核编号 / correction id")],
    submission: Annotated[
        str | None,
        typer.Option("--corrected-by", metavar="ID", help="更正所用的上报编号 / the submission that corrects it"),
    ] = None,
    upheld: Annotated[bool, typer.Option("--upheld", help="维持原值 / the figure stands")] = False,
    reason: Annotated[str | None, typer.Option(help="理由，维持时必填 / why, needed where it stands")] = None,
    as_json: AsJson = False,
) -> None:
    """答复校核：已更正，或维持并说明理由 / Answer a question: corrected by a submission, or upheld with a reason."""
    if upheld == (submission is not None):
        raise typer.BadParameter("请在 --corrected-by 与 --upheld 中选一个 (exactly one of them)")
    with registry() as township:
        done = township.care.answer(
            correction, "upheld" if upheld else "corrected", submission=submission, reason=reason
        )
    if as_json:
        print_json(done)
    else:
        Console().print(f"{done['id']} · {STATUSES.get(done['status'], done['status'])}", markup=False)


@evidence.command("attach")
def attach(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="pdf、图片、表格 / the file")],
    dataset: Dataset = None,
    region: Region = None,
    period: Period = None,
    key: Keys = None,
    element: Elements = None,
    submission: Annotated[str | None, typer.Option(help="附于一份上报 / to a submission instead")] = None,
    as_json: AsJson = False,
) -> None:
    """附上佐证材料；同一文件会被认出 / Attach a file to a record or a submission; the same file is recognised."""
    codes = ",".join(element) if element else None
    with registry() as township:
        made = township.care.attach(
            file, key=_key(key), dataset=dataset, region=region, period=period, elements=codes, submission=submission
        )
    if as_json:
        print_json(made)
    else:
        known = " · 已有，不再重复保存 (kept already)" if made["recognised"] else ""
        Console().print(f"{made['id']} · {made['filename']} · {len(made['attached'])} 处 (places){known}", markup=False)


@evidence.command("list")
def list_evidence(
    dataset: Dataset = None,
    region: Region = None,
    period: Period = None,
    key: Keys = None,
    submission: Annotated[str | None, typer.Option(help="上报编号 / submission id")] = None,
    as_json: AsJson = False,
) -> None:
    """列出佐证材料 / Files of a record or a submission; without either, one's own."""
    with registry() as township:
        found = township.care.evidence(
            key=_key(key), dataset=dataset, region=region, period=period, submission=submission
        )
    if as_json:
        print_json(found)
    else:
        _print(("编号", "文件", "类型", "字节"), ((e["id"], e["filename"], e["media_type"], e["size"]) for e in found))


@evidence.command("get")
def get(
    identity: Annotated[str, typer.Argument(metavar="ID", help="佐证编号 / evidence id")],
    output: Annotated[Path, typer.Option("-o", "--output", help="写到 / file to write")],
) -> None:
    """取一份佐证材料 / Fetch a file of evidence."""
    with registry() as township:
        data = township.care.evidence_file(identity)
    with Download(output) as download:
        download.write(data)
    Console().print(f"已保存 (saved): {output}", markup=False)


def _key(given: list[str] | None) -> dict[str, str] | None:
    if not given:
        return None
    pairs = [one.partition("=") for one in given]
    if any(not sign for _, sign, _ in pairs):
        raise typer.BadParameter("--key 应写作 名称=值 (NAME=VALUE)")
    return {name: value for name, _, value in pairs}


def _short(codes: list[str]) -> str:
    return "、".join(codes[:4]) + (f" 等 {len(codes)} 项" if len(codes) > 4 else "")


def _notice(one: Mapping[str, Any]) -> tuple[Any, ...]:
    data = one["data"]
    figures = "；".join(f"{f['title']} {f['old']} → {f['new']}" for f in data.get("figures", ()))
    said = figures or data.get("decision") or data.get("reason") or data.get("stage") or data.get("element") or ""
    return one["time"][:16], one["type"], data.get("dataset"), data.get("region"), data.get("period"), said


def _print(titles: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    Console().print(table)


COMMANDS: tuple[Callable[..., None], ...] = (due, still_true, refuse, take_back, notices)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for command in COMMANDS:
        app.command()(command)
    app.add_typer(corrections, name="corrections")
    app.add_typer(evidence, name="evidence")
