"""Who takes part, and how each is asked for the same things."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.comparison.processes import Failed, Processes, Running
from bench.comparison.seen import EMPTY, FILE, PLAIN
from bench.comparison.tables import PAGE, bare

PEERS = ("datasette==0.65.5", "roapi==0.12.7")
LONGEST_INSTALL = 240
LONGEST = 300
DATASETTE, ROAPI, POSTGREST = "Datasette", "roapi", "PostgREST"

Start = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Party:
    """A server and the paths by which it gives the whole answer, pages and single records. Empty where it has none."""

    name: str
    server: Running
    headers: tuple[str, ...] = ()
    whole: Mapping[str, str] = field(default_factory=dict)  # by measured format
    whole_headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pages: Sequence[str] = ()
    records: Sequence[str] = ()


def asked(order: Mapping[str, Any]) -> dict[str, Any]:
    """Give the load's process an order. Raises Failed unless every answer was 200."""
    command = [sys.executable, "-m", "bench.comparison.asking"]
    try:
        done = subprocess.run(
            command, input=json.dumps(order).encode(), capture_output=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired as fault:
        raise Failed(f"no end within {LONGEST} s") from fault
    if done.returncode:
        raise Failed(done.stderr.decode(errors="replace").strip().splitlines()[-1])
    found: dict[str, Any] = json.loads(done.stdout)
    statuses = found.get("statuses", {str(found.get("status")): 1})
    if set(statuses) != {"200"}:
        raise Failed(f"answers with status {statuses}")
    return found


def whole(party: Party, path: str, headers: Sequence[str] = ()) -> dict[str, Any]:
    """One reading of a whole answer: seconds, seconds to the first byte, bytes. Raises Failed."""
    server = party.server
    return asked(
        {"do": "whole", "host": server.host, "port": server.port, "path": path, "headers": [*party.headers, *headers]}
    )


def rate(party: Party, paths: Sequence[str], connections: int, seconds: float, start: int) -> dict[str, Any]:
    """Answers a second to several connections that ask without a pause. Raises Failed."""
    server = party.server
    return asked(
        {
            "do": "rate", "host": server.host, "port": server.port, "paths": list(paths), "start": start,
            "headers": list(party.headers), "connections": connections, "seconds": seconds,
        }
    )  # fmt: skip


def cache_folder() -> Path:
    known = os.environ.get("XDG_CACHE_HOME")
    return (Path(known) if known else Path.home() / ".cache") / "township-bench"


def installed_peers() -> Path:
    """The programs of the peers from PyPI, in an environment of their own that is made once. Raises Failed."""
    place = cache_folder() / (
        "-".join(PEERS).replace("==", "-") + f"-py{sys.version_info.major}{sys.version_info.minor}"
    )
    if not (place / "complete").exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        said = [_installed(place, steps) for steps in _ways(place)]  # the second way is tried where the first fails
        if all(said):
            raise Failed("could not be installed: " + "; ".join(filter(None, said)))
        (place / "complete").touch()
    return place / "bin"


def _ways(place: Path) -> list[list[list[str]]]:
    """With uv, and with what comes with Python."""
    python, known = str(place / "bin" / "python"), shutil.which("uv")
    with_uv = [
        [str(known), "venv", "-q", "--clear", "--python", sys.executable, str(place)],
        [str(known), "pip", "install", "-q", "--python", python, *PEERS],
    ]
    alone = [[sys.executable, "-m", "venv", "--clear", str(place)], [python, "-m", "pip", "install", "-q", *PEERS]]
    return [with_uv, alone] if known else [alone]


def _installed(place: Path, steps: Sequence[Sequence[str]]) -> str:
    """Takes the steps unless an earlier way has done it; gives what went wrong, or nothing."""
    if all((place / "bin" / peer.partition("==")[0]).exists() for peer in PEERS):
        return ""
    for step in steps:
        try:
            subprocess.run(step, check=True, capture_output=True, timeout=LONGEST_INSTALL)
        except (OSError, subprocess.SubprocessError) as fault:
            said = getattr(fault, "stderr", None) or b""
            told = " ".join(said.decode(errors="replace").split())[-200:]
            return f"{Path(step[0]).name}: {type(fault).__name__} {told}"
    return ""


def plain(processes: Processes, url: str, key: str, starts: Sequence[Start], records: Sequence[Start]) -> Party:
    server = processes.application("plain", "bench.peers.plain_service:create_app", {"BENCH_DATABASE_URL": url})
    return Party(
        PLAIN, server, (f"Authorization: Bearer {key}",), {"ndjson": "/records"},
        pages=[f"/records?region={region}&period={month}&limit={PAGE}" for region, month in starts],
        records=[f"/records/{region}/{month}" for region, month in records],
    )  # fmt: skip


def empty(processes: Processes, files: Path) -> tuple[Party, Party]:
    """The handler that does nothing, and the sender of files."""
    server = processes.application("empty", "bench.peers.empty_service:create_app", {"BENCH_FILES": str(files)})
    sender = Party(FILE, server, whole={"ndjson": "/files/ndjson", "csv": "/files/csv"})
    return Party(EMPTY, server, records=["/empty"]), sender


def datasette(processes: Processes, sqlite: Path, starts: Sequence[Start], records: Sequence[Start]) -> Party:
    program = installed_peers() / "datasette"
    options = ["max_returned_rows", "3000000", "sql_time_limit_ms", "120000", "max_csv_mb", "0"]
    settings = [
        part for name, value in zip(options[::2], options[1::2], strict=True) for part in ("--setting", name, value)
    ]
    server = processes.program(
        "datasette", lambda port: [str(program), "serve", "-i", str(sqlite), "-p", str(port), *settings]
    )
    table = f"/{sqlite.stem}/answer"
    pages = [f"{table}.json?_shape=array&_size={PAGE}&_next={region},{month}&_nocount=1" for region, month in starts]
    return Party(
        DATASETTE, server,
        whole={"ndjson": f"{table}.json?_shape=array&_nl=on&_size=max&_nocount=1", "csv": f"{table}.csv?_stream=on&_size=max"},
        pages=pages, records=[f"{table}/{region},{month}.json?_shape=array" for region, month in records],
    )  # fmt: skip


def roapi(processes: Processes, parquet: Path, count: int, records: Sequence[Start]) -> Party:
    program = installed_peers() / "roapi"
    server = processes.program(
        "roapi", lambda port: [str(program), "-a", f"127.0.0.1:{port}", "-t", f"answer={parquet}"], {"RUST_LOG": "warn"}
    )
    table = "/api/tables/answer"
    return Party(
        ROAPI, server, whole={"ndjson": table, "csv": table}, whole_headers={"csv": ("Accept: application/csv",)},
        pages=[f"{table}?limit={PAGE}&offset={place}" for place in range(0, count, PAGE)],
        records=[f"{table}?filter[dm]=%27{region}%27&filter[qj]=%27{month}%27" for region, month in records],
    )  # fmt: skip


def postgrest(
    processes: Processes, program: str, url: str, folder: Path, starts: Sequence[Start], records: Sequence[Start]
) -> Party:
    def command(port: int) -> Sequence[str]:
        known = {
            "db-uri": bare(url), "db-schemas": "public", "db-anon-role": "postgres", "server-host": "127.0.0.1",
            "server-port": port, "db-pool": 16, "log-level": "crit",
        }  # fmt: skip
        file = folder / "postgrest.conf"
        file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in known.items()), encoding="utf-8")
        return [program, str(file)]

    server = processes.program("postgrest", command)
    after = "or=(dm.gt.{0},and(dm.eq.{0},qj.gte.{1}))&order=dm,qj&limit={2}"
    return Party(
        POSTGREST, server, whole={"ndjson": "/answer", "csv": "/answer"}, whole_headers={"csv": ("Accept: text/csv",)},
        pages=["/answer?" + after.format(region, month, PAGE) for region, month in starts],
        records=[f"/answer?dm=eq.{region}&qj=eq.{month}" for region, month in records],
    )  # fmt: skip


def tolerated(notes: list[str], name: str, start: Callable[[], Party]) -> list[Party]:
    """The party, or none and a note of why: a peer that fails does not end the run."""
    try:
        return [start()]
    except (Failed, OSError) as fault:
        notes.append(f"{name} did not take part: {fault}")
        return []
