"""A streaming replica of the truth, from which parts are built when it has come far enough; nothing is ever read there else.

What a part holds at its revision is the same wherever it is read, so only two things matter: that the replica has
replayed that revision, and that it is a replica of this very registry and still one.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Problem
from app.store import epochs, secrets
from app.store.engines import checked_url, postgresql_engine

_POOL = 4
_LEFT_ALONE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class ReplicaFault(Exception):
    """The replica ended a reading that had begun; what was read is to be read again from the primary."""


class Replica:
    """Connections to a hot standby. ``used`` counts the readings it was good for, ``passed_over`` those it was not."""

    def __init__(self, url: str, primary: URL, lock_timeout: float) -> None:
        """Raises ValueError unless both are PostgreSQL."""
        parsed = checked_url(url)
        if parsed.get_backend_name() != "postgresql" or primary.get_backend_name() != "postgresql":
            raise ValueError(
                "TOWNSHIP_REPLICA_URL: 只有 PostgreSQL 有流复制的副本 (only PostgreSQL has a streaming replica)"
            )
        engine = postgresql_engine(parsed, pool_size=_POOL, lock_timeout=lock_timeout)
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._away_until = 0.0
        self.used = 0
        self.passed_over = 0

    def reached(self, epoch: int, lineage: str) -> Connection | None:
        """A connection, in a transaction, that sees everything up to ``epoch`` of that registry; None if there is none.

        Close it. Where the replica does not answer it is left alone for some seconds.
        """
        if time.monotonic() < self._away_until:
            self.passed_over += 1
            return None
        connection: Connection | None = None
        try:
            connection = self._engine.connect()
            connection.begin()
            standby = connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()
            if standby and epochs.current(connection) >= epoch and secrets.lineage(connection) == lineage:
                self.used += 1
                return connection
        except (SQLAlchemyError, Problem) as fault:
            _log.warning("the replica is passed over for %g s: %s", _LEFT_ALONE_SECONDS, type(fault).__name__)
            self._away_until = time.monotonic() + _LEFT_ALONE_SECONDS
        if connection is not None:
            connection.close()
        self.passed_over += 1
        return None

    def close(self) -> None:
        self._engine.dispose()
