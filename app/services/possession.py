"""Proofs that a caller holds the key that a token is bound to (DPoP, RFC 9449). No nonces: proofs are used once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from app.services.signed_tokens import (
    ALGORITHMS,
    Unsigned,
    header_of,
    public_key,
    seconds,
    text_claim,
    verified,
)

_OLDEST_SECONDS = 120
_EARLIEST_SECONDS = 30
UseOnce = Callable[[str, datetime], bool]
"""Takes a name and until when it is remembered; tells whether it was never used before."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request brings in its DPoP header, and the request it is for (without its query)."""

    text: str
    method: str
    url: str


def proven_key(proof: Proof, now: datetime, use_once: UseOnce, access_token: str | None = None) -> str:
    """The thumbprint (RFC 7638) of the key that signed a proof for this request and, if given, this token.

    Raises ``Unsigned`` for a proof that is not of this request, not of now, or was seen before.
    """
    header = header_of(proof.text)
    if header.get("alg") not in ALGORITHMS or not str(header.get("typ", "")).lower().endswith("dpop+jwt"):
        raise Unsigned("proof")
    try:
        key = public_key(header.get("jwk"))
    except ValueError as error:
        raise Unsigned("jwk") from error
    claims = verified(proof.text, [key], ("dpop+jwt",))
    if claims.get("htm") != proof.method or _plain(text_claim(claims, "htu", 4_096)) != _plain(proof.url):
        raise Unsigned("htm, htu")
    issued = seconds(claims, "iat")
    if not now.timestamp() - _OLDEST_SECONDS <= issued <= now.timestamp() + _EARLIEST_SECONDS:
        raise Unsigned("iat")
    if access_token is not None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).decode().rstrip("=")
        if not hmac.compare_digest(text_claim(claims, "ath").encode(), digest.encode()):
            raise Unsigned("ath")
    thumbprint = key.thumbprint()
    until = datetime.fromtimestamp(issued, UTC) + timedelta(seconds=_OLDEST_SECONDS + _EARLIEST_SECONDS)
    if not use_once(f"proof\0{thumbprint}\0{text_claim(claims, 'jti')}", until):
        raise Unsigned("jti")
    return thumbprint


def _plain(url: str) -> tuple[str, str, int | None, str]:
    """A URL as they are compared: without query and fragment, the scheme's own port left out."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Unsigned("htu") from error
    scheme = parts.scheme.lower()
    usual = {"https": 443, "http": 80}.get(scheme)
    return scheme, (parts.hostname or "").lower(), usual if port is None else port, parts.path or "/"
