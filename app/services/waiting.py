"""Answers that wait until there is something to tell, and streams of them: the change feed and the event feed.

An answer is asked for again whenever anything happened anywhere, under the caller's access of that moment. Only when
it then holds something does the wait end; what the caller may not see ends nothing and moves no cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from anyio.to_thread import run_sync

from app.errors import Problem
from app.policy.callers import Caller
from app.services.watching import Moment, Seats, Watch
from app.settings import Settings

RECHECK_SECONDS = 1.0


class Page(Protocol):
    """What a feed answers: ``rows`` things, the cursor after them, and whether there are more at once."""

    @property
    def next(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def more(self) -> bool: ...


P = TypeVar("P", bound=Page)


@dataclass(frozen=True)
class Asking:
    """Someone who waits: ``again`` gives who it is now (or raises 401), ``gone`` whether it has hung up."""

    caller: Caller
    again: Callable[[], Caller]
    gone: Callable[[], Awaitable[bool]]


class Waiter:
    """Long polls and streams of one process."""

    def __init__(self, watch: Watch, settings: Settings) -> None:
        self.watch = watch
        self._longest_wait = settings.longest_wait_seconds
        self._longest_stream = settings.longest_stream_seconds
        self._heartbeat = settings.heartbeat_seconds
        self._seats = Seats(settings.streams_per_credential, settings.streams_at_once)

    async def page(self, asking: Asking, seconds: int | None, ask: Callable[[Caller], P]) -> P:
        """The page, waited for at most ``seconds`` (and never longer than is set) while it holds nothing."""
        if seconds is not None and seconds < 0:
            raise Problem("bad_request", "wait 应为不小于 0 的整数秒 (wait is a whole number of seconds, not below 0)")
        if not seconds:
            return await run_sync(ask, asking.caller)
        deadline = asyncio.get_running_loop().time() + min(seconds, self._longest_wait)
        async with self._seated(asking.caller):
            while True:
                seen = await run_sync(self.watch.moment)
                page = await run_sync(ask, asking.caller)
                if page.rows:
                    return page
                if not await self._moved(asking, seen, deadline):
                    # Nothing to tell was true within the time of the request; asking once more would tell by its
                    # own duration that something happened which the caller may not see.
                    return page

    @asynccontextmanager
    async def stream(
        self, asking: Asking, since: str | None, ask: Callable[[Caller, str | None], P]
    ) -> AsyncIterator[AsyncIterator[P | None]]:
        """Pages as they come about, None where nothing did for a heartbeat; a Problem ends it, raised at once if so

        already at the opening. Ends by itself after the longest time set for streams.
        """
        first = await run_sync(ask, asking.caller, since)
        async with self._seated(asking.caller):
            yield self._pages(asking, since, first, ask)

    async def _pages(
        self, asking: Asking, since: str | None, page: P, ask: Callable[[Caller, str | None], P]
    ) -> AsyncIterator[P | None]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._longest_stream
        seen: Moment | None = None
        while True:
            if page.rows or page.next != since:
                yield page
                since = page.next
            if not page.more and seen is not None:
                while not await self._moved(asking, seen, min(end, loop.time() + self._heartbeat)):
                    if loop.time() >= end or self.watch.closed:
                        return
                    yield None
            if loop.time() >= end or self.watch.closed:
                return
            seen = await run_sync(self.watch.moment)
            page = await run_sync(partial(ask, await run_sync(asking.again), since))

    async def _moved(self, asking: Asking, seen: Moment, deadline: float) -> bool:
        """Whether anything happened before the deadline; 401 as soon as the caller's credential ends."""
        loop = asyncio.get_running_loop()
        while (left := deadline - loop.time()) > 0 and not self.watch.closed:
            moved = await self.watch.after(seen, min(left, RECHECK_SECONDS))
            if not moved and await asking.gone():
                return False
            await run_sync(asking.again)
            if moved:
                return True
        return False

    @asynccontextmanager
    async def _seated(self, caller: Caller) -> AsyncIterator[None]:
        self._seats.take(caller.credential_id)
        try:
            yield
        finally:
            self._seats.leave(caller.credential_id)
