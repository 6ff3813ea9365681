"""The container and the wheel, without the engine that builds them: what they name exists and can be run."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import typer

from app.cli import program

ROOT = Path(__file__).resolve().parents[2]


def instructions():
    """The Dockerfile's instructions in order: (word, rest), lines that go on put together."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def stages():
    found = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def allowed(path):
    """Whether .dockerignore lets a path of the checkout in."""
    rules = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
    assert rules[0] == "*"
    return f"!{path}" in rules


def test_everything_that_is_copied_from_the_checkout_exists_and_is_let_in():
    for word, rest in stages()[0]:
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert allowed(source.removeprefix("./")), source


def test_the_builder_installs_from_the_lock_and_the_runtime_builds_nothing():
    builder, runtime = stages()
    syncs = [rest for word, rest in builder if word == "RUN" and "uv sync" in rest]
    assert syncs
    assert all("--frozen" in sync and "--no-dev" in sync for sync in syncs)
    assert not any("pip" in rest or "uv " in rest for word, rest in runtime if word == "RUN")


def test_the_container_does_not_run_as_root_and_keeps_its_data_in_a_volume():
    runtime = dict(stages()[1])
    assert runtime["USER"] not in {"root", "0"}
    (volume,) = json.loads(runtime["VOLUME"])
    environment = dict(pair.split("=", 1) for word, rest in stages()[1] if word == "ENV" for pair in shlex.split(rest))
    assert environment["TOWNSHIP_DATA_DIR"] == volume


def test_what_the_container_starts_are_commands_of_the_program():
    commands = typer.main.get_command(program()).commands
    started = json.loads(dict(stages()[1])["CMD"])
    assert started[:2] == ["sh", "-c"]
    words = [shlex.split(part) for part in started[2].split("&&")]
    lines = [line[1:] if line[0] == "exec" else line for line in words]
    assert [line[:2] for line in lines] == [["township", "migrate"], ["township", "serve"]]
    assert words[-1][0] == "exec"  # so that the server itself gets the signal to stop
    known = {option for parameter in commands["serve"].params for option in parameter.opts}
    assert {word for word in lines[-1] if word.startswith("--")} <= known


def test_the_health_check_asks_a_path_that_needs_no_key_at_the_port_that_is_served():
    runtime = dict(stages()[1])
    check = json.loads(runtime["HEALTHCHECK"].split("CMD", 1)[1])
    compile(check[2], "HEALTHCHECK", "exec")
    assert f":{runtime['EXPOSE']}/healthz" in check[2]
    assert f"--port {runtime['EXPOSE']}" in json.loads(runtime["CMD"])[2]


def test_what_the_wheel_takes_along_exists():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert all((ROOT / path).exists() for path in (*wheel["packages"], *wheel["force-include"]))
    assert settings["project"]["scripts"] == {"township": "app.cli:main"}
    assert (ROOT / "app" / "py.typed").exists()
