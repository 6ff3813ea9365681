"""Waiting for something to have happened, without a connection or a thread held meanwhile.

One task a process looks at the epoch while anybody waits, and only then. It tells that something happened somewhere;
whether a caller may see any of it is found out by asking again, so waiting itself tells nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from anyio.to_thread import run_sync

from app.errors import Problem
from app.services.registry import Registry
from app.store import events

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Moment:
    """How far everything had come: what is answered can only change when one of these does."""

    epoch: int
    event: int
    day: date

    def before(self, other: Moment) -> bool:
        return self.epoch < other.epoch or self.event < other.event or self.day < other.day


class Watch:
    """The one watcher of a process; used from its event loop."""

    def __init__(self, registry: Registry, look_seconds: float = LOOK_SECONDS) -> None:
        self._registry = registry
        self._pause = look_seconds
        self._waiting: set[asyncio.Future[None]] = set()
        self._latest: Moment | None = None
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    def moment(self) -> Moment:
        """The present moment, straight from the database."""
        with self._registry.database.read() as cx:
            event = events.last(cx)
        return Moment(self._registry.database.epoch(), event, self._registry.today())

    async def after(self, seen: Moment, seconds: float) -> bool:
        """Whether something happened after ``seen``, waited for at most so long; also ends when the process does."""
        if self._latest is not None and seen.before(self._latest):
            return True
        if self.closed:
            return False
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (left := deadline - loop.time()) > 0 and not self.closed:
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.add(future)
            if self._task is None or self._task.done():
                self._task = loop.create_task(self._look())
            with suppress(TimeoutError):
                await asyncio.wait_for(future, left)
            self._waiting.discard(future)
            if self._latest is not None and seen.before(self._latest):
                return True
        return False

    def close(self) -> None:
        """Let everybody go who waits, now and later."""
        self.closed = True
        self._release()

    async def _look(self) -> None:
        while self._waiting and not self.closed:
            # A database that is away is found out by those who ask it next.
            with suppress(Problem):
                found = await run_sync(self.moment)
                if self._latest is None or self._latest.before(found):
                    self._latest = found
                    self._release()
            await asyncio.sleep(self._pause)

    def _release(self) -> None:
        for future in list(self._waiting):
            if not future.done():
                future.set_result(None)


class Seats:
    """How many may wait or stream at once: for one credential, and altogether."""

    def __init__(self, each: int, together: int) -> None:
        self._each, self._together = each, together
        self._taken: dict[str, int] = {}

    def take(self, credential: str) -> None:
        """Take a seat; Problem ``too_many_requests`` when there is none. Give it back with ``leave``."""
        if self._taken.get(credential, 0) >= self._each or sum(self._taken.values()) >= self._together:
            raise Problem(
                "too_many_requests",
                "同时等待的连接过多，请稍后重试 (too many connections wait at once; try again later)",
                headers={"Retry-After": "5"},
            )
        self._taken[credential] = self._taken.get(credential, 0) + 1

    def leave(self, credential: str) -> None:
        left = self._taken.get(credential, 0) - 1
        if left > 0:
            self._taken[credential] = left
        else:
            self._taken.pop(credential, None)
