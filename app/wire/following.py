"""Bodies of what is told: events and webhooks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.wire.models import Body


class EventOut(BaseModel):
    """One event. ``id`` is the same wherever it is told; ``view`` is the view it is about, if it is about one."""

    id: str
    time: str
    type: str
    subject: str
    view: str | None
    data: dict[str, Any]


class EventsOut(BaseModel):
    """Events in order, and the cursor to go on from."""

    events: list[EventOut]
    next: str
    more: bool


class WebhookIn(Body):
    """Where to, and what of: views by code, events by kind (``*``: of every kind)."""

    url: str = Field(max_length=2_000)
    views: list[str] = Field(default=[], max_length=100)
    kinds: list[Annotated[str, Field(max_length=200)]] = Field(default=[], max_length=100)


class WebhookOut(BaseModel):
    """A webhook without its secret, of a department or of a region. ``ended_because``: gone (410), failing, credential."""

    id: str
    department: str | None
    region: str | None
    url: str
    views: list[str]
    kinds: list[str]
    created_at: str
    created_by: str
    ended_at: str | None
    ended_because: str | None


class NewWebhookOut(WebhookOut):
    """A webhook just made: its secret, shown this once, and for each view the cursor that the telling begins from."""

    secret: str
    cursors: dict[str, str]


class AttemptOut(BaseModel):
    """One try to deliver a message. ``outcome``: delivered, refused, gone, timeout, unreachable, address_refused."""

    message: str
    at: str
    status: int | None
    outcome: str


class OneWebhookOut(WebhookOut):
    """A webhook and its last attempts, newest first."""

    attempts: list[AttemptOut]


class WebhooksOut(BaseModel):
    webhooks: list[WebhookOut]


class TrialOut(BaseModel):
    """The id of the trial message, as ``webhook-id`` will have it."""

    message: str
