"""``township audit`` at the machine: proved whole, signed, listed, exported, pruned."""

from __future__ import annotations

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from app.cli import program

PROGRAM = program()


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("DATABASE_URL", "URL", "KEY"):
        monkeypatch.delenv(f"TOWNSHIP_{name}", raising=False)
    monkeypatch.setenv("TOWNSHIP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "250")
    run = lambda *words: CliRunner().invoke(PROGRAM, [str(word) for word in words])  # noqa: E731
    assert run("migrate").exit_code == 0
    assert run("credentials", "create", "--name", "root", "--admin").exit_code == 0
    return run


def tampered(tmp_path, statement):
    with sqlite3.connect(tmp_path / "data" / "registry.audit.db") as cx:
        assert cx.execute(statement).rowcount > 0
    cx.close()


def test_what_the_operator_does_is_in_the_audit_and_the_audit_holds(run, tmp_path):
    listed = json.loads(run("audit", "list", "--json").stdout)
    assert [(one["kind"], one["action"], one["target"], one["status"]) for one in listed[1:3]] == [
        ("closing", "create-credential", "root", "done"),
        ("intent", "create-credential", "root", None),
    ]
    assert run("backup", tmp_path / "b.zip").exit_code == 0
    done = run("audit", "verify")
    assert done.exit_code == 0
    assert "holds" in done.stdout
    assert run("audit", "verify", "--archive", tmp_path / "b.zip").exit_code == 0
    shown = json.loads(run("audit", "show", "1").stdout)
    assert (shown["id"], shown["proof"]["leaf"]["number"]) == (1, 0)
    assert run("audit", "show", "9999").exit_code == 1


def test_a_touched_log_ends_in_exit_1_and_the_first_broken_entry(run, tmp_path):
    run("audit", "checkpoint", "-o", tmp_path / "head")
    run("audit", "list")
    tampered(tmp_path, "UPDATE audit SET target = 'someone' WHERE id = 2")
    tampered(tmp_path, "DELETE FROM audit WHERE id = 3")
    done = run("audit", "verify", "--json", "--checkpoint", tmp_path / "head")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["holds"] is False
    assert [(fault["kind"], fault["entry"]) for fault in told["faults"][:2]] == [("changed", 2), ("removed", 3)]


def test_a_head_kept_elsewhere_finds_a_log_that_was_rolled_back(run, tmp_path):
    run("audit", "list")
    run("audit", "checkpoint", "-o", tmp_path / "head")
    assert run("audit", "verify", "--checkpoint", tmp_path / "head").exit_code == 0
    for statement in (
        "DELETE FROM audit", "DELETE FROM audit_leaf", "DELETE FROM audit_checkpoint", "DELETE FROM audit_writer",
    ):  # fmt: skip
        tampered(tmp_path, statement)
    assert run("audit", "verify").exit_code == 0
    done = run("audit", "verify", "--checkpoint", tmp_path / "head")
    assert done.exit_code == 1
    assert "removed" in done.stderr


def test_an_export_is_verified_without_the_database(run, tmp_path):
    assert run("audit", "export", tmp_path / "log.ndjson").exit_code == 0
    key = tmp_path / "key"
    key.write_text(run("audit", "key").stdout)
    assert run("audit", "verify", "--exported", tmp_path / "log.ndjson", "--key", key).exit_code == 0
    lines = (tmp_path / "log.ndjson").read_text("utf-8").splitlines()
    entry = json.loads(lines[1])
    entry["entry"]["action"] = "nothing"
    for changed in (
        [lines[0], json.dumps(entry), *lines[2:]],
        [lines[0], *lines[2:]],
        [lines[0], lines[2], lines[1], *lines[3:]],
        lines[:-1],
        [*lines[:-1], "x"],
        lines[1:],
    ):
        (tmp_path / "changed").write_text("\n".join(changed) + "\n", "utf-8")
        assert run("audit", "verify", "--exported", tmp_path / "changed").exit_code == 1
    key.write_text(key.read_text()[:-6] + "AAAA=\n")
    assert run("audit", "verify", "--key", key).exit_code == 1


def test_pruning_keeps_to_the_legal_minimum(run, monkeypatch):
    refused = run("audit", "prune", "--before", "2999-01-01")
    assert refused.exit_code == 1
    assert "184" in refused.stderr
    assert run("audit", "prune").exit_code == 1
    monkeypatch.setenv("TOWNSHIP_AUDIT_MINIMUM_DAYS", "0")
    monkeypatch.setenv("TOWNSHIP_AUDIT_RETENTION_DAYS", "30")
    assert run("audit", "prune").exit_code == 0
    assert run("audit", "verify").exit_code == 0
