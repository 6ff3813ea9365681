"""Month's end: thousands of townships upload a small submission each within minutes, while departments read.

    uv run python -m bench.load [--databases sqlite,postgresql] [--workers 2] [--rate 200] [--seconds 60]

Uploads come at the given rate whether or not the earlier ones are answered, and are timed from when they were due, so
that a queue shows. Departments read pages, single records and changes meanwhile. Of every so many uploads the record is
read back over another connection as soon as the upload is acknowledged; at the end every acknowledged upload is looked for. Prints rates,
delays, refusals by kind, and the processor time that each party used for an upload.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.policy.callers import Caller
from app.services.apply import apply_folder
from app.services.credentials import create_credential
from app.services.registry import Registry
from app.services.submit import SubmissionRequest, submit
from app.settings import Settings
from bench.reading import folder, rows
from bench.served import database, database_process, seconds_of, serving
from bench.wire import Answer, Connection, request

FIRST_MONTH = 60  # months from here on are reported under load; those before are held already
RECORDS = "/v1/views/bench/records"


@dataclass(frozen=True, slots=True)
class Upload:
    """One small submission: a township's record of one month, and the figure by which it is found again."""

    township: int
    code: str
    period: str
    figure: int
    body: bytes


@dataclass(slots=True)
class Seen:
    """What came of the load."""

    delays: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    acknowledged: list[Upload] = field(default_factory=list)
    read_back: int = 0
    missing: list[str] = field(default_factory=list)


def prepared(url: str, data: Path, townships: int, months: int) -> tuple[list[str], list[str], str]:
    """A registry with what was held before; gives the townships' codes, a clerk's key for each, a department's key."""
    with Registry.open(Settings(database_url=url, data_dir=data)) as registry:
        plan = apply_folder(registry, folder(townships))
        if plan.faults:
            raise SystemExit("\n".join(map(str, plan.faults)))
        today = registry.today()
        regions = registry.state().regions
        codes = [regions.state(i, today).code for i in regions.at_level("township", today)]  # type: ignore[union-attr]
        clerk = Caller("region", "bench", "bench", region_id=regions.holder("43", today), role="clerk")
        for month in range(FIRST_MONTH - months, FIRST_MONTH):
            submit(registry, clerk, SubmissionRequest("figures", None, None, "apply", rows=rows(codes, month)))
        keys = [create_credential(registry, "clerk", "region", region=code, role="clerk")[1] for code in codes]
        return codes, keys, create_credential(registry, "bench", "department", department="bench")[1]


def uploads(codes: Sequence[str], count: int) -> list[Upload]:
    """That many submissions, each of a place where nothing is held yet."""
    made: list[Upload] = []
    for month in range(-(-count // len(codes))):
        for township, row in enumerate(rows(list(codes), FIRST_MONTH + month)[: count - len(made)]):
            body = {"dataset": "figures", "rows": [row]}
            made.append(
                Upload(township, codes[township], str(row["period"]), int(str(row["e0"])), json.dumps(body).encode())
            )
    return made


class Load:
    """The townships and departments of one trial against one address."""

    def __init__(self, address: str, keys: Sequence[str], reader: str, every: int) -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._keys, self._reader, self._every = keys, reader, every
        self.seen = Seen()

    async def run(self, given: Sequence[Upload], rate: float, senders: int, reads: float) -> float:
        """Send all, at that rate; gives the seconds until the last was answered."""
        waiting: asyncio.Queue[tuple[float, Upload]] = asyncio.Queue()
        begin = time.perf_counter() + 0.2
        workers = [asyncio.create_task(self._sender(waiting)) for _ in range(senders)]
        readers = asyncio.create_task(self._departments(reads))
        for number, upload in enumerate(given):
            due = begin + number / rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            waiting.put_nowait((due, upload))
        await waiting.join()
        ended = time.perf_counter()
        for task in [*workers, readers]:
            task.cancel()
        await asyncio.gather(*workers, readers, return_exceptions=True)
        return ended - begin

    async def _sender(self, waiting: asyncio.Queue[tuple[float, Upload]]) -> None:
        sending, reading = Connection(self._host, self._port), Connection(self._host, self._port)
        while True:
            due, upload = await waiting.get()
            try:
                key = self._keys[upload.township]
                name = {"Idempotency-Key": f"{upload.code}-{upload.period}"}
                answer = await sending.ask(request("POST", "/v1/submissions", key, upload.body, name))
                self.seen.delays.append(time.perf_counter() - due)
                if answer.status == 201:
                    self.seen.acknowledged.append(upload)
                    if len(self.seen.acknowledged) % self._every == 0:
                        await self._look_for(reading, upload)
                else:
                    self._refused(answer)
            except (OSError, EOFError) as fault:
                self.seen.refusals[type(fault).__name__] += 1
            finally:
                waiting.task_done()

    def _refused(self, answer: Answer) -> None:
        self.seen.refusals[f"{answer.status} {answer.body[:200].decode(errors='replace')}"] += 1

    async def _look_for(self, reading: Connection, upload: Upload) -> None:
        path = f"{RECORDS}?region={upload.code}&period={upload.period}&fields=dm,qj,f0"
        found = json.loads((await reading.ask(request("GET", path, self._reader))).body).get("records") or [{}]
        self.seen.read_back += 1
        if found[0].get("f0") != upload.figure:
            self.seen.missing.append(f"{upload.code} {upload.period} right after its acknowledgement")

    async def _departments(self, rate: float) -> None:
        paths = [
            f"{RECORDS}?limit=1000&period=2025-12",
            f"{RECORDS}?region=430101100&period=2025-06",
            f"{RECORDS}?limit=1000&period=2026-01",
        ]
        connections = [Connection(self._host, self._port) for _ in range(8)]
        turns = [asyncio.create_task(self._reading(one, paths, len(connections) / rate)) for one in connections]
        await asyncio.gather(*turns)

    async def _reading(self, connection: Connection, paths: Sequence[str], pause: float) -> None:
        choice = random.Random(id(connection))
        while True:
            await asyncio.sleep(choice.expovariate(1 / pause))
            started = time.perf_counter()
            answer = await connection.ask(request("GET", choice.choice(paths), self._reader))
            self.seen.reads.append(time.perf_counter() - started)
            if answer.status != 200:
                self._refused(answer)

    async def look_for_all(self) -> None:
        """Every acknowledged upload is there."""
        connection, cursor = Connection(self._host, self._port), ""
        held: dict[tuple[str, str], int] = {}
        path = f"{RECORDS}?limit=10000&fields=dm,qj,f0&filter=qj:ge:2026-01"
        while True:
            answer = await connection.ask(request("GET", f"{path}{cursor}", self._reader))
            body = json.loads(answer.body)
            if answer.status != 200:
                raise SystemExit(body)
            held.update({(row["dm"], row["qj"]): row["f0"] for row in body["records"]})
            if not (following := body.get("next_cursor") or body.get("next")):
                break
            cursor = f"&cursor={following}"
        self.seen.missing += [
            f"{one.code} {one.period} at the end"
            for one in self.seen.acknowledged
            if held.get((one.code, one.period)) != one.figure
        ]


def told(delays: Sequence[float]) -> str:
    """Median, 95th, 99th and last of some delays, in milliseconds."""
    if len(delays) < 2:
        return "none"
    cuts = statistics.quantiles(delays, n=100)
    return f"median {cuts[49] * 1e3:.0f}, 95 % {cuts[94] * 1e3:.0f}, 99 % {cuts[98] * 1e3:.0f}, last {max(delays) * 1e3:.0f} ms"


def trial(kind: str, asked: argparse.Namespace) -> bool:
    """One database under load; gives whether nothing was lost and nobody refused."""
    with tempfile.TemporaryDirectory() as name, database(kind, Path(name)) as url:
        data = Path(name)
        codes, keys, reader = prepared(url, data, asked.townships, asked.months)
        given = uploads(codes, round(asked.rate * asked.seconds))
        with serving(url, data, asked.workers) as (address, process):
            load = Load(address, keys, reader, asked.every)

            async def both() -> float:
                await load.run(given[:1], 1, 1, 1)  # what is built once is built
                load.seen = Seen()
                return await load.run(given[1:], asked.rate, asked.senders, asked.reads)

            parties: dict[str, Callable[[], float]] = {
                "server": lambda: seconds_of(process),
                "client": time.process_time,
            }
            if (above := database_process()) is not None:
                parties["PostgreSQL"] = lambda: seconds_of(above)
            before = {party: used() for party, used in parties.items()}
            seconds = asyncio.run(both())
            spent = {party: used() - before[party] for party, used in parties.items()}
            asyncio.run(load.look_for_all())
        seen = load.seen
        done = len(seen.acknowledged)
        print(
            f"\n{kind}, {asked.workers} workers, {asked.rate:g} uploads/s offered for {asked.seconds:g} s, load average {os.getloadavg()[0]:.1f}"
        )
        print(f"  acknowledged {done:,} of {len(given) - 1:,} in {seconds:.1f} s: {done / seconds:,.0f}/s")
        print(f"  delay from when an upload was due: {told(seen.delays)}")
        print(f"  reads meanwhile: {len(seen.reads):,} ({len(seen.reads) / seconds:.1f}/s), {told(seen.reads)}")
        print(
            f"  processor ms for an upload: {', '.join(f'{party} {used / done * 1e3:.2f}' for party, used in spent.items())}"
        )
        print(
            f"  read back at once: {seen.read_back:,}; missing then or at the end: {len(seen.missing)} {seen.missing[:3]}"
        )
        print(f"  refusals: {dict(seen.refusals.most_common(5)) or 'none'}", flush=True)
        return not seen.missing and not seen.refusals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--townships", type=int, default=2_000)
    parser.add_argument("--months", type=int, default=12, help="months of records that are held before")
    parser.add_argument("--rate", type=float, default=200, help="uploads a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--senders", type=int, default=64, help="connections that upload")
    parser.add_argument("--reads", type=float, default=10, help="reads of departments a second")
    parser.add_argument("--every", type=int, default=50, help="one upload in so many is read back at once")
    asked = parser.parse_args()
    whole = [trial(kind, asked) for kind in asked.databases.split(",")]
    if not all(whole):
        raise SystemExit("something was lost or refused")


if __name__ == "__main__":
    main()
