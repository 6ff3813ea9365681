"""Clients that prove who they are with a key of their own (``private_key_jwt``, RFC 7523) and share no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.errors import Problem
from app.services.possession import UseOnce
from app.services.signed_tokens import (
    Unsigned,
    check_audience,
    check_times,
    claims_of,
    key_set,
    seconds,
    text_claim,
    verified,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_SECONDS = 600
_LEEWAY_SECONDS = 30
_TYPES = ("JWT", "client-authentication+jwt")


def client_of(assertion: str) -> str:
    """The credential id that an assertion claims to be of. Raises ``Unsigned``."""
    claims = claims_of(assertion)
    subject = text_claim(claims, "sub")
    if claims.get("iss") != subject:
        raise Unsigned("iss")
    return subject


def check_assertion(
    assertion: str, client: str, keys: Mapping[str, Any], audiences: Sequence[str], now: datetime, use_once: UseOnce
) -> None:
    """Raises ``Unsigned`` unless one of the client's keys signed this for us, for now, and for the first time."""
    claims = verified(assertion, key_set(keys, strict=False), _TYPES)
    if claims.get("sub") != client or claims.get("iss") != client:
        raise Unsigned("sub")
    check_audience(claims, audiences)
    check_times(claims, now, leeway=_LEEWAY_SECONDS, longest=_LONGEST_SECONDS)
    seconds(claims, "iat")
    until = datetime.fromtimestamp(seconds(claims, "exp"), UTC) + timedelta(seconds=_LEEWAY_SECONDS + 1)
    if not use_once(f"assertion\0{client}\0{text_claim(claims, 'jti')}", until):
        raise Unsigned("jti")


def checked_public_keys(document: object) -> dict[str, Any]:
    """A JWK set as it may be registered: public keys that we take, each with its name. Problem for any other."""
    try:
        keys = key_set(document, strict=True)
    except ValueError as error:
        raise Problem("bad_request", f"公钥集合不合要求 (not a JWK set that is taken): {error}") from error
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid or key.thumbprint()} for key in keys]}
