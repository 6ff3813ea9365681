"""The form gate: a department asks what of a new form is held; an administrator decides; nobody types anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.context import Errands, Known, RequestId, Services, Strict
from app.api.form_parts import read_parts
from app.api.problems import answers
from app.errors import Problem
from app.policy.callers import Caller
from app.services import burden_chart, burden_ledger, element_proposals, form_decisions, form_memory
from app.services import form_requests as forms
from app.services.element_facets import facets_of_dataset
from app.services.form_reading import AskedForm, AskedSheet, asked_columns, refuse_wide, with_workbook
from app.services.standing_check import standing_check
from app.services.writable_texts import refuse_unwritable
from app.wire.form_gate import (
    ColumnDecisionIn,
    FormColumnIn,
    FormDecisionIn,
    FormRequestIn,
    FormRequestOut,
    ProposalIn,
    ReviewIn,
)

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["form gate"])

_TEXTS = ("title", "purpose", "legal_basis", "frequency", "level", "department")
_ANSWER = {"application/json": {"schema": {"$ref": "#/components/schemas/FormRequestOut"}}}
_Yes = Literal["true", "1"]


@router.post(
    "/form-requests",
    status_code=201,
    response_class=Response,
    responses={
        201: {"description": "Checked and kept", "content": _ANSWER},
        **answers(400, 401, 403, 413, 415, 503),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            **{name: {"type": "string"} for name in _TEXTS},
                        },
                    }
                },
                "application/json": {"schema": {"$ref": "#/components/schemas/FormRequestIn"}},
            },
        },
    },
)
async def check(request: Request, services: Services, caller: Known, identity: RequestId) -> Response:
    """What of a form is held, derivable, defined otherwise or new: JSON, or the empty or sample workbook itself."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    data: bytes | None = None
    filename = ""
    if kind == "multipart/form-data":
        texts, filename, data = await _multipart(request)
        form = AskedForm(
            title=texts.pop("title") or "",
            sheets=(),
            purpose=texts.pop("purpose") or "",
            legal_basis=texts.pop("legal_basis") or "",
            frequency=texts.pop("frequency"),
            level=texts.pop("level"),
        )
        department = texts["department"]
    elif kind == "application/json":
        form, department = _json(await request.body())
    else:
        raise Problem("unsupported_media_type", "应为 multipart/form-data 或 application/json (not taken)")
    refuse_unwritable([form.title, department, filename])
    request.state.witnessed = True
    body = await run_in_threadpool(_check, services, caller, (form, department, data, filename), identity)
    headers = {"Location": f"/v1/form-requests/{body['id']}"}
    return Response(orjson.dumps(body), 201, headers, media_type="application/json")


def _check(
    services: Errands, caller: Caller, asked: tuple[AskedForm, str | None, bytes | None, str], identity: str
) -> dict[str, Any]:
    form, department, data, filename = asked
    question = {
        "title": form.title[:200],
        "filename": filename or None,
        "columns": sum(len(sheet.columns) for sheet in form.sheets) if data is None else None,
    }
    target = (department or caller.department or "")[:200]
    with services.auditing.acting(caller, "form-request", target, question, identity) as told:
        forms.department_of(services.registry.state(), caller, department)
        if data is not None:
            form = with_workbook(form, data, filename)
        body = forms.check_form(services.registry, services.matcher, caller, form, department)
        told.update(status="checked", rows=len(body["columns"]), digest=body["id"])
    return body


async def _multipart(request: Request) -> tuple[dict[str, str | None], str, bytes]:
    async with request.form(max_files=1, max_fields=10) as form:
        parts = await read_parts(form, _TEXTS)
    return parts.texts, parts.filename or "form", parts.data


def _json(body: bytes) -> tuple[AskedForm, str | None]:
    try:
        # Sample values as they were written: a float would lose digits of 0.10.
        document = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Problem("bad_request", "请求体不是合法的 JSON (the body is not valid JSON)") from error
    if not isinstance(document, Mapping):
        raise Problem("bad_request", "请求体应为 JSON 对象 (the body is a JSON object)")
    columns = document.get("columns")
    if isinstance(columns, list):
        refuse_wide(len(columns))
    try:
        asked = FormRequestIn.model_validate(document)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:20])
        raise Problem("bad_request", f"请求不合要求 (not of the right form): {places[:2_000]}") from error
    found = asked_columns([column.model_dump() for column in asked.columns])
    form = AskedForm(
        title=asked.title.strip(),
        sheets=(AskedSheet(found, asked.caption),),
        purpose=asked.purpose,
        legal_basis=asked.legal_basis,
        frequency=asked.frequency,
        level=asked.level,
    )
    return form, asked.department


@router.get("/form-requests", responses=answers(400, 401, 403))
def listed(
    services: Services,
    caller: Known,
    department: str | None = None,
    status: Literal["checked", "decided", "refused", "published"] | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Forms that were checked, newest first: a department's own, all for an administrator."""
    return forms.list_requests(services.registry, caller, department, status, limit, cursor)


@router.get(
    "/form-requests/{form_request}",
    response_class=Response,
    responses={200: {"description": "The form", "content": _ANSWER}, **answers(400, 401, 403, 404)},
)
def one(form_request: str, services: Services, caller: Known) -> Response:
    """One form with its verdicts, how fresh what is held is today, and what was decided."""
    body = forms.get_request(services.registry, caller, form_request)
    return Response(orjson.dumps(body), media_type="application/json")


@router.post("/admin/form-requests/{form_request}/decision", responses=answers(400, 401, 403, 404, 409, 422, 503))
def decide(
    form_request: str,
    body: FormDecisionIn,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
) -> dict[str, Any]:
    """Decide column by column: a draft view in one step, proposed elements, what is remembered. All or nothing."""
    request.state.witnessed = True
    question = {"columns": len(body.columns), "refuse": body.refuse is not None}
    with services.auditing.acting(caller, "decide-form", form_request, question, identity) as told:
        document = body.model_dump(exclude_none=True)
        done = form_decisions.decide(services.registry, services.matcher, caller, form_request, document)
        told["status"] = done["status"]
    return done


@router.post("/admin/form-requests/{form_request}/publish", responses=answers(400, 401, 403, 404, 409, 412, 422, 503))
def publish(
    form_request: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    accept_breaking: _Yes | None = None,
) -> dict[str, Any]:
    """Publish the draft view of a decided form; its department reads it at once."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "publish-form", form_request, {}, identity) as told:
        done = form_decisions.publish(
            services.registry, caller, form_request, accept_breaking=accept_breaking is not None
        )
        told["status"] = "applied"
    return done


@router.get(
    "/admin/form-memory",
    responses={200: {"content": {"text/tab-separated-values": {}}}, **answers(400, 401, 403)},
)
def memory(services: Services, caller: Known, format: Literal["json", "tsv"] = "json") -> Response:
    """What was confirmed and rejected, by whom, when and why; ``format=tsv`` gives it as SSSOM."""
    if format == "tsv":
        headers = {"Content-Disposition": 'attachment; filename="form-memory.sssom.tsv"'}
        data = form_memory.memory_tsv(services.registry, caller)
        return Response(data, headers=headers, media_type="text/tab-separated-values")
    body = {"mappings": form_memory.list_memory(services.registry, caller)}
    return Response(orjson.dumps(body), media_type="application/json")


@router.get("/admin/proposed-elements", responses=answers(400, 401, 403))
def proposals(services: Services, caller: Known) -> dict[str, Any]:
    """Elements that forms propose, with their approval and duty item. No township sees them."""
    return {"proposed_elements": element_proposals.list_proposals(services.registry, caller)}


@router.post("/admin/proposed-elements/{proposal}/review", responses=answers(400, 401, 403, 404, 409, 503))
def review(
    proposal: str, body: ReviewIn, services: Services, caller: Known, request: Request, identity: RequestId
) -> dict[str, Any]:
    """A second administrator accepts or refuses a proposed element. The catalogue is not changed by it."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "review-element", proposal, {"status": body.status}, identity) as told:
        done = element_proposals.review(services.registry, caller, proposal, body.status, body.reason)
        told["status"] = "applied"
    return done


@router.get("/admin/facets", responses=answers(400, 401, 403, 404))
def facets(services: Services, caller: Known, dataset: str | None = None) -> dict[str, Any]:
    """What the elements of a dataset mean to the form gate: facets as read from their names, as set, and as used."""
    return facets_of_dataset(services.registry, services.matcher, caller, dataset)


@router.get("/admin/form-check", responses=answers(400, 401, 403))
def standing(services: Services, caller: Known) -> dict[str, Any]:
    """Over all datasets and views: what is collected twice under two names, and what nobody reads."""
    return standing_check(services.registry, services.matcher, caller)


@router.get("/burden", responses={200: {"content": {"image/svg+xml": {}}}, **answers(400, 401, 403)})
def burden(
    services: Services,
    caller: Known,
    since: str | None = None,
    department: str | None = None,
    format: Literal["json", "svg"] = "json",
) -> Response:
    """Forms and cells that did not have to be filled: all for an administrator, its own for a department."""
    ledger = burden_ledger.burden(services.registry, caller, since, department)
    if format == "svg":
        return Response(burden_chart.months_chart(ledger), media_type="image/svg+xml")
    return Response(orjson.dumps(ledger), media_type="application/json")


SCHEMAS = (FormRequestIn, FormColumnIn, FormRequestOut, FormDecisionIn, ColumnDecisionIn, ProposalIn, ReviewIn)
