"""What every endpoint has at hand: the registry with its errands, who is calling, and the request's own id."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from pydantic import BeforeValidator
from starlette.datastructures import State as RequestState

from app.errors import Problem
from app.policy.callers import Caller
from app.services.auditing import WITNESS, Auditing
from app.services.authentication import Authenticator, Presented, Recognised, unauthenticated
from app.services.dataset_records import DatasetReader
from app.services.event_feed import EventReader
from app.services.evidence import Evidence
from app.services.explain import ViewExplainer
from app.services.follow import ViewFollower
from app.services.form_matching import FormMatcher
from app.services.mapped import MappedViews
from app.services.naming import StateNames
from app.services.notices import NoticeReader
from app.services.oauth import AuthorizationServer
from app.services.pinning import Pins
from app.services.possession import Proof
from app.services.read import ViewReader
from app.services.redaction import redacted
from app.services.registry import Registry
from app.services.standing import StandingReadings
from app.services.strangers import Strangers
from app.services.tidying_leftovers import LeftoverTidying
from app.services.together import Together
from app.services.uploads import Uploads
from app.services.view_forms import ViewFormReader
from app.services.waiting import Waiter
from app.services.watching import Watch
from app.services.webhook_outbox import WebhookOutbox
from app.services.webhook_sender import WebhookSender
from app.services.webhooks import Webhooks
from app.services.writable_texts import refuse_deep, refuse_unwritable


@dataclass(frozen=True)
class Errands:
    """The services of one process."""

    registry: Registry
    auditing: Auditing
    authenticator: Authenticator
    reader: ViewReader
    follower: ViewFollower
    records: DatasetReader
    explainer: ViewExplainer
    forms: ViewFormReader
    matcher: FormMatcher
    events: EventReader
    waiter: Waiter
    strangers: Strangers
    webhooks: Webhooks
    sender: WebhookSender
    authorization: AuthorizationServer
    uploads: Uploads
    tidying: LeftoverTidying
    notices: NoticeReader
    evidence: Evidence
    together: Together
    pins: Pins
    standing: StandingReadings


def errands_of(registry: Registry) -> Errands:
    """The services over one open registry."""
    views = MappedViews(registry.settings.mapped_memory_bytes)
    names = StateNames(registry)
    auditing = Auditing(registry)
    follower = ViewFollower(registry, views, names, auditing)
    events = EventReader(registry, auditing)
    authenticator = Authenticator(registry)
    return Errands(
        registry,
        auditing,
        authenticator,
        reader := ViewReader(registry, views, names, auditing),
        follower,
        DatasetReader(registry, views, auditing),
        ViewExplainer(registry, views, names, auditing),
        ViewFormReader(registry, views, auditing),
        FormMatcher(registry),
        events,
        Waiter(Watch(registry), registry.settings),
        Strangers(registry),
        Webhooks(registry, follower, events),
        WebhookSender(registry, WebhookOutbox(registry, follower, events)),
        AuthorizationServer(registry, authenticator),
        uploads := Uploads(registry),
        LeftoverTidying(registry, uploads),
        NoticeReader(registry, events, auditing),
        Evidence(registry, auditing),
        Together(registry.database),
        Pins(registry, views, names),
        StandingReadings(registry, views, names, auditing, reader),
    )


LIMITS = "township.limits"  # where a request keeps what it used of its limits
_LONGEST_TOLD = 500  # of a parameter, in the audit
_MOST_TOLD = 50
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")


async def errands_at_hand(request: Request) -> Errands:
    """As ``errands``; a dependency that waits for nothing needs no thread."""
    return errands(request)


def errands(request: Request) -> Errands:
    return cast("Errands", request.app.state.errands)


async def identity_at_hand(request: Request) -> str:
    """As ``request_id``."""
    return request_id(request)


def request_id(request: Request) -> str:
    return str(request.scope["township.request_id"])


def caller(request: Request) -> Caller:
    """The caller behind ``Authorization``; 401 in one wording for all that is missing or not valid."""
    return counted(request, authenticate(request))


def counted(request: Request, recognised: Recognised) -> Caller:
    """The caller that was recognised, this request of it counted. Raises Problem when it has asked too much."""
    found = recognised.caller
    request.state.caller = found
    request.state.means = recognised.means
    told_of(request, found)
    request.scope[LIMITS] = errands(request).registry.quotas.request(found)
    return found


def told_of(request: Request, found: Caller) -> None:
    """Say who the caller of this request is, for its entry in the audit."""
    witness = WITNESS.get()
    if witness is not None:
        witness.caller = found
        route = request.scope.get("route")
        witness.operation = f"{request.method} {route.path if route is not None else ''}".strip()
        witness.question = {
            name[:_LONGEST_TOLD]: [redacted(value)[:_LONGEST_TOLD] for value in request.query_params.getlist(name)]
            for name in sorted(set(request.query_params.keys()))[:_MOST_TOLD]
        }


def caller_again(request: Request) -> Caller:
    """The caller of a request that has been waiting: who it is now, or 401 as for a new request."""
    return authenticate(request, proven=True).caller


def authenticate(request: Request, *, proven: bool = False) -> Recognised:
    """Who it is, and by what. ``proven``: the request has proved that it holds its key, and can do so only once."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in {"bearer", "dpop"} or not value.strip():
        raise unauthenticated()
    address = request.client.host if request.client is not None else None
    bound = scheme.lower() == "dpop"
    given = Presented(value.strip(), bound, address, proof_of(request) if bound else None)
    return errands(request).authenticator.recognise(given, proven=proven)


def own_address(request: Request) -> str:
    """The address of this service: the one that is set, else the one that this request came in by.

    Never what the request says (``Host``): a token for another service must not become one for us.
    """
    settings = errands(request).registry.settings
    if settings.public_url is not None:
        return settings.public_url
    host, port = request.scope.get("server") or ("localhost", None)
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}" if port is None else f"http://{name}:{port}"


def proof_of(request: Request) -> Proof | None:
    """The proof of possession that a request brings; of several headers none counts."""
    given = request.headers.getlist("DPoP")
    if not given:
        return None
    return Proof(given[0] if len(given) == 1 else "", request.method, own_address(request) + request.url.path)


def known_caller(state: RequestState) -> Caller | None:
    """The caller of a request that got as far as being known."""
    return cast("Caller | None", getattr(state, "caller", None))


async def only_declared_parameters(request: Request) -> None:
    """Refuses query parameters that the endpoint does not have, single ones given twice, and texts no database keeps."""
    declared = request.scope["route"].dependant.query_params
    known = {parameter.alias: parameter for parameter in declared}
    free = getattr(request.scope["endpoint"], "takes_key_elements", False)
    unknown = sorted(set(request.query_params.keys()) - set(known))
    if unknown and not free:
        raise Problem(
            "unknown_parameter",
            f"不认识的参数: {', '.join(unknown)} (unknown; known are {', '.join(sorted(known)) or 'none'})",
        )
    for name in sorted(set(request.query_params.keys())):
        if name != "filter" and len(request.query_params.getlist(name)) > 1:
            raise Problem("bad_request", f"参数 {name} 只能给一次 (given more than once)")
    refuse_unwritable([*request.path_params.values(), *request.query_params.values(), *request.query_params.keys()])
    if request.headers.get("content-type", "").lower().startswith("application/json"):
        body = await request.body()
        refuse_deep(body)
        _refuse_unwritable_json(body)


def _refuse_unwritable_json(body: bytes) -> None:
    # In JSON only an escape can bring such a text, so that hardly any body has to be read twice.
    if _SUSPECT_ESCAPE.search(body):
        with suppress(ValueError, RecursionError):  # not JSON: told where it is read
            refuse_unwritable(json.loads(body))


def _digits(value: object) -> object:
    # A query parameter is text; what else Python reads as a number (1.0, +5, 1_000) is not of the form.
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise ValueError("应为整数 (a whole number is expected)")
    return value


Whole = Annotated[int, BeforeValidator(_digits)]
Services = Annotated[Errands, Depends(errands_at_hand)]
Known = Annotated[Caller, Depends(caller)]
RequestId = Annotated[str, Depends(identity_at_hand)]
Strict = Depends(only_declared_parameters)
