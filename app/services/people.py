"""People whom an external OpenID Connect issuer vouches for, as the configuration says who is what."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from app.policy.callers import Caller
from app.services.issuer_keys import IssuerKeys
from app.services.registry import Registry
from app.services.signed_tokens import (
    Unsigned,
    check_audience,
    check_times,
    claims_of,
    header_of,
    seconds,
    text_claim,
    verified,
)
from app.settings import OidcIssuer, PersonRule

_LEEWAY_SECONDS = 30
_LONGEST_SECONDS = 86_400


class People:
    """From a token of a configured issuer to a Caller. One for each process."""

    def __init__(self, registry: Registry, transport: httpx.BaseTransport | None = None) -> None:
        self._registry = registry
        self._issuers = {
            issuer.issuer: (issuer, IssuerKeys(issuer, transport=transport))
            for issuer in registry.settings.oidc_issuers
        }

    def person(self, token: str, now: datetime) -> tuple[Caller, datetime]:
        """Who it is, and until when the token says so. Raises ``Unsigned`` for everything that is not in order."""
        claimed = claims_of(token).get("iss")
        issuer, keys = self._issuers.get(claimed, (None, None)) if isinstance(claimed, str) else (None, None)
        if issuer is None or keys is None:
            raise Unsigned("issuer")
        claims = verified(token, keys.keys(header_of(token).get("kid")), issuer.token_types)
        if claims.get("iss") != issuer.issuer:
            raise Unsigned("iss")
        check_audience(claims, (issuer.audience,))
        check_times(claims, now, leeway=_LEEWAY_SECONDS, longest=_LONGEST_SECONDS)
        if "cnf" in claims:
            raise Unsigned("bound to a key that we do not ask for")
        caller = self._mapped(issuer, claims)
        return caller, datetime.fromtimestamp(seconds(claims, "exp") + _LEEWAY_SECONDS, UTC)

    def _mapped(self, issuer: OidcIssuer, claims: Mapping[str, Any]) -> Caller:
        subject = text_claim(claims, "sub", 1_024)
        digest = hashlib.sha256(f"{issuer.issuer}\0{subject}".encode()).digest()
        identity = "person-" + base64.b32encode(digest[:15]).decode().lower()
        shown = claims.get(issuer.name_claim)
        name = shown[:200] if isinstance(shown, str) and shown.isprintable() and shown.strip() else identity
        rule = next((rule for rule in issuer.rules if _holds(rule, claims)), None)
        if rule is None:
            raise Unsigned("no rule")
        if rule.kind != "region":
            return Caller(rule.kind, identity, name)
        code = rule.region if rule.region is not None else text_claim(claims, rule.region_claim or "")
        region = self._registry.state().regions.holder(code, self._registry.today())
        if region is None:
            raise Unsigned("region")
        return Caller("region", identity, name, region_id=region, role=rule.role or "clerk")


def _holds(rule: PersonRule, claims: Mapping[str, Any]) -> bool:
    """Whether a claim has the value, or has it among several; ``a.b`` is member ``b`` of claim ``a``."""
    value: Any = claims
    for part in (rule.claim,) if rule.claim in claims else rule.claim.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return rule.value in value if isinstance(value, list) else value == rule.value
