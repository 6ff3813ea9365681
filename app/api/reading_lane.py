"""A lane of its own for the commonest question: a few records of a view, by region and period.

The answer is the route's, made by the same service under the same gate, quotas and audit; what is left out is only the
way there: no search among the routes, no thread for each dependency, no waiting thread while the audit is written.
A request that is not plainly of this kind goes on to the routes, before anything of it is counted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import views
from app.api.accepting import chosen_codings
from app.api.context import Errands, authenticate, counted, errands
from app.api.responses import respond
from app.errors import Problem
from app.services.answers import Answer
from app.services.auditing import witnessed
from app.services.deliveries import Wanted
from app.services.questions import Question

_PATH = re.compile(r"/v1/views/([a-z0-9][a-z0-9_-]{0,99})/records")
_PLAIN = {
    "region": re.compile(r"[0-9]{2,12}(,[0-9]{2,12}){0,15}"),
    "period": re.compile(r"[0-9]{4}[0-9HQ.,-]{0,60}"),
    "fields": re.compile(r"[\w,.-]{1,2000}"),
    "limit": re.compile(r"[1-9][0-9]{0,3}"),
    "cursor": re.compile(r"[\w-]{1,4096}"),
}
_FEW, _PAGES = frozenset({"region", "period", "fields", "limit"}), frozenset({"limit", "cursor"})
_SINGLE = frozenset({b"authorization", b"if-none-match", b"accept", b"accept-encoding"})
_ELSEWHERE = frozenset({b"prefer", b"content-type", b"content-length", b"transfer-encoding", b"dpop"})
_ACCEPTED = frozenset({b"*/*", b"application/json"})
FAULT = "township.fault"  # where a request has what kept the audit from writing it down on its way here
ROUTE = next(route for route in views.router.routes if getattr(route, "endpoint", None) is views.records)


@dataclass(frozen=True, slots=True)
class Asked:
    view: str
    credential: str
    question: Question
    wanted: Wanted


class ReadingLane:
    """ASGI middleware, innermost: next to the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = plainly_asked(scope) if scope["type"] == "http" else None
        if FAULT not in scope and (asked is None or asked.question.region is None):
            await self._app(scope, receive, send)
            return
        assert asked is not None  # noqa: S101 - who met the fault had read it
        request = Request(scope, receive)
        before = scope.get("route")
        scope["route"], scope["endpoint"] = ROUTE, views.records
        try:
            if FAULT in scope:
                raise scope[FAULT]
            answer = await _answered(request, asked)
        except Problem as problem:
            response: Response = await request.app.exception_handlers[Problem](request, problem)
            await response(scope, receive, send)
            return
        if answer is None:
            scope["route"] = before
            await self._app(scope, receive, send)
            return
        await respond(answer)(scope, receive, send)


def plainly_asked(scope: Scope) -> Asked | None:
    """The question, where it is one of the few forms that this lane reads; None for all others, right or wrong."""
    if scope["method"] != "GET":
        return None
    path = _PATH.fullmatch(scope["path"])
    if path is None or scope.get("root_path"):
        return None
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _ELSEWHERE or (name in _SINGLE and name in headers):
            return None
        headers[name] = value
    scheme, _, credential = headers.get(b"authorization", b"").partition(b" ")
    if scheme != b"Bearer" or not credential or headers.get(b"accept", b"*/*") not in _ACCEPTED:
        return None
    given = _parameters(scope["query_string"])
    # A place, perhaps with a time; or a page of the whole view.
    if given is None or not given.keys() <= (_FEW if "region" in given else _PAGES):
        return None
    limit = given.get("limit")
    question = Question(
        period=given.get("period"),
        region=given.get("region"),
        fields=given.get("fields"),
        limit=int(limit) if limit is not None else None,
        cursor=given.get("cursor"),
    )
    none_match, encoding = headers.get(b"if-none-match"), headers.get(b"accept-encoding")
    try:
        codings = chosen_codings(encoding.decode("latin-1") if encoding is not None else None)
    except Problem:
        return None
    return Asked(
        path[1],
        credential.decode("latin-1").strip(),
        question,
        Wanted(none_match.decode("latin-1") if none_match is not None else None, codings),
    )


def _parameters(query: bytes) -> dict[str, str] | None:
    given: dict[str, str] = {}
    text = query.decode("latin-1")
    pairs = (pair.partition("=")[::2] for pair in text.split("&") if pair)
    for name, value in parse_qsl(text, keep_blank_values=True) if "%" in text or "+" in text else pairs:
        plain = _PLAIN.get(name)
        if plain is None or name in given or plain.fullmatch(value) is None:
            return None
        given[name] = value
    return given


async def _answered(request: Request, asked: Asked) -> Answer | None:
    """The answer, when its reading stands in the audit; None where this lane is not the way. Raises Problem."""
    loop = asyncio.get_running_loop()
    settled: asyncio.Future[Answer | None] = loop.create_future()

    def settle(answer: Answer | None, fault: BaseException | None = None) -> None:
        """Called in the loop's own thread."""
        if settled.done():  # the client has gone
            if answer is not None:
                answer.abandon()
        elif fault is not None:
            settled.set_exception(fault)
        else:
            settled.set_result(answer)

    def tell(*outcome: Any) -> None:
        loop.call_soon_threadsafe(settle, *outcome)

    services = errands(request)
    services.together.add(lambda: _errand(request, asked, tell), lambda fault: tell(None, fault))
    answer = await settled
    if answer is not None:
        witnessed()
    return answer


def _errand(request: Request, asked: Asked, tell: Callable[..., None]) -> None:
    services = errands(request)
    recognised = authenticate(request) if services.authenticator.knows(asked.credential) else None
    if recognised is None or not services.reader.has_at_once(recognised.caller, asked.view, asked.question):
        tell(None)
        return
    found = counted(request, recognised)
    identity = str(request.scope["township.request_id"])
    remember(services, asked)
    answer, reading = services.reader.read_at_once(found, asked.view, asked.question, asked.wanted, identity)
    try:
        answer.finish, durable = services.auditing.submit(reading)
    except BaseException:
        answer.abandon()
        raise

    def told(done: Future[Any]) -> None:
        fault = done.exception()
        if fault is not None:
            answer.finish = None
            answer.abandon()
        tell(None if fault is not None else answer, fault)

    durable.add_done_callback(told)


def remember(services: Errands, asked: Asked) -> None:
    """Have what is decided here stand for the readings that follow."""
    registry = services.registry
    epoch = registry.database.epoch()
    if services.standing.find(asked.credential, asked.view, epoch, registry.now()) is None:
        lasting = services.authenticator.lasting(asked.credential, epoch)
        if lasting is not None:
            services.standing.decide(asked.credential, lasting[0], asked.view, lasting[1], epoch)
