"""OAuth 2.0 client credentials (RFC 6749, 4.4) and the health of the service."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.context import Services
from app.api.problems import answers
from app.errors import Problem
from app.services.health import is_ready
from app.services.writable_texts import refuse_unwritable
from app.wire.models import TokenOut

router = APIRouter(tags=["service"])

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@router.post(
    "/oauth/token",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/TokenOut"}}}},
        **answers(400, 401, 413, 503),  # with the members of RFC 6749, 5.2 beside those of a problem
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "required": ["grant_type"],
                        "properties": {
                            "grant_type": {"type": "string", "enum": ["client_credentials"]},
                            "client_id": {"type": "string"},
                            "client_secret": {"type": "string"},
                        },
                    }
                }
            },
        }
    },
)
async def token(request: Request, services: Services) -> Response:
    """An access token for a credential id and its key."""
    async with request.form(max_files=0, max_fields=10) as form:
        given = {name: value for name, value in form.items() if isinstance(value, str)}
    if given.get("grant_type") != "client_credentials":
        code = "unsupported_grant_type" if given.get("grant_type") else "invalid_request"
        return _refused(400, code, "只支持 client_credentials (only client_credentials)")
    basic = _basic(request.headers.get("authorization"))
    identity, secret = basic or (given.get("client_id", ""), given.get("client_secret", ""))
    refuse_unwritable([identity, secret])
    try:
        made = await run_in_threadpool(services.authenticator.token, identity, secret)
    except Problem as problem:
        if problem.code != "unauthenticated":
            raise
        return _refused(401, "invalid_client", "凭证无效 (the client is not known)")
    return Response(orjson.dumps(made), 200, _NO_STORE, media_type="application/json")


def _refused(status: int, error: str, detail: str) -> Response:
    """An OAuth error (RFC 6749, 5.2) that is a problem document too, so that every error has one shape."""
    code = "unauthenticated" if status == 401 else "bad_request"
    body = {**Problem(code, detail).document(), "error": error, "error_description": detail}
    headers = {**_NO_STORE, "WWW-Authenticate": 'Basic realm="township"'} if status == 401 else _NO_STORE
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")


def _basic(header: str | None) -> tuple[str, str] | None:
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        identity, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return unquote(identity), unquote(secret)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=answers(503))
def readyz(services: Services) -> dict[str, str]:
    """The database answers and is of the newest form."""
    if not is_ready(services.registry):
        raise Problem(
            "unavailable", "数据库不可用或尚未升级 (the database does not answer or is not of the newest form)"
        )
    return {"status": "ready"}


SCHEMAS = (TokenOut,)
