"""Snapshots that a department names and keeps."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.api.context import Known, RequestId, Services, Strict
from app.api.problems import answers
from app.services.pinning import Pinning
from app.wire.snapshots import PinIn, PinOut, PinsOut

router = APIRouter(prefix="/v1/snapshots", dependencies=[Strict], tags=["snapshots"])

Department = Annotated[str | None, Query(description="whose; for administrators")]


@router.post("", status_code=201, response_model=PinOut, responses=answers(400, 401, 403, 404, 409, 503))
def pin(body: PinIn, request: Request, services: Services, caller: Known, identity: RequestId) -> dict[str, Any]:
    """Name and keep what a view (or all views) shows now or showed then; ``as_of`` takes the name from here on."""
    request.state.witnessed = True
    question = body.model_dump(exclude_none=True)
    with services.auditing.acting(caller, "snapshot.pin", body.view or "", question, identity) as told:
        made = services.pins.pin(caller, Pinning(body.view, body.name, body.as_of, body.note))
        told["status"] = "pinned"
    return made


@router.get("", response_model=PinsOut, responses=answers(401))
def listed(services: Services, caller: Known) -> dict[str, Any]:
    """The department's snapshots, the newest first; an administrator sees those of all."""
    return services.pins.listed(caller)


@router.get("/{name}", response_model=PinOut, responses=answers(401, 404))
def one(name: str, services: Services, caller: Known, department: Department = None) -> dict[str, Any]:
    """One snapshot with the views it stands for."""
    return services.pins.one(caller, name, department)


@router.delete("/{name}", status_code=204, responses=answers(401, 404, 503))
def release(
    name: str,
    request: Request,
    services: Services,
    caller: Known,
    identity: RequestId,
    department: Department = None,
) -> Response:
    """Let go of a snapshot: its name may be used anew, and nothing is kept for it any more."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "snapshot.release", name, {}, identity) as told:
        services.pins.release(caller, name, department)
        told["status"] = "released"
    return Response(status_code=204)
