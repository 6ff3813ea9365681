"""The client's and the program's way to departmental forms."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from typer.testing import CliRunner

from app.cli import program as whole_program
from app.client.http import Township
from tests.client.played import Answer


def parts_of(asked):
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    return {
        part.get_param("name", header="content-disposition"): part
        for part in message_from_bytes(head + asked.body).get_payload()
    }


@pytest.fixture
def township(script):
    with Township(script.url, "k") as client:
        yield client


@pytest.fixture
def run(script, monkeypatch):
    monkeypatch.setenv("TOWNSHIP_URL", script.url)
    monkeypatch.setenv("TOWNSHIP_KEY", "k")
    return lambda *arguments: CliRunner().invoke(whole_program(), [str(argument) for argument in arguments])


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "台账.csv"
    path.write_text("区划,水库名\n", encoding="utf-8")
    return path


def test_a_filled_form_is_fetched_for_a_period_and_regions(script, township):
    script.answers.append(Answer(200, b"xlsx"))
    assert township.form("dams-view", "2025", ["4301", "4302"]) == b"xlsx"
    assert script.asked[0].path == "/v1/views/dams-view/form.xlsx"
    assert script.asked[0].query == [("period", "2025"), ("region", "4301,4302")]


def test_an_upload_can_be_laid_out_as_a_view(script, township):
    script.says({"status": "applied"}, 201)
    township.upload(("a.xlsx", b"1"), view="dams-view")
    assert parts_of(script.asked[0])["view"].get_payload() == "dams-view"


def test_an_administrator_binds_a_form_by_hand(script, township):
    script.says({"version": 1}, 201)
    assert (
        township.admin.put_form("v", ("a.xlsx", b"1"), columns={"镇": "B"}, first_row=5, if_match='"1"')["version"] == 1
    )
    parts = parts_of(script.asked[0])
    assert parts["columns"].get_payload(decode=True).decode() == '{"镇": "B"}'
    assert parts["first_row"].get_payload() == "5"
    assert script.asked[0].headers["if-match"] == '"1"'


def test_the_program_uploads_as_a_view_and_fetches_a_form(script, run, workbook, tmp_path):
    script.says({"id": "s", "status": "applied", "counts": {}, "findings": []}, 201)
    assert run("upload", workbook, "--as", "dams-view").exit_code == 0
    assert parts_of(script.asked[0])["view"].get_payload() == "dams-view"
    script.answers.append(Answer(200, b"xlsx"))
    target = tmp_path / "表.xlsx"
    assert run("form", "dams-view", "--period", "2025", "-o", target).exit_code == 0
    assert target.read_bytes() == b"xlsx"
