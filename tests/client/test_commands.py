import json
import socket

import pytest
import typer
from typer.testing import CliRunner

from app.client.commands import register
from app.client.printing import place
from tests.client.played import Answer

program = typer.Typer()
register(program)

APPLIED = {
    "id": "s1",
    "dataset": "population",
    "period": "2025",
    "status": "applied",
    "counts": {"rows": 14, "new": 14},
    "findings": [],
}


@pytest.fixture
def run(script, monkeypatch):
    monkeypatch.setenv("TOWNSHIP_URL", script.url)
    monkeypatch.setenv("TOWNSHIP_KEY", "k")
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(program, [str(argument) for argument in arguments])


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "人口.csv"
    path.write_text("行政区划代码,常住人口\n", encoding="utf-8")
    return path


def test_an_applied_upload_ends_with_0_and_its_counts(script, run, workbook):
    script.says(APPLIED, 201)
    result = run("upload", workbook, "--dataset", "population", "--period", "2025")
    assert result.exit_code == 0, result.output
    assert "已入库" in result.stdout
    assert "新增 14" in result.stdout


def test_a_refused_upload_ends_with_1_and_names_every_cell(script, run, workbook):
    findings = [
        {
            "severity": "error",
            "code": "not_a_number",
            "message": "不是数字",
            "sheet": "Sheet",
            "cell": "C3",
            "value": "约一千",
        },
        {"severity": "warning", "code": "hidden_rows", "message": "有隐藏行", "sheet": "Sheet", "row": 7},
    ]
    script.refuses(422, "invalid_submission", findings)
    result = run("upload", workbook)
    assert result.exit_code == 1
    for word in ("Sheet!C3", "约一千", "不是数字", "第 7 行", "1 处错误，1 处提示"):
        assert word in result.output


def test_a_check_with_errors_ends_with_1_though_the_answer_is_200(script, run, workbook):
    script.says({**APPLIED, "status": "checked", "findings": [{"severity": "error", "message": "m", "cell": "A1"}]})
    assert run("upload", workbook, "--check").exit_code == 1
    script.says({**APPLIED, "status": "checked", "findings": [{"severity": "warning", "message": "m", "cell": "A1"}]})
    assert run("upload", workbook, "--check").exit_code == 0


def test_a_registry_out_of_reach_ends_with_2(script, run, workbook, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("TOWNSHIP_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("time.sleep", lambda _: None)
    result = run("upload", workbook)
    assert result.exit_code == 2
    assert str(port) in result.output


def test_an_upload_in_json_is_the_answer_itself_also_when_refused(script, run, workbook):
    script.says(APPLIED, 201)
    assert json.loads(run("upload", workbook, "--json").stdout) == APPLIED
    script.refuses(422, "invalid_submission", [{"cell": "C3"}])
    result = run("upload", workbook, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"] == [{"cell": "C3"}]


def test_a_template_is_saved_under_the_name_of_its_dataset_and_period(script, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script.answers.append(Answer(200, b"PK"))
    assert run("template", "population", "--period", "2025").exit_code == 0
    assert (tmp_path / "population-2025.xlsx").read_bytes() == b"PK"
    script.answers.append(Answer(200, b"PK2"))
    run("template", "population", "--period", "2025", "-o", tmp_path / "x.xlsx")
    assert (tmp_path / "x.xlsx").read_bytes() == b"PK2"


def test_a_pull_takes_its_format_from_the_option_then_the_file_then_csv(script, run, tmp_path):
    for arguments, expected in [
        (("-o", tmp_path / "v.parquet"), "parquet"),
        (("-o", tmp_path / "v.dat"), "csv"),
        (("--format", "ndjson", "-o", tmp_path / "v.csv"), "ndjson"),
        ((), "csv"),
    ]:
        script.answers.append(Answer(200, b"x"))
        assert run("pull", "v", "--period", "2025", *arguments).exit_code == 0
        assert ("format", expected) in script.asked[-1].query


def test_a_pull_of_text_without_a_file_goes_to_stdout_byte_for_byte(script, run):
    script.answers.append(Answer(200, "\ufeff代码,值\r\n1,2\r\n".encode()))
    result = run("pull", "v")
    assert result.stdout_bytes == "\ufeff代码,值\r\n1,2\r\n".encode()


def test_a_pull_of_a_view_that_is_not_there_ends_with_1(script, run):
    script.refuses(404, "not_found")
    result = run("pull", "v")
    assert result.exit_code == 1
    assert "not_found" in result.stderr
    assert result.stdout == ""


def test_submissions_are_listed_and_confirmed(script, run):
    script.says(
        {"submissions": [{"id": "s1", "dataset": "population", "period": "2025", "status": "pending"}], "next": None}
    )
    assert "待第二人确认" in run("submissions").stdout
    script.says(APPLIED)
    assert "已入库" in run("confirm", "s1").stdout
    assert script.asked[-1].path == "/v1/submissions/s1/confirm"


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        ({"sheet": "人口", "row": 7, "cell": "C7"}, "人口!C7"),
        ({"sheet": None, "row": 0, "cell": None}, "第 0 行"),
        ({"file": "views/a.yaml", "place": "fields[3]"}, "views/a.yaml fields[3]"),
        ({}, "—"),
    ],
)
def test_a_finding_is_placed_as_its_reader_would_look_for_it(finding, expected):
    assert place(finding) == expected
