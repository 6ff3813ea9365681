"""Sending a file in pieces: what has arrived stays when the line drops, and sending goes on from there."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from app.client.connection import TIMEOUT, Connection, Json, decoded
from app.client.errors import Conflict, NotFound, Unreachable
from app.client.retries import Retries
from app.client.transfer import Progress

PIECE = 4 * 1024 * 1024
PATIENT = httpx.Timeout(connect=TIMEOUT.connect, read=1_800.0, write=TIMEOUT.write, pool=TIMEOUT.pool)
"""For the submission itself: a million rows are checked and stored before the answer comes."""
_RETRIES = Retries(attempts=6)


def send_in_pieces(
    connection: Connection,
    file: Path,
    *,
    name: str,
    upload: str | None = None,
    begun: Callable[[str], None] | None = None,
    progress: Progress | None = None,
    retries: Retries = _RETRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """The id of the complete upload. ``upload``: one begun earlier, gone on with where it is still known.

    ``begun`` is told the id before the first piece goes. Gives up (Unreachable) after as many tries as ``retries`` has in
    which nothing arrived.
    """
    size = file.stat().st_size
    offset = _offset(connection, upload) if upload is not None else None
    if upload is None or offset is None:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        asked = {"filename": name, "size": size, "sha256": digest}
        upload, offset = str(decoded(connection.send("POST", "/v1/uploads", repeatable=True, json=asked))["id"]), 0
        if begun is not None:
            begun(upload)
    failures = 0
    with file.open("rb") as content:
        while offset < size:
            content.seek(offset)
            before = offset
            try:
                offset = _sent(connection, upload, offset, content.read(PIECE))
            except (Unreachable, Conflict):
                found = _offset(connection, upload)
                if found is None:
                    raise
                offset = found
                failures = failures + 1 if offset <= before else 0
                if failures >= retries.attempts:
                    raise
                if failures:
                    sleep(retries.wait(failures, random.random))
            else:
                failures = 0
            if progress is not None:
                progress(offset, size)
    return upload


def submit_upload(connection: Connection, upload: str, said: dict[str, Any], idempotency_key: str) -> Json:
    """Submit what was sent in pieces; asked again under the same key where the answer is lost."""
    response = connection.send(
        "POST",
        "/v1/submissions",
        parameters={**said, "upload": upload},
        repeatable=True,
        headers={"Idempotency-Key": idempotency_key},
        timeout=PATIENT,
    )
    answer: Json = decoded(response)
    return answer


def _sent(connection: Connection, upload: str, offset: int, piece: bytes) -> int:
    headers = {"Content-Type": "application/partial-upload", "Upload-Offset": str(offset)}
    answer = connection.send("PATCH", f"/v1/uploads/{upload}", content=piece, headers=headers)
    return int(answer.headers["Upload-Offset"])


def _offset(connection: Connection, upload: str) -> int | None:
    try:
        return int(connection.send("HEAD", f"/v1/uploads/{upload}").headers["Upload-Offset"])
    except NotFound:
        return None
