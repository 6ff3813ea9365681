import json

import pytest
import typer
from typer.testing import CliRunner

from app.client.form_commands import register

program = typer.Typer()
register(program)

COLUMN = {
    "name": "常住人口",
    "path": ["人口"],
    "verdict": "held",
    "element": "population.resident_population",
    "expr": None,
    "conversion": {"from": "人", "to": "万人", "factor": "0.0001", "assumed": False},
    "reasons": ["名称含义相同"],
    "candidates": [],
    "freshness": {"period": "2025", "reported_on": "2026-01-09"},
}
CHECKED = {
    "id": "f1",
    "title": "调查表",
    "columns": [
        COLUMN,
        {
            **COLUMN,
            "name": "实有人口",
            "path": [],
            "verdict": "related",
            "element": None,
            "conversion": None,
            "freshness": None,
            "candidates": [{"title": "常住人口", "element": "p.r", "definition": "定义在此", "difference": "口径更窄"}],
        },
    ],
    "summary": {"held": 1, "derivable": 0, "related": 1, "new": 0, "bookkeeping": 0},
    "burden": {"cells": 28, "cells_held": 14, "columns": 2, "regions": 14, "times_a_year": 1},
}


@pytest.fixture
def run(script, monkeypatch):
    monkeypatch.setenv("TOWNSHIP_URL", script.url)
    monkeypatch.setenv("TOWNSHIP_KEY", "k")
    monkeypatch.setenv("COLUMNS", "220")
    return lambda *arguments: CliRunner().invoke(program, [str(argument) for argument in arguments])


@pytest.fixture
def form(tmp_path):
    path = tmp_path / "调查表.csv"
    path.write_text("乡镇,常住人口（万人）\n", encoding="utf-8")
    return path


def test_a_form_is_shown_column_by_column_with_what_it_would_have_cost(script, run, form):
    script.says(CHECKED, 201)
    result = run("form-check", form, "--title", "调查表", "--department", "ecology")
    assert result.exit_code == 0, result.output
    for said in (
        "人口/常住人口",
        "已有",
        "人→万人 ×0.0001",
        "2025",
        "口径不同",
        "定义在此",
        "口径更窄",
        "28 格",
        "14 格已有",
    ):
        assert said in result.stdout
    (asked,) = script.asked
    assert asked.path == "/v1/form-requests"
    assert b"ecology" in asked.body
    assert "常住人口（万人）".encode() in asked.body


def test_a_form_as_json_is_sent_as_it_is_with_the_options_over_it(script, run, tmp_path):
    path = tmp_path / "form.json"
    path.write_text(json.dumps({"title": "旧名", "columns": [{"name": "常住人口"}]}), encoding="utf-8")
    script.says(CHECKED, 201)
    assert run("form-check", path, "--title", "新名", "--json").exit_code == 0
    assert script.asked[0].document == {"title": "新名", "columns": [{"name": "常住人口"}]}


def test_a_refusal_ends_with_1(script, run, form):
    script.refuses(413, "too_large")
    assert run("form-check", form).exit_code == 1


def test_either_a_file_or_all_is_asked_for(script, run, form):
    assert run("form-check").exit_code == 1
    assert run("form-check", form, "--all").exit_code == 1
    assert script.asked == []


def test_the_standing_check_lists_twins_and_what_nobody_reads(script, run):
    element = {"title": "总人口", "element": "a.b"}
    script.says(
        {
            "twice": [{"confidence": 0.98, "elements": [element, {"title": "人口总数", "element": "c.d"}]}],
            "unread": [{"title": "水井", "element": "w.n", "lacking": ["view", "reading"]}],
        }
    )
    result = run("form-check", "--all")
    assert result.exit_code == 0, result.output
    for said in ("总人口", "人口总数", "0.98", "水井", "没有视图用到、没有人读过"):
        assert said in result.stdout


def test_the_ledger_is_shown_with_a_bar_a_month(script, run):
    script.says(
        {
            "since": "2026-01-01",
            "saved": {"forms": 3, "cells": 30},
            "form_gate": {"cells_turned_away": 70},
            "months": [{"month": "2026-01", "forms": 1, "cells": 10}, {"month": "2026-02", "forms": 2, "cells": 20}],
            "departments": [{"department": "ecology", "forms": 3, "cells": 30}],
            "reused": [],
            "asked_again": [],
            "never_read": None,
        }
    )
    result = run("burden", "--since", "2026-01-01")
    assert result.exit_code == 0, result.output
    assert script.asked[0].query == [("since", "2026-01-01")]
    first, second = (line for line in result.stdout.splitlines() if line.startswith("2026-0"))
    assert first.count("█") * 2 == second.count("█")
    assert "70 格" in result.stdout
