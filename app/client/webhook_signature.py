"""The receiver's side of webhooks: whether a message is genuine, after Standard Webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

TOLERANCE_SECONDS = 300


class BadSignature(ValueError):
    """The message is not from who has the secret, or it is too old."""


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    tolerance_seconds: int = TOLERANCE_SECONDS,
) -> str:
    """The message id of a genuine, recent message; raises BadSignature for any other.

    ``body`` are the bytes as they came. Messages may come more than once: keep the ids of those that were dealt with.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        identity, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        sent = int(timestamp)
    except (KeyError, ValueError) as error:
        raise BadSignature("a header webhook-id, webhook-timestamp or webhook-signature is missing") from error
    if abs((time.time() if now is None else now) - sent) > tolerance_seconds:
        raise BadSignature("the message is too old, or the clocks differ")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise BadSignature("the secret is not of the form whsec_…") from error
    mac = hmac.new(key, f"{identity}.{sent}.".encode() + body, hashlib.sha256)
    wanted = f"v1,{base64.b64encode(mac.digest()).decode()}"
    if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in signatures.split()):
        raise BadSignature("the signature is not right")
    return identity
