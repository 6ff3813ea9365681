"""What the documents name is there: paths, commands, settings, error codes, chores."""

import re
from functools import cache
from pathlib import Path

import pytest
import typer

from app.cli import program
from app.client.settings import ClientSettings
from app.errors import ERROR_CODES
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
OF_TESTS = {"TOWNSHIP_REQUIRE_POSTGRESQL", "TOWNSHIP_TEST_POSTGRESQL_URL"}


def name(path):
    return path.relative_to(ROOT).as_posix()


@cache
def commands():
    """Every command of the program: `serve`, `credentials create` …"""
    root = typer.main.get_command(program())
    found = set()
    for word, command in root.commands.items():
        found.add(word)
        found.update(f"{word} {inner}" for inner in getattr(command, "commands", ()))
    return found


@cache
def options(command):
    """The options of one command, with what they are called on the line."""
    found = typer.main.get_command(program())
    for word in command.split():
        found = found.commands[word]
    return {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }


def find_it_table():
    """The rows of the README's find-it table: what is looked for, and the paths where it is."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split("## Find it", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    return [(row[0].strip(), re.findall(r"`([^`]+)`", row[1])) for row in rows]


def test_every_path_of_the_find_it_table_is_there():
    rows = find_it_table()
    assert len(rows) >= 15
    for wanted, paths in rows:
        assert paths, wanted
        for path in paths:
            assert (ROOT / path).exists(), f"{wanted}: {path}"


def test_every_room_is_in_the_find_it_table():
    named = {path.rstrip("/") for _, paths in find_it_table() for path in paths}
    rooms = {name(path) for path in (ROOT / "app").iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert {room for room in rooms if not any(path == room or path.startswith(f"{room}/") for path in named)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_between_documents_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text)
    gone = [link for link in links if not link.startswith("http") and not (document.parent / link).exists()]
    assert gone == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_a_document_names_is_there_with_its_options(document):
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"(?<![\w./-])township ((?:[a-z]+(?:-[a-z]+)*)(?: [^\n`|]*)?)", " \n".join(code_of(text)))
    unknown = []
    for line in lines:
        words = line.split()
        command = " ".join(words[:2]) if " ".join(words[:2]) in commands() else words[0]
        if command not in commands():
            unknown.append(line)
            continue
        used = re.split(r"[|;#>&]", line)[0]
        unknown += [
            f"{command} {option}"
            for option in re.findall(r"(?<!\S)(--[a-z-]+)", used)
            if option not in options(command)
        ]
    assert unknown == []


def code_of(text):
    """The code of a Markdown text: its fenced blocks, then what stands in backticks elsewhere."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", rest)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_setting_a_document_names_is_there(document):
    known = {f"TOWNSHIP_{field.upper()}" for field in (*Settings.model_fields, *ClientSettings.model_fields)} | OF_TESTS
    assert set(re.findall(r"TOWNSHIP_[A-Z_]+[A-Z]", document.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_error_code_a_document_names_is_there(document):
    """An error code is written with its status: `404 not_found`."""
    text = document.read_text(encoding="utf-8")
    for status, code in re.findall(r"`([45]\d\d) ([a-z_]+)`", text):
        assert code in ERROR_CODES, code
        assert ERROR_CODES[code].status == int(status), code


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_chore_a_document_names_is_in_the_makefile(document):
    chores = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", document.read_text(encoding="utf-8")))
    assert named <= chores


def test_every_chore_tells_what_it_is_for_and_the_hooks_call_only_chores():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    chores = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    declared = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    assert chores == declared
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert hooks
    assert {hook.removeprefix("make ") for hook in hooks} <= chores
