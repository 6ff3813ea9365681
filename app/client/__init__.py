"""The HTTP client and its commands. Knows the wire and the errors, nothing of the server."""

from app.client.errors import (
    Broken,
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Rejected,
    TownshipError,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from app.client.http import Township

__all__ = [
    "Broken",
    "Conflict",
    "Forbidden",
    "NotFound",
    "Refused",
    "Rejected",
    "Township",
    "TownshipError",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
]
