"""Access tokens after RFC 9068: signed with a key of the registry, saying nothing but ids and times.

The name within (``jti``) leads to a row of the journal, as that of an opaque token does. The signature lets others check
whom a token stands for; that it is there lets us end it at once, and who has the key alone (from a backup) can make none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import OKPKey

from app.services.signed_tokens import Unsigned, header_of, signed, text_claim, verified

TYPE = "at+jwt"


class TokenSigner:
    """Signs and recognises the registry's own tokens. The key is derived from the one that the registry keeps."""

    def __init__(self, registry_key: bytes) -> None:
        seed = HKDF(SHA256(), 32, salt=None, info=b"township access tokens").derive(registry_key)
        bare = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))
        self._name = bare.thumbprint()
        self._key = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed), {"kid": self._name})

    def public_keys(self) -> dict[str, Any]:
        """The JWK set by which others check tokens."""
        return {"keys": [{**self._key.as_dict(private=False), "kid": self._name, "use": "sig", "alg": "Ed25519"}]}

    def sign(
        self, name: str, credential: str, issuer: str, times: tuple[datetime, datetime], thumbprint: str | None
    ) -> str:
        """A token for a credential from the first of ``times`` to the second, bound to a key if there is a thumbprint."""
        issued, expires = times
        claims: dict[str, Any] = {
            "iss": issuer,
            "aud": issuer,
            "sub": credential,
            "client_id": credential,
            "iat": int(issued.timestamp()),
            "exp": int(expires.timestamp()),
            "jti": name,
        }
        if thumbprint is not None:
            claims["cnf"] = {"jkt": thumbprint}
        return signed({"typ": TYPE, "alg": "Ed25519", "kid": self._name}, claims, self._key)

    def is_ours(self, token: str) -> bool:
        """Whether the token names our key; nothing is said of whether it is valid."""
        try:
            return header_of(token).get("kid") == self._name
        except Unsigned:
            return False

    def name_in(self, token: str, issuer: str | None) -> str:
        """The name within a token of ours (of this ``issuer``, where that is settled). Raises ``Unsigned``."""
        claims: Mapping[str, Any] = verified(token, [self._key], (TYPE,))
        told = text_claim(claims, "iss")
        if claims.get("aud") != told or (issuer is not None and told != issuer):
            raise Unsigned("iss")
        return text_claim(claims, "jti")
