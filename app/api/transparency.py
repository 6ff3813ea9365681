"""For the source: who read what of it. For administrators: why somebody can or cannot see, and what they see."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from app.api.accepting import chosen_format
from app.api.context import Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.api.responses import respond
from app.errors import Problem
from app.formats.writing import FORMATS
from app.services import access_explained, transparency
from app.services.access_explained import AskedAccess
from app.services.deliveries import Wanted
from app.services.questions import Question

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["transparency"])


@router.get("/transparency", responses=answers(400, 401, 403, 404, 503))
def read_by(
    services: Services,
    caller: Known,
    since: date | None = None,
    until: date | None = None,
    region: str | None = None,
    element: Annotated[str | None, Query(description="dataset.element, or a dataset")] = None,
) -> dict[str, Any]:
    """Which department read which of one's own elements, under which agreement and purpose, when last, how often."""
    wanted = transparency.Wanted(since, until, region, element)
    return transparency.transparency(services.registry, caller, wanted)


@router.get("/admin/access", tags=["administration"], responses=answers(400, 401, 403, 404, 503))
def explained(
    services: Services,
    caller: Known,
    element: Annotated[str, Query(description="dataset.element")],
    region: str,
    period: str | None = None,
    department: str | None = None,
    credential: str | None = None,
    day: date | None = None,
) -> dict[str, Any]:
    """Why a department or a credential can or cannot see an element of a region and period on a day, grant by grant."""
    asked = AskedAccess(element, region, period, department, credential, day)
    return access_explained.explain_access(services.registry, caller, asked)


@router.get(
    "/admin/views/{view}/as",
    tags=["administration"],
    response_class=Response,
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ViewPageOut"}},
                **{form.media_type: {} for name, form in FORMATS.items() if name != "json"},
            }
        },
        304: {"description": "Not Modified"},
        **answers(400, 401, 403, 404, 406, 429, 503),
    },
)
def seen_as(  # noqa: PLR0913, PLR0917 - one for each parameter of reading
    view: str,
    department: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    period: str | None = None,
    region: str | None = None,
    fields: str | None = None,
    filter: Annotated[list[str] | None, Query(description="name:op:value, repeatable")] = None,
    sort: str | None = None,
    limit: Whole | None = None,
    cursor: str | None = None,
    count: Annotated[str | None, Query(description="exact")] = None,
    as_of: str | None = None,
    format: Annotated[str | None, Query(description=", ".join(FORMATS))] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The view as a department sees it, byte for byte; written down under the administrator's name."""
    if count not in {None, "exact"}:
        raise Problem("bad_request", "count 只能为 exact (count is exact or left out)")
    question = Question(
        period=period,
        region=region,
        fields=fields,
        filters=tuple(filter or ()),
        sort=sort,
        limit=limit,
        cursor=cursor,
        count=count is not None,
        as_of=as_of,
        format=chosen_format(format, request.headers.get("accept")),
    )
    return respond(services.reader.read_as(caller, department, view, question, Wanted(if_none_match), identity))
