"""Receipts for answers: the answer is spooled first, so that the entry in the audit and the receipt know its digest."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from app.errors import Problem
from app.services.answers import Answer
from app.services.auditing import Reading
from app.services.registry import Registry
from app.store.audit import Place
from app.store.types import instant_text
from app.witness.receipts import sign_receipt

_IN_MEMORY = 1024 * 1024
_LONGEST_QUERY = 2_000  # a header has to hold the receipt
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """The request a receipt is asked for."""

    method: str
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class Spooled:
    """An answer whose bytes are all there, with their SHA-256 and their number."""

    answer: Answer
    sha256: str
    length: int


class Receipts:
    """Makes receipts in the name of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def spooled(self, answer: Answer) -> Spooled:
        """The same answer, whole. Raises Problem ``too_large`` where it would not fit the spool."""
        if answer.sha256 is not None and answer.length is not None:
            self._check_length(answer.length)
            return Spooled(answer, answer.sha256(), answer.length)
        if answer.stream is None:
            return Spooled(answer, hashlib.sha256(answer.body).hexdigest(), len(answer.body))
        digest, length = hashlib.sha256(), 0
        file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by who sends it
        try:
            for chunk in answer.stream:
                length += len(chunk)
                self._check_length(length)
                digest.update(chunk)
                file.write(chunk)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        answer.stream = _read(file)
        return Spooled(answer, digest.hexdigest(), length)

    def _check_length(self, length: int) -> None:
        most = self._registry.settings.receipt_spool_bytes
        if length > most:
            message = f"带回执的答复不得超过 {most} 字节，请分次读取 (too large for a receipt; ask for less at once)"
            raise Problem("too_large", message)

    def headers(self, asked: Asked, spooled: Spooled, reading: Reading, place: Place) -> dict[str, str]:
        """The headers that carry the receipt of an answer whose intent is written."""
        keys = self._registry.audit_tree.keys
        claims = {
            "iss": keys.origin,
            "iat": int(self._registry.now().timestamp()),
            "at": instant_text(self._registry.now()),
            "request": _request(asked),
            "request_id": reading.request_id,
            "credential": reading.caller.credential_id,
            "department": reading.caller.department,
            "view": reading.target,
            "version": reading.version,
            "snapshot": reading.snapshot,
            "agreements": list(reading.agreements),
            "answer": {
                "sha256": spooled.sha256,
                "bytes": spooled.length,
                "rows": spooled.answer.rows,
                "media_type": spooled.answer.media_type,
            },
            "entry": {"leaf": place.leaf, "hash": keys.hashing.name},
        }
        return {"Preference-Applied": "receipt", "Receipt": sign_receipt(claims, keys.seed, keys.public)}


def wants_receipt(prefer: str | None) -> bool:
    """Whether ``Prefer`` (RFC 7240) names the preference ``receipt``."""
    items = (item.partition(";")[0].strip().lower() for item in (prefer or "").split(","))
    return "receipt" in items


def _request(asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = {"method": asked.method, "path": asked.path}
    if len(asked.query) <= _LONGEST_QUERY:
        return {**told, "query": asked.query}
    return {**told, "query_sha256": hashlib.sha256(asked.query.encode()).hexdigest()}


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
