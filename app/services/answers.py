"""What a read gives back: a body or a stream, its headers, and what the audit says at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Finish = Callable[[str, int, str | None], None]
"""Called once at the end with outcome (``sent``, ``not_modified``, ``broken``), rows and digest of the body."""


@dataclass(slots=True)
class Answer:
    """An answer ready to be sent. Exactly one of ``body`` and ``stream`` is used; ``finish`` closes its audit entry."""

    status: int
    media_type: str
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    finish: Finish | None = None

    def close_now(self) -> None:
        """Close the audit entry of an answer whose bytes are all there."""
        if self.finish is not None:
            outcome = "not_modified" if self.status == 304 else "sent"
            self.finish(outcome, self.rows, hashlib.sha256(self.body).hexdigest())

    def chunks(self) -> Iterator[bytes]:
        """The stream, with the audit entry closed after its last byte or when it breaks off."""
        digest = hashlib.sha256()
        outcome = "broken"
        try:
            for chunk in self.stream or ():
                digest.update(chunk)
                yield chunk
            outcome = "sent"
        finally:
            if self.finish is not None:
                self.finish(outcome, self.rows, digest.hexdigest())


def entity_tag(*parts: bytes | str) -> str:
    """A strong entity tag: a digest of what is answered."""
    digest = hashlib.blake2b(digest_size=18)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return f'"{digest.hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, by weak comparison as RFC 9110 13.1.2 has it."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(item.strip().removeprefix("W/") == etag for item in if_none_match.split(","))
