"""The peers' data: typed tables in PostgreSQL, one file of SQLite for Datasette, one of Parquet for roapi.

``figures`` is what was reported. ``answer`` is what the department reads, mapped beforehand and in the order of the answer, so
that the peers who read it are spared the mapping.
"""

from __future__ import annotations

import csv
import hashlib
import io
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from bench.comparison.country import AREAS, COUNTS, DAY, ELEMENTS, Country, answered, figures, period
from bench.peers.plain_service import Base, Key

PAGE = 1_000


def names() -> list[str]:
    return ["dm", "qj", *(f"f{n}" for n in range(ELEMENTS))]


def answers(country: Country, months: int) -> Iterator[dict[str, Any]]:
    """The whole answer in its order, written as ``country.answered`` does."""
    for township in country.townships:
        for month in range(months):
            yield answered(township, month)


def page_starts(country: Country, months: int) -> list[tuple[str, str]]:
    """Region and period of the first record of each page."""
    count = len(country.townships) * months
    places = (divmod(row, months) for row in range(0, count, PAGE))
    return [(country.townships[place].code, period(month)) for place, month in places]


def fill_postgresql(url: str, country: Country, months: int, key: str) -> None:
    """Make and fill the tables of the plain service, and ``answer`` with its pages' starts, on an empty database."""
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Key(digest=hashlib.sha256(key.encode()).hexdigest()))
        session.commit()
    engine.dispose()
    columns = ", ".join(f"f{n} {_type(n)} NOT NULL" for n in range(ELEMENTS))
    with psycopg.connect(bare(url), autocommit=True) as connection:
        connection.execute(
            f"CREATE TABLE answer (dm text, qj text, {columns}, PRIMARY KEY (dm, qj));"
            "CREATE TABLE starts (n int PRIMARY KEY, dm text, qj text)".encode()
        )
        _copy(connection, "answer", names(), (list(row.values()) for row in answers(country, months)))
        reported = ["region", "period", *(f"e{n}" for n in range(ELEMENTS))]
        held = (
            [t.code, period(month), *figures(t, month).values()] for t in country.townships for month in range(months)
        )
        _copy(connection, "figures", reported, held)
        starts = enumerate(page_starts(country, months), start=1)
        _copy(connection, "starts", ["n", "dm", "qj"], ([n, *start] for n, start in starts))
        for table in ("answer", "figures", "starts"):
            connection.execute(f"VACUUM (FREEZE, ANALYZE) {table}".encode())


def bare(url: str) -> str:
    """A SQLAlchemy URL as libpq takes it."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def _type(number: int) -> str:
    if number in COUNTS:
        return "integer"
    if number in AREAS:
        return "numeric(14, 2)"
    return "date" if number == DAY else "text"


def _copy(connection: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Iterator[list[Any]]) -> None:
    order = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
    text = io.StringIO()
    writer = csv.writer(text)
    with connection.cursor().copy(order.encode()) as copy:
        for row in rows:
            writer.writerow(row)
            if text.tell() > 1 << 20:
                copy.write(text.getvalue())
                text.seek(0)
                text.truncate()
        copy.write(text.getvalue())


def write_files(country: Country, months: int, sqlite: Path, parquet: Path) -> None:
    """The answer as a table of SQLite and as a Parquet file; areas are floating-point numbers there."""
    rows = [tuple(_number(value, n - 2) for n, value in enumerate(row.values())) for row in answers(country, months)]
    kinds = ["text", "text", *("integer" if n in COUNTS else "real" if n in AREAS else "text" for n in range(ELEMENTS))]
    with sqlite3.connect(sqlite) as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(names(), kinds, strict=True))
        connection.execute(f"CREATE TABLE answer ({columns}, PRIMARY KEY (dm, qj))")
        connection.executemany(f"INSERT INTO answer VALUES ({', '.join('?' * len(kinds))})", rows)
    connection.close()
    pl.DataFrame(rows, schema=names(), orient="row").write_parquet(parquet)


def _number(value: Any, number: int) -> Any:
    return float(value) if number in AREAS else value
