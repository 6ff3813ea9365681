"""Reporting: a workbook or JSON rows in, every fault by cell out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.context import Errands, Known, RequestId, Services, Strict, Whole
from app.api.form_parts import read_parts
from app.api.language import in_language, prefers_english, spoken
from app.api.problems import PROBLEM, answers
from app.api.returning import attachment, wants_workbook
from app.errors import Problem
from app.formats.reading import MEDIA_TYPES
from app.policy.callers import Caller
from app.services import submissions as kept
from app.services.returned import returned
from app.services.submit import Mode, Outcome, SubmissionRequest, submit
from app.services.submit_stream import may_submit, submit_stream
from app.services.uploads import NDJSON
from app.wire.models import SubmissionIn, SubmissionOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["submissions"])

_TEXTS = ("dataset", "period", "region", "mode", "view")
_LONGEST_KEY = 255
_UPLOADS_AT_ONCE = 32
_WRITING: RunVar[CapacityLimiter] = RunVar("township_writing")
_LONGEST_INT = 4_000
_SUBMISSION = {"application/json": {"schema": {"$ref": "#/components/schemas/SubmissionOut"}}}


@router.post(
    "/submissions",
    status_code=201,
    response_class=Response,
    responses={
        200: {
            "description": "Checked, nothing stored; as xlsx the file itself with every finding marked and listed",
            "content": {**_SUBMISSION, MEDIA_TYPES["xlsx"]: {}},
        },
        201: {"description": "Applied", "content": _SUBMISSION},
        202: {"description": "Waits for its second person", "content": _SUBMISSION},
        **answers(400, 401, 403, 404, 406, 409, 413, 415, 422, 503),
    },
    openapi_extra={
        "parameters": [
            {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string"}},
        ],
        "requestBody": {
            "required": False,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            "dataset": {"type": "string"},
                            "period": {"type": "string"},
                            "region": {"type": "string"},
                            "mode": {"type": "string", "enum": ["apply", "check"]},
                            "view": {"type": "string", "description": "laid out as this view: read back through it"},
                        },
                    }
                },
                "application/json": {"schema": {"$ref": "#/components/schemas/SubmissionIn"}},
                NDJSON: {"schema": {"type": "string", "description": "one object a line, keyed by element code"}},
            },
        },
    },
)
async def create(  # noqa: PLR0913, PLR0917 - each parameter of the address is one here
    request: Request,
    services: Services,
    caller: Known,
    identity: RequestId,
    dataset: str | None = None,
    period: str | None = None,
    region: str | None = None,
    mode: Mode | None = None,
    view: str | None = None,
    upload: str | None = None,
) -> Response:
    """Take in a workbook (multipart), rows (JSON), a stream of rows (NDJSON) or an upload that came in pieces.

    All or nothing; with any error only the attempt is kept. The parameters go with a stream or an upload; else the body says it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    said = {"dataset": dataset, "period": period, "region": region, "view": view}
    if upload is not None or kind == NDJSON:
        asked_of_file = SubmissionRequest(
            dataset, period, region, mode or "apply", view=view, idempotency_key=_key(request)
        )
        return await _from_file(request, services, caller, identity, asked_of_file, upload)
    if mode is not None or any(value is not None for value in said.values()):
        raise Problem("bad_request", "参数写在请求体中；只有 NDJSON 和分段上传写在地址中 (the body says these)")
    if kind == "multipart/form-data":
        asked = await _multipart(request)
    elif kind == "application/json":
        asked = json_submission(await request.body())
    else:
        raise Problem("unsupported_media_type", "应为 multipart/form-data 或 application/json (not taken)")
    found = SubmissionRequest(**asked, idempotency_key=_key(request))
    return await _answered(request, services, caller, identity, found)


async def _from_file(
    request: Request,
    services: Errands,
    caller: Caller,
    identity: str,
    asked: SubmissionRequest,
    upload: str | None,
) -> Response:
    """What stands in a file: a stream that is spooled now, or an upload that came in pieces."""
    if upload is None:
        if asked.view is not None:
            raise Problem("bad_request", "NDJSON 不经视图读回 (a stream is not read back through a view)")
        await run_in_threadpool(may_submit, services.registry, caller, asked)
        path, digest = await services.uploads.spool(request.stream())
        try:
            return await _answered(request, services, caller, identity, replace(asked, file_digest=digest), path)
        finally:
            path.unlink(missing_ok=True)
    arrived, digest = await run_in_threadpool(services.uploads.whole, caller, upload)
    asked = replace(asked, filename=arrived.upload.filename)
    if arrived.upload.media_type == NDJSON:
        asked = replace(asked, file_digest=digest)
        answer = await _answered(request, services, caller, identity, asked, arrived.path)
    else:
        data = await run_in_threadpool(arrived.path.read_bytes)
        answer = await _answered(request, services, caller, identity, replace(asked, data=data))
    await run_in_threadpool(services.uploads.answered, upload)
    return answer


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise Problem("bad_request", f"Idempotency-Key 长度应为 1 至 {_LONGEST_KEY} (its length)")
    return key


async def _answered(
    request: Request,
    services: Errands,
    caller: Caller,
    identity: str,
    found: SubmissionRequest,
    stream: Path | None = None,
) -> Response:
    as_workbook = wants_workbook(request.headers.get("accept"), found)
    english = prefers_english(request)
    request.state.witnessed = True
    outcome = await to_thread.run_sync(
        partial(_submit, services, caller, found, identity, stream), limiter=_threads_for_writing()
    )
    headers = {"Location": f"/v1/submissions/{outcome.body['id']}"} if "id" in outcome.body else {}
    headers |= spoken(english)
    if outcome.replayed:
        headers["Idempotent-Replayed"] = "true"
    if as_workbook:
        body = await run_in_threadpool(returned, found, outcome, english=english)
        headers["Content-Disposition"] = attachment(found.filename)
        return Response(body, outcome.status, headers, media_type=MEDIA_TYPES["xlsx"])
    media = PROBLEM if outcome.status >= 400 else "application/json"
    return Response(orjson.dumps(in_language(outcome.body, english)), outcome.status, headers, media_type=media)


def _threads_for_writing() -> CapacityLimiter:
    """Threads of their own: uploads that wait for their turn take none from those who read."""
    try:
        return _WRITING.get()
    except LookupError:
        _WRITING.set(limiter := CapacityLimiter(_UPLOADS_AT_ONCE))
        return limiter


def _submit(services: Errands, caller: Caller, asked: SubmissionRequest, identity: str, stream: Path | None) -> Outcome:
    question = {
        "period": asked.period, "region": asked.region, "mode": asked.mode, "filename": asked.filename,
        "rows": len(asked.rows) if asked.rows is not None else None,
    }  # fmt: skip
    if asked.view is not None:
        question["view"] = asked.view
    with services.auditing.acting(caller, "submit", asked.dataset or "", question, identity) as told:
        registry = services.registry
        outcome = registry.database.again(
            lambda: (
                submit(registry, caller, asked) if stream is None else submit_stream(registry, caller, asked, stream)
            )
        )
        told["status"] = str(outcome.body.get("submission_status") or outcome.body.get("status"))
        counts = outcome.body.get("counts") or {}
        told["rows"] = counts.get("rows")
        told["digest"] = str(outcome.body.get("id") or "") or None
    services.tidying.submitted()
    return outcome


async def _multipart(request: Request) -> dict[str, Any]:
    async with request.form(max_files=1, max_fields=10) as form:
        parts = await read_parts(form, _TEXTS)
    return {**parts.texts, "mode": _mode(parts.texts["mode"]), "filename": parts.filename, "data": parts.data}


def json_submission(body: bytes) -> dict[str, Any]:
    """What a submission as JSON asks, its numbers exact. Raises Problem."""
    try:
        # Numbers as they were written: a float would lose digits of 0.1.
        document = json.loads(body, parse_float=Decimal, parse_int=_whole, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Problem("bad_request", "请求体不是合法的 JSON (the body is not valid JSON)") from error
    if not isinstance(document, Mapping):
        raise Problem("bad_request", "请求体应为 JSON 对象 (the body is a JSON object)")
    try:
        checked = SubmissionIn.model_validate({**document, "rows": []})
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise Problem("bad_request", f"请求不合要求 (not of the right form): {places}") from error
    rows = document.get("rows")
    if not isinstance(rows, list):
        raise Problem("bad_request", "rows 应为对象的数组 (rows is a list of objects)")
    return {
        "dataset": checked.dataset,
        "period": checked.period,
        "region": checked.region,
        "mode": checked.mode,
        "view": checked.view,
        "rows": rows,
    }


def _whole(digits: str) -> int | Decimal:
    # Python reads no more digits than this as an int; a number that long is still valid JSON.
    return int(digits) if len(digits) < _LONGEST_INT else Decimal(digits)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _mode(text: str | None) -> Mode:
    if text not in {None, "apply", "check"}:
        raise Problem("bad_request", "mode 应为 apply 或 check (not a mode)")
    return cast("Mode", text or "apply")


@router.get("/submissions", responses=answers(400, 401))
def listed(
    services: Services,
    caller: Known,
    dataset: str | None = None,
    status: str | None = None,
    limit: Whole | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Submissions the caller may see, newest first."""
    return kept.list_submissions(services.registry, caller, dataset, status, limit, cursor)


@router.get("/submissions/{submission}", responses=answers(401, 404))
def one(submission: str, services: Services, caller: Known, request: Request, response: Response) -> dict[str, Any]:
    """One submission with its findings."""
    english = prefers_english(request)
    response.headers.update(spoken(english))
    return in_language(kept.submission(services.registry, caller, submission), english)


@router.post("/submissions/{submission}/confirm", responses=answers(401, 403, 404, 409, 503))
def confirm(
    submission: str, services: Services, caller: Known, request: Request, identity: RequestId
) -> dict[str, Any]:
    """The second person confirms, with another credential."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "confirm", submission, {}, identity) as told:
        done = services.registry.database.again(lambda: kept.confirm(services.registry, caller, submission))
        told["status"] = "applied"
    return done


SCHEMAS = (SubmissionIn, SubmissionOut)
