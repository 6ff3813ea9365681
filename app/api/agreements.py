"""Agreements to read: a department's own ones with their text and the OpenAPI that follows from them."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from app.api.context import Known, Services, Strict
from app.api.own_document import own_document
from app.api.problems import answers
from app.errors import Problem
from app.services import agreement_texts
from app.services.agreement_tests import tests_of
from app.services.visible_views import visible_views

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["agreements"])


@router.get("/agreements", responses=answers(401))
def agreements(services: Services, caller: Known) -> dict[str, Any]:
    """The agreements of this department that are in force today."""
    return {"agreements": agreement_texts.own_agreements(services.registry, caller)}


@router.get("/agreements/{code}", responses=answers(401, 404))
def agreement(code: str, services: Services, caller: Known) -> dict[str, Any]:
    """One of the department's own agreements in force, with ``text``: all its terms in words."""
    return agreement_texts.own_agreement(services.registry, caller, code)


@router.get("/openapi.json", responses=answers(401, 403))
def openapi(request: Request, services: Services, caller: Known) -> Response:
    """The department's own OpenAPI: its operations, its views, its fields."""
    if caller.kind != "department" or caller.department is None:
        raise Problem("forbidden", "部门才有自己的接口文档 (only a department has a document of its own)")
    registry = services.registry
    state = registry.state()
    is_source = agreement_texts.reports_to_any(state, caller)
    views = visible_views(state, caller, registry.today())
    document = own_document(request.app.openapi(), caller.department, views, is_source=is_source)
    return Response(orjson.dumps(document), media_type="application/json")


@router.get(
    "/admin/agreements/{code}/text",
    response_class=PlainTextResponse,
    tags=["administration"],
    responses=answers(401, 403, 404),
)
def text(code: str, services: Services, caller: Known) -> PlainTextResponse:
    """The present version of an agreement in words."""
    return PlainTextResponse(agreement_texts.text_of(services.registry, caller, code))


@router.get("/admin/agreements/{code}/check", tags=["administration"], responses=answers(401, 403, 404))
def check(code: str, services: Services, caller: Known) -> dict[str, Any]:
    """The agreement's tests: what has to be refused and what has to be answered under it, each asked of the gate."""
    return tests_of(services.registry, caller, code)
