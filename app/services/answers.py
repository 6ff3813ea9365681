"""What a read gives back: a body or a stream, its headers, and what the audit says at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept, Accept-Encoding"}
"""Said with every answer from a view: it is for its reader alone."""
Finish = Callable[[str, int, str | None], None]
"""Called once at the end with outcome (``sent``, ``not_modified``, ``broken``), rows and digest of the body."""


@dataclass(slots=True)
class _Sent:
    """What left the house so far."""

    digest: hashlib._Hash
    ended: bool = False


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
    answered: Mapping[str, Any] | None = None
    """What was told, for the audit: see ``services.answered``."""

    release: Callable[[], None] | None = None
    """Gives back what the answer holds of a limit; called once, at its end."""
    longest_seconds: float | None = None
    """After so long a stream is broken off."""
    sha256: Callable[[], str] | None = None
    """The digest for the audit, where it is not of the bytes as they are sent: of those before any coding. Asked at the end."""
    length: int | None = None
    """How many bytes ``sha256`` is of, where that is known from the beginning."""
    _sent: _Sent | None = None

    def close_now(self, *, broken: bool = False) -> None:
        """Close the audit entry of an answer whose bytes are all there, after they were sent or when that broke off."""
        if self._sent is None:
            outcome = "broken" if broken else "not_modified" if self.status == 304 else "sent"
            self._sent = _Sent(hashlib.sha256(b"" if self.sha256 else self.body))
            self._end(outcome)

    def chunks(self) -> Iterator[bytes]:
        """The stream, with the audit entry closed after its last byte or when it breaks off."""
        sent = self._sent = _Sent(hashlib.sha256())
        outcome = "broken"
        try:
            for chunk in self.stream or ():
                if self.sha256 is None:
                    sent.digest.update(chunk)
                yield chunk
            outcome = "sent"
        finally:
            self._end(outcome)

    def abandon(self) -> None:
        """The answer goes no further: if it has not ended yet, it is broken off here. May be called at any time."""
        if self._sent is None:
            self._sent = _Sent(hashlib.sha256())
        self._end("broken")

    def _end(self, outcome: str) -> None:
        sent = self._sent
        if sent is None or sent.ended:
            return
        sent.ended = True
        try:
            if self.finish is not None:
                self.finish(outcome, self.rows, self.sha256() if self.sha256 else sent.digest.hexdigest())
        finally:
            # What the stream is made from is let go now, whoever still holds the answer.
            close = getattr(self.stream, "close", None)
            if close is not None:
                close()
            if self.release is not None:
                self.release()


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


def tag_in_coding(etag: str, coding: str) -> str:
    """The tag of an answer in a content coding: other bytes, so another tag."""
    return etag if coding == "identity" else f'{etag[:-1]}-{coding}"'
