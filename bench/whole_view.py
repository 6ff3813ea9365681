"""A whole view the first time, the second time, after a write, and its bytes from a plain file: in turns, over HTTP.

    uv run python -m bench.whole_view [--folder DIR] [--runs 5] [--townships 2400] [--months 60]

``--folder`` names a registry that is filled the first time and used again. Each turn starts ``township serve`` anew with the
snapshots at hand and no answers kept, so that "first" is the first question to a fresh process; the plain file is sent
by Starlette's ``FileResponse`` from a server of its own. Prints medians with their spread, and processor seconds of the
server, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from app.services.registry import Registry
from app.settings import Settings
from app.store.migrating import migrate
from bench.reading import fill

PATH = "/v1/views/bench/records"
_FILE_SERVER = """
import socket, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route
listener = socket.create_server(("127.0.0.1", 0))
print("on http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
routes = [Route("/{name}", lambda request: FileResponse(sys.argv[1] + "/" + request.path_params["name"]))]
uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning")).run([listener])
"""


@contextmanager
def started(command: list[str], **environment: str) -> Iterator[tuple[str, int]]:
    """A server that says its address in its first line; gives address and process id."""
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().rpartition(" ")[2], process.pid
        finally:
            process.terminate()


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[str, int]]:
    """``township serve`` over the registry in a folder."""
    url = f"sqlite:///{folder / 'registry.db'}"
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
    with started(command, TOWNSHIP_DATABASE_URL=url, TOWNSHIP_DATA_DIR=str(folder), **settings) as found:
        yield found


def processor_seconds(process: int) -> float:
    """What a process and its children have used so far."""
    total = 0.0
    for each in [process, *children(process)]:
        fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    found = [int(child) for child in text.split()]
    return found + [further for child in found for further in children(child)]


def resident_bytes(process: int) -> int:
    """What a process and its children hold in memory, pages of files included."""
    total = 0
    for each in [process, *children(process)]:
        status = Path(f"/proc/{each}/status").read_text(encoding="utf-8")
        found = re.search(r"^VmRSS:\s+([0-9]+) kB", status, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total


class Clocks:
    """Seconds on the wall and of the server's processor, by what was done."""

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def of(self, name: str, process: int) -> Iterator[None]:
        used, began = processor_seconds(process), time.perf_counter()
        yield
        wall = time.perf_counter() - began
        self.seen.setdefault(name, []).append((wall, processor_seconds(process) - used))

    def lines(self) -> Iterator[str]:
        for name, found in self.seen.items():
            walls, used = zip(*found, strict=True)
            middle = statistics.median(walls)
            yield (
                f"{name:28} {middle * 1000:8.0f} ms ({min(walls) * 1000:.0f} to {max(walls) * 1000:.0f}), "
                f"processor {statistics.median(used) * 1000:.0f} ms"
            )


def taken(client: httpx.Client, path: str, **parameters: str) -> bytes:
    """All bytes as they are, nothing packed."""
    with client.stream("GET", path, params=parameters, headers={"Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        return b"".join(answer.iter_raw())


def filled(folder: Path, townships: int, months: int) -> tuple[str, str]:
    """The keys of a department and of a clerk of the registry in the folder, which is filled if it is empty."""
    keys = folder / "keys.txt"
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'registry.db'}"
    migrate(url)
    if not keys.exists():
        with Registry.open(Settings(database_url=url, data_dir=folder)) as registry:
            keys.write_text(" ".join(fill(registry, townships, months)), encoding="ascii")
    department, clerk = keys.read_text(encoding="ascii").split()
    return department, clerk


def one_turn(clocks: Clocks, folder: Path, form: str, keys: tuple[str, str], turn: int) -> None:
    shutil.rmtree(folder / "answers", ignore_errors=True)
    files = folder / "plain"
    files.mkdir(exist_ok=True)
    with ExitStack() as stack:
        address, process = stack.enter_context(serving(folder))
        client = stack.enter_context(httpx.Client(base_url=address, timeout=600))
        client.headers["Authorization"] = f"Bearer {keys[0]}"
        client.get("/v1/me").raise_for_status()
        with clocks.of(f"{form} first", process):
            data = taken(client, PATH, format=form)
        (files / form).write_bytes(data)
        plain, sender = stack.enter_context(started([sys.executable, "-c", _FILE_SERVER, str(files)]))
        sending = stack.enter_context(httpx.Client(base_url=plain, timeout=600))
        taken(sending, f"/{form}")
        for _ in range(3):
            with clocks.of(f"{form} second", process):
                assert taken(client, PATH, format=form) == data
            with clocks.of(f"{form} from a plain file", sender):
                assert taken(sending, f"/{form}") == data
        row = {"region": "430101100", "period": "2021-03", "e0": (time.time_ns() + turn) % 10**9}
        reporter = {"Authorization": f"Bearer {keys[1]}"}
        written = client.post("/v1/submissions", json={"dataset": "figures", "rows": [row]}, headers=reporter)
        written.raise_for_status()
        with clocks.of(f"{form} after a write", process):
            assert taken(client, PATH, format=form) != data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--townships", type=int, default=2_400)
    parser.add_argument("--months", type=int, default=60)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = filled(folder, asked.townships, asked.months)
        clocks = Clocks()
        for turn in range(asked.runs):
            for form in ("ndjson", "csv"):
                one_turn(clocks, folder, form, keys, turn)
        print("\n".join(clocks.lines()))
        print("load of the machine: " + " ".join(f"{each:.1f}" for each in os.getloadavg()))


if __name__ == "__main__":
    main()
