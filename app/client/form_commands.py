"""The form gate's commands. Exit codes as everywhere: 0 done, 1 refused, 2 the registry could not be reached."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.client.commands import REFUSED, AsJson, print_json, registry
from app.client.errors import Refused
from app.client.form_printing import print_burden, print_facets, print_form, print_standing

Department = Annotated[str | None, typer.Option(help="替哪个部门核对（管理员用） / for which department")]


def form_check(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="空表或样表 xlsx、xls、csv，或 JSON / the form")
    ] = None,
    title: Annotated[str | None, typer.Option(help="表名；默认取表中标题 / title of the form")] = None,
    purpose: Annotated[str | None, typer.Option(help="用途 / purpose")] = None,
    legal_basis: Annotated[str | None, typer.Option(help="依据 / legal basis")] = None,
    frequency: Annotated[str | None, typer.Option(help="频率：年报、季报、月报 / year, quarter, month")] = None,
    level: Annotated[str | None, typer.Option(help="填报层级：township、village / level")] = None,
    department: Department = None,
    all_elements: Annotated[
        bool, typer.Option("--all", help="常态检查：重复采集与无人使用的数据项 / the standing check")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """发表前先核对：哪些栏目已有数据 / What of a new form is already held, column by column."""
    if all_elements == (file is not None):
        Console(stderr=True).print("请给出一个文件，或用 --all (give a file, or --all)", style="bold red")
        raise typer.Exit(REFUSED)
    about = {
        "title": title,
        "purpose": purpose,
        "legal_basis": legal_basis,
        "frequency": frequency,
        "level": level,
        "department": department,
    }
    with registry() as township:
        if file is None:
            found = township.forms.standing()
        elif file.suffix.lower() == ".json":
            found = township.forms.check({**_document(file), **{k: v for k, v in about.items() if v is not None}})
        else:
            found = _checked(lambda: township.forms.check_file(file, **about), as_json=as_json)
    if as_json:
        print_json(found)
    elif file is None:
        print_standing(Console(), found)
    else:
        print_form(Console(), found)


def facets(
    dataset: Annotated[str, typer.Argument(help="数据集代码 / code of the dataset")], as_json: AsJson = False
) -> None:
    """数据项的口径要素：对象、限定、计量、时间、计数方式 / What the elements of a dataset mean to the form gate."""
    with registry() as township:
        found = township.forms.facets(dataset)
    if as_json:
        print_json(found)
    else:
        print_facets(Console(), found)


def burden(
    since: Annotated[str | None, typer.Option(help="自哪一天起，如 2026-01-01 / from which day")] = None,
    department: Department = None,
    as_json: AsJson = False,
) -> None:
    """减负账：少填了多少表、多少格 / What townships did not have to fill."""
    with registry() as township:
        ledger = township.forms.burden(since=since, department=department)
    if as_json:
        print_json(ledger)
    else:
        print_burden(Console(), ledger)


def _checked(ask: Callable[[], Any], *, as_json: bool) -> Any:
    try:
        return ask()
    except Refused as refusal:
        if not as_json:
            raise
        print_json(refusal.problem)
        raise typer.Exit(REFUSED) from refusal


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{file.name} 不是合法的 JSON (not valid JSON)") from error
    if not isinstance(document, dict):
        raise typer.BadParameter(f"{file.name} 应为 JSON 对象 (a JSON object)")
    return document


COMMANDS: tuple[Callable[..., None], ...] = (form_check, facets, burden)


def register(app: typer.Typer) -> None:
    """Adds the form gate's commands to the program."""
    for command in COMMANDS:
        app.command()(command)
