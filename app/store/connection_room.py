"""Whether a PostgreSQL server has room for all the connections that the workers of a registry may open."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from sqlalchemy import URL

from app.store.engines import JOURNAL_POOL
from app.store.epoch_reader import KEPT

_FOR_OTHERS = 3  # backups, a look with psql, the migration


@dataclass(frozen=True, slots=True)
class ConnectionRoom:
    """``each``: the most one worker opens. ``needed``: of all workers. ``given``: what the server leaves to clients."""

    each: int
    needed: int
    given: int

    @property
    def enough(self) -> bool:
        return self.needed + _FOR_OTHERS <= self.given

    @property
    def pool_that_fits(self) -> int:
        """The largest pool with which as many workers would have room; 0 if none has."""
        workers = self.needed // self.each
        return max(0, ((self.given - _FOR_OTHERS) // workers - 2 * JOURNAL_POOL - KEPT) // 2)


def most_connections(pool_size: int) -> int:
    """The most connections one process opens: its pool and as many again at a rush, the audit's, the epoch's."""
    return 2 * pool_size + 2 * JOURNAL_POOL + KEPT


def connection_room(url: URL, pool_size: int, workers: int) -> ConnectionRoom | None:
    """What the workers need and the server gives; None on SQLite. Raises psycopg.OperationalError."""
    if url.get_backend_name() == "sqlite":
        return None
    bare = url.set(drivername="postgresql").render_as_string(hide_password=False)
    asked = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    with psycopg.connect(bare, autocommit=True, connect_timeout=10) as connection:
        row = connection.execute(asked).fetchone()
    each = most_connections(pool_size)
    return ConnectionRoom(each, each * workers, int(row[0]) if row else 0)
