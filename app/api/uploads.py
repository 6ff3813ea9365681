"""Files in pieces, after the IETF's resumable uploads for HTTP: create, add from an offset, ask how far it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict
from app.api.problems import answers
from app.errors import Problem
from app.services.uploads import NDJSON, Arrived
from app.services.writable_texts import refuse_unwritable
from app.wire.bulk import UploadIn, UploadOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["submissions"])

_PIECES = frozenset({"application/partial-upload", "application/offset+octet-stream"})
_OFFSET = {
    "Upload-Offset": {"schema": {"type": "integer"}, "description": "bytes that have arrived"},
    "Upload-Length": {"schema": {"type": "integer"}, "description": "bytes in all"},
}


@router.post("/uploads", status_code=201, responses=answers(400, 401, 403, 413, 503))
def create(asked: UploadIn, services: Services, caller: Known, identity: RequestId, response: Response) -> UploadOut:
    """Begin an upload in pieces; send them with PATCH, then POST /v1/submissions?upload=ID."""
    refuse_unwritable([asked.filename])
    media_type = NDJSON if asked.filename.lower().endswith((".ndjson", ".jsonl")) else "application/octet-stream"
    with services.auditing.acting(
        caller, "upload", "", {"filename": asked.filename, "size": asked.size}, identity
    ) as told:
        arrived = services.uploads.create(caller, asked.filename, media_type, asked.size, asked.sha256)
        told.update(status="begun", digest=arrived.upload.id)
    response.headers["Location"] = f"/v1/uploads/{arrived.upload.id}"
    response.headers.update(_headers(arrived))
    expires = datetime.fromtimestamp(services.uploads.expires(arrived.upload), UTC)
    return UploadOut(id=arrived.upload.id, offset=0, size=arrived.upload.size, expires_at=expires)


@router.head(
    "/uploads/{upload}",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "How far it is", "headers": _OFFSET}, **answers(400, 401, 404, 503)},
)
def offset(upload: str, services: Services, caller: Known) -> Response:
    """How much of an upload has arrived."""
    return Response(status_code=204, headers=_headers(services.uploads.arrived(caller, upload)))


@router.patch(
    "/uploads/{upload}",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "Arrived", "headers": _OFFSET}, **answers(400, 401, 404, 409, 413, 415, 503)},
    openapi_extra={
        "parameters": [
            {"name": "Upload-Offset", "in": "header", "required": True, "schema": {"type": "integer", "minimum": 0}}
        ],
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in sorted(_PIECES)},
        },
    },
)
async def add(upload: str, request: Request, services: Services, caller: Known) -> Response:
    """Add a piece at ``Upload-Offset``; 409 tells where to go on, what had arrived of a piece cut off stays."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _PIECES:
        raise Problem("unsupported_media_type", f"应为 {' 或 '.join(sorted(_PIECES))} (not taken)")
    at = request.headers.get("upload-offset", "")
    if not (at.isascii() and at.isdigit() and len(at) <= 15):
        raise Problem("bad_request", "须有请求头 Upload-Offset (a header Upload-Offset is needed)")
    arrived = await services.uploads.append(caller, upload, int(at), request.stream())
    return Response(status_code=204, headers=_headers(arrived))


@router.delete("/uploads/{upload}", status_code=204, response_class=Response, responses=answers(400, 401, 404, 503))
async def give_up(upload: str, services: Services, caller: Known) -> Response:
    """Give an upload up; what has arrived is deleted."""
    await run_in_threadpool(services.uploads.delete, caller, upload)
    return Response(status_code=204)


def _headers(arrived: Arrived) -> dict[str, str]:
    return {
        "Upload-Offset": str(arrived.offset),
        "Upload-Length": str(arrived.upload.size),
        "Upload-Complete": "?1" if arrived.complete else "?0",
        "Cache-Control": "no-store",
    }


SCHEMAS: tuple[Any, ...] = (UploadIn, UploadOut)
