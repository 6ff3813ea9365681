"""The shortest way: records by region and period, and pages of a whole view, whose reading was decided before, and whose decision still stands.

Requests that arrive while others are taken up share one look at the epoch, one commit of the audit and one wake-up of
the event loop. Outside the envelope and the routes, so it says for itself what they add: the request's id and the safe
headers. Whatever is not plainly of this kind goes on inside, before anything of it was counted or written down.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.context import Errands
from app.api.envelope import LARGEST_HEADERS, Bounds, identity_of, safe_headers
from app.api.reading_lane import FAULT, ROUTE, Asked, plainly_asked, remember
from app.formats.encoding import IDENTITY, worth_packing
from app.services.standing import MadeAtOnce
from app.services.stops import WALK
from app.store.audit import Written

_CLOSING_SECONDS = 0.02  # that a closing entry waits for others to share its commit


@dataclass(slots=True)
class _Waiting:
    """One request that waits for its answer."""

    asked: Asked
    identity: str
    settled: asyncio.Future[MadeAtOnce | Exception | None]


class StandingLane:
    """ASGI middleware around the envelope."""

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._app = app
        self._chance = random.Random(secrets.randbits(256))  # noqa: S311 - an id is no secret
        self._safe = safe_headers(bounds)
        self._send_seconds = bounds.send_seconds
        self._gathering: _Gathering | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = plainly_asked(scope) if scope["type"] == "http" and not _is_traced() else None
        if asked is None or not _is_plain(asked, scope):
            await self._app(scope, receive, send)
            return
        gathering = self._gathering
        if gathering is None or gathering.services is not scope["app"].state.errands:
            gathering = self._gathering = _Gathering(scope["app"].state.errands)
        identity = identity_of(scope["headers"], self._chance)
        made = await gathering.add(asked, identity)
        if made is None or isinstance(made, Exception):
            if made is not None:
                scope[FAULT] = made
            scope["township.request_id"] = identity
            await self._app(scope, receive, send)
            if asked.question.region is None:
                gathering.remember(asked)
            return
        scope["route"] = ROUTE
        scope["township.request_id"] = identity
        headers = [
            *made.headers,
            (b"content-length", str(len(made.body)).encode()),
            (b"x-request-id", identity.encode()),
            *self._safe,
        ]
        outcome = "broken"
        try:
            async with asyncio.timeout(self._send_seconds):
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": made.body})
            outcome = "sent"
        finally:
            gathering.close(made, outcome)


def _is_traced() -> bool:
    """Whether somebody keeps the spans of this request: then it goes where they are made."""
    walk = WALK.get()
    return walk is not None and walk.traced


def _is_plain(asked: Asked, scope: Scope) -> bool:
    wanted, question = asked.wanted, asked.question
    return (
        question.fields is None
        and wanted.if_none_match is None
        and sum(len(name) + len(value) for name, value in scope["headers"]) <= LARGEST_HEADERS
    )


class _Gathering:
    """The requests of one turn of the event loop. Everything here runs in the loop's thread but ``_told`` and ``_look``."""

    def __init__(self, services: Errands) -> None:
        self.services = services
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._closings = False
        self._looks_here = services.registry.database.dialect == "sqlite"

    def add(self, asked: Asked, identity: str) -> asyncio.Future[MadeAtOnce | Exception | None]:
        """The answer, once its reading stands in the audit; a fault that kept it from that; None where this is not the way."""
        settled: asyncio.Future[MadeAtOnce | Exception | None] = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._take)
        self._waiting.append(_Waiting(asked, identity, settled))
        return settled

    def remember(self, asked: Asked) -> None:
        """Have what was decided of a page stand for those that follow; of a place the lane within does so."""
        self.services.together.add(lambda: remember(self.services, asked), lambda _: None)

    def close(self, made: MadeAtOnce, outcome: str) -> None:
        """The closing entry of an answer: with the next commit, or a moment later."""
        entry = {**made.closing, "at": self.services.registry.now(), "status": outcome}
        # The intent is the witness; that the closing entry is on its way is enough to let the next one go.
        self.services.registry.audit.hand_over((entry,), later=True)
        if not self._closings:
            self._closings = True
            self._loop.call_later(_CLOSING_SECONDS, self._hurry)

    def _hurry(self) -> None:
        self._closings = False
        self.services.registry.audit.hurry()

    def _take(self) -> None:
        group, self._waiting = self._waiting, []
        if self._looks_here:  # a few microseconds; elsewhere it is a round trip
            self._decide(group, self._epoch())
        else:
            self.services.together.add(lambda: self._look(group), lambda _: self._look(group))

    def _look(self, group: list[_Waiting]) -> None:
        epoch = self._epoch()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._decide, group, epoch)

    def _epoch(self) -> int | None:
        with suppress(Exception):  # the ordinary way looks again, and tells
            return self.services.registry.database.epoch()
        return None

    def _decide(self, group: list[_Waiting], epoch: int | None) -> None:
        now = self.services.registry.now()
        ready: list[tuple[_Waiting, MadeAtOnce]] = []
        for each in group:
            made = None if epoch is None or each.settled.done() else self._made(each, epoch, now)
            if made is not None:
                ready.append((each, made))
            elif not each.settled.done():
                each.settled.set_result(None)
        if not ready:
            return
        try:
            self.services.registry.audit.hand_over(
                [made.intent for _, made in ready], lambda told: self._told(ready, told)
            )
        except Exception as fault:  # noqa: BLE001 - it is told to whoever waits
            self._settle(ready, fault)

    def _made(self, each: _Waiting, epoch: int, now: Any) -> MadeAtOnce | None:
        asked = each.asked
        decided = self.services.standing.find(asked.credential, asked.view, epoch, now)
        if decided is None:
            return None
        question, made = asked.question, None
        with suppress(Exception):  # the ordinary way meets it again, and tells
            if question.region is None:
                made = decided.page(question, now, each.identity)
            else:
                made = decided.answer(question.region, question.period, question.limit, now, each.identity)
        if made is None or asked.wanted.codings.chosen(worth_packing(len(made.body), packs_itself=False)) != IDENTITY:
            return None
        return made

    def _told(self, ready: Sequence[tuple[_Waiting, MadeAtOnce]], told: Written) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, ready, told.fault)

    def _settle(self, ready: Sequence[tuple[_Waiting, MadeAtOnce]], fault: Exception | None) -> None:
        for each, made in ready:
            if not each.settled.done():
                each.settled.set_result(fault or made)
            elif fault is None:  # the client has gone
                self.close(made, "broken")
