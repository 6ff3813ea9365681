"""What waits for its second person and is not to be stored."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from app.api.context import Known, RequestId, Services, Strict
from app.api.problems import answers
from app.services import refusals
from app.wire.care import RefusalIn

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["submissions"])


@router.post("/submissions/{submission}/refuse", responses=answers(400, 401, 403, 404, 409, 503))
def refuse(
    submission: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    body: Annotated[RefusalIn, Body()],
) -> dict[str, Any]:
    """The second person refuses, with another credential, saying why; nothing is stored."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "refuse", submission, {"reason": body.reason}, identity) as told:
        done = refusals.refuse(services.registry, caller, submission, body.reason)
        told["status"] = "refused"
    return done


@router.post("/submissions/{submission}/withdraw", responses=answers(400, 401, 403, 404, 409, 503))
def withdraw(
    submission: str, services: Services, caller: Known, request: Request, identity: RequestId
) -> dict[str, Any]:
    """Whoever handed it in takes it back while it waits."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "take-back", submission, {}, identity) as told:
        done = refusals.take_back(services.registry, caller, submission)
        told["status"] = "withdrawn"
    return done
