"""Rules about the tree itself: what is where, how big it is, and what it must not say."""

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from app.errors import ERROR_CODES

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 400
TEXT_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".ini", ".txt", ".json", ".cfg", ".sh", ""}
# A path of somebody's machine, whoever's it is.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home|Users|root)/\w|[A-Z]:\\\\?Users")


def tracked():
    """Files of the project: what git has or would take, without what it is told to ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    return [
        path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts and ".git" not in path.parts
    ]


FILES = tracked()
PYTHON = [path for path in FILES if path.suffix == ".py"]
SOURCES = [path for path in PYTHON if path.relative_to(ROOT).parts[0] == "app"]


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_longer_than_400_lines():
    lengths = {
        name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in PYTHON
        if path.relative_to(ROOT).parts[0] in {"app", "tests"}
    }
    assert {file: lines for file, lines in lengths.items() if lines > LONGEST_FILE} == {}


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_nothing_is_imported_inside_a_function(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def test_no_file_is_named_for_nothing():
    vague = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
    assert [name(path) for path in SOURCES if vague & {path.stem, *path.relative_to(ROOT).parts[:-1]}] == []


def test_no_text_names_a_path_of_a_machine():
    found = {}
    for path in FILES:
        if path.suffix not in TEXT_SUFFIXES or path.name == "uv.lock" or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        hits = MACHINE_PATHS.findall(text) + ([str(ROOT)] if len(ROOT.parts) > 2 and f"{ROOT}/" in text else [])
        if hits:
            found[name(path)] = hits
    assert found == {}


def test_every_error_code_has_a_status_and_both_titles():
    for code, kind in ERROR_CODES.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        assert 400 <= kind.status <= 599, code
        assert re.search(r"[\u4e00-\u9fff]", kind.title), code
        assert re.search(r"[A-Za-z]", kind.title_en), code
        assert not re.search(r"[\u4e00-\u9fff]", kind.title_en), code


def test_only_the_gate_knows_the_seal():
    users = [name(path) for path in SOURCES if re.search(r"\b_SEAL\b", path.read_text(encoding="utf-8"))]
    assert set(users) <= {"app/policy/scopes.py", "app/policy/gate.py"}


def test_only_the_services_ask_the_gate():
    asking = re.compile(r"from app\.policy import .*\bgate\b|import app\.policy\.gate|from app\.policy\.gate import")
    users = {path.relative_to(ROOT).parts[1] for path in SOURCES if asking.search(path.read_text(encoding="utf-8"))}
    assert users <= {"services", "policy"}


def test_only_the_store_knows_the_tables():
    asking = re.compile(r"from app\.store import .*\btables\b|app\.store\.tables")
    users = {path.relative_to(ROOT).parts[1] for path in SOURCES if asking.search(path.read_text(encoding="utf-8"))}
    assert users <= {"store"}


def test_the_changelog_tells_of_the_version_that_is_built():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    told = re.findall(
        r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert told[0] == version


def test_the_script_of_ci_can_be_run_and_stops_at_the_first_fault():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
