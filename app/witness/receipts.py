"""Receipts: what was asked and answered, signed by the registry (a compact JWS, RFC 7515, with Ed25519 of RFC 9864).

A receipt is checked with the published key alone; its ``entry.leaf`` is the hash under which the audit's tree has it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from app.witness.merkle import ProofFault

ALGORITHM = "Ed25519"
TYPE = "township-receipt+jwt"


def public_jwk(public: bytes) -> dict[str, str]:
    """The public key as a JWK (RFC 8037); ``kid`` is its thumbprint (RFC 7638)."""
    told = {"crv": "Ed25519", "kty": "OKP", "x": _coded(public)}
    thumbprint = hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).digest()
    return {**told, "kid": _coded(thumbprint), "use": "sig", "alg": ALGORITHM}


def sign_receipt(claims: Mapping[str, Any], seed: bytes, public: bytes) -> str:
    """The receipt with these claims. ``seed`` is the private key of ``public``."""
    jwk = public_jwk(public)
    header = {"alg": ALGORITHM, "kid": jwk["kid"], "typ": TYPE}
    key = OKPKey.import_key({"crv": "Ed25519", "kty": "OKP", "x": jwk["x"], "d": _coded(seed)})
    return jws.serialize_compact(header, orjson.dumps(dict(claims)), key, algorithms=[ALGORITHM])


def read_receipt(receipt: str, jwk: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of a receipt that this key has signed. Raises ProofFault for any other text."""
    try:
        key = OKPKey.import_key({name: jwk[name] for name in ("crv", "kty", "x")})
        found = jws.deserialize_compact(receipt, key, algorithms=[ALGORITHM])
        claims = orjson.loads(found.payload or b"")
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ProofFault("回执不是由该密钥签署的 (the receipt is not signed by this key)") from error
    if found.headers().get("typ") != TYPE or not isinstance(claims, dict):
        raise ProofFault("不是回执 (not a receipt)")
    return claims


def check_answer(claims: Mapping[str, Any], chunks: Iterable[bytes]) -> None:
    """That these bytes are the answer the receipt is about. Raises ProofFault."""
    digest, length = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        length += len(chunk)
    answer = claims.get("answer")
    told = answer if isinstance(answer, Mapping) else {}
    if told.get("sha256") != digest.hexdigest() or told.get("bytes") != length:
        raise ProofFault("数据与回执不符 (the data is not what the receipt is about)")


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
