"""A transaction on the truth, which one write has to itself or several small ones share.

While one small write is under way others come to wait. The one that ends hands its open transaction on to the next;
when nobody waits any more it is committed once for all of them, and only then does any of them return. Each write is
undone alone if it fails. The epoch's row is held from the beginning, so that writes follow one another on any node.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, Update, func, select, update

from app.errors import Problem
from app.store import tables as t

_PRESENT = select(t.epoch.c.value).where(t.epoch.c.id == 1).with_for_update()  # no words for it on SQLite
_LAST = select(func.max(t.epoch_log.c.at))
MOST_TOGETHER = 64
LONGEST_TOGETHER = 0.1  # seconds after which a shared transaction is not handed on any more


@dataclass(slots=True)
class Write:
    """One change of the truth. ``now`` is the time of everything in it, never before an earlier write's.

    ``before`` is the epoch found at the start.
    """

    connection: Connection
    now: datetime
    before: int
    shared: bool = False  # the epoch's row is then written once for all who share the transaction
    _epoch: int | None = None
    _reasons: dict[str, None] = field(default_factory=dict)

    def epoch(self, reason: str) -> int:
        """The epoch of this change: one above the present one, bumped once, when first asked for."""
        if self._epoch is None:
            self._epoch = self.before + 1
            if not self.shared:
                self.connection.execute(_moved(self._epoch))
        self._reasons[reason] = None
        return self._epoch

    @property
    def bumped(self) -> int | None:
        """The epoch of this change if something a read can notice was changed, else None."""
        return self._epoch

    @property
    def logged(self) -> dict[str, object] | None:
        """Its row in the log of epochs, if it has one."""
        if self._epoch is None:
            return None
        return {"epoch": self._epoch, "at": self.now, "reason": "; ".join(self._reasons)}


class Transaction:
    """Begun by the first of its writes; ``keep`` or ``undo`` follows each ``begin``, and ``end`` the last of them."""

    def __init__(self, engine: Engine, *, shared: bool, ended: Callable[[], None] = lambda: None) -> None:
        """``ended`` is called when nothing of it is open any more; not where beginning it fails."""
        self._shared = shared
        self._told = ended
        self._kept = 0
        self._log: list[dict[str, object]] = []
        self._broken: BaseException | None = None
        self._ended = threading.Event()
        self._since = time.monotonic()
        self._connection = engine.connect()
        try:
            self._whole = self._connection.begin()
            self._first = self._epoch = int(self._connection.execute(_PRESENT).scalar_one())
            self._last = self._connection.execute(_LAST).scalar_one_or_none()
        except BaseException:
            self._connection.close()
            raise

    def begin(self, now: datetime) -> Write:
        """The next write, after all that went before."""
        if self._kept:
            try:
                self._connection.exec_driver_sql("SAVEPOINT one")
            except Exception as fault:
                self._broken = fault
                raise
        self._last = max(now, self._last) if self._last else now
        return Write(self._connection, self._last, self._epoch, self._shared)

    def keep(self, write: Write) -> None:
        """The write is done and waits for the commit."""
        if self._kept:
            self._connection.exec_driver_sql("RELEASE SAVEPOINT one")
        self._kept += 1
        if (row := write.logged) is not None:
            self._epoch = write.bumped or self._epoch
            self._log.append(row)

    def undo(self) -> None:
        """The write under way failed; the others are kept. Where that cannot be, all of them fail at the end."""
        try:
            if self._kept:
                self._connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one")
                self._connection.exec_driver_sql("RELEASE SAVEPOINT one")
        except Exception as fault:  # noqa: BLE001 - told to everybody who shares it
            self._broken = fault

    @property
    def open(self) -> bool:
        """Whether another write may still join."""
        young = time.monotonic() - self._since < LONGEST_TOGETHER
        return self._shared and 0 < self._kept < MOST_TOGETHER and young and self._broken is None

    def end(self) -> None:
        """Commit what was kept, or roll back; those who wait for it hear."""
        try:
            if self._kept and self._broken is None:
                if self._shared and self._epoch != self._first:
                    self._connection.execute(_moved(self._epoch))
                if self._log:
                    self._connection.execute(t.epoch_log.insert(), self._log)
                self._whole.commit()
            else:
                self._whole.rollback()
        except BaseException as fault:
            self._broken = fault
            raise
        finally:
            self._connection.close()
            self._told()
            self._ended.set()

    def wait(self) -> None:
        """Returns when it is committed. Raises what broke it, or Problem ``unavailable``: nothing of it is there."""
        self._ended.wait()
        if self._broken is not None:
            raise Problem(
                "unavailable", "数据库暂不可用，请稍后重试 (the database is not available at present; try again)"
            ) from self._broken


def _moved(epoch: int) -> Update:
    return update(t.epoch).where(t.epoch.c.id == 1).values(value=epoch)
