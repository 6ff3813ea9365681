"""How long ``township apply`` takes with a whole country's regions and a large catalogue.

python -m bench.apply                                 45,000 made regions, 3,000 elements, on SQLite
python -m bench.apply --database URL                  on an empty PostgreSQL database
python -m bench.apply --regions FILE                  with a region list of your own
python -m bench.apply --keep DIR                      the folder and the registry stay in DIR

Each step is the command itself in a process of its own, so starting Python and reading the files are in the figure;
beside it the most memory that the process held.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from bench.large_catalogue import ELEMENTS_A_DATASET, Size, faulty, large_folder


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def measured(title: str, arguments: Sequence[str], environment: Mapping[str, str], expected: int = 0) -> str:
    """Runs ``township`` with these arguments, prints seconds and memory, and gives what it printed."""
    command = [sys.executable, "-m", "app.cli", *arguments]
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        output.seek(0)
        said = output.read().decode()
    last = said.strip().splitlines()[-1] if said.strip() else ""
    print(f"{title:<34} {seconds:6.2f} s  {used.ru_maxrss / 1024:6.0f} MB   {last[:60]}", flush=True)
    if process.returncode != expected:
        raise SystemExit(f"{title}: exit code {process.returncode}\n{said[-2000:]}")
    return said


def first_requests(environment: Mapping[str, str], key: str) -> None:
    """A server started anew: what the first and the second question cost, and what the process then holds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        env=dict(environment), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip().rpartition(" ")[2]
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
            for title in ("first", "second"):
                started = time.perf_counter()
                answer = client.get("/v1/regions", params={"level": "township"})
                answer.raise_for_status()
                seconds = time.perf_counter() - started
                print(f"{title} GET /v1/regions?level=township   {seconds:6.2f} s  {len(answer.content):,} bytes")
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith(("VmRSS", "VmHWM")):
                print(line)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", help="URL of an empty database; default: SQLite in the folder")
    parser.add_argument("--regions", type=Path, help="a regions.csv to take instead of a made one")
    parser.add_argument("--keep", type=Path, help="where to leave the folder; default: a temporary one")
    parser.add_argument("--datasets", type=int, default=Size().datasets)
    arguments = parser.parse_args()
    size = Size(datasets=arguments.datasets)
    with tempfile.TemporaryDirectory(prefix="township-bench-") as temporary:
        folder = arguments.keep or Path(temporary)
        files = large_folder(size, arguments.regions.read_bytes() if arguments.regions else None)
        write(folder / "schemas", files)
        write(folder / "faulty", faulty(files))
        listed = len(files["regions.csv"].splitlines()) - 1
        print(f"{listed:,} regions, {size.datasets} data sets × {ELEMENTS_A_DATASET} elements, {size.views} views, "
              f"{size.agreements} agreements, {len(files)} files")  # fmt: skip
        environment = {**os.environ, "TOWNSHIP_DATA_DIR": str(folder / "data")}
        if arguments.database:
            environment["TOWNSHIP_DATABASE_URL"] = arguments.database
        measured("migrate", ["migrate"], environment)
        measured("faults in many files", ["apply", str(folder / "faulty")], environment, expected=1)
        measured("dry run of everything", ["apply", "--dry-run", str(folder / "schemas")], environment)
        measured("apply", ["apply", str(folder / "schemas")], environment)
        measured("apply again", ["apply", str(folder / "schemas")], environment)
        measured("export", ["export", str(folder / "exported")], environment)
        measured("apply of the export", ["apply", str(folder / "exported")], environment)
        made = measured("a key", ["credentials", "create", "--name", "bench", "--admin", "--json"], environment)
        first_requests(environment, made.split('"key": "')[1].split('"')[0])


if __name__ == "__main__":
    main()
