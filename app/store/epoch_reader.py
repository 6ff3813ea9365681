"""Reading the epoch on every request, as near to the driver as it goes."""

from __future__ import annotations

import sqlite3
from collections import deque
from contextlib import suppress

import psycopg
from sqlalchemy import URL

from app.errors import Problem
from app.store.engines import BUSY_SECONDS

_QUESTION = "SELECT value FROM epoch WHERE id = 1"
KEPT = 8  # bare connections kept by one process

_Connection = sqlite3.Connection | psycopg.Connection[tuple[int]]


class EpochReader:
    """Keeps a few bare connections in autocommit, so that each look sees the last commit. Safe between threads."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._free: deque[_Connection] = deque()
        self._closed = False

    def read(self) -> int:
        """The present epoch. A connection that died meanwhile is replaced once. Raises Problem ``unavailable``."""
        try:
            connection = self._free.pop()
        except IndexError:
            return self._ask_anew()
        try:
            return self._ask(connection)
        except (sqlite3.Error, psycopg.Error):
            _discard(connection)
            return self._ask_anew()

    def close(self) -> None:
        self._closed = True
        while self._free:
            _discard(self._free.pop())

    def _ask_anew(self) -> int:
        try:
            return self._ask(self._connect())
        except (sqlite3.Error, psycopg.Error) as fault:
            raise Problem(
                "unavailable", "数据库暂不可用，请稍后重试 (the database is not available at present; try again)"
            ) from fault

    def _ask(self, connection: _Connection) -> int:
        row = connection.execute(_QUESTION).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("the epoch row is missing")
        if self._closed or len(self._free) >= KEPT:
            _discard(connection)
        else:
            self._free.append(connection)
        return int(row[0])

    def _connect(self) -> _Connection:
        url = self._url
        if url.get_backend_name() == "sqlite":
            connection = sqlite3.connect(
                str(url.database), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA query_only = ON")
            return connection
        bare = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(bare, autocommit=True, prepare_threshold=0, connect_timeout=10)


def _discard(connection: _Connection) -> None:
    with suppress(sqlite3.Error, psycopg.Error):
        connection.close()
