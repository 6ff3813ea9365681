"""Requests for access: a department asks, the rule or an administrator answers within working days; and those days."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Header, Request
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.errors import Problem
from app.services import access_decisions, access_requests, list_documents
from app.services.list_documents import ListKind
from app.services.views import versions_of
from app.wire.access import AccessDecisionIn, AccessRequestIn, NoteIn, ReasonIn

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["requests for access"])

_LONGEST_KEY = 255
Status = Literal["submitted", "extended", "granted", "partly_granted", "refused", "delivered", "withdrawn"]


@router.post(
    "/access-requests",
    status_code=201,
    response_class=Response,
    responses={
        201: {"description": "Kept, and answered as far as the rule answers", "content": {"application/json": {}}},
        **answers(400, 401, 403, 409, 422, 503),
    },
)
def ask(
    body: AccessRequestIn,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    """Ask for access. Open elements are granted at once, conditional ones wait for an administrator."""
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= _LONGEST_KEY:
        raise Problem("bad_request", f"Idempotency-Key 长度应为 1 至 {_LONGEST_KEY} (its length)")
    request.state.witnessed = True
    given = body.model_dump(exclude_none=True)
    with services.auditing.acting(caller, "request-access", "", given, identity) as told:
        made, replayed = access_requests.file_request(services.registry, caller, given, idempotency_key)
        told.update(status=made["status"], digest=made["id"])
    headers = {"Location": f"/v1/access-requests/{made['id']}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(orjson.dumps(made), 201, headers, media_type="application/json")


@router.get("/access-requests", responses=answers(400, 401, 403))
def listed(
    services: Services,
    caller: Known,
    status: Status | None = None,
    limit: Whole | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """The department's own requests (an administrator: all), newest first."""
    return access_requests.list_requests(services.registry, caller, status=status, limit=limit, cursor=cursor)


@router.get("/access-requests/{access_request}", responses=answers(400, 401, 403, 404))
def one(access_request: str, services: Services, caller: Known) -> dict[str, Any]:
    """One request with what became of each element, its days and its history."""
    return access_requests.get_request(services.registry, caller, access_request)


@router.post("/access-requests/{access_request}/withdraw", responses=answers(400, 401, 403, 404, 409, 503))
def withdraw(
    access_request: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    body: Annotated[NoteIn | None, Body()] = None,
) -> dict[str, Any]:
    """Take back what still waits for its answer."""
    request.state.witnessed = True
    reason = body.reason if body else None
    with services.auditing.acting(
        caller, "withdraw-access-request", access_request, {"reason": reason}, identity
    ) as told:
        done = access_requests.withdraw_request(services.registry, caller, access_request, reason)
        told["status"] = "applied"
    return done


@router.get("/admin/access-requests", responses=answers(400, 401, 403))
def listed_for_administrators(
    services: Services,
    caller: Known,
    department: str | None = None,
    status: Status | None = None,
    overdue: Literal["true", "false"] = "false",
    limit: Whole | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """All requests; ``overdue=true``: those whose answer or delivery is late today."""
    return access_requests.list_requests(
        services.registry,
        caller,
        department=department,
        status=status,
        overdue=overdue == "true",
        everybodys=True,
        limit=limit,
        cursor=cursor,
    )


@router.post("/admin/access-requests/{access_request}/decision", responses=answers(400, 401, 403, 404, 409, 422, 503))
def decide(
    access_request: str,
    body: AccessDecisionIn,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
) -> dict[str, Any]:
    """Grant or refuse what waits. A grant makes the agreement; less than was asked needs a reason."""
    request.state.witnessed = True
    question = {"verdict": body.verdict, "reason": body.reason}
    with services.auditing.acting(caller, "decide-access-request", access_request, question, identity) as told:
        done = access_decisions.decide_request(
            services.registry, caller, access_request, body.verdict, body.reason, body.agreement
        )
        told["status"] = done["status"]
    return done


@router.post("/admin/access-requests/{access_request}/extension", responses=answers(400, 401, 403, 404, 409, 503))
def extend(
    access_request: str, body: ReasonIn, services: Services, caller: Known, request: Request, identity: RequestId
) -> dict[str, Any]:
    """Put the answer off, once, with a reason."""
    request.state.witnessed = True
    question = {"reason": body.reason}
    with services.auditing.acting(caller, "extend-access-request", access_request, question, identity) as told:
        done = access_decisions.extend_request(services.registry, caller, access_request, body.reason)
        told["status"] = "applied"
    return done


@router.post("/admin/access-requests/{access_request}/delivery", responses=answers(400, 401, 403, 404, 409, 503))
def deliver(
    access_request: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    body: Annotated[NoteIn | None, Body()] = None,
) -> dict[str, Any]:
    """Say that what was granted is delivered: its view can be read, or its file was handed over."""
    request.state.witnessed = True
    reason = body.reason if body else None
    with services.auditing.acting(
        caller, "deliver-access-request", access_request, {"reason": reason}, identity
    ) as told:
        done = access_decisions.deliver_request(services.registry, caller, access_request, reason)
        told["status"] = "applied"
    return done


def _add_list(path: str, kind: ListKind, what: str) -> None:
    @router.get(f"/admin/{path}", name=f"get-{path}", responses=answers(401, 403), description=f"{what}, as in force.")
    def shown(services: Services, caller: Known) -> Response:
        document, tag = list_documents.read_list(services.registry, caller, kind)
        return Response(orjson.dumps(document), 200, {"ETag": tag}, media_type="application/json")

    @router.put(
        f"/admin/{path}",
        name=f"put-{path}",
        responses=answers(400, 401, 403, 412, 422, 503),
        description=f"{what}: the items given are saved, each as a new version where it changed; none is deleted.",
    )
    def put(
        document: Annotated[dict[str, Any], Body()],
        services: Services,
        caller: Known,
        request: Request,
        identity: RequestId,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        request.state.witnessed = True
        with services.auditing.acting(caller, f"put-{path}", "", {"if_match": if_match}, identity) as told:
            saved, tag = list_documents.save_list(services.registry, caller, kind, document, if_match)
            told["status"] = "applied"
        return Response(orjson.dumps(saved), 200, {"ETag": tag}, media_type="application/json")

    @router.get(
        f"/admin/{path}/{{item}}/versions",
        name=f"versions-{path}",
        responses=answers(401, 403, 404),
        description=f"{what}: every version of one item, newest first.",
    )
    def versions(item: str, services: Services, caller: Known) -> dict[str, Any]:
        return {"versions": versions_of(services.registry, caller, kind, item)}


_add_list("calendar", "calendar", "The working-day calendar, year by year")
_add_list("deadlines", "deadline", "The deadlines of a request for access")
_add_list("formulas", "formula", "The formula library of the form gate")

SCHEMAS = (AccessRequestIn, AccessDecisionIn, ReasonIn, NoteIn)
