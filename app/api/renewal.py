"""Keys renewed: by administrators for any credential, by a holder for itself; public keys in place of a secret."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict
from app.api.problems import answers
from app.services import credentials
from app.services.credentials import Renewed
from app.wire.models import PublicKeysIn, RotationIn, RotationOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["administration"])


@router.post("/admin/credentials/{credential}/rotate", responses=answers(400, 401, 403, 404, 503))
def rotated(
    credential: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    response: Response,
    body: RotationIn | None = None,
) -> RotationOut:
    """A new key for a credential; the one before it works until the end of the overlap."""
    request.state.witnessed = True
    hours = (body or RotationIn()).overlap_hours
    with services.auditing.acting(caller, "rotate-credential", credential, {"overlap_hours": hours}, identity) as told:
        renewed = credentials.rotate_credential(services.registry, credential, hours, caller)
        told["status"] = "applied"
    return _shown(renewed, response)


@router.put("/admin/credentials/{credential}/public-keys", responses=answers(400, 401, 403, 404, 503))
def public_keys(
    credential: str, body: PublicKeysIn, services: Services, caller: Known, request: Request, identity: RequestId
) -> dict[str, Any]:
    """Public keys in place of a credential's secret, or of those it had (``private_key_jwt``)."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "put-public-keys", credential, {}, identity) as told:
        keys = credentials.put_public_keys(services.registry, credential, body.model_dump(), caller)
        told["status"] = "applied"
    return dict(keys)


@router.post("/me/rotate", responses=answers(400, 401, 403, 404, 503))
def own_rotated(
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    response: Response,
    body: RotationIn | None = None,
) -> RotationOut:
    """A new key for whoever asks, with its present one."""
    request.state.witnessed = True
    hours = (body or RotationIn()).overlap_hours
    question = {"overlap_hours": hours}
    with services.auditing.acting(caller, "rotate-own", caller.credential_id, question, identity) as told:
        renewed = credentials.rotate_own(services.registry, caller, request.state.means, hours)
        told["status"] = "applied"
    return _shown(renewed, response)


def _shown(renewed: Renewed, response: Response) -> RotationOut:
    response.headers["Cache-Control"] = "no-store"
    return RotationOut(id=renewed.id, key=renewed.key, former_key_ends_at=renewed.former_key_ends_at)


SCHEMAS = (RotationIn, RotationOut, PublicKeysIn)
