"""Who the caller is, the regions, the catalogue, canonical records and templates."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.api.responses import respond
from app.errors import Problem
from app.formats.writing import FORMATS
from app.services import directory, submissions, templates
from app.services.dataset_records import RecordsQuestion
from app.wire.models import RecordsPageOut, WithdrawalIn

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["catalogue"])

IfNoneMatch = Annotated[str | None, Header()]


@router.get("/me", responses=answers(401))
def me(services: Services, caller: Known) -> dict[str, Any]:
    """Who the key is: kind, department or region, role, agreements in force."""
    return directory.me(services.registry, caller)


@router.get("/regions", responses=answers(400, 401, 404))
def regions(
    services: Services,
    caller: Known,  # noqa: ARG001 - any key may ask
    level: str | None = None,
    parent: str | None = None,
    q: str | None = None,
    at: Annotated[str | None, Query(description="a day, such as 2025-12-31; default today")] = None,
) -> dict[str, Any]:
    """The regions in force on a day, with their names and codes of that day."""
    return {"regions": directory.list_regions(services.registry, level, parent, q, _day(at))}


@router.get("/regions/{code}", responses=answers(400, 401, 404))
def region(code: str, services: Services, caller: Known, at: str | None = None) -> dict[str, Any]:  # noqa: ARG001
    """The region that holds a code on a day, with its history."""
    return directory.region(services.registry, code, _day(at))


@router.get("/datasets", responses=answers(401))
def datasets(services: Services, caller: Known) -> dict[str, Any]:
    """The catalogue: every dataset the caller may know of."""
    return {"datasets": directory.list_datasets(services.registry, caller)}


@router.get("/datasets/{dataset}", responses=answers(401, 404))
def dataset(dataset: str, services: Services, caller: Known) -> dict[str, Any]:
    """One dataset with its elements: title, definition, unit, sharing class, source."""
    return directory.dataset(services.registry, caller, dataset)


@router.get(
    "/datasets/{dataset}/template",
    response_class=Response,
    responses={200: {"content": {FORMATS["xlsx"].media_type: {}}}, **answers(400, 401, 403, 404)},
)
def template(
    dataset: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    period: str | None = None,
    region: str | None = None,
) -> Response:
    """The workbook to fill, one row a region, prefilled with what is held."""
    question = {"period": period, "region": region}
    request.state.witnessed = True
    with services.auditing.acting(caller, "template", dataset, question, identity) as told:
        body = templates.dataset_template(services.registry, caller, dataset, period, region)
        told["status"] = "sent"
    headers = {
        "Content-Disposition": f'attachment; filename="{dataset}-{period or "template"}.xlsx"',
        "Cache-Control": "private, no-store",
    }
    return Response(body, media_type=FORMATS["xlsx"].media_type, headers=headers)


@router.get(
    "/datasets/{dataset}/records",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/RecordsPageOut"}}}},
        304: {"description": "Not Modified"},
        **answers(400, 401, 403, 404),
    },
)
def records(  # noqa: PLR0913, PLR0917 - one for each parameter of the contract
    dataset: str,
    services: Services,
    caller: Known,
    identity: RequestId,
    period: str | None = None,
    region: str | None = None,
    limit: Whole | None = None,
    cursor: str | None = None,
    as_of: Annotated[str | None, Query(description="an instant with offset")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Canonical records in the element's unit and decimals, for a region, a source department or an administrator."""
    question = RecordsQuestion(period, region, limit, cursor, as_of)
    return respond(services.records.read(caller, dataset, question, if_none_match, identity))


@router.delete("/datasets/{dataset}/records", responses=answers(400, 401, 403, 404))
def withdraw(
    dataset: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    body: Annotated[WithdrawalIn, Body()],
    period: str | None = None,
    region: str | None = None,
) -> dict[str, Any]:
    """The source withdraws one record, with its reason; further parameters are the record's key elements."""
    names = {"period", "region"}
    key = {name: value for name, value in request.query_params.items() if name not in names}
    question = {"period": period, "region": region, "key": key, "reason": body.reason}
    request.state.witnessed = True
    with services.auditing.acting(caller, "withdraw", dataset, question, identity) as told:
        done = submissions.withdraw(services.registry, caller, dataset, period, region, key, body.reason)
        told["status"] = "applied"
    return done


withdraw.takes_key_elements = True  # type: ignore[attr-defined]


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem("bad_request", f"at 应为日期，如 2025-12-31，而非 {text!r} (not a day)") from error


SCHEMAS = (RecordsPageOut,)
