"""A stream of a million rows uploaded as NDJSON: how long it takes, and what memory.

    uv run python -m bench.stream [--rows 1000000] [--databases sqlite,postgresql] [--again]

Starts ``township serve`` with one worker on an empty registry, sends the rows (60 months of as many townships as it takes, 24
elements each) over HTTP as one request while they are being made, and reads some of them back. ``--again`` sends as many rows
once more with one figure of each changed. Tells the time until the answer, the server's processor time, and its most
memory above idle, looked at twenty times a second.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson

from app.services.apply import apply_folder
from app.services.credentials import create_credential
from app.services.registry import Registry
from app.settings import Settings
from bench.country import Watched
from bench.reading import folder, rows
from bench.served import database, seconds_of, serving

_MONTHS = 60
_AT_ONCE = 1024 * 1024  # bytes
_LARGEST = 8 * 1024**3
_LOOKED_AT = 20


def lines(codes: Sequence[str], months: int, change: int) -> Iterator[bytes]:
    """Every township's record of every month, a line each; ``change`` is added to the first figure."""
    found: list[bytes] = []
    size = 0
    for month in range(months):
        for row in rows(list(codes), month):
            row["e0"] = int(str(row["e0"])) + change
            found.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            size += len(found[-1])
            if size >= _AT_ONCE:
                yield b"".join(found)
                found, size = [], 0
    yield b"".join(found)


def prepared(url: str, data: Path, townships: int) -> tuple[list[str], str, str]:
    """A registry without records: its townships' codes, a department's key and the province's clerk's."""
    with Registry.open(Settings(database_url=url, data_dir=data)) as registry:
        plan = apply_folder(registry, folder(townships))
        if plan.faults:
            raise SystemExit("\n".join(map(str, plan.faults)))
        today, regions = registry.today(), registry.state().regions
        codes = [regions.state(i, today).code for i in regions.at_level("township", today)]  # type: ignore[union-attr]
        return (
            codes,
            create_credential(registry, "bench", "department", department="bench")[1],
            create_credential(registry, "clerk", "region", region="43")[1],
        )


def sent(client: httpx.Client, process: int, codes: Sequence[str], months: int, change: int) -> str:
    """One stream, from its first byte to the answer."""
    idle, seen = Watched(process), Watched(process)
    idle.look()
    used, began = seconds_of(process), time.perf_counter()
    with seen.looking():
        answer = client.post(
            "/v1/submissions",
            params={"dataset": "figures"},
            content=lines(codes, months, change),
            headers={"Content-Type": "application/x-ndjson"},
        )
    seconds, used = time.perf_counter() - began, seconds_of(process) - used
    if answer.status_code not in {200, 201}:
        raise SystemExit(f"{answer.status_code} {answer.text[:1_000]}")
    counts = answer.json()["counts"]
    return (
        f"{counts} in {seconds:.0f} s, {used:.0f} s of the server's processors; "
        f"{(seen.resident - idle.resident) / 1e6:.0f} MB above idle, {(seen.own - idle.own) / 1e6:.0f} MB of its own"
    )


def held(client: httpx.Client, codes: Sequence[str], months: int, change: int) -> None:
    """Some records read back and compared with what was sent. Raises SystemExit where one differs."""
    chance = random.Random(1)
    for _ in range(_LOOKED_AT):
        place, month = chance.randrange(len(codes)), chance.randrange(months)
        (row,) = (row for row in rows([*codes[: place + 1]], month) if row["region"] == codes[place])
        asked = {"region": codes[place], "period": str(row["period"])}
        found = client.get("/v1/views/bench/records", params=asked).raise_for_status().json()["records"]
        if [record["f0"] for record in found] != [int(str(row["e0"])) + change]:
            raise SystemExit(f"{asked}: {found}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--again", action="store_true")
    asked = parser.parse_args()
    townships = -(-asked.rows // _MONTHS)
    for kind in asked.databases.split(","):
        with ExitStack() as stack:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(database(kind, data))
            codes, department, clerk = prepared(url, data, townships)
            address, process = stack.enter_context(serving(url, data, 1, {"TOWNSHIP_MAX_STREAM_BYTES": str(_LARGEST)}))
            client = stack.enter_context(httpx.Client(base_url=address, timeout=None))
            client.headers["Authorization"] = f"Bearer {clerk}"
            reader = stack.enter_context(httpx.Client(base_url=address, timeout=600))
            reader.headers["Authorization"] = f"Bearer {department}"
            for change in (0, 1) if asked.again else (0,):
                print(f"{kind:11} {sent(client, process, codes, _MONTHS, change)}", flush=True)
                held(reader, codes, _MONTHS, change)


if __name__ == "__main__":
    main()
