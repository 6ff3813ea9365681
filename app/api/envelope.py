"""Around every request: an id, safe headers, and a bound on what is sent to us."""

from __future__ import annotations

import re
import uuid
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem_response
from app.errors import Problem

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SAFE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


class Envelope:
    """ASGI middleware; kept plain so that streamed answers pass through untouched."""

    def __init__(self, app: ASGIApp, largest_body: int) -> None:
        self._app = app
        self._largest = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in {b"x-request-id", b"content-length"}}
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        identity = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["township.request_id"] = identity
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add(message, [(b"x-request-id", identity.encode()), *_SAFE])
            await send(message)

        received = 0

        async def receiving() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._largest:
                    raise self._too_large()
            return message

        try:
            length = headers.get(b"content-length", b"")
            if length.isdigit() and int(length) > self._largest:
                raise self._too_large()
            await self._app(scope, receiving, sending)
        except Problem as problem:
            if started:
                raise
            await problem_response(problem)(scope, receive, sending)

    def _too_large(self) -> Problem:
        megabytes = self._largest // (1024 * 1024)
        return Problem("too_large", f"提交内容超过 {megabytes} MB (more than {megabytes} MB)")


def _add(message: MutableMapping[str, Any], pairs: list[tuple[bytes, bytes]]) -> None:
    present = {name for name, _ in message.get("headers", [])}
    message["headers"] = [*message.get("headers", []), *(pair for pair in pairs if pair[0] not in present)]
