"""The database as the rest of the house sees it: a place to read from, a place to write to, and the epoch.

The epoch is the counter of everything that a read can notice. Every write holds its row from the beginning, so
writes follow one another and the order of commits is the order of epochs.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import URL, Connection, Engine, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import Problem
from app.store import tables as t
from app.store.engines import checked_url, journal_url, postgresql_engine, sqlite_engine
from app.store.epoch_reader import EpochReader


@dataclass(slots=True)
class Write:
    """One transaction that changes the truth. ``now`` is the time of everything in it, never before an earlier write's.

    ``before`` is the epoch found at the start.
    """

    connection: Connection
    now: datetime
    before: int
    _epoch: int | None = None
    _reasons: dict[str, None] = field(default_factory=dict)

    def epoch(self, reason: str) -> int:
        """The epoch of this transaction: one above the present one, bumped once, when first asked for."""
        if self._epoch is None:
            self._epoch = self.before + 1
            self.connection.execute(update(t.epoch).where(t.epoch.c.id == 1).values(value=self._epoch))
        self._reasons[reason] = None
        return self._epoch

    @property
    def bumped(self) -> int | None:
        """The epoch of this transaction if something a read can notice was changed, else None."""
        return self._epoch

    def close(self) -> None:
        """Write the log of the epoch; the last statement before the commit."""
        if self._epoch is not None:
            row = {"epoch": self._epoch, "at": self.now, "reason": "; ".join(self._reasons)}
            self.connection.execute(t.epoch_log.insert().values(row))


def _now() -> datetime:
    return datetime.now(UTC)


class Database:
    """A registry's database. Make one for each process with ``Database.open`` and ``close`` it at the end.

    On SQLite the journal (audit, names of states, access tokens) is a file of its own beside the registry.
    """

    def __init__(
        self,
        url: URL,
        data_dir: Path,
        *,
        reader: Engine,
        writer: Engine,
        journal_reader: Engine,
        journal_writer: Engine,
        lock_timeout: float,
        clock: Callable[[], datetime],
    ) -> None:
        self.url = url
        self.data_dir = data_dir
        self.dialect = url.get_backend_name()
        self.lock_timeout = lock_timeout
        self.clock = clock
        self.reader = reader
        self.writer = writer
        self.journal_reader = journal_reader
        self.journal_writer = journal_writer
        self._epochs = EpochReader(url)
        # SQLite's waiting is by polling; within one process writers queue here instead.
        self._looking = threading.local()
        self._turn = threading.Lock() if self.dialect == "sqlite" else None
        self._journal_turn = threading.Lock() if self.dialect == "sqlite" else None

    @classmethod
    def open(
        cls,
        url: str,
        data_dir: Path,
        *,
        pool_size: int = 10,
        lock_timeout: float = 30.0,
        clock: Callable[[], datetime] = _now,
    ) -> Database:
        """Open a database; nothing is migrated and, on PostgreSQL, nothing is connected yet.

        ``clock`` dates what is written; whoever moves the registry's clock moves this one with it. Raises ValueError
        for a database of another kind.
        """
        registry = checked_url(url)
        if registry.get_backend_name() == "sqlite":
            to_write = partial(sqlite_engine, begin="BEGIN IMMEDIATE", read_only=False, pool_size=2, wait=lock_timeout)
            to_read = partial(sqlite_engine, begin="BEGIN", read_only=True, pool_size=pool_size, wait=lock_timeout)
            reader, writer = to_read(registry), to_write(registry)
            journal_reader, journal_writer = to_read(journal_url(registry)), to_write(journal_url(registry))
        else:
            writer = postgresql_engine(registry, pool_size=pool_size, lock_timeout=lock_timeout)
            # A pool of its own: who has an entry to write does not queue behind those who read.
            journal_writer = postgresql_engine(registry, pool_size=2, lock_timeout=lock_timeout)
            reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            journal_reader = reader
        return cls(
            registry,
            data_dir,
            reader=reader,
            writer=writer,
            journal_reader=journal_reader,
            journal_writer=journal_writer,
            lock_timeout=lock_timeout,
            clock=clock,
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that cannot write and sees one state of the truth throughout."""
        with _faults_told(), self.reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Write]:
        """A transaction on the truth: committed at the end, undone by any exception.

        Raises Problem ``unavailable`` when its turn does not come within ``lock_timeout``.
        """
        with _faults_told(), _turn(self._turn, self.lock_timeout), self.writer.begin() as connection:
            present = select(t.epoch.c.value).where(t.epoch.c.id == 1).with_for_update()  # no words for it on SQLite
            before = connection.execute(present).scalar_one()
            last = connection.execute(select(func.max(t.epoch_log.c.at))).scalar_one_or_none()
            now = self.clock()
            write = Write(connection, max(now, last) if last else now, before)
            yield write
            write.close()

    @contextmanager
    def journal(self) -> Iterator[Connection]:
        """A transaction on the journal tables: committed at the end. Never waits for ``write``."""
        with _faults_told(), _turn(self._journal_turn, self.lock_timeout), self.journal_writer.begin() as connection:
            yield connection

    @contextmanager
    def read_journal(self) -> Iterator[Connection]:
        """A connection to the journal tables that cannot write and sees one state of them throughout."""
        with _faults_told(), self.journal_reader.connect() as connection, connection.begin():
            yield connection

    def epoch(self) -> int:
        """The present epoch, straight from the database: a few microseconds on SQLite, one round trip on PostgreSQL."""
        seen: int | None = getattr(self._looking, "epoch", None)
        return self._epochs.read() if seen is None else seen

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Within it every look of this thread at the epoch gives what one look at its beginning gave.

        For errands that had all arrived before: none of them sees anything older than there was when it came.
        """
        self._looking.epoch = self._epochs.read()
        try:
            yield
        finally:
            self._looking.epoch = None

    def close(self) -> None:
        """Give back every connection. The database can not be used afterwards."""
        self._epochs.close()
        for engine in (self.reader, self.writer, self.journal_reader, self.journal_writer):
            engine.dispose()


@contextmanager
def _turn(lock: threading.Lock | None, seconds: float) -> Iterator[None]:
    if lock is None:
        yield
        return
    if not lock.acquire(timeout=seconds):
        raise Problem("unavailable", "写入排队超时，请稍后重试 (the wait for a write's turn was too long; try again)")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeoutError, sqlite3.OperationalError, psycopg.OperationalError) as fault:
        raise Problem(
            "unavailable", "数据库暂不可用，请稍后重试 (the database is not available at present; try again)"
        ) from fault
