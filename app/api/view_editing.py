"""Administrators edit field mappings: drafts, previews, publishing, versions, differences, and many at once as YAML."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.context import Errands, Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.policy.callers import Caller
from app.services import bulk_views, view_drafts, view_preview, view_publishing, views
from app.services.view_submission import described_reversal
from app.store.definitions import StoredDefinition
from app.wire.models import RestoreIn

router = APIRouter(prefix="/v1/admin", dependencies=[Strict], tags=["field mappings"])

IfMatch = Annotated[str | None, Header()]
Document = Annotated[Any, Body()]
Yes = Literal["true", "1"]
YAML = "application/yaml"


def _saved(saved: tuple[StoredDefinition, bool], told: dict[str, Any] | None = None) -> Response:
    definition, created = saved
    body = orjson.dumps({**definition.body, "version": definition.version, **(told or {})})
    headers = {"ETag": views.etag_of(definition)}
    return Response(body, 201 if created else 200, headers, media_type="application/json")


@router.get("/views", responses=answers(401, 403))
def listed(services: Services, caller: Known) -> dict[str, Any]:
    """Every field mapping, in its present version."""
    found = views.list_definitions(services.registry, caller, "view")
    return {"views": [{**item.body, "version": item.version} for item in found]}


@router.get("/views/{code}", responses=answers(400, 401, 403, 404))
def one(code: str, services: Services, caller: Known, draft: Yes | None = None) -> Response:
    """The published version with the ETag that guards its edit; ``draft=true`` gives the draft beside it."""
    if draft is not None:
        return Response(orjson.dumps(view_drafts.draft(services.registry, caller, code)), media_type="application/json")
    return _saved((views.get_definition(services.registry, caller, "view", code), False))


@router.put(
    "/views/{code}",
    responses={201: {"description": "Created"}, **answers(400, 401, 403, 404, 409, 412, 422, 503)},
)
def put(  # noqa: PLR0913, PLR0917 - one for each parameter
    code: str,
    document: Document,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    if_match: IfMatch = None,
    if_none_match: IfMatch = None,
    draft: Yes | None = None,
    sunset: str | None = None,
    accept_breaking: Yes | None = None,
) -> Response:
    """Publish as a new version, or keep as a draft (``draft=true``, with the day of its publishing as ``sunset``).

    Taking away or retyping a field in use is refused (409) unless ``accept_breaking=true``.
    """
    request.state.witnessed = True
    question = {"if_match": if_match, "draft": draft is not None, "accept_breaking": accept_breaking is not None}
    with services.auditing.acting(caller, "put-view", code, question, identity) as told:
        if draft is not None:
            kept = view_drafts.save_draft(services.registry, caller, code, document, sunset)
            told["status"] = "drafted"
            return Response(orjson.dumps(kept), media_type="application/json")
        saved = view_publishing.publish_view(
            services.registry,
            caller,
            code,
            document,
            if_match,
            create_only=if_none_match == "*",
            accept_breaking=accept_breaking is not None,
        )
        told.update(status="applied", digest=saved[0].digest)
    return _saved(saved, view_preview.told_at_save(services.registry, caller, code))


@router.delete("/views/{code}/draft", status_code=204, responses=answers(401, 403, 404, 503))
def drop(code: str, services: Services, caller: Known, request: Request, identity: RequestId) -> Response:
    """Drop the draft."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "drop-draft", code, {}, identity) as told:
        view_drafts.drop_draft(services.registry, caller, code)
        told["status"] = "applied"
    return Response(status_code=204)


@router.post(
    "/views/{code}/publish",
    responses={201: {"description": "Created"}, **answers(401, 403, 404, 409, 412, 422, 503)},
)
def publish(
    code: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    accept_breaking: Yes | None = None,
) -> Response:
    """Publish the draft as a new version."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "publish-view", code, {}, identity) as told:
        saved = view_publishing.publish_draft(
            services.registry, caller, code, accept_breaking=accept_breaking is not None
        )
        told.update(status="applied", digest=saved[0].digest)
    return _saved(saved, view_preview.told_at_save(services.registry, caller, code))


@router.post("/views/{code}/restore", responses=answers(400, 401, 403, 404, 409, 412, 422, 503))
def restore(
    code: str,
    body: RestoreIn,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    accept_breaking: Yes | None = None,
) -> Response:
    """Publish an earlier version again, as a new version."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "restore-view", code, {"version": body.version}, identity) as told:
        saved = view_publishing.restore_version(
            services.registry, caller, code, body.version, accept_breaking=accept_breaking is not None
        )
        told.update(status="applied", digest=saved[0].digest)
    return _saved(saved, view_preview.told_at_save(services.registry, caller, code))


@router.get("/views/{code}/versions", responses=answers(401, 403, 404))
def versions(code: str, services: Services, caller: Known) -> dict[str, Any]:
    """Every version, newest first, with what it changed."""
    return {"versions": views.versions_of(services.registry, caller, "view", code)}


@router.get("/views/{code}/diff", responses=answers(400, 401, 403, 404))
def diff(code: str, services: Services, caller: Known, old: Whole, new: Whole | None = None) -> dict[str, Any]:
    """What version ``new`` (default the present one) changes of version ``old``, in words."""
    return bulk_views.difference(services.registry, caller, code, old, new)


@router.post("/views/{code}/preview", responses=answers(400, 401, 403, 404, 422))
def preview(
    code: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    document: Annotated[dict[str, Any] | None, Body()] = None,
) -> Response:
    """Try a mapping: sample rows, unmapped codes, what agreements do not cover, digits lost, whom it touches."""
    request.state.witnessed = True
    question = view_preview.asked(services.registry, caller, code, document)
    with services.auditing.acting(caller, "preview", code, question, identity) as told:
        body = view_preview.preview(services.registry, caller, code, document)
        told.update(status="sent", rows=body["rows"])
    return Response(orjson.dumps(body), media_type="application/json")


@router.get("/views/{code}/reversal", responses=answers(401, 403, 404))
def reversal(code: str, services: Services, caller: Known) -> dict[str, Any]:
    """Field by field, what a file in the view's layout reads back into, and why the others do not."""
    return described_reversal(services.registry, caller, code)


@router.get(
    "/mappings",
    response_class=Response,
    responses={200: {"content": {YAML: {"schema": {"type": "object"}}}}, **answers(401, 403)},
)
def mappings(services: Services, caller: Known, department: str | None = None) -> Response:
    """All field mappings (of one department) as one YAML document, to be edited in bulk and put back."""
    return Response(bulk_views.export_views(services.registry, caller, department), media_type=YAML)


@router.put(
    "/mappings",
    responses=answers(400, 401, 403, 422, 503),
    openapi_extra={"requestBody": {"required": True, "content": {YAML: {"schema": {"type": "object"}}}}},
)
async def put_mappings(
    services: Services, caller: Known, request: Request, identity: RequestId, dry_run: Yes | None = None
) -> dict[str, Any]:
    """Publish many mappings at once, all or none; ``dry_run=true`` only tells the plan."""
    request.state.witnessed = True
    text = await request.body()
    return await run_in_threadpool(_import, services, caller, text, identity, dry_run is not None)


def _import(services: Errands, caller: Caller, text: bytes, identity: str, dry_run: bool) -> dict[str, Any]:
    with services.auditing.acting(caller, "put-mappings", "", {"dry_run": dry_run}, identity) as told:
        done = bulk_views.import_views(services.registry, caller, text, dry_run=dry_run)
        told["status"] = "applied" if done["applied"] else "checked"
    return done


SCHEMAS = (RestoreIn,)
