"""Whose turn it is to write: in the order of asking within a process, and fairly between processes on one machine."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from app.errors import Problem

T = TypeVar("T")
_SHORTEST_PAUSE = 0.000_2
_LONGEST_PAUSE = 0.002


class _Ticket(Generic[T]):
    def __init__(self, *, joins: bool) -> None:
        self.joins = joins
        self.called = threading.Event()
        self.given: T | None = None


class Turns(Generic[T]):
    """One turn at a time among the threads of a process. Whoever ends one may hand something on to the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket[T]] = deque()
        self._taken = False

    def take(self, seconds: float, *, joins: bool = False) -> T | None:
        """Wait for the turn; gives what was handed on with it, only to one who ``joins``.

        Raises Problem ``unavailable`` when it does not come within ``seconds``.
        """
        with self._lock:
            if not self._taken:
                self._taken = True
                return None
            ticket: _Ticket[T] = _Ticket(joins=joins)
            self._waiting.append(ticket)
        if not ticket.called.wait(seconds):
            with self._lock:
                if not ticket.called.is_set():
                    self._waiting.remove(ticket)
                    raise too_long()
        return ticket.given

    def hand_on(self, something: T) -> bool:
        """Give the turn to the next one with something to go on with; False if nobody who joins is next."""
        with self._lock:
            if not self._waiting or not self._waiting[0].joins:
                return False
            ticket = self._waiting.popleft()
            ticket.given = something
        ticket.called.set()
        return True

    def end(self) -> None:
        """The turn is over."""
        with self._lock:
            if not self._waiting:
                self._taken = False
                return
            ticket = self._waiting.popleft()
        ticket.called.set()


class FileTurn:
    """One turn at a time among the processes that share a file. At most one thread of a process asks at a time.

    Two locks: whoever is next holds the first while it waits for the second, so that a process that has just had its
    turn comes after the one that waited. SQLite's own waiting is by chance, with pauses of up to a tenth of a second.
    The kernel gives the locks of a process back when it ends, however it ends.
    """

    def __init__(self, database: Path) -> None:
        self._paths = tuple(database.with_name(f"{database.name}-{name}") for name in ("next", "turn"))
        self._opened: list[int] = []

    @contextmanager
    def taken(self, seconds: float) -> Iterator[None]:
        """Within it no other process has the turn. Raises Problem ``unavailable`` when it does not come in time."""
        if not self._opened:
            self._opened = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for path in self._paths]
        following, turn = self._opened
        deadline = time.monotonic() + seconds
        _lock(following, deadline)
        try:
            _lock(turn, deadline)
        finally:
            fcntl.flock(following, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)

    def close(self) -> None:
        while self._opened:
            os.close(self._opened.pop())


def _lock(descriptor: int, deadline: float) -> None:
    pause = _SHORTEST_PAUSE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise too_long() from None
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5)
        else:
            return


def too_long() -> Problem:
    """The refusal of one whose turn did not come in time."""
    return Problem("unavailable", "写入排队超时，请稍后重试 (the wait for a write's turn was too long; try again)")
