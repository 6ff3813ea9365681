"""What the audit costs a reader: agreement, mapping and audit on, against the same with the audit off.

    uv run python -m bench.audit [--townships 2400] [--months 60] [--readers 8] [--rounds 7] [--database-url URL]

Both ways are taken in turn within each round of one run, through the service that HTTP calls, with several readers at
once, so that entries share commits as they do when served. Prints medians and spreads of a page and of the whole view.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.policy.callers import Caller
from app.services.auditing import Auditing, Reading
from app.services.deliveries import Wanted
from app.services.mapped import MappedViews
from app.services.naming import StateNames
from app.services.questions import Question
from app.services.read import ViewReader
from app.services.registry import Registry
from app.settings import Settings
from app.store.audit import Place
from app.store.migrating import migrate
from bench.reading import fill

DEPARTMENT = Caller("department", "bench", "bench", department="bench")


class Silent(Auditing):
    """The audit switched off: nothing is written."""

    def witness(self, reading: Reading) -> tuple[Callable[[str, int, str | None], None], Place]:
        del reading
        return _nothing, Place("", 0, "")


def _nothing(*_: object) -> None:
    """No closing entry either."""


def reading(reader: ViewReader, question: Question) -> Callable[[int], int]:
    def once(number: int) -> int:
        answer = reader.read(DEPARTMENT, "bench", question, Wanted(), f"b{number}")
        if answer.stream is not None:
            return sum(map(len, answer.chunks()))
        answer.close_now()
        return len(answer.body)

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--townships", type=int, default=2_400)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database-url", help="an empty database; default: SQLite in a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        url = asked.database_url or f"sqlite:///{Path(name) / 'registry.db'}"
        migrate(url)
        with Registry.open(Settings(database_url=url, data_dir=Path(name))) as registry:
            fill(registry, asked.townships, asked.months)
            views, names = MappedViews(2**30), StateNames(registry)
            ways = {
                "audit on": ViewReader(registry, views, names, Auditing(registry)),
                "audit off": ViewReader(registry, views, names, Silent(registry)),
            }
            for title, question, count in (
                ("a page of 1,000", Question(limit=1_000), 40 * asked.readers),
                ("one row", Question(limit=1), 40 * asked.readers),
                ("the whole view as ndjson", Question(format="ndjson"), asked.readers),
            ):
                measure(title, ways, question, count, asked.readers, asked.rounds)


def measure(title: str, ways: dict[str, ViewReader], question: Question, count: int, readers: int, rounds: int) -> None:
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    with ThreadPoolExecutor(readers) as pool:
        for turn in range(rounds + 1):
            # The order alternates, so that neither way always comes first.
            for way in sorted(ways, reverse=bool(turn % 2)):
                started = time.perf_counter()
                list(pool.map(reading(ways[way], question), range(count)))
                if turn:  # the first round fills caches
                    seconds[way].append((time.perf_counter() - started) / count)
    print(title)
    for way, found in seconds.items():
        spread = f"{min(found) * 1000:.2f} to {max(found) * 1000:.2f}"
        print(f"  {way:10} {statistics.median(found) * 1000:9.2f} ms a reading  ({spread})")
    ratio = statistics.median(a / b for a, b in zip(seconds["audit on"], seconds["audit off"], strict=True))
    print(f"  with the audit it takes {100 * (ratio - 1):+.0f} %")


if __name__ == "__main__":
    main()
