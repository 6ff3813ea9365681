"""The envelope bears no client for ever: not one that takes nothing, not one that sends nothing or too much."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.api.context import LIMITS
from app.api.envelope import LARGEST_HEADERS, LONGEST_ADDRESS, Bounds, Envelope

BOUNDS = Bounds(1_000, send_seconds=0.05, receive_seconds=0.05)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    scope[LIMITS] = {"RateLimit": '"a";r=1;t=2'}
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    headers = [(b"ratelimit", b'"b";r=3;t=4'), (b"content-security-policy", b"default-src 'self'")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def asked(
    app: Any = echo, bounds: Bounds = BOUNDS, messages: Sequence[Message] | None = None, **changes: Any
) -> list[Message]:
    """What is sent back to a client that sends these messages and then nothing more."""
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    scope.update(changes)
    waiting = list(messages if messages is not None else [{"type": "http.request", "body": b"x"}])
    sent: list[Message] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Envelope(app, bounds)(scope, receive, send))
    return sent


def code(sent: list[Message]) -> tuple[int, str]:
    return sent[0]["status"], orjson.loads(sent[1]["body"])["code"]


def test_every_answer_has_safe_headers_and_keeps_its_own() -> None:
    headers = asked()[0]["headers"]
    told = dict(headers)
    assert told[b"x-content-type-options"] == b"nosniff"
    assert told[b"referrer-policy"] == b"no-referrer"
    assert told[b"cross-origin-resource-policy"] == b"same-origin"
    assert told[b"x-frame-options"] == b"DENY"
    assert told[b"content-security-policy"] == b"default-src 'self'"
    assert b"strict-transport-security" not in told
    assert [value for name, value in headers if name == b"ratelimit"] == [b'"b";r=3;t=4', b'"a";r=1;t=2']
    secure = Bounds(1_000, 1, 1, https=True)
    assert b"strict-transport-security" in dict(asked(bounds=secure)[0]["headers"])

    async def bare(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    policy = dict(asked(bare)[0]["headers"])[b"content-security-policy"]
    assert policy == b"default-src 'none'; frame-ancestors 'none'"


def test_what_is_longer_than_is_borne_is_refused_before_it_is_looked_at() -> None:
    assert code(asked(query_string=b"a" * (LONGEST_ADDRESS + 1))) == (414, "uri_too_long")
    assert code(asked(headers=[(b"a", b"x" * LARGEST_HEADERS)])) == (431, "headers_too_large")
    assert code(asked(headers=[(b"content-length", b"1001")])) == (413, "too_large")
    parts: list[Message] = [{"type": "http.request", "body": b"x" * 600, "more_body": True}] * 2
    assert code(asked(messages=parts)) == (413, "too_large")


def test_who_announces_a_body_and_sends_none_is_not_waited_for() -> None:
    assert code(asked(messages=[{"type": "http.request", "body": b"x", "more_body": True}])) == (400, "bad_request")


def test_who_has_sent_all_may_wait_for_its_answer() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        await asyncio.sleep(0.15)
        assert not gone.done()
        gone.cancel()
        await echo(scope, _nothing, send)

    async def _gone(receive: Receive) -> None:
        await receive()
        await receive()

    async def _nothing() -> Message:
        return {"type": "http.request", "body": b""}

    assert asked(slow)[0]["status"] == 200


@pytest.mark.parametrize("stalls_at", [0, 2])
def test_who_takes_nothing_is_given_up_and_the_stream_ends(stalls_at: int) -> None:
    ended = []
    sent = 0

    async def streaming(_: Scope, __: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _number in range(100):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            ended.append(True)

    async def send(_: Message) -> None:
        nonlocal sent
        if sent == stalls_at:
            await asyncio.sleep(60)
        sent += 1

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope: Scope = {"type": "http", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    asyncio.run(Envelope(streaming, BOUNDS)(scope, receive, send))
    assert ended == [True]
    assert sent == stalls_at
