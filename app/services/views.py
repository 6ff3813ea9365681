"""An administrator's field mappings: save as a new immutable version, preview, compare, list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from app.catalogue.building import describe_changes
from app.catalogue.documents import Kind
from app.errors import Fault, Problem
from app.mapping.diff import changes
from app.mapping.plan import OutputField
from app.mapping.spec import FieldSpec, parse_view
from app.policy import gate
from app.policy.callers import Caller
from app.services.apply import save_definition
from app.services.registry import Registry, StoredView
from app.store import definitions
from app.store.definitions import StoredDefinition


def etag_of(stored: StoredDefinition) -> str:
    """The entity tag of one version of a definition."""
    return f'"{stored.version}-{stored.digest[:16]}"'


_ANSWERED = frozenset({"version", "warnings", "unmapped_codes"})


def save_guarded(
    registry: Registry, caller: Caller, kind: Kind, code: str, body: Any, if_match: str | None, *, create_only: bool
) -> tuple[StoredDefinition, bool]:
    """Save a definition as a new version; gives it and whether it is new. Raises 412 when ``If-Match`` names another.

    ``create_only`` is ``If-None-Match: *``. A body equal to the present one makes no new version.
    """
    permit = gate.permit_administration(caller)
    if not isinstance(body, Mapping):
        raise Problem("bad_request", "请求体应为 JSON 对象 (the body is a JSON object)")
    given = body.get("code", code)
    if given != code:
        raise Problem("bad_request", f"地址中的代码 {code} 与内容中的 {given} 不一致 (the codes differ)")
    document = as_written(body, code)
    with registry.database.read() as cx:
        before = definitions.get(cx, kind, code)
    check_match(before, if_match, create_only=create_only)
    plan = save_definition(registry, permit, kind, code, document, expected=before.version if before else 0)
    if plan.faults:
        raise invalid(plan.faults)
    with registry.database.read() as cx:
        after = definitions.get(cx, kind, code)
    if after is None:
        raise Problem("internal", f"{kind} {code} 未能保存 (was not saved)")
    return after, before is None


def as_written(body: Mapping[str, Any], code: str) -> dict[str, Any]:
    """A definition as its author writes it: without what an answer adds to it, so that an answer can be put back."""
    return {**{key: value for key, value in body.items() if key not in _ANSWERED}, "code": code}


def check_match(present: StoredDefinition | None, if_match: str | None, *, create_only: bool) -> None:
    """The preconditions of RFC 9110 on a definition."""
    if create_only and present is not None:
        raise Problem("precondition_failed", f"{present.code} 已经存在 (it is there already)")
    if if_match is None:
        return
    tags = [tag.strip() for tag in if_match.split(",")]
    if present is None or ("*" not in tags and etag_of(present) not in tags):
        headers = {"ETag": etag_of(present)} if present else {}
        raise Problem(
            "precondition_failed", "内容已被他人修改，请重新读取后再改 (it was changed since)", headers=headers
        )


def invalid(faults: list[Fault]) -> Problem:
    return Problem("invalid_document", f"共 {len(faults)} 处错误，未作任何更改 ({len(faults)} faults)", faults=faults)


def get_definition(registry: Registry, caller: Caller, kind: str, code: str) -> StoredDefinition:
    """The present version. Raises 404."""
    gate.permit_administration(caller)
    found = registry.state().stored.get((kind, code))
    if found is None:
        raise Problem("not_found", f"没有 {code} (there is no such {kind})")
    return found


def list_definitions(registry: Registry, caller: Caller, kind: str) -> list[StoredDefinition]:
    gate.permit_administration(caller)
    return [item for key, item in sorted(registry.state().stored.items()) if key[0] == kind]


def versions_of(registry: Registry, caller: Caller, kind: str, code: str) -> list[dict[str, Any]]:
    """Every version, newest first, with what it changed in words."""
    gate.permit_administration(caller)
    with registry.database.read() as cx:
        found = definitions.versions(cx, kind, code)
    if not found:
        raise Problem("not_found", f"没有 {code} (there is no such {kind})")
    older = [*found[1:], None]
    return [
        {
            "version": item.version,
            "created_at": item.created_at.isoformat(),
            "created_by": item.created_by,
            "etag": etag_of(item),
            "changes": _changed(kind, item.body, before.body) if before else [],
            "body": item.body,
        }
        for item, before in zip(found, older, strict=True)
    ]


def _changed(kind: str, new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    return differences(new, old) if kind == "view" else describe_changes(cast("Kind", kind), old, new)


def differences(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """What one version of a view changes of another, in words."""
    after, _ = parse_view(new, "")
    before, _ = parse_view(old, "")
    return [str(change) for change in changes(before, after)] if before and after else []


def field_document(field: OutputField) -> dict[str, Any]:
    """One field of a view as a reader is told of it."""
    return {
        "name": field.name,
        "title": field.title,
        "type": field.kind,
        "unit": field.unit,
        "decimals": field.decimals if field.kind == "number" else None,
    }


def described(stored: StoredView, names: frozenset[str] | None = None) -> dict[str, Any]:
    """A view for its reader: its fields with where each comes from; ``names`` limits them to the visible ones."""
    spec = stored.spec
    shown = [field for field in stored.plan.fields if names is None or field.name in names]
    return {
        "code": spec.code,
        "title": spec.title,
        "department": spec.department,
        "version": stored.stored.version,
        "grain": {"level": spec.level, "frequency": spec.frequency},
        "fields": [{**field_document(field.output), **_origin(field.spec)} for field in shown],
    }


def _origin(field: FieldSpec) -> dict[str, Any]:
    document = field.document()
    return {key: document[key] for key in ("from", "expr", "value", "aggregate", "codes") if key in document}
