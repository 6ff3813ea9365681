"""Publishing a mapping: guarded by If-Match, and by those who rely on the fields it would take away."""

from __future__ import annotations

from typing import Any

from app.errors import Fault, Problem
from app.mapping.compile import check_view
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry
from app.services.view_drafts import broken_fields, drop_draft, find_draft
from app.services.view_impact import fields_in_use, recent_questions
from app.services.views import as_written, etag_of, save_guarded
from app.store import definitions, form_requests
from app.store.definitions import StoredDefinition


def publish_view(
    registry: Registry,
    caller: Caller,
    code: str,
    body: Any,
    if_match: str | None,
    *,
    create_only: bool = False,
    accept_breaking: bool = False,
) -> tuple[StoredDefinition, bool]:
    """Publish a mapping as a new version; gives it and whether the view is new.

    Raises 409 ``field_in_use`` when it takes away or retypes a field that somebody relies on, unless that is accepted.
    """
    gate.permit_administration(caller)
    if not accept_breaking and isinstance(body, dict):
        _refuse_to_break(registry, code, body)
    return save_guarded(registry, caller, "view", code, body, if_match, create_only=create_only)


def _refuse_to_break(registry: Registry, code: str, body: dict[str, Any]) -> None:
    state = registry.state()
    stored = state.views.get(code)
    if stored is None:
        return
    plan, _ = check_view(as_written(body, code), "", state.catalogue)
    broken = broken_fields(stored.plan, plan) if plan is not None else {}
    if not broken:
        return
    used = fields_in_use(recent_questions(registry, code), stored.plan)
    faults = [
        Fault(f"view:{code}", name, f"{what}；仍有 {len(used[name])} 个凭证在读 (still read by {len(used[name])})")
        for name, what in sorted(broken.items())
        if name in used
    ]
    if faults:
        raise Problem(
            "field_in_use",
            "要删去或改变类型的字段仍在使用；确认后果后以 accept_breaking=true 重试 (fields in use would break)",
            faults=faults,
        )


def publish_draft(
    registry: Registry, caller: Caller, code: str, *, accept_breaking: bool = False
) -> tuple[StoredDefinition, bool]:
    """Publish the draft as a new version. 412 when the published version is not the one it was based on."""
    permit = gate.permit_administration(caller)
    state = registry.state()
    found = find_draft(state, code)
    if found is None:
        raise Problem("not_found", "没有草稿 (there is no draft)")
    published = state.stored.get(("view", code))
    if (published.version if published else 0) != found.body["based_on"]:
        raise Problem("precondition_failed", "草稿所依据的版本已被更新 (the draft rests on an older version)")
    tag = etag_of(published) if published else None
    saved = publish_view(
        registry,
        caller,
        code,
        found.body["document"],
        tag,
        create_only=published is None,
        accept_breaking=accept_breaking,
    )
    drop_draft(registry, caller, code)
    with registry.database.write() as write:
        form_requests.publish(write, permit, code)
    return saved


def restore_version(
    registry: Registry, caller: Caller, code: str, version: int, *, accept_breaking: bool = False
) -> tuple[StoredDefinition, bool]:
    """Publish an earlier version again, as a new version with the same content."""
    gate.permit_administration(caller)
    with registry.database.read() as cx:
        older = definitions.get(cx, "view", code, version)
        present = definitions.get(cx, "view", code)
    if older is None or present is None:
        raise Problem("not_found", f"没有 {code} 的第 {version} 版 (there is no such version)")
    return publish_view(registry, caller, code, older.body, etag_of(present), accept_breaking=accept_breaking)
