"""A department asks why a value is what it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict
from app.api.problems import answers
from app.api.responses import respond
from app.api.views import IfNoneMatch
from app.services.explain import Asked
from app.wire.models import ExplanationOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["views"])

_KNOWN = {"region", "period", "field", "as_of"}


@router.get(
    "/views/{view}/explain",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ExplanationOut"}}}},
        304: {"description": "Not Modified"},
        **answers(400, 401, 403, 404, 503),
    },
)
def explain(  # noqa: PLR0913, PLR0917 - one for each parameter
    view: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    region: Annotated[str, Query(description="the region code of the row")],
    field: Annotated[str, Query(description="one target name")],
    period: Annotated[str | None, Query(description="the period of the row, in the view's grain")] = None,
    as_of: Annotated[str | None, Query(description="an instant with offset, or a snapshot id")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One value explained to the cell: its rule, what went into it and where that came from, and the rounding.

    Further parameters are the key elements of a list's row.
    """
    key = tuple((name, value) for name, value in request.query_params.multi_items() if name not in _KNOWN)
    asked = Asked(region, field, period, as_of, key)
    return respond(services.explainer.explain(caller, view, asked, if_none_match, identity))


explain.takes_key_elements = True  # type: ignore[attr-defined]

SCHEMAS = (ExplanationOut,)
