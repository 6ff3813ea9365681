"""Bodies of snapshots that a department names and keeps."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from app.wire.models import Body


class PinIn(Body):
    """What to keep: one view, or all that one sees; as of now, of an instant, or of a snapshot; under which name."""

    view: Annotated[str, Field(max_length=200)] | None = None
    name: Annotated[str, Field(max_length=64)] | None = None
    as_of: Annotated[str, Field(max_length=100)] | None = None
    note: Annotated[str, Field(max_length=2_000)] | None = None


class PinnedViewOut(BaseModel):
    """A view in the version that was kept; ``snapshot`` is its id, for ``as_of``."""

    view: str
    version: int
    snapshot: str


class PinOut(BaseModel):
    """A snapshot under its name; the name serves as ``as_of`` for each of its views."""

    name: str
    department: str
    note: str | None
    pinned_at: str
    pinned_by: str
    views: list[PinnedViewOut]


class PinsOut(BaseModel):
    """The snapshots of a department, the newest first."""

    snapshots: list[PinOut]
