"""Commands around access. Exit codes as everywhere: 0 done, 1 refused, 2 the registry could not be reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.client.commands import AsJson, print_json, registry

Identity = Annotated[str, typer.Argument(metavar="ID", help="申请编号 / id of the request")]
Reason = Annotated[str | None, typer.Option(help="理由 / reason")]

access_request = typer.Typer(
    name="access-request", help="共享申请：提出、查看、答复 / requests for access", no_args_is_help=True
)


@access_request.command("create")
def create(  # noqa: PLR0913, PLR0917 - one for each part of a request
    elements: Annotated[str, typer.Option(help="数据项，逗号分隔，如 population.* / dataset.element, comma separated")],
    regions: Annotated[str, typer.Option(help="区划代码，逗号分隔，或 * / region codes")],
    purpose: Annotated[str, typer.Option(help="使用场景 / purpose")],
    legal_basis: Annotated[str, typer.Option(help="使用依据 / legal basis")],
    valid_until: Annotated[str, typer.Option("--until", help="使用至，如 2026-12-31 / last day of use")],
    valid_from: Annotated[str, typer.Option("--from", help="自 / first day of use")],
    delivery: Annotated[str, typer.Option(help="方式：api 接口、batch 批量、file 文件 / way of delivery")] = "api",
    first_period: Annotated[str | None, typer.Option(help="数据期间自，如 2024 / first period")] = None,
    last_period: Annotated[str | None, typer.Option(help="数据期间至 / last period")] = None,
    as_json: AsJson = False,
) -> None:
    """提出共享申请 / Ask for access; open elements are granted at once."""
    body: dict[str, Any] = {
        "elements": _parts(elements),
        "regions": _parts(regions),
        "purpose": purpose,
        "legal_basis": legal_basis,
        "delivery": delivery,
        "valid": {"from": valid_from, "until": valid_until},
    }
    periods = {key: value for key, value in (("from", first_period), ("to", last_period)) if value is not None}
    if periods:
        body["periods"] = periods
    with registry() as township:
        _print(township.access.ask(body), as_json=as_json)


@access_request.command("list")
def listed(
    status: Annotated[str | None, typer.Option(help="状态 / status")] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="只看逾期（管理员） / late today (administrators)")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """查看申请 / The requests this key may see, newest first."""
    with registry() as township:
        found = list(township.access.every(status=status, overdue=overdue))
    if as_json:
        print_json(found)
        return
    table = Table("id", "部门 department", "状态 status", "数据项 elements", "答复期限 reply due", "逾期 overdue")
    for each in found:
        late = "!" if each["overdue"] else ""
        table.add_row(
            each["id"], each["department"], each["status"], ", ".join(each["elements"]), each["reply_due"], late
        )
    Console().print(table)


@access_request.command("show")
def show(access_request: Identity, as_json: AsJson = False) -> None:
    """一件申请的全部经过 / One request with what became of each element, and its history."""
    with registry() as township:
        _print(township.access.one(access_request), as_json=as_json)


@access_request.command("withdraw")
def withdraw(access_request: Identity, reason: Reason = None, as_json: AsJson = False) -> None:
    """撤回尚未答复的部分 / Take back what still waits."""
    with registry() as township:
        _print(township.access.withdraw(access_request, reason), as_json=as_json)


@access_request.command("decide")
def decide(
    access_request: Identity,
    refuse: Annotated[bool, typer.Option("--refuse", help="不同意；须有理由 / refuse, with a reason")] = False,
    reason: Reason = None,
    agreement: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON：与申请不同之处 / what differs from what was asked"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """答复（管理员）：默认同意 / Grant, or refuse (administrators)."""
    terms = _document(agreement) if agreement is not None else None
    with registry() as township:
        done = township.access.decide(access_request, "refuse" if refuse else "grant", reason=reason, agreement=terms)
    _print(done, as_json=as_json)


@access_request.command("extend")
def extend(
    access_request: Identity, reason: Annotated[str, typer.Option(help="理由 / reason")], as_json: AsJson = False
) -> None:
    """延长答复期限一次（管理员） / Put the answer off, once (administrators)."""
    with registry() as township:
        _print(township.access.extend(access_request, reason), as_json=as_json)


@access_request.command("deliver")
def deliver(access_request: Identity, reason: Reason = None, as_json: AsJson = False) -> None:
    """已交付（管理员） / Say that what was granted is delivered (administrators)."""
    with registry() as township:
        _print(township.access.deliver(access_request, reason), as_json=as_json)


def transparency(
    since: Annotated[str | None, typer.Option(help="自哪一天 / from which day")] = None,
    until: Annotated[str | None, typer.Option(help="至哪一天 / to which day")] = None,
    region: Annotated[str | None, typer.Option(help="只看一个下级区划 / one region below")] = None,
    element: Annotated[str | None, typer.Option(help="只看一个数据项或数据集 / one element or dataset")] = None,
    as_json: AsJson = False,
) -> None:
    """谁看了我们的数据 / Who read which of one's own elements, under which agreement, when last, how often."""
    with registry() as township:
        found = township.access.transparency(since=since, until=until, region=region, element=element)
    if as_json:
        print_json(found)
        return
    table = Table(
        "谁 reader", "数据项 element", "期间 periods", "协议 agreement", "用途 purpose", "次数 times", "最近 last"
    )
    for each in found:
        periods = ", ".join(each["periods"])
        table.add_row(
            each["reader"], f"{each['title'] or ''} {each['element']}", periods, each["agreement"] or "",
            each["purpose"] or "", str(each["times"]), each["last"],
        )  # fmt: skip
    Console().print(table)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{file.name} 不是合法的 JSON (not valid JSON)") from error
    if not isinstance(document, dict):
        raise typer.BadParameter(f"{file.name} 应为 JSON 对象 (a JSON object)")
    return document


def _print(request: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(request)
        return
    console = Console()
    late = "  逾期 overdue" if request["overdue"] else ""
    console.print(f"{request['id']}  {request['department']}  {request['status']}{late}")
    console.print(f"答复期限 (reply due): {request['reply_due']}")
    for item in request["items"]:
        told = "  ".join(part for part in (item["agreement"], item["reason"]) if part)
        console.print(f"  {item['element']}  {item['state']}  {told}")
    for step in request["history"]:
        console.print(f"  {step['at']}  {step['kind']}  {step['by']}  {step['reason'] or ''}")


def register(app: typer.Typer) -> None:
    """Adds the commands around access to the program."""
    app.command()(transparency)
    app.add_typer(access_request)
