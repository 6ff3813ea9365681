"""Administrators: definitions of every kind under If-Match, previews, versions, credentials, and the audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Header, Request
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.catalogue.documents import Kind
from app.policy.callers import Caller
from app.services import audit_entries, credentials, views
from app.services.registry import Registry
from app.store.definitions import StoredDefinition
from app.wire.models import CredentialIn, CredentialOut

router = APIRouter(prefix="/v1/admin", dependencies=[Strict], tags=["administration"])

IfMatch = Annotated[str | None, Header()]
Document = Annotated[Any, Body()]

KINDS: Mapping[str, Kind] = {
    "datasets": "dataset",
    "codelists": "codelist",
    "units": "unit",
    "departments": "department",
    "agreements": "agreement",
}


def _shown(item: StoredDefinition) -> dict[str, Any]:
    return {**item.body, "version": item.version}


def _defined(registry: Registry, caller: Caller, kind: str, code: str) -> Response:
    found = views.get_definition(registry, caller, kind, code)
    return Response(orjson.dumps(_shown(found)), 200, {"ETag": views.etag_of(found)}, media_type="application/json")


def _add_routes(plural: str, kind: Kind) -> None:
    @router.get(f"/{plural}", name=f"list-{plural}", responses=answers(401, 403))
    def listed(services: Services, caller: Known) -> dict[str, Any]:
        """Every definition of this kind, in its present version."""
        return {plural: [_shown(item) for item in views.list_definitions(services.registry, caller, kind)]}

    @router.get(f"/{plural}/{{code}}", name=f"get-{kind}", responses=answers(401, 403, 404))
    def one(code: str, services: Services, caller: Known) -> Response:
        """The present version, with the ETag that guards its edit."""
        return _defined(services.registry, caller, kind, code)

    @router.post(
        f"/{plural}",
        name=f"post-{kind}",
        status_code=201,
        responses=answers(400, 401, 403, 412, 422, 503),
    )
    def post(
        document: Annotated[dict[str, Any], Body()],
        services: Services,
        caller: Known,
        request: Request,
        identity: RequestId,
    ) -> Response:
        """Make a new definition; its code is in the document. 412 when there is one of that code."""
        request.state.witnessed = True
        code = str(document.get("code") or "")
        with services.auditing.acting(caller, f"put-{kind}", code, {}, identity) as told:
            saved, _ = views.save_guarded(services.registry, caller, kind, code, document, None, create_only=True)
            told.update(status="applied", digest=saved.digest)
        headers = {"ETag": views.etag_of(saved), "Location": f"/v1/admin/{plural}/{saved.code}"}
        return Response(orjson.dumps(_shown(saved)), 201, headers, media_type="application/json")

    @router.put(
        f"/{plural}/{{code}}",
        name=f"put-{kind}",
        responses={201: {"description": "Created"}, **answers(400, 401, 403, 412, 422, 503)},
    )
    def put(
        code: str,
        document: Document,
        services: Services,
        caller: Known,
        request: Request,
        identity: RequestId,
        if_match: IfMatch = None,
        if_none_match: IfMatch = None,
    ) -> Response:
        """Save as a new version. ``If-Match`` guards the edit; every fault of the document is told at once."""
        request.state.witnessed = True
        with services.auditing.acting(caller, f"put-{kind}", code, {"if_match": if_match}, identity) as told:
            saved, created = views.save_guarded(
                services.registry, caller, kind, code, document, if_match, create_only=if_none_match == "*"
            )
            told.update(status="applied", digest=saved.digest)
        headers = {"ETag": views.etag_of(saved)}
        return Response(orjson.dumps(_shown(saved)), 201 if created else 200, headers, media_type="application/json")

    @router.get(f"/{plural}/{{code}}/versions", name=f"versions-{kind}", responses=answers(401, 403, 404))
    def versions(code: str, services: Services, caller: Known) -> dict[str, Any]:
        """Every version, newest first, with what it changed."""
        return {"versions": views.versions_of(services.registry, caller, kind, code)}


for _plural, _kind in KINDS.items():
    _add_routes(_plural, _kind)


@router.get("/credentials", responses=answers(401, 403))
def credentials_listed(services: Services, caller: Known) -> dict[str, Any]:
    """Every credential, without anything of its secret."""
    return {"credentials": credentials.list_credentials(services.registry, caller)}


@router.post("/credentials", status_code=201, responses=answers(400, 401, 403, 503))
def credential_made(
    body: CredentialIn, services: Services, caller: Known, request: Request, identity: RequestId, response: Response
) -> CredentialOut:
    """Make a credential. Its key is in this answer and nowhere else."""
    request.state.witnessed = True
    response.headers["Cache-Control"] = "no-store"
    kind = body.meant
    question = {"name": body.name, "kind": kind, "department": body.department, "region": body.region}
    with services.auditing.acting(caller, "create-credential", body.name, question, identity) as told:
        made, key = credentials.create_credential(
            services.registry,
            body.name,
            kind,
            body.department,
            body.region,
            body.role,
            _end(body.expires),
            caller=caller,
            bound=body.bound,
        )
        told.update(status="applied", digest=made)
    return CredentialOut(id=made, key=key)


@router.delete("/credentials/{credential}", status_code=204, responses=answers(401, 403, 404, 503))
def credential_ended(
    credential: str, services: Services, caller: Known, request: Request, identity: RequestId
) -> Response:
    """End a credential at once."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "revoke-credential", credential, {}, identity) as told:
        credentials.revoke_credential(services.registry, credential, caller=caller)
        told["status"] = "applied"
    return Response(status_code=204)


@router.get("/audit", responses=answers(400, 401, 403))
def audit(
    services: Services,
    caller: Known,
    department: str | None = None,
    action: str | None = None,
    target: str | None = None,
    request_id: str | None = None,
    before: Whole | None = None,
    limit: Whole | None = None,
) -> dict[str, Any]:
    """The audit, newest first."""
    wanted = audit_entries.Wanted(department=department, action=action, target=target, request_id=request_id)
    return audit_entries.list_entries(services.registry, caller, wanted, before, limit)


def _end(expires: datetime | date | None) -> datetime | date | None:
    # A bare day may arrive as midnight without an offset; it means the day.
    if isinstance(expires, datetime) and expires.tzinfo is None and expires.time() == time.min:
        return expires.date()
    return expires


SCHEMAS = (CredentialIn, CredentialOut)
