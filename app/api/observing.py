"""Around every request, outermost: counted, traced, timed, written to the log; nothing of it depends on values.

``Server-Timing`` goes to administrators alone, where the operator switched it on: for anybody else it could tell of
data that they may not see.
"""

from __future__ import annotations

import hmac
import logging
import time
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import propagate, trace
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.metrics import METHODS, Metrics
from app.services.stops import WALK, Walk, traced, tracer
from app.settings import Settings

_requests = logging.getLogger("township.requests")
METRICS_PATH = "/metrics"
_SECONDS_BETWEEN = 1.0


class Observing:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._metrics = Metrics()
        self._token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
        self._server_timing = settings.server_timing
        self._slow = settings.slow_seconds
        self._log_requests = settings.log_requests
        self._traced = False
        self._ask_again = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == METRICS_PATH and scope["method"] == "GET" and self._may_scrape(scope):
            await Response(self._metrics.text(), media_type=CONTENT_TYPE_LATEST)(scope, receive, send)
            return
        walk = Walk(traced=self._is_traced())
        token = WALK.set(walk)
        started = time.perf_counter()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._server_timing and _administers(scope):
                    message["headers"] = [*message.get("headers", []), _timing(walk, time.perf_counter() - started)]
            await send(message)

        # The method of a stranger may be any word; what is kept has only those that there are.
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.at_once.inc()
        try:
            if walk.traced:
                with self._span(scope, method) as span:
                    try:
                        await self._app(scope, receive, sending)
                    finally:
                        _tell(span, scope, method, status)
            else:
                await self._app(scope, receive, sending)
        finally:
            self._metrics.at_once.dec()
            WALK.reset(token)
            seconds = time.perf_counter() - started
            self._metrics.answered(method, _route(scope), status, seconds)
            self._write(scope, method, status, seconds, walk)

    def _is_traced(self) -> bool:
        # An SDK is installed once and stays; asking for it each time takes longer than much of what it would trace.
        now = time.monotonic()
        if not self._traced and now >= self._ask_again:
            self._traced, self._ask_again = traced(), now + _SECONDS_BETWEEN
        return self._traced

    def _span(self, scope: Scope, method: str) -> AbstractContextManager[trace.Span]:
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in {b"traceparent", b"tracestate"}
        }
        context = propagate.extract(carrier) if carrier else None
        return tracer().start_as_current_span(
            method, context=context, kind=trace.SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        )

    def _may_scrape(self, scope: Scope) -> bool:
        """Whether this is the operator's scraper; anybody else finds nothing there."""
        if self._token is None:
            return False
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], f"Bearer {self._token}".encode())

    def _write(self, scope: Scope, method: str, status: int, seconds: float, walk: Walk) -> None:
        slow = self._slow is not None and seconds >= self._slow
        if not slow and not self._log_requests:
            return
        told: dict[str, Any] = {
            "request_id": scope.get("township.request_id"),
            "method": method,
            "route": _route(scope),
            "status": status,
            "seconds": round(seconds, 6),
        }
        if slow:
            told["slow"] = {
                "stops": {name: round(value, 6) for name, value in walk.seconds.items()},
                **walk.facts,
            }
        _requests.log(logging.WARNING if slow else logging.INFO, "slow request" if slow else "request", extra=told)


def _tell(span: trace.Span, scope: Scope, method: str, status: int) -> None:
    span.update_name(f"{method} {_route(scope)}")
    span.set_attributes(
        {"http.request.method": method, "http.route": _route(scope), "http.response.status_code": status}
    )


def _route(scope: Scope) -> str:
    """The template that matched; requests that matched none are told apart by nothing."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "none"


def _administers(scope: Scope) -> bool:
    caller = scope.get("state", {}).get("caller")
    return caller is not None and caller.administers


def _timing(walk: Walk, seconds: float) -> tuple[bytes, bytes]:
    parts = [*walk.seconds.items(), ("total", seconds)]
    return b"server-timing", ", ".join(f"{name};dur={value * 1000:.3f}" for name, value in parts).encode()
