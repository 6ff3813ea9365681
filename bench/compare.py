"""The registry beside its peers, in one interleaved run: `make bench`, or a small one with `make bench ARGS=--small`.

    uv run python -m bench.compare [--small] [--regions FILE] [--townships 2400] [--months 60] [--rounds 5]
        [--report docs/performance.md] [--minutes 7]

Makes the data, starts every party on this machine, measures, and writes the tables and a chart. ``--regions`` is a list
``code,name,level,parent`` with real townships; else those of Henan in ``bench/regions``. PostgREST takes part
where ``BENCH_POSTGREST`` is its program. Everything that was started is ended, also when the run fails. A small run writes a
report only where ``--report`` says so.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from app.store.migrating import migrate
from bench.comparison import machine, ours, parties, tables
from bench.comparison.agreeing import compared, expected, kept
from bench.comparison.chart import chart
from bench.comparison.country import Country, country, period
from bench.comparison.parties import Party
from bench.comparison.processes import Processes, end_with_parent
from bench.comparison.report import report
from bench.comparison.rounds import Measuring, rounds
from bench.comparison.seen import PLAIN, READS, UPLOADS, Run
from bench.comparison.tables import PAGE, page_starts
from tests.fixtures.postgresql import start_server

ROOT = Path(__file__).resolve().parents[1]
PLAIN_KEY = "bench-plain-key"
QUESTIONS = 20_000
SLOW_ROUNDS = 3  # of peers that take seconds for a whole view
POSTGRESQL = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "jit": "off",  # it would only cost these short questions
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    townships: int
    months: int
    rounds: int
    seconds: float
    rows: int
    uploads: int
    minutes: float


FULL = Size(2_400, 60, 5, 1.5, 10_000, 2, 7.0)
SMALL = Size(240, 20, 2, 0.5, 1_000, 2, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of the records, under a minute")
    parser.add_argument("--regions", type=Path)
    parser.add_argument("--townships", type=int)
    parser.add_argument("--months", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--minutes", type=float, help="no round begins that would end later than this")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    standard = SMALL if asked.small else FULL
    size = Size(
        asked.townships or standard.townships, asked.months or standard.months, asked.rounds or standard.rounds,
        standard.seconds, standard.rows, standard.uploads, asked.minutes or standard.minutes,
    )  # fmt: skip
    if not asked.small and asked.report is None:
        asked.report = ROOT / "docs" / "performance.md"
    signal.signal(signal.SIGTERM, ended)
    with ExitStack() as held:
        run = measured(size, asked.regions, held)
    text = report(run, asked.report.with_suffix(".svg").name if asked.report else None)
    print(text)
    if asked.report:
        asked.report.write_text(text, encoding="utf-8")
        asked.report.with_suffix(".svg").write_text(chart(run.seen), encoding="utf-8")


def ended(*_: object) -> None:
    """What is held is let go of, as at any other end; asking twice does not break into that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


@dataclass(slots=True)
class Arranged:
    """Everybody listens, and holds the same."""

    places: Country
    database: str  # the peers' own
    keys: Mapping[str, ours.Keys]  # by the name of the registry of one worker
    registries: dict[str, Party]
    doubled: dict[str, Party]
    peers: list[Party]
    sender: Party
    folder: Path
    questions: Sequence[tuple[str, str]]
    notes: list[str]

    def everybody(self) -> list[Party]:
        return [*self.registries.values(), *self.doubled.values(), *self.peers]


def arranged(size: Size, regions: Path | None, held: ExitStack) -> Arranged:
    """The data is made and the servers are started; they end with ``held``."""
    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="township-bench-")))
    processes = held.enter_context(Processes(folder))
    places = country(size.townships, regions, ROOT / "bench" / "regions" / "henan-2023.csv")
    server = start_server(migrate, POSTGRESQL, Path(tempfile.gettempdir()))
    held.callback(server.stop)
    database = server.empty_database()
    tables.fill_postgresql(database, places, size.months, PLAIN_KEY)
    tables.write_files(places, size.months, folder / "peers.db", folder / "answer.parquet")
    say("the peers' data is there")
    chance = random.Random(9)
    count = min(QUESTIONS, len(places.townships) * size.months)
    questions = [(chance.choice(places.townships).code, period(chance.randrange(size.months))) for _ in range(count)]
    urls = {"SQLite": f"sqlite:///{folder / 'registry.db'}", "PostgreSQL": server.empty_database()}
    found = filled(urls, folder, places, size)
    say(f"{len(places.townships) * size.months:,} records are held by each registry")
    keys, registries, doubled = {}, {}, {}
    for kind, url in urls.items():
        data = folder / kind
        one, two = f"ours, {kind}, 1 worker", f"ours, {kind}, 2 workers"
        keys[one] = found[kind]
        registries[one] = ours.party(one, processes.registry(one, url, data, 1), keys[one], questions)
        doubled[two] = ours.party(two, processes.registry(two, url, data, 2), keys[one], questions)
    notes: list[str] = []
    empty, sender = parties.empty(processes, folder)
    peers = [empty, *started_peers(size, places, processes, database, folder, questions, notes)]
    return Arranged(places, database, keys, registries, doubled, peers, sender, folder, questions, notes)


def filled(urls: Mapping[str, str], folder: Path, places: Country, size: Size) -> dict[str, ours.Keys]:
    """Both registries at once, each by a process of its own."""
    for kind, url in urls.items():
        (folder / kind).mkdir()
        migrate(url)
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(urls), fresh, end_with_parent) as pool:
        views = 2 + 3 * size.rounds
        under_way = {
            kind: pool.submit(ours.fill, url, folder / kind, places, size.months, views) for kind, url in urls.items()
        }
        return {kind: future.result() for kind, future in under_way.items()}


def started_peers(
    size: Size, places: Country, processes: Processes, database: str, folder: Path,
    questions: Sequence[tuple[str, str]], notes: list[str],
) -> list[Party]:  # fmt: skip
    """Those of the peers that can be had."""
    starts = page_starts(places, size.months)
    count = len(places.townships) * size.months
    program = os.environ.get("BENCH_POSTGREST")
    wanted: dict[str, Callable[[], Party]] = {
        PLAIN: lambda: parties.plain(processes, database, PLAIN_KEY, starts, questions),
        parties.DATASETTE: lambda: parties.datasette(processes, folder / "peers.db", starts, questions),
        parties.ROAPI: lambda: parties.roapi(processes, folder / "answer.parquet", count, questions),
    }
    if program:
        wanted[parties.POSTGREST] = lambda: parties.postgrest(processes, program, database, folder, starts, questions)
    else:
        notes.append("PostgREST did not take part: BENCH_POSTGREST names no program.")
    return [party for name, start in wanted.items() for party in parties.tolerated(notes, name, start)]


def measured(size: Size, regions: Path | None, held: ExitStack) -> Run:
    """The whole run. What was started ends with ``held``."""
    until = BEGAN + size.minutes * 60
    known = machine.machine()
    all_of = arranged(size, regions, held)
    idle = {party.name: party.server.memory() for party in all_of.everybody()}
    say("everybody listens: " + "; ".join(idle))
    right = expected(all_of.places, size.months)
    equal = kept({**all_of.registries, **all_of.doubled}, all_of.folder, right)
    equal += [compared(peer, right) for peer in [*all_of.peers, all_of.sender] if "ndjson" in peer.whole]
    del right
    for path in all_of.sender.whole.values():
        ours.fetched(all_of.sender, path)
    count = len(all_of.places.townships) * size.months
    for one in all_of.registries:
        pages = ours.cursors(all_of.registries[one], -(-count // PAGE))
        all_of.registries[one] = replace(all_of.registries[one], pages=pages)
        two = one.replace("1 worker", "2 workers")
        all_of.doubled[two] = replace(all_of.doubled[two], pages=pages)
    say("the answers are compared")
    measuring = Measuring(
        all_of.registries, all_of.doubled, all_of.peers, all_of.sender, machine.binaries(), all_of.database,
        all_of.folder, all_of.places, size.seconds, random.Random(8), notes=all_of.notes, count=count,
    )  # fmt: skip
    done = all_rounds(size, all_of, measuring, until)
    memory = {party.name: (idle[party.name], party.server.memory(peak=True)) for party in all_of.everybody()}
    return Run(
        seen=measuring.seen,
        size=f"{len(all_of.places.townships):,} townships ({all_of.places.origin}) × {size.months} months × "
        f"24 elements = {count:,} records; rounds of reading: {done}; {size.seconds:g} s for each rate; "
        f"uploads of {size.rows:,} rows",
        machine={**known, "load average at the end": machine.load()},
        versions=machine.versions(all_of.database, [party.name for party in all_of.peers]),
        memory=memory,
        client=measuring.client,
        equal=equal,
        notes=all_of.notes,
    )


def all_rounds(size: Size, all_of: Arranged, measuring: Measuring, until: float) -> int:
    """Reading, then reading after writes, then uploads; gives how many rounds of reading fitted into the time."""

    def reading(turn: int) -> None:
        measuring.whole_views(turn, slow=turn < SLOW_ROUNDS)
        measuring.rates(turn)
        say(f"round {turn + 1} of reading is done")

    done = rounds(size.rounds, until - 60 * size.minutes / 4, reading)
    if done < size.rounds:
        all_of.notes.append(f"Only {done} of {size.rounds} rounds of reading fitted into the time.")
    region, month = all_of.questions[0]
    paths = {
        READS[0]: ours.view_path(0, f"region={region}&period={month}"),
        READS[1]: ours.view_path(0, f"limit={PAGE}"),
    }
    rounds(size.rounds, until - 60 * size.minutes / 8, lambda turn: measuring.after_writes(turn, all_of.keys, paths))
    say("reads after writes are done")

    def uploading(turn: int) -> None:
        # Months before the first are held by nobody; those from the first on are, with figures of other shifts.
        new = ours.workbook(all_of.places, size.rows, 0, -ours.UPLOAD_MONTHS * (turn + 1))
        changed = ours.workbook(all_of.places, size.rows, turn + 1)
        for upload, book in zip(UPLOADS, (new, changed), strict=True):
            measuring.uploads(turn, upload, book, all_of.keys, PLAIN_KEY)

    rounds(size.uploads, until, uploading)
    say("uploads are done")
    return done


BEGAN = time.monotonic()

if __name__ == "__main__":
    main()
