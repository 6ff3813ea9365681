"""The ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api import administration, catalogue, explain, form_requests, forms, submissions, tokens, view_editing, views
from app.api.context import errands_of
from app.api.envelope import Envelope
from app.api.problems import ProblemOut, install
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
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI with the bodies of hand-written answers among its schemas."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    models: Sequence[type[BaseModel]] = (
        ProblemOut,
        *(model for room in _ROUTERS for model in getattr(room, "SCHEMAS", ())),
    )
    _, definitions = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(definitions.get("$defs", {}))
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None) if "problem" not in str(
                operation["responses"].get("422", "")
            ) else None
            if path.startswith("/v1"):
                operation["security"] = [{"key": []}]
    app.openapi_schema = document
    return document
