"""Following: what changed in a view and what is to be told, by asking, by waiting, and as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import Response, StreamingResponse

from app.api.context import Errands, Known, RequestId, Services, Strict, Whole, caller_again
from app.api.problems import answers
from app.api.responses import respond
from app.errors import Problem
from app.services.answers import Finish
from app.services.auditing import Reading
from app.services.follow import ChangesPage
from app.services.waiting import Asking
from app.wire.following import EventsOut
from app.wire.models import ChangesOut

router = APIRouter(prefix="/v1", dependencies=[Strict])

Wait = Annotated[Whole | None, Query(description="seconds to wait for something to tell, while there is nothing")]
RETRY_MILLISECONDS = 2_000


@router.get(
    "/views/{view}/changes",
    tags=["views"],
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChangesOut"}}}},
        **answers(400, 401, 404, 429, 503),
    },
)
async def changes(
    view: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    since: str | None = None,
    limit: Whole | None = None,
    wait: Wait = None,
) -> Response:
    """What changed since a cursor, with removals; without one, everything. With ``wait``, as soon as there is anything."""
    follower = services.follower
    page = await services.waiter.page(
        _asking(request, caller), wait, lambda who: follower.page(who, view, since, limit)
    )
    return respond(await run_sync(follower.answer, page, identity))


@router.get(
    "/views/{view}/changes/stream",
    tags=["views"],
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}, **answers(400, 401, 404, 429, 503)},
)
async def changes_stream(
    view: str,
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    since: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The change feed as Server-Sent Events: each event is a page of changes, its ``id`` the cursor after it.

    ``Last-Event-ID`` goes before ``since``. An event ``end`` says why there will be no more.
    """
    start = last_event_id or since
    follower = services.follower
    opened = AsyncExitStack()
    pages = await opened.enter_async_context(
        services.waiter.stream(_asking(request, caller), start, lambda who, last: follower.page(who, view, last, None))
    )
    try:
        finish = await run_sync(_opened, services, caller, view, start is not None, identity)
    except BaseException:
        await opened.aclose()
        raise

    async def events() -> AsyncIterator[bytes]:
        outcome, rows = "broken", 0
        try:
            yield format_sse_event(retry=RETRY_MILLISECONDS)
            async for page in pages:
                if page is None:
                    yield KEEPALIVE_COMMENT
                    continue
                rows += page.rows
                yield await run_sync(_witnessed, services, page, identity)
            outcome = "sent"
        except Problem as problem:
            outcome = problem.code
            refused = services.auditing.refused
            await run_sync(refused, caller, "changes.stream", view, problem, identity)
            yield format_sse_event(event="end", data_str=orjson.dumps(problem.document()).decode())
        finally:
            finish(outcome, rows, None)
            await opened.aclose()

    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(), headers=headers, media_type="text/event-stream")


def _opened(services: Errands, caller: Known, view: str, resumed: bool, identity: str) -> Finish:
    epoch = services.registry.state().epoch
    reading = Reading(caller, "changes.stream", view, None, {"since": resumed}, (), epoch, identity)
    return services.auditing.begin(reading)


def _witnessed(services: Errands, page: ChangesPage, identity: str) -> bytes:
    """One page as an event; its intent is written before it leaves."""
    answer = services.follower.answer(page, identity)
    answer.close_now()
    return format_sse_event(event="changes", id=page.next, data_str=answer.body.decode())


@router.get(
    "/events",
    tags=["events"],
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/EventsOut"}}}},
        **answers(400, 401, 429, 503),
    },
)
async def events(
    services: Services,
    caller: Known,
    request: Request,
    identity: RequestId,
    since: str | None = None,
    limit: Whole | None = None,
    wait: Wait = None,
) -> Response:
    """What this key is to be told of, in order: reminders, notices, decisions. ``since`` goes on from a cursor."""
    reader = services.events
    page = await services.waiter.page(_asking(request, caller), wait, lambda who: reader.page(who, since, limit))
    return respond(await run_sync(reader.answer, caller, page, identity))


def _asking(request: Request, caller: Known) -> Asking:
    return Asking(caller, lambda: caller_again(request), request.is_disconnected)


SCHEMAS = (ChangesOut, EventsOut)
