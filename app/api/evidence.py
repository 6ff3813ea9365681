"""台账: files of evidence."""

from __future__ import annotations

import json
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.context import Errands, Known, RequestId, Services, Strict
from app.api.form_parts import read_parts
from app.api.problems import answers
from app.api.responses import respond
from app.errors import Problem
from app.formats.evidence_types import MEDIA_TYPES
from app.policy.callers import Caller
from app.services.evidence import Attaching
from app.services.writable_texts import refuse_unwritable
from app.wire.care import EvidenceListOut, EvidenceOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["evidence"])

_TEXTS = ("dataset", "region", "period", "key", "elements", "submission")
_ONE = {"application/json": {"schema": {"$ref": "#/components/schemas/EvidenceOut"}}}


@router.post(
    "/evidence",
    status_code=201,
    response_class=Response,
    responses={
        200: {"description": "The same file as before: recognised, and attached here too", "content": _ONE},
        201: {"description": "Kept", "content": _ONE},
        **answers(400, 401, 403, 404, 413, 415, 503),
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
                            "dataset": {"type": "string"},
                            "region": {"type": "string"},
                            "period": {"type": "string"},
                            "key": {"type": "string", "description": 'JSON: {"hazard_id": "H1"}, of a list'},
                            "elements": {"type": "string", "description": "codes, with commas: what it is about"},
                            "submission": {"type": "string", "description": "instead of a record"},
                        },
                    }
                }
            },
        }
    },
)
async def attach(request: Request, services: Services, caller: Known, identity: RequestId) -> Response:
    """Attach a file to a record or a submission; without either, to name it in a question to a figure."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise Problem("unsupported_media_type", "应为 multipart/form-data (not taken)")
    async with request.form(max_files=1, max_fields=len(_TEXTS)) as form:
        parts = await read_parts(form, _TEXTS)
    texts = parts.texts
    elements = tuple(code.strip() for code in (texts["elements"] or "").split(",") if code.strip())
    asked = Attaching(
        filename=parts.filename,
        data=parts.data,
        dataset=texts["dataset"],
        region=texts["region"],
        period=texts["period"],
        key=_key(texts["key"]),
        elements=elements or None,
        submission=texts["submission"],
    )
    request.state.witnessed = True
    document, new = await run_in_threadpool(_attach, services, caller, asked, identity)
    headers = {"Location": f"/v1/evidence/{document['id']}", "Cache-Control": "private, no-store"}
    return Response(orjson.dumps(document), 201 if new else 200, headers, media_type="application/json")


def _attach(services: Errands, caller: Caller, asked: Attaching, identity: str) -> tuple[dict[str, Any], bool]:
    question = {
        "region": asked.region, "period": asked.period, "key": asked.key, "submission": asked.submission,
        "filename": asked.filename, "bytes": len(asked.data),
    }  # fmt: skip
    with services.auditing.acting(caller, "attach-evidence", asked.dataset or "", question, identity) as told:
        document, new = services.evidence.attach(caller, asked)
        told["status"], told["digest"] = "kept" if new else "recognised", document["sha256"]
    return document, new


def _key(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem("bad_request", "key 应为 JSON 对象 (key is a JSON object)") from error
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise Problem("bad_request", "key 应为文字到文字的 JSON 对象 (key is a JSON object of texts)")
    refuse_unwritable(document)
    return document


@router.get("/evidence", response_model=EvidenceListOut, responses=answers(400, 401, 404, 503))
def listed(
    services: Services,
    caller: Known,
    request: Request,
    dataset: str | None = None,
    region: str | None = None,
    period: str | None = None,
    submission: str | None = None,
) -> dict[str, Any]:
    """Files of a record (further parameters are its key elements) or a submission; without either, one's own."""
    names = {"dataset", "region", "period", "submission"}
    key = {name: value for name, value in request.query_params.items() if name not in names}
    return services.evidence.listed(caller, dataset, region, period, key, submission)


listed.takes_key_elements = True  # type: ignore[attr-defined]


@router.get(
    "/evidence/{evidence}",
    response_class=Response,
    responses={
        200: {"content": {kind: {} for kind in sorted(set(MEDIA_TYPES.values()))}},
        **answers(400, 401, 404, 503),
    },
)
def download(evidence: str, services: Services, caller: Known, identity: RequestId) -> Response:
    """The file itself, to be saved, never shown in place."""
    return respond(services.evidence.download(caller, evidence, identity))


SCHEMAS = (EvidenceOut,)
