"""The ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio import to_thread
from fastapi import FastAPI

from app.api import (
    access_requests,
    administration,
    agreements,
    audit,
    catalogue,
    corrections,
    due,
    evidence,
    explain,
    following,
    form_requests,
    forms,
    refusals,
    renewal,
    snapshots,
    submissions,
    tokens,
    transparency,
    uploads,
    view_editing,
    views,
    webhooks,
)
from app.api.context import errands_of
from app.api.document import openapi_document
from app.api.envelope import Bounds, Envelope
from app.api.observing import Observing
from app.api.problems import install
from app.api.reading_lane import ReadingLane
from app.api.standing_lane import StandingLane
from app.api.witnessing import Witnessing
from app.services.redaction import keep_secrets_out_of_logs
from app.services.registry import Registry
from app.settings import Settings, load_settings

_ROUTERS = (
    catalogue, submissions, refusals, uploads, views, snapshots, following, webhooks, explain, view_editing, forms, form_requests,
    agreements, administration, audit, renewal, tokens, due, corrections, evidence, access_requests, transparency,
)  # fmt: skip
_FORM_OVERHEAD = 64 * 1024


def create_app(settings: Settings | None = None, registry: Registry | None = None) -> FastAPI:
    """The service. Opens the registry of the environment at start, or serves the one that is given."""
    chosen = registry.settings if registry is not None else settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keep_secrets_out_of_logs()
        opened = registry or Registry.open(chosen)
        app.state.errands = errands_of(opened)
        if chosen.webhook_hosts:
            app.state.errands.sender.start()
        yield
        app.state.errands.waiter.watch.close()
        app.state.errands.together.close()
        if chosen.webhook_hosts:
            await to_thread.run_sync(app.state.errands.sender.stop)
        if registry is None:
            opened.close()

    app = FastAPI(
        title="Township registry",
        summary="一次采集、多方共享：乡镇基础数据登记服务 / Collect once, share many",
        version=version("township-registry"),
        lifespan=lifespan,
        openapi_url="/openapi.json",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ``Observing`` has it all
        docs_url=None,
        redoc_url=None,
    )
    # One flat list: a router included in another is looked through anew for each request, which takes longer than
    # many an answer. What the rooms' routers have of their own (prefix, dependencies) is in their routes already.
    app.router.routes.extend(route for room in _ROUTERS for route in room.router.routes)
    install(app)
    app.add_middleware(ReadingLane)
    app.add_middleware(Witnessing)
    bounds = Bounds(
        chosen.max_upload_bytes + _FORM_OVERHEAD,
        chosen.send_timeout_seconds,
        chosen.receive_timeout_seconds,
        largest_stream=chosen.max_stream_bytes,
        https=(chosen.public_url or "").startswith("https://"),
    )
    app.add_middleware(Envelope, bounds=bounds)
    app.add_middleware(StandingLane, bounds=bounds)
    app.add_middleware(Observing, settings=chosen)
    models = [model for room in _ROUTERS for model in getattr(room, "SCHEMAS", ())]
    app.openapi = lambda: openapi_document(app, models)  # type: ignore[method-assign]
    return app
