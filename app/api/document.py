"""The OpenAPI document: what the routes say, and what may happen to any request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.problems import ProblemOut, answers

_ANY_REQUEST = answers(400, 401, 414, 429, 431, 503)
_ANY_BODY = answers(400, 413)
_GENERATED = ("HTTPValidationError", "ValidationError")  # nobody here answers in that form


def openapi_document(app: FastAPI, models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """The document, made once for an application; ``models`` are the bodies of answers written by hand."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    named: Sequence[type[BaseModel]] = (ProblemOut, *models)
    _, definitions = models_json_schema(
        [(model, "serialization") for model in named], ref_template="#/components/schemas/{model}"
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(definitions.get("$defs", {}))
    for name in _GENERATED:
        schemas.pop(name, None)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    app.openapi_schema = document
    return document


def _complete(path: str, operation: dict[str, Any]) -> None:
    told: dict[str, Any] = operation["responses"]
    if any(name in str(told.get("422", "")) for name in _GENERATED):
        del told["422"]
    everybody = dict(_ANY_REQUEST) if path.startswith("/v1/") else {}
    if "requestBody" in operation:
        everybody |= _ANY_BODY
    for status, answer in everybody.items():
        told.setdefault(str(status), answer)
    operation["responses"] = dict(sorted(told.items()))
    if path.startswith("/v1/"):
        operation["security"] = [{"key": []}]
