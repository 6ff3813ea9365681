"""校核: questions to figures, their answers, and the notices of what changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from app.api.context import Known, RequestId, Services, Strict, Whole
from app.api.problems import answers
from app.api.responses import respond
from app.services import corrections
from app.wire.care import CorrectionAnswerIn, CorrectionIn, CorrectionOut, CorrectionsOut, NoticesOut

router = APIRouter(prefix="/v1", dependencies=[Strict], tags=["corrections"])


@router.post(
    "/corrections",
    status_code=201,
    response_model=CorrectionOut,
    responses=answers(400, 401, 403, 404, 409, 503),
)
def ask(
    services: Services, caller: Known, request: Request, identity: RequestId, body: Annotated[CorrectionIn, Body()]
) -> dict[str, Any]:
    """Question one figure, with a reason. What the key may not see is not there to be questioned."""
    asked = body.model_dump()
    question = {name: asked[name] for name in ("element", "region", "period", "key")}
    request.state.witnessed = True
    with services.auditing.acting(caller, "question", body.dataset, question, identity) as told:
        made = corrections.ask(services.registry, caller, asked)
        told["status"], told["digest"] = "asked", made["id"]
    return made


@router.get("/corrections", response_model=CorrectionsOut, responses=answers(400, 401, 503))
def listed(
    services: Services,
    caller: Known,
    dataset: str | None = None,
    status: Annotated[str | None, Query(description="open, overdue, corrected or upheld")] = None,
    limit: Whole | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Questions the key asked, and those asked of what it reports; newest first."""
    return corrections.listed(services.registry, caller, dataset, status, limit, cursor)


@router.get("/corrections/{correction}", response_model=CorrectionOut, responses=answers(400, 401, 404, 503))
def one(correction: str, services: Services, caller: Known) -> dict[str, Any]:
    """One question and its answer."""
    return corrections.one(services.registry, caller, correction)


@router.post(
    "/corrections/{correction}/answer",
    response_model=CorrectionOut,
    responses=answers(400, 401, 403, 404, 409, 503),
)
def answer(
    correction: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    body: Annotated[CorrectionAnswerIn, Body()],
) -> dict[str, Any]:
    """The source answers: corrected, by a submission it made since, or upheld, with a reason."""
    request.state.witnessed = True
    with services.auditing.acting(caller, "answer-question", correction, body.model_dump(), identity) as told:
        done = corrections.answer(services.registry, caller, correction, body.decision, body.submission, body.reason)
        told["status"] = body.decision
    return done


@router.get(
    "/notices",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NoticesOut"}}}},
        **answers(400, 401, 503),
    },
)
def notices(
    services: Services, caller: Known, identity: RequestId, since: str | None = None, limit: Whole | None = None
) -> Response:
    """This key's own notices: questions and answers, and figures it received that were corrected or withdrawn."""
    return respond(services.notices.read(caller, "notices", since, limit, identity))


SCHEMAS = (NoticesOut,)
