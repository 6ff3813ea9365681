"""A whole country's view read at once, and the memory that takes: 41,352 townships by 60 months by default.

    uv run python -m bench.country [--townships 41352] [--months 60] [--folder DIR] [--format ndjson]

Fills a registry on SQLite (one month through the service, the others copied in the database), builds the snapshots by reading once,
then starts ``township serve`` anew and reads the view while the server's memory is looked at twenty times a second. Most memory
above idle is told with the pages of mapped files and without them.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from sqlalchemy import create_engine, text

from bench.whole_view import PATH, children, filled, serving

_COPY = """
INSERT INTO record_version (dataset, region_id, period, year, key, "values", submission_id, epoch, withdrawn)
SELECT dataset, region_id, period + :month, (period + :month) / 12, key, "values", submission_id, epoch, withdrawn
FROM record_version WHERE period = :first AND superseded_epoch IS NULL
"""
_PART = """
INSERT INTO part_revision (dataset, year, epoch) SELECT dataset, :year, max(epoch) FROM part_revision GROUP BY dataset
"""
_FIRST = 12 * 2021


def further_months(folder: Path, months: int) -> None:
    """The first month again as each of the others, as if they had been reported with it."""
    engine = create_engine(f"sqlite:///{folder / 'registry.db'}")
    with engine.begin() as cx:
        if cx.execute(text("SELECT max(period) FROM record_version")).scalar_one() != _FIRST:
            return
        for month in range(1, months):
            cx.execute(text(_COPY), {"month": month, "first": _FIRST})
        for year in range(2022, 2021 + -(-months // 12)):
            cx.execute(text(_PART), {"year": year})
    engine.dispose()


class Watched:
    """The most memory of a process and its children, in bytes: all of it, and without the pages of files."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._ended = threading.Event()
        self.resident = self.own = 0

    def look(self) -> None:
        found = [_memory(each) for each in [self._process, *children(self._process)]]
        self.resident = max(self.resident, sum(resident for resident, _ in found))
        self.own = max(self.own, sum(own for _, own in found))

    def _look_on(self) -> None:
        while not self._ended.wait(0.05):
            self.look()

    @contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look_on)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()


def _memory(process: int) -> tuple[int, int]:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = {name: int(kilobytes) * 1024 for name, kilobytes in re.findall(r"(VmRSS|RssAnon):\s+([0-9]+) kB", status)}
    return found.get("VmRSS", 0), found.get("RssAnon", 0)


def read_once(folder: Path, key: str, form: str) -> str:
    with ExitStack() as stack:
        address, process = stack.enter_context(serving(folder, TOWNSHIP_ANSWERS_DISK_BYTES="0"))
        client = stack.enter_context(httpx.Client(base_url=address, timeout=3_600))
        client.headers.update({"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"})
        client.get("/v1/me").raise_for_status()
        idle, seen = Watched(process), Watched(process)
        idle.look()
        began, size, first = time.perf_counter(), 0, 0.0
        with seen.looking(), client.stream("GET", PATH, params={"format": form}) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_raw():
                first = first or time.perf_counter() - began
                size += len(chunk)
        seconds = time.perf_counter() - began
    above = (
        f"{(seen.resident - idle.resident) / 1e6:.0f} MB above idle, {(seen.own - idle.own) / 1e6:.0f} MB of its own"
    )
    return f"{form}: {size:,} bytes in {seconds:.1f} s, the first after {first:.1f} s; {above}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--townships", type=int, default=41_352)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--format", choices=("ndjson", "csv"), default="ndjson")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        key, _ = filled(folder, asked.townships, 1)
        further_months(folder, asked.months)
        print("with snapshots to be built   " + read_once(folder, key, asked.format), flush=True)
        print("with snapshots at hand       " + read_once(folder, key, asked.format))


if __name__ == "__main__":
    main()
