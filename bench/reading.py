"""Reading in bulk through everything that is on in production: agreement, mapping, audit, exact decimals.

    uv run python -m bench.reading [--townships 2400] [--months 60] [--runs 5] [--database-url URL]

Makes a registry in a temporary folder, reports the records through the service itself, serves it with ``township
serve`` as a process of its own, and reads over HTTP. Prints the median and the spread of each reading.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from app.policy.callers import Caller
from app.services.apply import apply_folder
from app.services.credentials import create_credential
from app.services.registry import Registry
from app.services.submit import SubmissionRequest, submit
from app.settings import Settings
from app.store.migrating import migrate

ELEMENTS = 24
AGREEMENT = """
code: bench
department: bench
purpose: 测量
elements: [figures.*]
regions: ["*"]
valid: {from: 2020-01-01, until: 2099-12-31}
"""


def folder(townships: int) -> dict[str, bytes]:
    """A catalogue of 24 elements, some counts and some areas, and a view that renames and converts them."""
    lines = ["code,name,level,parent", "43,省,province,"]
    for county in range(-(-townships // 24)):
        prefecture = 4301 + county // 90
        if county % 90 == 0:
            lines.append(f"{prefecture},市{prefecture},prefecture,43")
        code = f"{prefecture}{county % 90 + 1:02d}"
        lines.append(f"{code},县{county},county,{prefecture}")
        lines += [f"{code}{100 + i},镇{county}-{i},township,{code}" for i in range(24) if county * 24 + i < townships]
    elements, fields = [], ["  - {name: dm, from: region.code}", "  - {name: qj, from: period}"]
    for i in range(ELEMENTS):
        if i % 2:
            elements.append(
                f"  - {{code: e{i}, title: 面积{i}, type: decimal, decimals: 2, unit: 公顷, measure: stock}}"
            )
            fields.append(f"  - {{name: f{i}, from: figures.e{i}, unit: 亩, decimals: 2}}")
        else:
            elements.append(f"  - {{code: e{i}, title: 人数{i}, type: integer, unit: 人, measure: stock}}")
            fields.append(f"  - {{name: f{i}, from: figures.e{i}}}")
    dataset = "code: figures\ntitle: 数\nfrequency: month\nlevel: township\nsource: region\nsharing: open\nelements:\n"
    view = "code: bench\ndepartment: bench\ntitle: 测量\ngrain: {level: township, frequency: month}\nfields:\n"
    texts = {
        "regions.csv": "\n".join(lines),
        "departments.yaml": "departments: [{code: bench, name: 测量}]",
        "datasets/figures.yaml": dataset + "\n".join(elements),
        "views/bench.yaml": view + "\n".join(fields),
        "agreements/bench.yaml": AGREEMENT,
    }
    return {name: text.encode() for name, text in texts.items()}


def rows(codes: list[str], month: int) -> list[dict[str, object]]:
    period = f"{2021 + month // 12}-{month % 12 + 1:02d}"
    return [
        {
            "region": code,
            "period": period,
            **{
                f"e{i}": (f"{(n * 37 + month + i) % 9000}.{i:02d}" if i % 2 else n * 13 + month + i)
                for i in range(ELEMENTS)
            },
        }
        for n, code in enumerate(codes)
    ]


def fill(registry: Registry, townships: int, months: int) -> tuple[str, str]:
    plan = apply_folder(registry, folder(townships))
    if plan.faults:
        raise SystemExit("\n".join(map(str, plan.faults)))
    today = registry.today()
    regions = registry.state().regions
    codes = [regions.state(i, today).code for i in regions.at_level("township", today)]  # type: ignore[union-attr]
    clerk = Caller("region", "bench", "bench", region_id=regions.holder("43", today), role="clerk")
    started = time.perf_counter()
    for month in range(months):
        submit(registry, clerk, SubmissionRequest("figures", None, None, "apply", rows=rows(codes, month)))
    seconds = time.perf_counter() - started
    count = len(codes) * months
    print(f"reported {count:,} records of {ELEMENTS} elements in {seconds:.1f} s ({count / seconds:,.0f} a second)")
    key = create_credential(registry, "bench", "department", department="bench")[1]
    return key, create_credential(registry, "clerk", "region", region="43")[1]


def timed(runs: int, read: Callable[[], int]) -> str:
    seconds, size = [], 0
    for _ in range(runs):
        started = time.perf_counter()
        size = read()
        seconds.append(time.perf_counter() - started)
    middle = statistics.median(seconds)
    return f"{middle * 1000:9.1f} ms  ({min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f})  {size:,} bytes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--townships", type=int, default=2_400)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--database-url", help="an empty database; default: SQLite in a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        url = asked.database_url or f"sqlite:///{data / 'registry.db'}"
        migrate(url)
        with Registry.open(Settings(database_url=url, data_dir=data)) as registry:
            key, clerk = fill(registry, asked.townships, asked.months)
        environment = {**os.environ, "TOWNSHIP_DATABASE_URL": url, "TOWNSHIP_DATA_DIR": name}
        command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip().rpartition(" ")[2]
            try:
                measure(address, key, clerk, asked.runs)
            finally:
                process.terminate()


def measure(address: str, key: str, clerk: str, runs: int) -> None:
    path = "/v1/views/bench/records"
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=600) as client:

        def whole(form: str) -> Callable[[], int]:
            return lambda: len(client.get(path, params={"format": form}).content)

        def page() -> int:
            return len(client.get(path, params={"limit": 1000}).content)

        def one() -> int:
            return len(client.get(path, params={"region": "430101100", "period": "2021-03"}).content)

        reporter = {"Authorization": f"Bearer {clerk}"}
        turn = iter(range(1_000_000))

        def after_a_write() -> int:
            row = {"region": "430101100", "period": "2021-03", "e0": next(turn) + 1_000_000}
            answer = client.post("/v1/submissions", json={"dataset": "figures", "rows": [row]}, headers=reporter)
            answer.raise_for_status()
            return one()

        print(f"whole view, first time (parts built)  {timed(1, whole('ndjson'))}")
        for form in ("ndjson", "csv", "arrow", "parquet"):
            print(f"whole view as {form:8}               {timed(runs, whole(form))}")
        print(f"a page of 1,000                       {timed(runs * 5, page)}")
        print(f"one record                            {timed(runs * 20, one)}")
        print(f"write one township, read it back      {timed(runs, after_a_write)}")


if __name__ == "__main__":
    main()
