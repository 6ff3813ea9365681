"""A mapping beside the published one: kept as a draft, published when it is right, or taken back from an earlier version.

A draft may have faults, which are told; publishing needs it faultless. It may name a day on which it will be published:
then those who read a field that it takes away or retypes are told of its end in advance.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from app.errors import Problem
from app.mapping.compile import check_view
from app.mapping.plan import Plan
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import CHINA, Registry, State
from app.services.views import as_written, differences, etag_of
from app.services.visible_views import VisibleView
from app.store import definitions
from app.store.definitions import StoredDefinition

_KIND = "draft"
_NO_DRAFT = "没有草稿 (there is no draft)"


def find_draft(state: State, code: str) -> StoredDefinition | None:
    """The draft beside a view, if there is one that was not published or dropped."""
    found = state.stored.get((_KIND, code))
    return found if found is not None and found.body["document"] is not None else None


def save_draft(registry: Registry, caller: Caller, code: str, body: Any, sunset: str | None) -> dict[str, Any]:
    """Keep a draft in place of an earlier one. Its faults are told; they keep it from being published only."""
    permit = gate.permit_administration(caller)
    if not isinstance(body, Mapping):
        raise Problem("bad_request", "请求体应为 JSON 对象 (the body is a JSON object)")
    document = as_written(body, code)
    day = _day(sunset)
    with registry.database.write() as write:
        published = definitions.get(write.connection, "view", code)
        kept = {
            "document": document,
            "based_on": published.version if published else 0,
            "sunset": day.isoformat() if day else None,
        }
        definitions.put(write, permit, _KIND, code, kept)
    return draft(registry, caller, code)


def draft(registry: Registry, caller: Caller, code: str) -> dict[str, Any]:
    """The draft with its faults and what it changes of the published version."""
    gate.permit_administration(caller)
    state = registry.state()
    found = find_draft(state, code)
    if found is None:
        raise Problem("not_found", _NO_DRAFT)
    document = found.body["document"]
    _, faults = check_view(document, f"draft:{code}", state.catalogue)
    published = state.stored.get(("view", code))
    return {
        **document,
        "draft": True,
        "based_on": found.body["based_on"],
        "sunset": found.body["sunset"],
        "etag": etag_of(found),
        "faults": [{"place": fault.place, "message": fault.message} for fault in faults],
        "changes": differences(document, published.body) if published else [],
    }


def drop_draft(registry: Registry, caller: Caller, code: str) -> None:
    """Drop the draft. Raises 404 when there is none."""
    permit = gate.permit_administration(caller)
    if find_draft(registry.state(), code) is None:
        raise Problem("not_found", _NO_DRAFT)
    with registry.database.write() as write:
        definitions.put(write, permit, _KIND, code, {"document": None, "based_on": 0, "sunset": None})


def coming_end(state: State, view: VisibleView) -> dict[str, str]:
    """``Deprecation`` (RFC 9745) and ``Sunset`` (RFC 8594) when a dated draft takes a field away that this caller sees."""
    code = view.stored.stored.code
    found = find_draft(state, code)
    if found is None or found.body["sunset"] is None or view.stored is not state.views.get(code):
        return {}
    plan, _ = check_view(found.body["document"], "", state.catalogue)
    if plan is None or not broken_fields(view.plan, plan):
        return {}
    end = datetime.combine(date.fromisoformat(found.body["sunset"]), time.min, tzinfo=CHINA)
    return {
        "Deprecation": f"@{int(found.created_at.timestamp())}",
        "Sunset": end.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }


def broken_fields(before: Plan, after: Plan) -> dict[str, str]:
    """Fields of ``before`` that ``after`` takes away or retypes: name → what becomes of it."""
    now = {field.name: field.output for field in after.fields}
    broken: dict[str, str] = {}
    for field in before.fields:
        output = now.get(field.name)
        if output is None:
            broken[field.name] = "removed"
        elif output.kind != field.output.kind:
            broken[field.name] = f"{field.output.kind} → {output.kind}"
    return broken


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem("bad_request", f"sunset 应为日期，如 2027-01-31，而非 {text!r} (not a day)") from error
