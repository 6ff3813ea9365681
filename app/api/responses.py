"""From a service's Answer to an HTTP response, with its audit entry closed at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Generator

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.services.answers import Answer


class _Whole(Response):
    """A response whose audit entry says how its sending ended."""

    def __init__(self, answer: Answer, headers: dict[str, str]) -> None:
        body = None if answer.status == 304 else answer.body
        super().__init__(body, answer.status, headers)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        broken = True
        try:
            await super().__call__(scope, receive, send)
            broken = False
        finally:
            self._answer.close_now(broken=broken)


class _Stream(StreamingResponse):
    """A streamed response that ends: after its last byte, when it breaks off before its first one, or when it takes too long."""

    def __init__(self, answer: Answer, headers: dict[str, str]) -> None:
        self._chunks = _in_time(answer)
        super().__init__(self._chunks, answer.status, headers, media_type=answer.media_type)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # In a thread, since it may write; also when this task is being cancelled.
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._end)

    def _end(self) -> None:
        self._chunks.close()
        self._answer.abandon()


def _in_time(answer: Answer) -> Generator[bytes, None, None]:
    end = time.monotonic() + (answer.longest_seconds or math.inf)
    for chunk in answer.chunks():
        yield chunk
        if time.monotonic() > end:
            raise ConnectionAbortedError("the answer took longer than it may")


def respond(answer: Answer) -> Response:
    """The response; its audit entry is closed after its last byte or when it breaks off."""
    headers = dict(answer.headers)
    if answer.stream is not None:
        return _Stream(answer, headers)
    if answer.status != 304:
        headers["Content-Type"] = answer.media_type
    return _Whole(answer, headers)
