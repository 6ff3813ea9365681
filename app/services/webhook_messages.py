"""What a webhook says: CloudEvents 1.0 in structured JSON, thin. It tells that there is something, and where to ask."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from app.store.events import KeptEvent
from app.store.ids import new_id

MEDIA_TYPE = "application/cloudevents+json"
VIEW_CHANGED = "township.view.changed"
TRIAL = "township.webhook.test"
EVENTS = "events"
TEST = "test"


def view_topic(code: str) -> str:
    return f"view:{code}"


def view_message(code: str, since: str, now: datetime) -> dict[str, Any]:
    """A view shows this receiver something else than at ``since``, the last state it was told of."""
    source = f"/v1/views/{quote(code)}"
    feed = f"{source}/changes?{urlencode({'since': since})}"
    return _envelope(new_id(), VIEW_CHANGED, source, code, now, {"feed": feed})


def event_message(kept: KeptEvent, since: str) -> dict[str, Any]:
    """An event of the event feed; what it says is read there."""
    feed = f"/v1/events?{urlencode({'since': since})}"
    return _envelope(kept.name, kept.event.kind, "/v1/events", kept.event.subject, kept.at, {"feed": feed})


def test_message(now: datetime) -> dict[str, Any]:
    return _envelope(new_id(), TRIAL, "/v1/webhooks", "test", now, {})


def _envelope(
    identity: str, kind: str, source: str, subject: str, at: datetime, data: dict[str, Any]
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": identity,
        "type": kind,
        "source": source,
        "subject": subject,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
