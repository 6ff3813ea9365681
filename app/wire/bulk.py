"""The bodies of uploads in pieces."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from app.wire.models import Body


class UploadIn(Body):
    """A file to come in pieces. ``filename`` tells rows (.ndjson, .jsonl) from a workbook; ``sha256`` is checked at its end."""

    filename: str = Field(min_length=1, max_length=255)
    size: int = Field(gt=0, le=2**53)
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class UploadOut(BaseModel):
    """An upload that has begun: ``offset`` bytes of ``size`` are there; forgotten at ``expires_at``."""

    id: str
    offset: int
    size: int
    expires_at: datetime
