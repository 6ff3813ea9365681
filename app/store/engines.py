"""How connections to either database are made: transactions, durability, time zone and waiting, spelled out."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError

BUSY_SECONDS = 30.0
JOURNAL_POOL = 2
_TRUSTED_SECONDS = 0.05  # no server goes and comes back so quickly


def checked_url(url: str) -> URL:
    """The URL of a database this registry can live in. Raises ValueError for any other.

    SQLite needs a file: a database in memory could be seen by one connection only.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    raise ValueError(f"只支持 SQLite 文件与 PostgreSQL (only a SQLite file or PostgreSQL): {parsed.render_as_string()}")


def journal_url(url: URL) -> URL:
    """Where the journal is: on SQLite the file beside (``registry.db`` → ``registry.audit.db``), else the same."""
    if url.get_backend_name() != "sqlite":
        return url
    path = Path(str(url.database))
    return url.set(database=str(path.with_name(f"{path.stem}.audit{path.suffix}")))


def sqlite_engine(
    url: URL, *, begin: str, read_only: bool, pool_size: int, wait: float = BUSY_SECONDS, foreign_keys: bool = True
) -> Engine:
    """An engine on a SQLite file; its transactions start with ``begin`` and wait up to ``wait`` seconds for their turn.

    The driver's own idea of transactions is switched off (it starts them late and commits before DDL); every
    transaction starts with the statement given. Commits are synced to the disk before they return.
    """
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(url, pool_size=pool_size, max_overflow=40, connect_args={"timeout": wait})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        if not read_only:
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute("PRAGMA cache_size = -16384")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def postgresql_engine(url: URL, *, pool_size: int, lock_timeout: float) -> Engine:
    """An engine on PostgreSQL: UTC, locks waited for at most ``lock_timeout`` seconds, dead connections replaced."""
    options = (
        f"-c timezone=UTC -c lock_timeout={round(lock_timeout * 1000)} -c idle_in_transaction_session_timeout=600000"
    )
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=lock_timeout,
        connect_args={"options": options, "application_name": "township", "connect_timeout": 10},
    )

    @event.listens_for(engine, "checkin")
    def given_back(_connection: Any, record: Any) -> None:
        record.info["at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: Any, _proxy: Any) -> None:
        # Whether it still lives is asked only after a while: under load every question would cost a round trip.
        if time.monotonic() - record.info.get("at", math.inf) > _TRUSTED_SECONDS:
            try:
                connection.execute("SELECT 1")
                connection.rollback()
            except Exception as fault:
                raise DisconnectionError from fault  # the pool makes another

    return engine


def migration_engines(url: str) -> list[Engine]:
    """One engine for each database file to migrate.

    On SQLite foreign keys are not enforced meanwhile, because a table is altered there by making it anew.
    """
    registry = checked_url(url)
    if registry.get_backend_name() == "sqlite":
        return [
            sqlite_engine(each, begin="BEGIN IMMEDIATE", read_only=False, pool_size=1, foreign_keys=False)
            for each in (registry, journal_url(registry))
        ]
    return [create_engine(registry, poolclass=NullPool, connect_args={"options": "-c timezone=UTC"})]
