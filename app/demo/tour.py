"""The walk itself: a clerk sends every sample workbook, a department reads its view. Over HTTP, as anyone would."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.client.connection import Json
from app.client.errors import Rejected
from app.client.http import Township
from app.client.printing import print_findings, print_submission
from app.demo.expectations import Sample
from app.demo.preparing import NARROW_REGION, VIEW, Keys

PERIOD = "2025"
ONE_ROW = json.dumps(
    {
        "dataset": "population",
        "period": PERIOD,
        "mode": "check",
        "rows": [{"region": NARROW_REGION, "resident_population": 11000}],
    }
)


@dataclass(slots=True)
class Walk:
    """What was answered on the way."""

    applied: dict[str, Json] = field(default_factory=dict)  # file → answer
    rejected: dict[str, Rejected] = field(default_factory=dict)
    held_before_rejection: list[Json] = field(default_factory=list)
    held_after_rejection: list[Json] = field(default_factory=list)
    rows: list[Json] = field(default_factory=list)


Doors = Callable[[str], Township]  # key → the registry as seen with it


def walk(doors: Doors, keys: Keys, samples: Sequence[Sample], console: Console) -> Walk:
    """Sends and reads, telling what happens."""
    seen = Walk()
    console.rule("填报：统计员上传示例表格 (a clerk uploads the sample workbooks)")
    with doors(keys.clerk) as clerk:
        for sample in samples:
            console.print(Text(f"\n▸ {sample.file}", style="bold"))
            if not sample.applied:
                seen.held_before_rejection = list(clerk.records(sample.dataset, period=sample.period))
            try:
                answer = clerk.upload((sample.file, sample.content()), dataset=sample.dataset, period=sample.period)
            except Rejected as refusal:
                seen.rejected[sample.file] = refusal
                console.print(Text("未通过，未存入任何内容 (rejected, nothing stored)", style="bold red"))
                print_findings(console, refusal.findings)
            else:
                seen.applied[sample.file] = answer
                print_submission(console, answer)
            if not sample.applied:
                seen.held_after_rejection = list(clerk.records(sample.dataset, period=sample.period))
    console.rule("共享：部门读取自己的视图 (a department reads its own view)")
    with doors(keys.department) as department:
        titles = {one["name"]: one.get("title") or one["name"] for one in department.view(VIEW)["fields"]}
        seen.rows = list(department.rows(VIEW, period=PERIOD))
    console.print(shown(seen.rows, titles))
    return seen


def shown(rows: Sequence[Json], titles: dict[str, str]) -> Table:
    """Rows as a table under the department's own names."""
    table = Table(title=f"{VIEW} {PERIOD}", title_justify="left")
    names = list(rows[0]) if rows else []
    for name in names:
        table.add_column(f"{titles.get(name, name)}\n{name}", overflow="fold")
    for row in rows:
        table.add_row(*("—" if row[name] is None else str(row[name]) for name in names))
    return table


def pasteable(url: str, keys: Keys) -> list[tuple[str, str]]:
    """Lines to try by hand: what each does, and the line."""
    read = f"'{url}/v1/views/{VIEW}/records?period={PERIOD}"
    department = f"-H 'Authorization: Bearer {keys.department}'"
    clerk = f"-H 'Authorization: Bearer {keys.clerk}'"
    return [
        ("部门取数，JSON (read as JSON)", f"curl -s {department} {read}'"),
        ("导出 CSV (as CSV)", f"curl -s {department} {read}&format=csv'"),
        (
            "筛选与排序 (filter and sort)",
            f"curl -s {department} {read}&filter=czrk_w:gt:1.5&sort=-czrk_w&fields=xzqhdm,czrk_w'",
        ),
        ("此后的变更 (changes)", f"curl -s {department} '{url}/v1/views/{VIEW}/changes'"),
        ("谁在问 (who am I)", f"curl -s {clerk} '{url}/v1/me'"),
        (
            "上报一行，只检查 (check one row)",
            f"curl -s {clerk} -H 'Content-Type: application/json' '{url}/v1/submissions' -d '{ONE_ROW}'",
        ),
        (
            "管理员看字段映射 (a mapping)",
            f"curl -s -H 'Authorization: Bearer {keys.admin}' '{url}/v1/admin/views/{VIEW}'",
        ),
    ]
