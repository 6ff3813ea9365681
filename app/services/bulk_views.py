"""Many field mappings at once: out as one YAML document, edited, and back in, all or none."""

from __future__ import annotations

from typing import Any

from app.catalogue.yaml_documents import read_yaml, write_yaml
from app.errors import Fault, Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.apply import apply_folder
from app.services.registry import Registry
from app.services.views import differences, invalid
from app.store import definitions


def export_views(registry: Registry, caller: Caller, department: str | None) -> bytes:
    """``views: [...]`` with every mapping, or those of one department, by code."""
    gate.permit_administration(caller)
    found = [
        item.body
        for (kind, _), item in sorted(registry.state().stored.items())
        if kind == "view" and (department is None or item.body.get("department") == department)
    ]
    return write_yaml({"views": found})


def import_views(registry: Registry, caller: Caller, text: bytes, *, dry_run: bool) -> dict[str, Any]:
    """Publish every mapping of such a document as one change; a 422 names all faults and changes nothing."""
    gate.permit_administration(caller)
    document, faults = read_yaml(text, "views.yaml")
    if faults:
        raise invalid(list(faults))
    items = document.get("views") if isinstance(document, dict) and set(document) == {"views"} else None
    if not isinstance(items, list) or not all(isinstance(item, dict) and item.get("code") for item in items):
        raise invalid([Fault("views.yaml", "views", "应写作 views: [...]，每项须有 code (a list of mappings)")])
    files = {f"views/{item['code']}.yaml": write_yaml(item) for item in items}
    if len(files) != len(items):
        raise invalid([Fault("views.yaml", "views", "有重复的视图代码 (a code stands twice)")])
    plan = apply_folder(registry, files, dry_run=dry_run, caller=caller)
    if plan.faults:
        raise invalid(plan.faults)
    lines = [
        {"action": line.action, "kind": line.kind, "code": line.code, "details": list(line.details)}
        for line in plan.lines
    ]
    return {"applied": plan.applied, "lines": lines}


def difference(registry: Registry, caller: Caller, code: str, old: int, new: int | None) -> dict[str, Any]:
    """What one version of a view changes of another, in words. Raises 404 for a version that is not there."""
    gate.permit_administration(caller)
    with registry.database.read() as cx:
        before = definitions.get(cx, "view", code, old)
        after = definitions.get(cx, "view", code, new)
    if before is None or after is None:
        raise Problem("not_found", f"没有 {code} 的这一版 (there is no such version)")
    return {"view": code, "old": before.version, "new": after.version, "changes": differences(after.body, before.body)}
