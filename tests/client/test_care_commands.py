"""The care of figures from the command line, against a registry that is really served: a clerk and a department."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import typer
from typer.testing import CliRunner, Result

from app.client import care_commands, commands
from app.host import care_commands as host_commands
from tests.fixtures.caring import CARED, on, people, report
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving

program = typer.Typer()
for room in (commands, care_commands, host_commands):
    room.register(program)

Run = Callable[..., Result]
PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture
def house(new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    with serving(new_url("sqlite"), tmp_path / "data") as served:
        on(served, "2026-03-10")
        served.apply(CARED)
        yield served


@pytest.fixture
def as_(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Run]:
    monkeypatch.setenv("COLUMNS", "240")

    def acting(key: str) -> Run:
        def run(*arguments: object, exits: int = 0) -> Result:
            monkeypatch.setenv("TOWNSHIP_URL", house.url)
            monkeypatch.setenv("TOWNSHIP_KEY", key)
            done = CliRunner().invoke(program, [str(each) for each in arguments])
            assert done.exit_code == exits, done.output
            return done

        return run

    return acting


def test_a_clerk_asks_what_is_due_fills_just_that_and_answers_a_question(
    house: House, as_: Callable[[str], Run], tmp_path: Path
) -> None:
    key = house.key(region="430101101")
    clerk, ecology = as_(key), as_(house.key(department="ecology"))
    told = clerk("due").output
    assert all(word in told for word in ("一镇", "人口", "缺 (missing)", "2026-01-15", "54"))
    book = tmp_path / "补.xlsx"
    clerk("due", "--dataset", "people", "--period", "2025", "-o", book)
    filled = openpyxl.load_workbook(book)
    values: list[Any] = [10, 4, 6, 6.25, "未统计"]
    for column, value in enumerate(values, 3):
        filled.worksheets[0].cell(4, column).value = value
    filled.save(book)
    clerk("upload", book)
    assert json.loads(clerk("due", "--json").output) == []
    ecology("due", exits=1)

    evidence = tmp_path / "证明.pdf"
    evidence.write_bytes(PDF)
    asked = json.loads(
        ecology(
            "corrections", "ask", "people", "total", "--region", "430101101", "--period", "2025", "--value", "10",
            "--reason", "疑", "--evidence", evidence, "--json",
        ).output
    )  # fmt: skip
    assert "2026-03-24" in clerk("corrections", "list").output
    assert "correction.asked" in clerk("notices").output
    copy = tmp_path / "来件.pdf"
    clerk("evidence", "get", asked["evidence"][0], "-o", copy)
    assert copy.read_bytes() == PDF
    clerk("corrections", "answer", asked["id"], exits=2)
    clerk("corrections", "answer", asked["id"], "--upheld", exits=1)
    clerk("corrections", "answer", asked["id"], "--upheld", "--reason", "无误")
    assert "维持" in ecology("corrections", "list").output


def test_evidence_stillness_refusal_and_reminders(house: House, as_: Callable[[str], Run], tmp_path: Path) -> None:
    key = house.key(region="430101101")
    clerk, second, water = (
        as_(key),
        as_(house.key(region="430101", role="confirmer")),
        as_(house.key(department="water")),
    )
    report(house.client(key), "people", people("430101101"))
    file = tmp_path / "台账.pdf"
    file.write_bytes(PDF)
    place = ("--dataset", "people", "--region", "430101101", "--period", "2025")
    first: dict[str, Any] = json.loads(clerk("evidence", "attach", file, *place, "--element", "total", "--json").output)
    assert first["recognised"] is False
    again = clerk("evidence", "attach", file, *place, "--element", "total").output
    assert first["id"] in again
    assert "不再重复保存" in again
    assert "台账.pdf" in clerk("evidence", "list", *place).output

    report(house.client(department="water"), "wells", {"region": "430101101", "number": "W1", "depth": "1"})
    on(house, "2026-10-01")
    assert "过期未核" in water("due").output
    assert "1 条" in water("still-true", "wells", "--region", "430101101", "--key", "number=W1").output
    assert json.loads(water("due", "--json").output) == []

    row = {"region": "430101101", "period": "2026-01", "received": 1, "closed": 1}
    one, other = (report(house.client(key), "cases", {**row, "closed": n})["id"] for n in (0, 1))
    second("refuse", one, "--reason", "不符")
    assert "被退回 (refused)：不符" in clerk("submissions").output
    clerk("take-back", other)
    assert "submission.refused" in clerk("notices").output
