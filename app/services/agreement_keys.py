"""The key of one agreement's hashes, derived from the registry's own: nobody is told it, and no two agreements share it."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def agreement_key(sealing_key: bytes, code: str) -> bytes:
    """32 bytes (HKDF, RFC 5869). The same for the same agreement in one registry, also in its later versions."""
    return HKDF(SHA256(), length=32, salt=None, info=b"township agreement hash\0" + code.encode()).derive(sealing_key)
