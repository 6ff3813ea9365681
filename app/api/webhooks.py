"""Webhooks: a department or a region says where it wants to be told."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.context import Known, RequestId, Services, Strict
from app.api.problems import answers
from app.services.webhooks import Subscribing
from app.wire.following import NewWebhookOut, OneWebhookOut, TrialOut, WebhookIn, WebhooksOut

router = APIRouter(prefix="/v1/webhooks", dependencies=[Strict], tags=["webhooks"])


@router.post("", status_code=201, response_model=NewWebhookOut, responses=answers(400, 401, 403, 404, 409, 503))
def create(body: WebhookIn, request: Request, services: Services, caller: Known, identity: RequestId) -> dict[str, Any]:
    """Be told by webhook when a view shows something else (departments), or of events: regions of their reminders, questions and refusals.

    The secret is shown this once.
    """
    request.state.witnessed = True
    question = {"url": body.url, "views": body.views, "kinds": body.kinds}
    with services.auditing.acting(caller, "webhook.create", caller.department or "", question, identity) as told:
        made = services.webhooks.create(caller, Subscribing(body.url, body.views, body.kinds))
        told["status"] = "created"
    return made


@router.get("", response_model=WebhooksOut, responses=answers(401))
def listed(services: Services, caller: Known) -> dict[str, Any]:
    """The department's or region's own webhooks; an administrator sees those of all."""
    return services.webhooks.listed(caller)


@router.get("/{webhook}", response_model=OneWebhookOut, responses=answers(401, 404))
def one(webhook: str, services: Services, caller: Known) -> dict[str, Any]:
    """One webhook with its last attempts, newest first."""
    return services.webhooks.one(caller, webhook)


@router.delete("/{webhook}", status_code=204, responses=answers(401, 404, 503))
def end(webhook: str, request: Request, services: Services, caller: Known, identity: RequestId) -> Response:
    """End a webhook. What still waits for it is not sent."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "webhook.delete", webhook, {}, identity) as told:
        services.webhooks.end(caller, webhook)
        told["status"] = "deleted"
    return Response(status_code=204)


@router.post("/{webhook}/test", status_code=202, response_model=TrialOut, responses=answers(401, 404, 409, 503))
def test(webhook: str, request: Request, services: Services, caller: Known, identity: RequestId) -> dict[str, Any]:
    """Send a trial message, and whatever still waits to be sent again, now."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "webhook.test", webhook, {}, identity) as told:
        sent = services.webhooks.test(caller, webhook)
        told["status"] = "accepted"
    return sent
