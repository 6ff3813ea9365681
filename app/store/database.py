"""The database as the rest of the house sees it: a place to read from, a place to write to, and the epoch.

The epoch is the counter of everything that a read can notice. Every write holds its row from the beginning, so
writes follow one another and the order of commits is the order of epochs.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import Problem
from app.store import secrets
from app.store.engines import JOURNAL_POOL, checked_url, journal_url, postgresql_engine, sqlite_engine
from app.store.epoch_reader import EpochReader
from app.store.replica import Replica, ReplicaFault
from app.store.transactions import Transaction, Write
from app.store.turns import FileTurn, Turns

__all__ = ["Conflict", "Database", "Write"]

T = TypeVar("T")
_TRANSIENT = frozenset({"40001", "40P01"})  # a serialisation failure, a deadlock: the database asks to try again
_TRIALS = 4


class Conflict(Problem):
    """Two transactions were in each other's way and the database ended this one: nothing of it is there."""


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
        replica: Replica | None = None,
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
        self.replica = replica
        self._lineage: str | None = None
        self._looker = reader
        if self.dialect == "postgresql":
            self._looker = writer.execution_options(isolation_level="AUTOCOMMIT", postgresql_readonly=True)
        self._epochs = EpochReader(url)
        self._looking = threading.local()
        # Within one process writers queue here, between processes of one machine at a file; PostgreSQL has a queue of
        # its own, that of the epoch's row.
        self._turns: Turns[Transaction] = Turns()
        self._journal_turns: Turns[None] = Turns()
        sqlite = self.dialect == "sqlite"
        self._file_turn = FileTurn(Path(str(url.database))) if sqlite else None
        self._journal_file_turn = FileTurn(Path(str(journal_url(url).database))) if sqlite else None

    @classmethod
    def open(
        cls,
        url: str,
        data_dir: Path,
        *,
        pool_size: int = 10,
        lock_timeout: float = 30.0,
        clock: Callable[[], datetime] = _now,
        replica_url: str = "",
    ) -> Database:
        """Open a database; nothing is migrated and, on PostgreSQL, nothing is connected yet.

        ``clock`` dates what is written; whoever moves the registry's clock moves this one with it. ``replica_url`` is
        that of a streaming replica for ``read_replayed``. Raises ValueError for a database of another kind.
        """
        registry = checked_url(url)
        replica = Replica(replica_url, registry, lock_timeout) if replica_url else None
        if registry.get_backend_name() == "sqlite":
            to_write = partial(sqlite_engine, begin="BEGIN IMMEDIATE", read_only=False, pool_size=2, wait=lock_timeout)
            to_read = partial(sqlite_engine, begin="BEGIN", read_only=True, pool_size=pool_size, wait=lock_timeout)
            reader, writer = to_read(registry), to_write(registry)
            journal_reader, journal_writer = to_read(journal_url(registry)), to_write(journal_url(registry))
        else:
            writer = postgresql_engine(registry, pool_size=pool_size, lock_timeout=lock_timeout)
            # A pool of its own: who has an entry to write does not queue behind those who read.
            journal_writer = postgresql_engine(registry, pool_size=JOURNAL_POOL, lock_timeout=lock_timeout)
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
            replica=replica,
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that cannot write and sees one state of the truth throughout."""
        with _faults_told(), self.reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read_replayed(self, epoch: int, *, primary: bool = False) -> Iterator[Connection]:
        """As ``read``, for what is asked as of ``epoch`` or earlier: from the replica where it has come that far.

        Raises ReplicaFault where the replica ends the reading: ask again with ``primary``.
        """
        connection = None
        if self.replica is not None and not primary:
            if self._lineage is None:
                with self.read() as cx:
                    self._lineage = secrets.lineage(cx)
            connection = self.replica.reached(epoch, self._lineage)
        if connection is None:
            with self.read() as cx:
                yield cx
            return
        try:
            yield connection
        except (DBAPIError, psycopg.Error) as fault:
            raise ReplicaFault from fault
        finally:
            connection.close()

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A connection that cannot write, for a single statement or several that need not see one state.

        On PostgreSQL it spares the round trips that begin and end a transaction.
        """
        with _faults_told(), self._looker.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, shared: bool = False) -> Iterator[Write]:
        """A transaction on the truth: committed at the end, undone by any exception.

        ``shared``: for what is done in milliseconds; it may share its commit with others of the kind that wait, and
        fails by itself all the same. Raises Problem ``unavailable`` when its turn does not come within ``lock_timeout``.
        """
        with _faults_told():
            transaction = self._turns.take(self.lock_timeout, joins=shared)
            if transaction is None:
                try:
                    transaction = self._begun(shared=shared)
                except BaseException:
                    self._turns.end()
                    raise
            try:
                write = transaction.begin(self.clock())
                yield write
                transaction.keep(write)
            except BaseException:
                transaction.undo()
                with suppress(Exception):  # the fault that came first is told
                    self._go_on(transaction)
                # What was refused was judged by what the others wrote: it is told only when that is there.
                transaction.wait()
                raise
            self._go_on(transaction)
            transaction.wait()

    def _begun(self, *, shared: bool) -> Transaction:
        if self._file_turn is None:
            return Transaction(self.writer, shared=shared)
        turn = ExitStack()
        turn.enter_context(self._file_turn.taken(self.lock_timeout))
        try:
            return Transaction(self.writer, shared=shared, ended=turn.close)
        except BaseException:
            turn.close()
            raise

    def _go_on(self, transaction: Transaction) -> None:
        if transaction.open and self._turns.hand_on(transaction):
            return
        try:
            transaction.end()
        finally:
            self._turns.end()

    def again(self, errand: Callable[[], T]) -> T:
        """What ``errand`` gives, tried again where the database ended it for the sake of another transaction.

        For errands of which nothing is there when they fail.
        """
        for trial in range(1, _TRIALS):
            try:
                return errand()
            except Conflict:
                time.sleep(random.uniform(0.0, 0.01 * 2**trial))  # noqa: S311 - to be out of step with the other
        return errand()

    @contextmanager
    def journal(self) -> Iterator[Connection]:
        """A transaction on the journal tables: committed at the end. Never waits for ``write``."""
        with _faults_told(), self._journal_turn(), self.journal_writer.begin() as connection:
            yield connection

    @contextmanager
    def journal_statements(self) -> Iterator[Any]:
        """The driver's own connection to the journal; each statement on it is a transaction of its own.

        For what is written all day long in one statement: a transaction of several takes longer than the writing.
        """
        with _faults_told(), self._journal_turn():
            kept = self.journal_writer.raw_connection()
            try:
                driver: Any = kept.driver_connection
                if self.dialect == "postgresql":
                    driver.autocommit = True
                yield driver
                if self.dialect == "postgresql":
                    driver.autocommit = False
            except BaseException:
                kept.invalidate()  # in whatever state it is, nobody gets it after this
                raise
            finally:
                kept.close()

    @contextmanager
    def _journal_turn(self) -> Iterator[None]:
        if self._journal_file_turn is None:
            yield
            return
        self._journal_turns.take(self.lock_timeout)
        try:
            with self._journal_file_turn.taken(self.lock_timeout):
                yield
        finally:
            self._journal_turns.end()

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
        for turn in (self._file_turn, self._journal_file_turn):
            if turn is not None:
                turn.close()
        if self.replica is not None:
            self.replica.close()
        for engine in (self.reader, self.writer, self.journal_reader, self.journal_writer):
            engine.dispose()


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeoutError, sqlite3.OperationalError, psycopg.OperationalError) as fault:
        refusal = Conflict if _state(fault) in _TRANSIENT else Problem
        raise refusal(
            "unavailable", "数据库暂不可用，请稍后重试 (the database is not available at present; try again)"
        ) from fault


def _state(fault: Exception) -> str | None:
    return getattr(getattr(fault, "orig", fault), "sqlstate", None)
