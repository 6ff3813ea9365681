"""Tokens signed by others or by us, read in one strict way: known algorithms, the right kind of key, the right type.

Everything that is wrong with one raises ``Unsigned``; what it was is nobody's business but the log's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

Key = OKPKey | ECKey | RSAKey
# RFC 9864 has new names for what is still commonly sent as EdDSA; with Ed25519 keys alone both say the same.
ALGORITHMS = ("Ed25519", "EdDSA", "ES256", "PS256", "RS256")
_SHORTEST_RSA = 2_048
_LONGEST_RSA = 8_192  # longer ones only cost time
_LONGEST = 16_384
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class Unsigned(Exception):
    """The token is not one that may be believed."""


class _Registry(JWSRegistry):
    """Allows ``ALGORITHMS`` and no other, whatever a token says of itself."""

    max_header_length = 4_096
    max_payload_length = 8_192

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"algorithm {name!r}")
        return self.algorithms[name]


_REGISTRY = _Registry(strict_check_header=False)


def public_key(document: object) -> Key:
    """The public key of a JWK: Ed25519, P-256 or RSA of 2,048 to 8,192 bits. ValueError for any other, and for private ones."""
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        raise ValueError("a JWK is an object")
    if _PRIVATE & document.keys():
        raise ValueError("the key is not a public one")
    try:
        # Looked at first: the library takes a short key with a mere warning.
        if document.get("kty") == "RSA" and not _SHORTEST_RSA <= _bits(document["n"]) <= _LONGEST_RSA:
            raise ValueError("an RSA key has from 2048 to 8192 bits")  # noqa: TRY301
        key = JWKRegistry.import_key(document)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("the key can not be read") from error
    if not isinstance(key, Key) or (not isinstance(key, RSAKey) and key.curve_name not in _CURVES):
        raise ValueError("Ed25519, P-256 or RSA is taken")
    if document.get("use", "sig") != "sig":
        raise ValueError("the key is not for signatures")
    return key


_CURVES = frozenset({"Ed25519", "P-256"})


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(number.encode()), "big").bit_length()


def key_set(document: object, *, strict: bool) -> tuple[Key, ...]:
    """The keys of a JWK set. ``strict``: each must be one we take; else others are passed over. ValueError for none."""
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list):
        raise ValueError("a JWK set has a list of keys")  # noqa: TRY004 - all faults of a set are of one kind
    found: list[Key] = []
    for member in members[:_MOST_KEYS]:
        try:
            found.append(public_key(member))
        except ValueError:
            if strict:
                raise
    if not found or (strict and len(members) > _MOST_KEYS):
        raise ValueError(f"a JWK set has from 1 to {_MOST_KEYS} keys")
    return tuple(found)


_MOST_KEYS = 20


def header_of(token: str) -> Mapping[str, Any]:
    """The header of a token, believed in nothing. Raises ``Unsigned`` for what is no token."""
    return _parsed(_parts(token)[0])


def claims_of(token: str) -> Mapping[str, Any]:
    """The claims of a token before they are believed: only to find out whose keys to ask."""
    return _parsed(_parts(token)[1])


def verified(token: str, keys: Sequence[Key], types: Sequence[str]) -> Mapping[str, Any]:
    """The claims of a token that one of the keys signed and whose header says one of ``types`` (absent counts as JWT)."""
    header = header_of(token)
    kind = header.get("typ", "JWT")
    wanted = {name.lower().removeprefix("application/") for name in types}
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in wanted:
        raise Unsigned("type")
    for key in keys:
        # A key that has no name may be meant by any; a token that names none may be signed by any.
        if key.kid is not None and header.get("kid", key.kid) != key.kid:
            continue
        try:
            found = jws.deserialize_compact(token.encode(), key, registry=_REGISTRY)
        except (JoseError, ValueError, TypeError):
            continue
        return _object(found.payload)
    raise Unsigned("signature")


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: Key) -> str:
    """A token of ours."""
    return jws.serialize_compact(dict(header), orjson.dumps(claims), key, registry=_REGISTRY)


def check_times(claims: Mapping[str, Any], now: datetime, *, leeway: int = 0, longest: int | None = None) -> None:
    """``exp`` is there and not reached, ``nbf`` and ``iat`` are not to come; the end is at most ``longest`` seconds away."""
    moment = now.timestamp()
    expires = _number(claims.get("exp"))
    if expires is None or expires + leeway <= moment or (longest is not None and expires > moment + longest + leeway):
        raise Unsigned("exp")
    for name in ("nbf", "iat"):
        if name in claims:
            value = _number(claims[name])
            if value is None or value > moment + max(leeway, _SKEW):
                raise Unsigned(name)


_SKEW = 30


def seconds(claims: Mapping[str, Any], name: str) -> float:
    """A time among the claims, in seconds since 1970. Raises ``Unsigned`` where it is none."""
    value = _number(claims.get(name))
    if value is None:
        raise Unsigned(name)
    return value


def check_audience(claims: Mapping[str, Any], accepted: Sequence[str]) -> None:
    """``aud`` names one of those accepted."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(each, str) and each in accepted for each in named):
        raise Unsigned("aud")


def text_claim(claims: Mapping[str, Any], name: str, longest: int = 255) -> str:
    """A claim that is a text with something in it. Raises ``Unsigned`` for any other."""
    value = claims.get(name)
    if not isinstance(value, str) or not value or len(value) > longest:
        raise Unsigned(name)
    return value


def fingerprint(text: str) -> str:
    """A name of fixed length for what must not be kept itself."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _parts(token: str) -> tuple[bytes, bytes]:
    if len(token) > _LONGEST or not token.isascii():
        raise Unsigned("form")
    parts = token.split(".")
    if len(parts) != 3:
        raise Unsigned("form")
    return parts[0].encode(), parts[1].encode()


def _parsed(part: bytes) -> Mapping[str, Any]:
    try:
        return _object(urlsafe_b64decode(part))
    except (JoseError, ValueError, TypeError) as error:
        raise Unsigned("form") from error


def _object(payload: bytes | None) -> Mapping[str, Any]:
    try:
        value = orjson.loads(payload or b"")
    except orjson.JSONDecodeError as error:
        raise Unsigned("form") from error
    if not isinstance(value, dict):
        raise Unsigned("form")
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LAST_MOMENT:
        return None
    return float(value)


_LAST_MOMENT = 1e11
