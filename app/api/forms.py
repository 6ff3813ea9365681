"""Departments' own forms: filled for their readers, kept by administrators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from app.api.context import Errands, Known, RequestId, Services, Strict
from app.api.form_parts import read_parts
from app.api.problems import answers
from app.api.responses import respond
from app.errors import Problem
from app.formats.writing import FORMATS
from app.policy.callers import Caller
from app.services import form_templates
from app.services.form_templates import FormRequest
from app.services.writable_texts import refuse_unwritable

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["forms"])

IfMatch = Annotated[str | None, Header()]
_XLSX: dict[str, Any] = {"content": {FORMATS["xlsx"].media_type: {}}}
_TEXTS = ("sheet", "columns", "first_row", "total_row", "title_cell", "period_cell")


@router.get(
    "/views/{view}/form.xlsx",
    response_class=Response,
    responses={200: _XLSX, 304: {"description": "Not Modified"}, **answers(400, 401, 403, 404, 503)},
)
def form(
    view: str,
    services: Services,
    caller: Known,
    identity: RequestId,
    period: Annotated[str | None, Query(description="2025, 2025-01,2025-02 or 2025-01..2025-12")] = None,
    region: Annotated[str | None, Query(description="codes, each with all below it")] = None,
    if_none_match: IfMatch = None,
) -> Response:
    """The department's own form filled with what the key may read; a plain one where no workbook was given for it."""
    return respond(services.forms.fill(caller, view, period, region, if_none_match, identity))


@router.get("/admin/views/{view}/form", responses=answers(401, 403, 404))
def form_kept(view: str, services: Services, caller: Known) -> Response:
    """The workbook that the form is filled into: where its fields go, and its versions, newest first."""
    document, tag = form_templates.described_form(services.registry, caller, view)
    return Response(orjson.dumps(document), 200, {"ETag": tag}, media_type="application/json")


@router.get("/admin/views/{view}/form.xlsx", response_class=Response, responses={200: _XLSX, **answers(401, 403, 404)})
def form_workbook(view: str, services: Services, caller: Known) -> Response:
    """The workbook itself, as it was handed in."""
    data, tag = form_templates.form_file(services.registry, caller, view)
    headers = {"ETag": tag, "Content-Disposition": f'attachment; filename="{view}.xlsx"'}
    return Response(data, 200, headers, media_type=FORMATS["xlsx"].media_type)


@router.put(
    "/admin/views/{view}/form",
    responses={201: {"description": "Created"}, **answers(400, 401, 403, 404, 412, 413, 415, 422, 503)},
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
                            "sheet": {"type": "string"},
                            "columns": {"type": "string", "description": 'JSON: {"field": "C"}; "#" numbers the rows'},
                            "first_row": {"type": "integer", "description": "the first row of data"},
                            "total_row": {"type": "integer", "description": "the first row that stays below the data"},
                            "title_cell": {"type": "string"},
                            "period_cell": {"type": "string"},
                        },
                    }
                }
            },
        }
    },
)
async def put_form(
    view: str, request: Request, services: Services, caller: Known, identity: RequestId, if_match: IfMatch = None
) -> Response:
    """Keep a workbook as the view's form; without ``columns`` its headings say where the fields go."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise Problem("unsupported_media_type", "应为 multipart/form-data (not taken)")
    async with request.form(max_files=1, max_fields=len(_TEXTS)) as parts:
        asked = await _asked(parts)
    request.state.witnessed = True
    document, tag, created = await run_in_threadpool(_save, services, caller, view, asked, if_match, identity)
    return Response(orjson.dumps(document), 201 if created else 200, {"ETag": tag}, media_type="application/json")


def _save(
    services: Errands, caller: Caller, view: str, asked: FormRequest, if_match: str | None, identity: str
) -> tuple[dict[str, Any], str, bool]:
    question = {"filename": asked.filename, "sheet": asked.sheet, "first_row": asked.first_row, "if_match": if_match}
    with services.auditing.acting(caller, "put-form", view, question, identity) as told:
        found = form_templates.save_form(services.registry, caller, view, asked, if_match)
        told.update(status="applied", digest=found[0]["digest"])
    return found


@router.delete("/admin/views/{view}/form", status_code=204, responses=answers(401, 403, 404, 412, 503))
def delete_form(
    view: str, request: Request, services: Services, caller: Known, identity: RequestId, if_match: IfMatch = None
) -> Response:
    """From now on the form is a plain one again; the versions stay."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "delete-form", view, {"if_match": if_match}, identity) as told:
        form_templates.remove_form(services.registry, caller, view, if_match)
        told["status"] = "applied"
    return Response(status_code=204)


async def _asked(parts: FormData) -> FormRequest:
    sent = await read_parts(parts, _TEXTS)
    texts = sent.texts
    return FormRequest(
        data=sent.data,
        filename=sent.filename or "form.xlsx",
        sheet=texts["sheet"],
        columns=_columns(texts["columns"]),
        first_row=_row("first_row", texts["first_row"]),
        total_row=_row("total_row", texts["total_row"]),
        title_cell=_cell(texts["title_cell"]),
        period_cell=_cell(texts["period_cell"]),
    )


def _columns(text: str | None) -> Mapping[str, str] | None:
    if text is None:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem("bad_request", 'columns 应为 JSON 对象，如 {"czrk": "C"} (a JSON object)') from error
    if not isinstance(document, dict) or not all(isinstance(letters, str) for letters in document.values()):
        raise Problem("bad_request", 'columns 应为 JSON 对象，如 {"czrk": "C"} (field name to column letters)')
    refuse_unwritable(document)
    return document


def _row(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 7:
        raise Problem("bad_request", f"{name} 应为行号 (a row number)")
    return int(text)


def _cell(text: str | None) -> str | None:
    return text.replace("$", "").upper() if text is not None else None
