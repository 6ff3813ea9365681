"""Every error in one shape (RFC 9457), made in one place; refusals of known callers are witnessed."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.context import caller as known_by_request
from app.api.context import errands, known_caller, request_id
from app.api.language import in_language, prefers_english, spoken
from app.errors import ERROR_CODES, Problem
from app.services.redaction import redacted
from app.wire.models import ProblemOut

_log = logging.getLogger(__name__)
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 406: "not_acceptable"}

PROBLEM = "application/problem+json"


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of an endpoint, for the OpenAPI."""
    return {
        status: {
            "description": " / ".join(sorted({k.title_en for k in ERROR_CODES.values() if k.status == status})),
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
        }
        for status in statuses
    }


def problem_response(problem: Problem, *, english: bool = False) -> Response:
    document = in_language(problem.document(), english)
    if english:
        document["title"] = ERROR_CODES[problem.code].title_en
    return Response(
        orjson.dumps(document),
        status_code=problem.status,
        media_type=PROBLEM,
        headers={"Cache-Control": "no-store", **spoken(english), **problem.headers},
    )


def install(app: FastAPI) -> None:
    """Register the handlers."""

    async def on_problem(request: Request, error: Exception) -> Response:
        problem = error if isinstance(error, Problem) else Problem("internal", "服务内部错误 (internal error)")
        if known_caller(request.state) is None and problem.code != "unauthenticated":
            # Refused before it was asked who is calling; the audit wants to know.
            with suppress(Problem):
                await run_in_threadpool(known_by_request, request)
        caller = known_caller(request.state)
        if caller is not None and not getattr(request.state, "witnessed", False):
            refused = errands(request).auditing.refused
            target = redacted(request.url.path)
            await run_in_threadpool(refused, caller, request.method.lower(), target, problem, request_id(request))
        return problem_response(problem, english=prefers_english(request))

    async def on_validation(request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        places = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in found]
        detail = "请求不合要求 (not of the right form): " + "; ".join(places)
        return await on_problem(request, Problem("bad_request", detail[:2_000]))

    async def on_http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        code = _BY_STATUS.get(status, "bad_request" if status < 500 else "internal")
        problem = Problem(code, f"{request.method} {request.url.path[:200]}", headers=headers)
        return await on_problem(request, problem)

    async def on_failure(request: Request, error: Exception) -> Response:
        _log.error("request %s failed", request_id(request), exc_info=error)
        return problem_response(Problem("internal", f"服务内部错误，编号 {request_id(request)} (internal error)"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_failure)


__all__ = ["PROBLEM", "ProblemOut", "answers", "install", "problem_response"]
