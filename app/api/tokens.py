"""OAuth 2.0: tokens given, told of and ended, and what the registry says of itself; the health of the service."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.context import Services, own_address, proof_of, told_of
from app.api.problems import answers
from app.errors import Problem
from app.services.health import is_ready
from app.services.oauth import GRANT, ClientClaim, oauth_problem
from app.services.writable_texts import refuse_unwritable
from app.wire.models import TokenOut

router = APIRouter(tags=["service"])

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_CLIENT = {
    "client_id": {"type": "string"},
    "client_secret": {"type": "string"},
    "client_assertion_type": {"type": "string"},
    "client_assertion": {"type": "string"},
}


def _form(required: str, **fields: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": [required], "properties": {**fields, **_CLIENT}}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


_JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
_ERRORS = answers(400, 401, 413, 414, 429, 431, 503)  # with the members of RFC 6749, 5.2 beside those of a problem


@router.post(
    "/oauth/token",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/TokenOut"}}}},
        **_ERRORS,
    },
    openapi_extra=_form("grant_type", grant_type={"type": "string", "enum": [GRANT]}),
)
async def token(request: Request, services: Services) -> Response:
    """An access token for a client: credential id and key (Basic or in the form), or a signed assertion."""
    form = await _fields(request)
    if form.get("grant_type") != GRANT:
        code = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
        raise oauth_problem(code, "只支持 client_credentials (only client_credentials)")
    claim = _claim(request, form)

    def give() -> dict[str, Any]:
        client = services.authorization.client(claim)
        told_of(request, client.credential.caller)
        return services.authorization.token(client, claim.issuer, proof_of(request))

    made = await run_in_threadpool(give)
    return Response(orjson.dumps(made), 200, _NO_STORE, media_type="application/json")


@router.post(
    "/oauth/revoke",
    response_class=Response,
    responses={200: {"description": "Ended, or not one of the client's"}, **_ERRORS},
    openapi_extra=_form("token", token={"type": "string"}, token_type_hint={"type": "string"}),
)
async def revoke(request: Request, services: Services) -> Response:
    """End one of the client's own access tokens at once (RFC 7009)."""
    form = await _fields(request)
    claim = _claim(request, form)

    def end() -> None:
        client = services.authorization.client(claim)
        told_of(request, client.credential.caller)
        services.authorization.revoke(client, _token_in(form))

    await run_in_threadpool(end)
    return Response(b"", 200, _NO_STORE)


@router.post(
    "/oauth/introspect",
    response_class=Response,
    responses={**_JSON, **_ERRORS},
    openapi_extra=_form("token", token={"type": "string"}, token_type_hint={"type": "string"}),
)
async def introspect(request: Request, services: Services) -> Response:
    """Whether an access token is active, and what it is (RFC 7662); only of the client's own, or to administrators."""
    form = await _fields(request)
    claim = _claim(request, form)

    def look() -> dict[str, Any]:
        client = services.authorization.client(claim)
        told_of(request, client.credential.caller)
        return services.authorization.introspect(client, _token_in(form))

    return Response(orjson.dumps(await run_in_threadpool(look)), 200, _NO_STORE, media_type="application/json")


@router.get("/oauth/jwks", responses=answers(414, 431))
def jwks(services: Services) -> dict[str, Any]:
    """The public keys under which access tokens are signed."""
    return services.authenticator.signer.public_keys()


@router.get("/.well-known/oauth-authorization-server", responses=answers(414, 431))
def metadata(request: Request, services: Services) -> dict[str, Any]:
    """What a client of OAuth needs to know (RFC 8414)."""
    return services.authorization.metadata(own_address(request))


async def _fields(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=10) as form:
        given = form.multi_items()
    fields = {name: value for name, value in given if isinstance(value, str)}
    if len(fields) != len(given):
        raise oauth_problem("invalid_request", "每个参数只能给一次 (a parameter is given more than once)")
    try:
        refuse_unwritable([*fields, *fields.values()])
    except Problem as problem:
        raise oauth_problem("invalid_request", problem.detail) from problem
    return fields


def _claim(request: Request, form: dict[str, str]) -> ClientClaim:
    issuer = own_address(request)
    basic = _basic(request.headers.get("authorization"))
    if basic is not None:
        refuse_unwritable(basic)
    address = request.client.host if request.client is not None else None
    return ClientClaim(form, basic, address, issuer, issuer + request.url.path)


def _token_in(form: dict[str, str]) -> str:
    if not form.get("token"):
        raise oauth_problem("invalid_request", "缺少 token (token is missing)")
    return form["token"]


def _basic(header: str | None) -> tuple[str, str] | None:
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        identity, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return unquote_plus(identity), unquote_plus(secret)


@router.get("/healthz", responses=answers(414, 431))
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=answers(414, 431, 503))
def readyz(services: Services) -> dict[str, str]:
    """The database answers and is of the newest form."""
    if not is_ready(services.registry):
        raise Problem(
            "unavailable", "数据库不可用或尚未升级 (the database does not answer or is not of the newest form)"
        )
    return {"status": "ready"}


SCHEMAS = (TokenOut,)
