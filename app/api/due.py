"""What is due: the list, the workbook of just the open cells, "checked, still true", and reminders."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.api.responses import respond
from app.formats.writing import FORMATS
from app.services import due as dues
from app.wire.care import DueOut, RemindersOut, StillTrueIn, StillTrueOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["due"])

State = Annotated[str | None, Query(description="missing, stale or questioned")]


@router.get("/due", response_model=DueOut, responses=answers(400, 401, 403, 404, 409, 503))
def due(
    services: Services,
    caller: Known,
    region: str | None = None,
    dataset: str | None = None,
    period: str | None = None,
    state: State = None,
    limit: Whole | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """What is missing, stale or questioned of what the key reports, with its due day; an administrator sees all."""
    return dues.list_due(
        services.registry,
        caller,
        region=region,
        dataset=dataset,
        period=period,
        state=state,
        limit=limit,
        cursor=cursor,
    )


@router.get(
    "/due/workbook",
    response_class=Response,
    responses={200: {"content": {FORMATS["xlsx"].media_type: {}}}, **answers(400, 401, 403, 404, 409, 503)},
)
def workbook(
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    dataset: str | None = None,
    period: str | None = None,
    region: str | None = None,
    state: Annotated[str | None, Query(description="missing or stale; default both")] = None,
) -> Response:
    """The workbook that asks for the missing and stale cells of one dataset and period, and for nothing else."""
    question = {"period": period, "region": region, "state": state}
    request.state.witnessed = True
    with services.auditing.acting(caller, "due-workbook", dataset or "", question, identity) as told:
        body = dues.due_workbook(services.registry, caller, dataset, period, region, state)
        told["status"] = "sent"
    headers = {
        "Content-Disposition": f'attachment; filename="{dataset}-{period or "due"}.xlsx"',
        "Cache-Control": "private, no-store",
    }
    return Response(body, media_type=FORMATS["xlsx"].media_type, headers=headers)


@router.post("/datasets/{dataset}/still-true", response_model=StillTrueOut, responses=answers(400, 401, 403, 404, 503))
def still_true(
    dataset: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    body: Annotated[StillTrueIn, Body()],
) -> dict[str, Any]:
    """The source has looked and finds what is held still true: it is fresh again, no value changes."""
    said = body.model_dump()
    request.state.witnessed = True
    with services.auditing.acting(caller, "still-true", dataset, said, identity) as told:
        done = dues.still_true(services.registry, caller, dataset, said)
        told["status"], told["rows"] = "applied", done["records"]
    return done


@router.get(
    "/reminders",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/RemindersOut"}}}},
        **answers(400, 401, 503),
    },
)
def reminders(
    services: Services, caller: Known, identity: RequestId, since: str | None = None, limit: Whole | None = None
) -> Response:
    """What this key was reminded of, in order; ``since`` goes on from a cursor."""
    return respond(services.notices.read(caller, "reminders", since, limit, identity))


SCHEMAS = (RemindersOut,)
