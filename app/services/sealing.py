"""Tokens that leave the house: opaque, not forgeable, and the same for the same content.

AES-SIV is deterministic authenticated encryption (RFC 5297): equal content gives equal tokens, so that an answer
that says the same is the same, and nothing can be read from or changed in a token without the registry's key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.errors import Problem

_LONGEST = 8_192
_BLOCK = 32


class Sealer:
    """Seals and opens small JSON values. ``purpose`` keeps tokens of one kind from being used as another."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESSIV(hashlib.sha512(b"township seal" + key).digest())

    def seal(self, purpose: str, value: Any) -> str:
        text = orjson.dumps(value)
        # Blanks at the end mean nothing in JSON; without them the length would tell how large a number is.
        padded = text.ljust(-(-len(text) // _BLOCK) * _BLOCK)
        sealed = self._cipher.encrypt(padded, [purpose.encode()])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, purpose: str, token: str) -> Any:
        """The value that was sealed; ``Problem('bad_cursor')`` for anything else, always in the same words."""
        if len(token) <= _LONGEST:
            try:
                sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
                return orjson.loads(self._cipher.decrypt(sealed, [purpose.encode()]))
            except (InvalidTag, ValueError, binascii.Error):
                pass
        raise Problem("bad_cursor", "游标或快照标识无效或已失效 (the cursor or snapshot id is not valid)")

    def name(self, purpose: str, digest: str) -> str:
        """A name for a state: the same for the same digest, saying nothing about it."""
        mac = hmac.new(self._key, f"{purpose}\0{digest}".encode(), hashlib.sha256)
        return base64.b32encode(mac.digest()[:20]).decode().lower()
