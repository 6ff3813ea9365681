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
from app.services.auditing import Auditing
from app.services.credentials import Authenticator, unauthenticated
from app.services.dataset_records import DatasetReader
from app.services.explain import ViewExplainer
from app.services.follow import ViewFollower
from app.services.form_matching import FormMatcher
from app.services.mapped import MappedViews
from app.services.naming import StateNames
from app.services.read import ViewReader
from app.services.registry import Registry
from app.services.view_forms import ViewFormReader
from app.services.writable_texts import refuse_unwritable


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


def errands_of(registry: Registry) -> Errands:
    """The services over one open registry."""
    views = MappedViews(registry.settings.mapped_memory_bytes)
    names = StateNames(registry)
    auditing = Auditing(registry)
    return Errands(
        registry,
        auditing,
        Authenticator(registry),
        ViewReader(registry, views, names, auditing),
        ViewFollower(registry, views, names, auditing),
        DatasetReader(registry, views, auditing),
        ViewExplainer(registry, views, names, auditing),
        ViewFormReader(registry, views, auditing),
        FormMatcher(registry),
    )


_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")


def errands(request: Request) -> Errands:
    return cast("Errands", request.app.state.errands)


def request_id(request: Request) -> str:
    return str(request.scope["township.request_id"])


def caller(request: Request) -> Caller:
    """The caller behind ``Authorization: Bearer``; 401 in one wording for all that is missing or not valid."""
    found = authenticate(errands(request), request.headers.get("Authorization"))
    request.state.caller = found
    return found


def authenticate(services: Errands, header: str | None) -> Caller:
    scheme, _, presented = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not presented.strip():
        raise unauthenticated()
    return services.authenticator.caller(presented.strip())


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
        _refuse_unwritable_json(await request.body())


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
Services = Annotated[Errands, Depends(errands)]
Known = Annotated[Caller, Depends(caller)]
RequestId = Annotated[str, Depends(request_id)]
Strict = Depends(only_declared_parameters)
