import json

import pytest
import typer
from typer.testing import CliRunner

from app.client.access_commands import register

program = typer.Typer()
register(program)

REQUEST = {
    "id": "r1",
    "department": "ecology",
    "status": "submitted",
    "elements": ["people.*"],
    "items": [
        {
            "element": "people.total",
            "sharing": "open",
            "state": "granted",
            "reason": None,
            "agreement": "request-r1-open",
        }
    ],
    "reply_due": "2026-10-12",
    "overdue": True,
    "history": [{"at": "2026-09-21T09:00:00+08:00", "kind": "submitted", "by": "c1", "reason": None}],
}
READ = {
    "reader": "某部门",
    "title": "总人口",
    "element": "people.total",
    "periods": ["2025"],
    "agreement": None,
    "purpose": None,
    "times": 3,
    "last": "2026-09",
}


@pytest.fixture
def run(script, monkeypatch):
    monkeypatch.setenv("TOWNSHIP_URL", script.url)
    monkeypatch.setenv("TOWNSHIP_KEY", "k")
    monkeypatch.setenv("COLUMNS", "220")
    return lambda *arguments: CliRunner().invoke(program, [str(argument) for argument in arguments])


def test_a_request_is_handed_in_as_it_is_said(script, run):
    script.says(REQUEST, 201)
    done = run(
        "access-request", "create", "--elements", "people.*, cases.received", "--regions", "430101", "--purpose", "考核",
        "--legal-basis", "某法", "--from", "2026-01-01", "--until", "2026-12-31", "--first-period", "2024",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    asked = script.asked[-1]
    assert (asked.method, asked.path) == ("POST", "/v1/access-requests")
    assert json.loads(asked.body) == {
        "elements": ["people.*", "cases.received"],
        "regions": ["430101"],
        "periods": {"from": "2024"},
        "purpose": "考核",
        "legal_basis": "某法",
        "delivery": "api",
        "valid": {"from": "2026-01-01", "until": "2026-12-31"},
    }
    assert "request-r1-open" in done.output
    assert "逾期" in done.output


def test_what_is_late_is_listed_through_all_pages(script, run):
    script.says({"access_requests": [REQUEST], "next": "more"})
    script.says({"access_requests": [{**REQUEST, "id": "r2"}], "next": None})
    done = run("access-request", "list", "--overdue")
    assert done.exit_code == 0, done.output
    assert "r1" in done.output
    assert "r2" in done.output
    assert script.asked[-1].path == "/v1/admin/access-requests"
    assert ("cursor", "more") in script.asked[-1].query


def test_a_decision_carries_its_terms(script, run, tmp_path):
    terms = tmp_path / "terms.json"
    terms.write_text('{"elements": ["cases.received"]}', encoding="utf-8")
    script.says(REQUEST)
    done = run("access-request", "decide", "r1", "--agreement", terms, "--reason", "仅此一项")
    assert done.exit_code == 0, done.output
    body = json.loads(script.asked[-1].body)
    assert body == {"verdict": "grant", "reason": "仅此一项", "agreement": {"elements": ["cases.received"]}}
    script.says({"code": "bad_request", "title": "t", "status": 400, "detail": "须说明理由"}, 400)
    refused = run("access-request", "decide", "r1", "--refuse")
    assert refused.exit_code == 1
    assert "须说明理由" in refused.output


def test_the_source_is_shown_who_read_what(script, run):
    script.says({"since": None, "until": None, "reads": [READ]})
    done = run("transparency", "--since", "2026-09-01")
    assert done.exit_code == 0, done.output
    assert "某部门" in done.output
    assert "2026-09" in done.output
    assert ("since", "2026-09-01") in script.asked[-1].query
