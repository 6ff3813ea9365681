"""Departments read: their views, the shape of them, the records, and what changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from app.api.accepting import chosen_codings, chosen_format
from app.api.context import Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.api.responses import respond
from app.errors import Problem
from app.formats.json_schema import json_schema
from app.formats.writing import FORMATS
from app.services.deliveries import Wanted
from app.services.questions import Question
from app.services.receipts import Asked, wants_receipt
from app.services.views import described
from app.services.visible_views import visible_view, visible_views
from app.wire.models import ViewPageOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["views"])

IfNoneMatch = Annotated[str | None, Header()]


@router.get("/views", responses=answers(401))
def views(services: Services, caller: Known) -> dict[str, Any]:
    """The views this key may read today."""
    registry = services.registry
    found = visible_views(registry.state(), caller, registry.today())
    return {"views": [_brief(described(view.stored, _names(view.plan))) for view in found]}


@router.get("/views/{view}", responses=answers(401, 404))
def view(view: str, services: Services, caller: Known) -> dict[str, Any]:
    """One view: its visible fields with what each is made of."""
    registry = services.registry
    found = visible_view(registry.state(), caller, view, registry.today())
    return described(found.stored, _names(found.plan))


@router.get("/views/{view}/schema", responses=answers(401, 404))
def schema(view: str, services: Services, caller: Known) -> dict[str, Any]:
    """JSON Schema of one record, with only the fields this key may see."""
    registry = services.registry
    found = visible_view(registry.state(), caller, view, registry.today())
    return json_schema([field.output for field in found.plan.fields], found.spec)


@router.get(
    "/views/{view}/records",
    response_class=Response,
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ViewPageOut"}},
                **{form.media_type: {} for name, form in FORMATS.items() if name != "json"},
            }
        },
        206: {"description": "Partial Content"},
        304: {"description": "Not Modified"},
        **answers(400, 401, 403, 404, 406, 416, 503),
    },
)
def records(  # noqa: PLR0913, PLR0917 - one for each parameter of the contract
    view: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    period: Annotated[str | None, Query(description="2025, 2025-01,2025-02 or 2025-01..2025-12")] = None,
    region: Annotated[str | None, Query(description="codes, each with all below it")] = None,
    fields: Annotated[str | None, Query(description="target names")] = None,
    filter: Annotated[list[str] | None, Query(description="name:op:value, repeatable")] = None,
    sort: Annotated[str | None, Query(description="-name,name")] = None,
    limit: Whole | None = None,
    cursor: str | None = None,
    count: Annotated[str | None, Query(description="exact")] = None,
    as_of: Annotated[str | None, Query(description="an instant with offset, or a snapshot id")] = None,
    format: Annotated[str | None, Query(description=", ".join(FORMATS))] = None,
    provenance: Annotated[str | None, Query(description="1: submission ids beside each record")] = None,
    counts: Annotated[str | None, Query(description="1: how much stands behind each aggregate")] = None,
    if_none_match: IfNoneMatch = None,
    if_range: Annotated[str | None, Header(description="the ETag a part belongs to; another one gets all")] = None,
    range: Annotated[str | None, Header(description="bytes=a-b, of a whole answer (not of json pages)")] = None,
    accept_encoding: Annotated[str | None, Header(description="zstd, gzip, identity")] = None,
    prefer: Annotated[str | None, Header(description="receipt: a signed receipt for the answer, in its header")] = None,
) -> Response:
    """Records of a view, in the department's own names and units, and only what its agreements cover."""
    if count not in {None, "exact"}:
        raise Problem("bad_request", "count 只能为 exact (count is exact or left out)")
    if {provenance, counts} - {None, "1"}:
        raise Problem("bad_request", "provenance 和 counts 只能为 1 (provenance and counts are 1 or left out)")
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
        provenance=provenance is not None,
        counts=counts is not None,
    )
    receipt_of = Asked(request.method, request.url.path, request.url.query) if wants_receipt(prefer) else None
    wanted = Wanted(if_none_match, chosen_codings(accept_encoding), range, if_range)
    return respond(services.reader.read(caller, view, question, wanted, identity, receipt_of))


def _names(plan: Any) -> frozenset[str]:
    return frozenset(field.name for field in plan.fields)


def _brief(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "fields": [field["name"] for field in document["fields"]]}


SCHEMAS = (ViewPageOut,)
