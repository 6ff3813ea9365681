"""OAuth 2.0 for programs: client credentials, revocation, introspection and what the registry says of itself.

RFC 6749 4.4, RFC 7523 (``private_key_jwt``), RFC 9068, RFC 7009, RFC 7662, RFC 8414, RFC 9449.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.errors import Problem
from app.services.authentication import Authenticator
from app.services.brake import source_of
from app.services.client_assertions import ASSERTION_TYPE, check_assertion, client_of
from app.services.possession import Proof, proven_key
from app.services.registry import Registry
from app.services.signed_tokens import ALGORITHMS, Unsigned
from app.store import credentials as kept
from app.store.credentials import Credential

GRANT = "client_credentials"


@dataclass(frozen=True, slots=True)
class ClientClaim:
    """How a client says who it is: the fields of the form, those of Basic if it used it, and whence it came.

    ``issuer`` is our own address, ``endpoint`` that of what was asked.
    """

    form: Mapping[str, str]
    basic: tuple[str, str] | None
    address: str | None
    issuer: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client that proved who it is; ``until`` is the end of the key it used, if that is a former one."""

    credential: Credential
    until: datetime | None = None


def oauth_problem(error: str, detail: str, status: int = 400) -> Problem:
    """An OAuth error (RFC 6749, 5.2) that is a problem document too, so that every error has one shape."""
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="township"'
    code = "unauthenticated" if status == 401 else "bad_request"
    return Problem(code, detail, headers=headers, extra={"error": error, "error_description": detail})


class AuthorizationServer:
    """Gives, tells of and ends access tokens. One for each process."""

    def __init__(self, registry: Registry, authenticator: Authenticator) -> None:
        self._registry = registry
        self._authenticator = authenticator

    def client(self, claim: ClientClaim) -> Client:
        """The client, by its secret or its signed assertion. 401 ``invalid_client`` in one wording for all that fails."""
        form = claim.form
        ways = [
            claim.basic is not None,
            "client_secret" in form,
            "client_assertion" in form or "client_assertion_type" in form,
        ]
        if sum(ways) > 1:
            raise oauth_problem("invalid_request", "客户端只能用一种方式证明身份 (more than one client authentication)")
        source = source_of(claim.address)
        self._authenticator.brake.admit(source)
        now = self._registry.now()
        try:
            found = self._by_assertion(claim, now) if ways[2] else self._by_secret(claim, now)
        except Unsigned as reason:
            self._authenticator.brake.failed(source)
            named = form.get("client_id", claim.basic[0] if claim.basic else "")
            if named:
                self._authenticator.brake.failed(f"client {named[:100]}")
                self._authenticator.brake.admit(f"client {named[:100]}")
            raise oauth_problem("invalid_client", "凭证无效 (the client is not known)", 401) from reason
        return found

    def _by_secret(self, claim: ClientClaim, now: datetime) -> Client:
        identity, secret = claim.basic or (claim.form.get("client_id", ""), claim.form.get("client_secret", ""))
        with self._registry.database.read() as cx:
            found = kept.find_by_secret(cx, identity, secret)
        if found is None or not found.valid(now):
            raise Unsigned("secret")
        return Client(found.credential, found.until)

    def _by_assertion(self, claim: ClientClaim, now: datetime) -> Client:
        if claim.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise Unsigned("type of assertion")
        assertion = claim.form.get("client_assertion", "")
        identity = client_of(assertion)
        if not hmac.compare_digest(claim.form.get("client_id", identity).encode(), identity.encode()):
            raise Unsigned("client_id")
        with self._registry.database.read() as cx:
            credential = kept.get(cx, identity)
        if credential is None or credential.public_keys is None or not credential.valid(now):
            raise Unsigned("client")
        audiences = (claim.issuer, f"{claim.issuer}/", f"{claim.issuer}/oauth/token", claim.endpoint)
        try:
            check_assertion(assertion, identity, credential.public_keys, audiences, now, self._authenticator.use_once)
        except ValueError as error:
            raise Unsigned("keys") from error
        return Client(credential)

    def token(self, client: Client, issuer: str, proof: Proof | None) -> dict[str, Any]:
        """An access token (RFC 6749, 5.1), bound to the key of ``proof`` where there is one."""
        now = self._registry.now()
        thumbprint = None
        if proof is not None:
            try:
                thumbprint = proven_key(proof, now, self._authenticator.use_once)
            except Unsigned as reason:
                detail = "DPoP 证明无效 (the DPoP proof is not valid)"
                raise oauth_problem("invalid_dpop_proof", detail) from reason
        elif client.credential.bound:
            raise oauth_problem("invalid_dpop_proof", "此凭证须附 DPoP 证明 (this client has to send a DPoP proof)")
        settings = self._registry.settings
        form: kept.TokenForm = "twj" if settings.token_form == "jwt" else "twt"  # noqa: S105 - the form of a token, not one
        with self._registry.database.journal() as cx:
            token, expires = kept.issue_token(
                cx,
                client.credential,
                now,
                timedelta(seconds=settings.token_lifetime_seconds),
                until=client.until,
                thumbprint=thumbprint,
                form=form,
            )
        if form == "twj":
            token = self._authenticator.signer.sign(token, client.credential.id, issuer, (now, expires), thumbprint)
        return {
            "access_token": token,
            "token_type": "Bearer" if thumbprint is None else "DPoP",
            "expires_in": max(0, int((expires - now).total_seconds())),
        }

    def revoke(self, client: Client, token: str) -> None:
        """End one of the client's own tokens at once; what is none of them is passed over (RFC 7009, 2.2)."""
        stored = self._authenticator.stored_token(token, self._registry.now())
        if stored is None or stored.credential_id != client.credential.id:
            return
        name, form = self._authenticator.token_name(token)
        with self._registry.database.journal() as cx:
            kept.end_token(cx, name, form)
        # Every process looks again at all it knows once the epoch has moved.
        with self._registry.database.write() as write:
            write.epoch(f"token of {client.credential.id} ended")

    def introspect(self, client: Client, token: str) -> dict[str, Any]:
        """What a token of the client's own is (RFC 7662, 2.2); an administrator's client may ask about any."""
        now = self._registry.now()
        stored = self._authenticator.stored_token(token, now)
        if stored is None:
            return {"active": False}
        with self._registry.database.read() as cx:
            credential = kept.get(cx, stored.credential_id)
        own = stored.credential_id == client.credential.id or client.credential.kind == "admin"
        if credential is None or not credential.valid(now) or not own:
            return {"active": False}
        told: dict[str, Any] = {
            "active": True,
            "client_id": stored.credential_id,
            "sub": stored.credential_id,
            "token_type": "Bearer" if stored.thumbprint is None else "DPoP",
            "iat": int(stored.created_at.timestamp()),
            "exp": int(stored.expires_at.timestamp()),
        }
        if stored.thumbprint is not None:
            told["cnf"] = {"jkt": stored.thumbprint}
        return told

    def metadata(self, issuer: str) -> dict[str, Any]:
        """What clients need to know (RFC 8414, 2)."""
        ways = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
        endpoints = {
            f"{name}_endpoint_auth_{what}": value
            for name in ("token", "revocation", "introspection")
            for what, value in (("methods_supported", ways), ("signing_alg_values_supported", list(ALGORITHMS)))
        }
        return {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/oauth/token",
            "revocation_endpoint": f"{issuer}/oauth/revoke",
            "introspection_endpoint": f"{issuer}/oauth/introspect",
            "jwks_uri": f"{issuer}/oauth/jwks",
            "grant_types_supported": [GRANT],
            "response_types_supported": [],
            "dpop_signing_alg_values_supported": list(ALGORITHMS),
            **endpoints,
        }
