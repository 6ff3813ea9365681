"""The ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from app.api import administration, catalogue, explain, form_requests, forms, submissions, tokens, view_editing, views
from app.api.context import errands_of
from app.api.document import openapi_document
from app.api.envelope import Envelope
from app.api.problems import install
from app.services.registry import Registry
from app.settings import Settings, load_settings

_ROUTERS = (catalogue, submissions, views, explain, view_editing, forms, form_requests, administration, tokens)
_FORM_OVERHEAD = 64 * 1024


def create_app(settings: Settings | None = None, registry: Registry | None = None) -> FastAPI:
    """The service. Opens the registry of the environment at start, or serves the one that is given."""
    chosen = registry.settings if registry is not None else settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = registry or Registry.open(chosen)
        app.state.errands = errands_of(opened)
        yield
        if registry is None:
            opened.close()

    app = FastAPI(
        title="Township registry",
        summary="一次采集、多方共享：乡镇基础数据登记服务 / Collect once, share many",
        version=version("township-registry"),
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    for room in _ROUTERS:
        app.include_router(room.router)
    install(app)
    app.add_middleware(Envelope, largest_body=chosen.max_upload_bytes + _FORM_OVERHEAD)
    models = [model for room in _ROUTERS for model in getattr(room, "SCHEMAS", ())]
    app.openapi = lambda: openapi_document(app, models)  # type: ignore[method-assign]
    return app
