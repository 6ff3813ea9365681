"""A registry of its own for one measurement: a durable database and ``township serve`` as processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from app.store.migrating import migrate
from tests.fixtures.postgresql import start_server

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
}
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a migrated database on the disk: SQLite in ``folder``, or a PostgreSQL that syncs every commit."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'registry.db'}"
        migrate(url)
        yield url
        return
    server = start_server(migrate, DURABLE, Path(tempfile.gettempdir()))
    try:
        yield server.new_database()
    finally:
        server.stop()


@contextmanager
def serving(
    url: str, folder: Path, workers: int, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """The address of a running ``township serve`` and the id of its first process."""
    known = {"TOWNSHIP_DATABASE_URL": url, "TOWNSHIP_DATA_DIR": str(folder), **(settings or {})}
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(command, env={**os.environ, **known}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip().rpartition(" ")[2]
        try:
            yield address, process.pid
        finally:
            process.terminate()


def seconds_of(process: int) -> float:
    """Processor seconds that a process and those below it have used so far."""
    used = 0.0
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        used = sum(int(ticks) for ticks in fields[11:15]) / _TICKS  # its own, and those of children that ended
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
        used += sum(seconds_of(int(child)) for child in children)
    return used


def database_process() -> int | None:
    """The process above all others of our own PostgreSQL, where there is one."""
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split():
        with suppress(OSError):
            if "postgres" in Path(f"/proc/{child}/comm").read_text(encoding="utf-8"):
                return int(child)
    return None
