"""Whether declarative partitioning of record versions by dataset and year pays, for what the registry asks of them.

    uv run python -m bench.partitions [--townships 40000] [--years 5] [--rounds 7]

One private, durable PostgreSQL with two tables of the same rows: one with the indexes that the registry has, one
partitioned by list of dataset and year, each partition with the same indexes. Asked in turn within one run: a whole part, what
changed in a part, the current versions at a place, the history of a place, and writing small submissions. Prints medians and spread in
milliseconds, and bytes for a record.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from app.store.migrating import migrate
from bench.served import DURABLE
from tests.fixtures.postgresql import start_server

MONTHS = 12
FIGURES = "{" + ", ".join(f'"e{i}": {{"n": "{10_007 * (i + 3)}"}}' for i in range(24)) + "}"
COLUMNS = """id bigint GENERATED ALWAYS AS IDENTITY, dataset text NOT NULL, region_id int NOT NULL, period int NOT NULL,
  year int NOT NULL, key text NOT NULL, "values" jsonb NOT NULL, submission_id text, epoch bigint NOT NULL,
  superseded_epoch bigint, withdrawn boolean NOT NULL DEFAULT false, reason text"""
INDEXES = (
    "CREATE INDEX ON {t} (dataset, year, epoch)",
    "CREATE INDEX ON {t} (dataset, year, superseded_epoch)",
    "CREATE INDEX ON {t} (dataset, region_id, epoch)",
    "CREATE INDEX ON {t} (submission_id)",
)
CURRENT = "CREATE UNIQUE INDEX ON {t} (dataset, region_id, period, key{year}) WHERE superseded_epoch IS NULL"
PART = """SELECT id, region_id, period, key, "values"::text FROM {t} WHERE dataset = %s AND year = %s AND epoch <= %s
  AND (superseded_epoch IS NULL OR superseded_epoch > %s) AND NOT withdrawn"""
CHANGED = (
    """SELECT id, region_id, "values"::text FROM {t} WHERE dataset = %s AND year = %s AND epoch > %s AND epoch <= %s"""
)
PLACE = """SELECT "values"::text FROM {t} WHERE dataset = %s AND region_id = %s AND period = %s AND key = ''
  AND superseded_epoch IS NULL"""
HISTORY = "SELECT epoch FROM {t} WHERE dataset = %s AND region_id = %s AND period = %s AND key = '' ORDER BY epoch"
WRITE = (
    """UPDATE {t} SET superseded_epoch = %s WHERE dataset = %s AND region_id = %s AND period = %s AND key = ''
  AND superseded_epoch IS NULL{and_year}""",
    """INSERT INTO {t} (dataset, region_id, period, year, key, "values", epoch) VALUES (%s, %s, %s, %s, '', %s, %s)""",
)
DATASET = "figures"


def made(cx: psycopg.Connection[tuple[object, ...]], townships: int, years: int) -> None:
    """Both tables with the same rows."""
    for table, partitioned in (("whole", False), ("parted", True)):
        primary = "PRIMARY KEY (id, dataset, year)" if partitioned else "PRIMARY KEY (id)"
        by = " PARTITION BY LIST (dataset)" if partitioned else ""
        cx.execute(f"CREATE TABLE {table} ({COLUMNS}, {primary}){by}".encode())
        if partitioned:
            cx.execute(
                f"CREATE TABLE parted_figures PARTITION OF parted FOR VALUES IN ('{DATASET}') PARTITION BY LIST (year)".encode()
            )
            for year in range(years):
                cx.execute(
                    f"CREATE TABLE parted_{year} PARTITION OF parted_figures FOR VALUES IN ({2021 + year})".encode()
                )
        cx.execute(
            f"""INSERT INTO {table} (dataset, region_id, period, year, key, "values", submission_id, epoch)
              SELECT '{DATASET}', r, (2021 + y) * 12 + m, 2021 + y, '', %s, 's' || (y * 12 + m), y * 12 + m + 1
              FROM generate_series(0, {years - 1}) y, generate_series(0, {MONTHS - 1}) m, generate_series(1, {townships}) r""".encode(),
            (FIGURES,),
        )
        for index in INDEXES:
            cx.execute(index.format(t=table).encode())
        cx.execute(CURRENT.format(t=table, year=", year" if partitioned else "").encode())
        cx.execute(f"VACUUM (ANALYZE) {table}".encode())


def timed(errand: Callable[[], object]) -> float:
    started = time.perf_counter()
    errand()
    return (time.perf_counter() - started) * 1e3


def measured(cx: psycopg.Connection[tuple[object, ...]], townships: int, years: int, rounds: int) -> None:
    """Every question to both tables in turn."""
    chance = random.Random(1)
    last = years * MONTHS + 1
    found: dict[tuple[str, str], list[float]] = {}

    def asked(text: str, *given: object) -> Callable[[], object]:
        return lambda: cx.execute(text.encode(), given).fetchall()

    for number in range(rounds):
        for table in ("whole", "parted") if number % 2 else ("parted", "whole"):
            year = chance.randrange(years)
            places = [
                (chance.randrange(townships) + 1, (2021 + year) * 12 + chance.randrange(MONTHS)) for _ in range(200)
            ]
            last += 1

            def write(
                table: str = table, places: list[tuple[int, int]] = places, year: int = year, at: int = last
            ) -> None:
                extra = f" AND year = {2021 + year}" if table == "parted" else ""
                for region, period in places:
                    with cx.transaction():
                        cx.execute(WRITE[0].format(t=table, and_year=extra).encode(), (at, DATASET, region, period))
                        cx.execute(
                            WRITE[1].format(t=table).encode(), (DATASET, region, period, 2021 + year, FIGURES, at)
                        )

            def points(text: str, places: list[tuple[int, int]] = places) -> Callable[[], object]:
                return lambda: [cx.execute(text.encode(), (DATASET, *place)).fetchall() for place in places]

            errands = {
                "200 small writes": write,
                "what changed in a part": asked(CHANGED.format(t=table), DATASET, 2021 + year, last - 1, last),
                "a whole part": asked(PART.format(t=table), DATASET, 2021 + year, last, last),
                "200 current records": points(PLACE.format(t=table)),
                "200 histories": points(HISTORY.format(t=table)),
            }
            for name, errand in errands.items():
                found.setdefault((name, table), []).append(timed(errand))
    print(
        f"| {townships * years * MONTHS:,} records, ms | one table | partitioned | ratio |\n| --- | --- | --- | --- |"
    )
    for name in dict.fromkeys(name for name, _ in found):
        cells = []
        for table in ("whole", "parted"):
            times = found[name, table][1:]
            cells.append(f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})")
        ratio = statistics.median(found[name, "parted"][1:]) / statistics.median(found[name, "whole"][1:])
        print(f"| {name} | {' | '.join(cells)} | {ratio:.2f} |")


def sizes(cx: psycopg.Connection[tuple[object, ...]], records: int) -> None:
    """Bytes of the table and of each of its indexes for one record."""
    row = cx.execute("SELECT pg_table_size('whole'), pg_indexes_size('whole')").fetchone()
    assert row is not None
    print(
        f"bytes for a record of 24 figures: table {int(str(row[0])) / records:.0f}, indexes {int(str(row[1])) / records:.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--townships", type=int, default=40_000)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=8, help="the first is not counted")
    asked = parser.parse_args()
    server = start_server(migrate, DURABLE, Path(tempfile.gettempdir()))
    try:
        bare = server.empty_database().replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(bare, autocommit=True) as cx:
            made(cx, asked.townships, asked.years)
            sizes(cx, asked.townships * asked.years * MONTHS)
            measured(cx, asked.townships, asked.years, asked.rounds)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
