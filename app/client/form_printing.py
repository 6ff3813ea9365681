"""What the form gate shows a person: a line a column, what is to be decided, and bars. Chinese first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

VERDICTS: Mapping[str, tuple[str, str]] = {
    "held": ("已有", "bold green"),
    "derivable": ("可算出", "green"),
    "related": ("口径不同", "yellow"),
    "new": ("新数据", "bold red"),
    "bookkeeping": ("填表栏", "dim"),
}
LACKING = {"view": "没有视图用到", "agreement": "没有协议覆盖", "reading": "没有人读过"}
_BAR = 40


def print_form(console: Console, form: Mapping[str, Any]) -> None:
    """The verdicts on a form, what it would have cost, and what is left to ask for."""
    console.print(Text(f"{form['title'] or '（无表名）'}    {form['id']}", style="bold"))
    table = Table()
    for title in ("栏目", "结论", "对应", "换算", "最近", "说明"):
        table.add_column(title, overflow="fold")
    for column in form["columns"]:
        title, style = VERDICTS[column["verdict"]]
        table.add_row(
            escape("/".join((*column.get("path", ()), column["name"]))),
            Text(title, style=style),
            Text(column["element"] or column["expr"] or ""),
            Text(_conversion(column)),
            Text((column["freshness"] or {}).get("period") or ""),
            _explained(column),
        )
    console.print(table)
    counts = form["summary"]
    console.print("  ".join(f"{VERDICTS[name][0]} {count}" for name, count in counts.items() if count))
    cost = form["burden"]
    console.print(
        f"全部下发每年要填 {cost['cells']:,} 格（{cost['columns']} 栏 × {cost['regions']} 个填报单位 × "
        f"{cost['times_a_year']} 次），其中 {cost['cells_held']:,} 格已有 "
        f"(cells a year, and how many are held already)",
        highlight=False,
    )


def print_facets(console: Console, found: Mapping[str, Any]) -> None:
    """A line an element: each facet as it is used; what the catalogue sets stands in bold."""
    console.print(Text(f"{found['title']}    {found['dataset']}", style="bold"))
    table = Table()
    for title in ("数据项", "名称", "对象", "限定", "计量", "时间", "计数方式"):
        table.add_column(title, overflow="fold")
    for element in found["elements"]:
        used, own = element["used"], element["set"] or {}
        cells = (
            Text("、".join(used[key]) if isinstance(used[key], list) else used[key] or "", "bold" if key in own else "")
            for key in ("object", "qualifiers", "measure", "time", "counting")
        )
        table.add_row(Text(element["element"]), Text(element["title"]), *cells)
    console.print(table)


def _conversion(column: Mapping[str, Any]) -> str:
    conversion = column["conversion"]
    if not conversion:
        return ""
    said = "" if conversion["factor"] == "1" else f"{conversion['from']}→{conversion['to']} ×{conversion['factor']}"
    return f"{said} 按{conversion['from']}理解".strip() if conversion["assumed"] else said


def _explained(column: Mapping[str, Any]) -> Text:
    text = Text("；".join(column["reasons"]))
    if column["verdict"] == "related":
        for candidate in column["candidates"][:2]:
            text.append(f"\n{candidate['title']}（{candidate['element']}）：{candidate['definition']}", style="dim")
            if candidate["difference"]:
                text.append(f"\n  差别：{candidate['difference']}", style="dim")
    return text


def print_standing(console: Console, found: Mapping[str, Any]) -> None:
    """What is collected twice, and what nobody reads."""
    twice = Table(title=f"疑似重复采集 {len(found['twice'])} 对 (collected twice)", title_justify="left")
    for title in ("数据项", "数据项", "把握"):
        twice.add_column(title, overflow="fold")
    for pair in found["twice"]:
        one, other = (f"{e['title']}\n{e['element']}" for e in pair["elements"])
        twice.add_row(Text(one), Text(other), f"{pair['confidence']:.2f}")
    console.print(twice)
    unread = Table(title=f"无人使用 {len(found['unread'])} 项 (nobody reads)", title_justify="left")
    for title in ("数据项", "", "缺"):
        unread.add_column(title, overflow="fold")
    for item in found["unread"]:
        missing = "、".join(LACKING[name] for name in item["lacking"])
        unread.add_row(Text(item["title"]), Text(item["element"]), Text(missing))
    console.print(unread)


def print_burden(console: Console, ledger: Mapping[str, Any]) -> None:
    """The ledger: totals, bars by month, by department, what is reused most."""
    saved, gate = ledger["saved"], ledger["form_gate"]
    console.print(
        f"自 {ledger['since']} 起：免填 {saved['forms']:,} 张表、{saved['cells']:,} 格；"
        f"表单核对挡下每年 {gate['cells_turned_away']:,} 格 (forms and cells not filled; turned away at the gate)",
        highlight=False,
    )
    highest = max((month["cells"] for month in ledger["months"]), default=0)
    for month in ledger["months"]:
        width = round(_BAR * month["cells"] / highest) if highest else 0
        console.print(f"{month['month']}  {'█' * width:<{_BAR}}  {month['cells']:,}", highlight=False)
    _listed(console, "按部门 (by department)", ledger["departments"], ("department", "forms", "cells"))
    _listed(console, "用得最多 (reused most)", ledger["reused"][:15], ("title", "element", "departments", "readings"))
    _listed(
        console, "已有而又要的 (asked again)", ledger["asked_again"][:15], ("department", "title", "element", "times")
    )
    if ledger["never_read"]:
        _listed(console, "采集而无人读 (never read)", ledger["never_read"][:15], ("title", "element"))


def _listed(console: Console, title: str, rows: list[Mapping[str, Any]], names: tuple[str, ...]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(row[name])) for name in names))
    console.print(table)
