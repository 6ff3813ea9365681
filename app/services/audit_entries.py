"""The audit, for those who may look at it: auditors and administrators. It says what was read, never a value."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, TypedDict

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry
from app.store import audit, audit_tree
from app.store.audit import AuditEntry

_PAGE = 100
_LARGEST_PAGE = 1_000


class Wanted(TypedDict, total=False):
    """What to look for; None for anything."""

    credential_id: str | None
    department: str | None
    action: str | None
    target: str | None
    request_id: str | None
    since: datetime | None
    until: datetime | None


def list_entries(
    registry: Registry, caller: Caller, wanted: Wanted, before: int | None, limit: int | None
) -> dict[str, Any]:
    """Entries newest first, narrowed to what is wanted. ``next`` goes on; ``leaf`` is null while not in the tree."""
    gate.permit_audit_reading(caller)
    size = _PAGE if limit is None else limit
    if not 1 <= size <= _LARGEST_PAGE:
        raise Problem("bad_request", f"limit 应为 1 至 {_LARGEST_PAGE} (limit is from 1 to {_LARGEST_PAGE})")
    registry.audit.settle()  # how readings ended, too, of which nobody waited for the entry
    with registry.database.read_journal() as cx:
        found = audit.entries(cx, **wanted, before_id=before, limit=size)
        leaves = audit_tree.leaves_of(cx, [item.id for item in found])
    entries = [{"id": item.id, **_document(item.entry), "leaf": leaves.get(item.id)} for item in found]
    return {"entries": entries, "next": found[-1].id if len(found) == size else None}


def _document(entry: AuditEntry) -> dict[str, Any]:
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {**values, "at": entry.at.isoformat()}
