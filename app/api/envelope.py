"""Around every request: an id, safe headers, and a bound on what is sent to us."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import secrets
import time
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.context import LIMITS
from app.api.problems import problem_response
from app.errors import Problem

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Nothing that is served here runs, is framed, or is kept by others; who serves a page says otherwise for itself.
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_FOR_HTTPS = ((b"strict-transport-security", b"max-age=31536000"),)
_READ = frozenset({b"content-length", b"content-type"})
_STREAMED, _NDJSON = "/v1/submissions", b"application/x-ndjson"  # rows that go to a file as they come
LONGEST_ADDRESS = 16_384
LARGEST_HEADERS = 32_768


def identity_of(headers: Iterable[tuple[bytes, bytes]], chance: random.Random) -> str:
    """The id of a request: the one that it brings, if that is of the right form, else one of our own.

    Ours begin with the time in milliseconds, so that in the audit's index the latest lie together.
    """
    given = ""
    for name, value in headers:
        if name == b"x-request-id":
            given = value.decode("latin-1")
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return f"{time.time_ns() // 1_000_000:012x}{chance.getrandbits(80):020x}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is borne of a client: bytes of a body, seconds without taking, and seconds without sending, anything."""

    largest_body: int
    send_seconds: float
    receive_seconds: float
    https: bool = False
    largest_stream: int | None = None


def safe_headers(bounds: Bounds) -> list[tuple[bytes, bytes]]:
    """What is said with every answer to whoever shows it."""
    return [*_SAFE, *(_FOR_HTTPS if bounds.https else ())]


class _Stalled(OSError):
    """The client takes nothing any more; it is given up."""


class Envelope:
    """ASGI middleware; kept plain so that streamed answers pass through untouched."""

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._app = app
        self._bounds = bounds
        # An id tells requests apart and is no secret, so that the system need not be asked for each.
        self._chance = random.Random(secrets.randbits(256))  # noqa: S311
        self._safe = safe_headers(bounds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._bounds, self._safe, self._chance)
        try:
            exchange.check_head()
            await self._app(scope, exchange.receive, exchange.send)
        except Problem as problem:
            if exchange.started:
                raise
            await problem_response(problem)(scope, receive, exchange.send)
        except BaseException:
            if not exchange.stalled:
                raise
            # The server closes a connection whose answer was not finished.
            _log.warning("request %s was given up: its client took nothing", exchange.identity)


class _Exchange:
    """One request and its answer on their way through the envelope."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        bounds: Bounds,
        safe: list[tuple[bytes, bytes]],
        chance: random.Random,
    ) -> None:
        headers = {name: value for name, value in scope["headers"] if name in _READ}
        self.identity = scope.get("township.request_id") or identity_of(scope["headers"], chance)
        scope["township.request_id"] = self.identity
        self.started = self.stalled = False
        self._scope, self._receive, self._send = scope, receive, send
        self._bounds, self._safe = bounds, safe
        self._length = headers.get(b"content-length", b"")
        self._received = 0
        self._complete = False
        streams = scope["path"] == _STREAMED and headers.get(b"content-type", b"").lower().startswith(_NDJSON)
        self._largest = (bounds.largest_stream if streams else None) or bounds.largest_body

    def check_head(self) -> None:
        """Raises Problem for an address, headers or an announced body that are longer than is borne."""
        scope = self._scope
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > LONGEST_ADDRESS:
            raise Problem("uri_too_long", f"地址超过 {LONGEST_ADDRESS} 字节 (the address is too long)")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEADERS:
            raise Problem("headers_too_large", f"请求头超过 {LARGEST_HEADERS} 字节 (the headers are too large)")
        if self._length.isdigit() and int(self._length) > self._largest:
            raise self._too_large()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            _add(message, [(b"x-request-id", self.identity.encode()), *self._safe])
            # More items of a list may stand in a further line of the same name.
            limits = self._scope.get(LIMITS, {})
            message["headers"] += [(name.lower().encode(), value.encode()) for name, value in limits.items()]
        try:
            async with asyncio.timeout(self._bounds.send_seconds):
                await self._send(message)
        except TimeoutError as timeout:
            self.stalled = True
            raise _Stalled("the client takes nothing") from timeout

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._bounds.receive_seconds):
                message = await self._receive()
        except TimeoutError as timeout:
            raise Problem("bad_request", "请求内容迟迟未到 (the body did not arrive in time)") from timeout
        self._complete = not message.get("more_body", False)
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._largest:
                raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        megabytes = self._largest // (1024 * 1024)
        return Problem("too_large", f"提交内容超过 {megabytes} MB (more than {megabytes} MB)")


def _add(message: MutableMapping[str, Any], pairs: list[tuple[bytes, bytes]]) -> None:
    present = {name for name, _ in message.get("headers", [])}
    message["headers"] = [*message.get("headers", []), *(pair for pair in pairs if pair[0] not in present)]
