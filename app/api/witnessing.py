"""No answer without its entry: what an errand did not write down itself is written here, before the first byte."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.context import errands, request_id
from app.api.problems import problem_response
from app.errors import Problem
from app.services.auditing import WITNESS, Witness

_OPEN = frozenset({"/healthz", "/readyz"})  # asked every few seconds by machines, and nothing is told there


class Witnessing:
    """ASGI middleware around the routes, inside the envelope that gives a request its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        witness = Witness()
        request = Request(scope)
        started = refused = False

        async def sending(message: Message) -> None:
            nonlocal started, refused
            if message["type"] == "http.response.start" and not started:
                started = True
                try:
                    await _write(request, witness, message["status"])
                except Problem as problem:  # an answer that cannot be witnessed is not given
                    refused = True
                    await problem_response(problem)(scope, receive, send)
            if not refused:
                await send(message)

        mine = WITNESS.set(witness)
        try:
            await self._app(scope, receive, sending)
        except Problem as problem:  # from reading the body: too large
            if not started:
                await _write(request, witness, problem.status)
            raise
        finally:
            WITNESS.reset(mine)


async def _write(request: Request, witness: Witness, status: int) -> None:
    if witness.written:
        return
    services = errands(request)
    target, identity = request.url.path, request_id(request)
    if witness.caller is not None:
        outcome = "not_modified" if status == 304 else "sent" if status < 400 else str(status)
        await run_in_threadpool(services.auditing.noted, witness, outcome, target, identity)
    elif 400 <= status < 500:
        address = request.client.host if request.client else None
        await run_in_threadpool(services.strangers.refused, status, target, address, identity)
