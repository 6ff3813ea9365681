"""What the client's commands show a person: findings by cell, counts, lists. Chinese first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from app.client.errors import Refused, TownshipError, Unreachable

STATUS_TITLES: Mapping[str, str] = {
    "applied": "已入库 (applied)",
    "pending": "待第二人确认 (waits for its second person)",
    "checked": "已检查，未入库 (checked, nothing stored)",
    "rejected": "未通过，未存入任何内容 (rejected, nothing stored)",
    "confirmed": "已确认 (confirmed)",
    "refused": "被退回 (refused)",
    "withdrawn": "已收回 (taken back)",
}
COUNT_TITLES: Mapping[str, str] = {"rows": "行", "new": "新增", "changed": "变更", "unchanged": "未变"}


def place(finding: Mapping[str, Any]) -> str:
    """Where a finding is, as a clerk would look for it: sheet and cell, else row, else file and place."""
    if finding.get("file"):
        return " ".join(str(part) for part in (finding["file"], finding.get("place")) if part)
    spot = finding.get("cell")
    if spot is None and finding.get("row") is not None:
        spot = f"第 {finding['row']} 行"
    return "!".join(str(part) for part in (finding.get("sheet"), spot) if part) or "—"


def print_findings(console: Console, findings: Iterable[Mapping[str, Any]]) -> None:
    """One line for each finding, in the order of the file."""
    rows = list(findings)
    if not rows:
        return
    errors = sum(1 for finding in rows if finding.get("severity") == "error")
    table = Table(title=f"{errors} 处错误，{len(rows) - errors} 处提示 (errors, warnings)", title_justify="left")
    table.add_column("位置")
    table.add_column("", no_wrap=True)
    table.add_column("值", overflow="fold")
    table.add_column("问题", overflow="fold")
    for finding in rows:
        wrong = finding.get("severity") == "error"
        message = Text(str(finding.get("message", "")))
        if finding.get("accepted"):
            message.append(f"\n可接受: {finding['accepted']}", style="dim")
        if finding.get("message_en"):
            message.append(f"\n{finding['message_en']}", style="dim")
        value = finding.get("value")
        table.add_row(
            Text(place(finding)),
            Text("错误", style="bold red") if wrong else Text("提示", style="yellow"),
            Text("" if value is None else str(value)),
            message,
        )
    console.print(table)


def print_submission(console: Console, answer: Mapping[str, Any]) -> None:
    """The outcome of one submission with its counts and findings."""
    status = str(answer.get("status", ""))
    console.print(Text(STATUS_TITLES.get(status, status), style="bold red" if status == "rejected" else "bold green"))
    counts = answer.get("counts") or {}
    facts = [f"{title} {counts[name]}" for name, title in COUNT_TITLES.items() if name in counts]
    heading = [str(answer[name]) for name in ("dataset", "period", "id") if answer.get(name)]
    console.print(escape(" · ".join(heading + facts)), highlight=False)
    if answer.get("reason"):
        console.print(f"理由 (reason): {answer['reason']}", markup=False)
    print_findings(console, answer.get("findings") or ())


def print_submissions(console: Console, submissions: Iterable[Mapping[str, Any]]) -> None:
    """A list of submissions, as the registry orders them."""
    table = Table()
    for title in ("编号", "数据集", "时期", "状态", "行", "时间"):
        table.add_column(title, overflow="fold")
    for one in submissions:
        status = str(one.get("status", ""))
        cells = (
            one.get("id"),
            one.get("dataset"),
            one.get("period"),
            STATUS_TITLES.get(status, status) + (f"：{one['reason']}" if one.get("reason") else ""),
            (one.get("counts") or {}).get("rows"),
            one.get("created_at") or one.get("received_at"),
        )
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in cells))
    console.print(table)


def print_error(console: Console, error: TownshipError) -> None:
    """Why the registry did not do it, with every finding it gave."""
    if isinstance(error, Unreachable):
        console.print(Text(f"连接不上 {error.url} (cannot be reached): {error.reason}", style="bold red"))
        console.print("请检查 TOWNSHIP_URL 与网络 (check TOWNSHIP_URL and the network)", style="dim")
        return
    if isinstance(error, Refused):
        console.print(Text(f"{error.title or error.status} ({error.code or error.status})", style="bold red"))
        if error.detail and error.detail != error.title:
            console.print(Text(error.detail))
        print_findings(console, error.findings)
        return
    console.print(Text(str(error), style="bold red"))
