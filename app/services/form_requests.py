"""A department hands in a form before it asks townships; the registry answers column by column what is held."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.form_burden import estimate
from app.services.form_freshness import freshness, of_column
from app.services.form_matching import FormMatcher
from app.services.form_reading import AskedForm, refuse_unreadable
from app.services.registry import Registry, State
from app.store import form_requests as kept
from app.store.form_requests import StoredFormRequest
from app.store.ids import new_id

_IDENTITY = re.compile(r"[0-9a-f-]{36}")
_PAGE = 100
_LARGEST_PAGE = 1_000
_VERDICTS = ("held", "derivable", "related", "new", "bookkeeping")


def department_of(state: State, caller: Caller, department: str | None) -> str:
    """Whose form it is: the caller's own, or the one an administrator names. Raises ``Problem``."""
    if caller.administers:
        if department is None:
            raise Problem("bad_request", "管理员提交表单须给出 department (an administrator names the department)")
        if department not in state.catalogue.departments:
            raise Problem("bad_request", f"没有部门 {department} (there is no such department)")
        return department
    own = caller.department if caller.kind == "department" else None
    if own is None or department not in (None, own):
        raise Problem("forbidden", "表单由部门自己或管理员提交核对 (a department hands in its own forms)")
    return own


def check_form(
    registry: Registry, matcher: FormMatcher, caller: Caller, form: AskedForm, department: str | None
) -> dict[str, Any]:
    """Check a form and keep it. The answer has a verdict a column, a summary and what the form would cost.

    Matched against what the department may know: an element that is closed to it is no candidate, whoever hands it in.
    """
    state = registry.state()
    whose = department_of(state, caller, department)
    permit = gate.permit_form_request(caller, whose)
    refuse_unreadable(form)
    index = matcher.index(state, whose)
    named = state.catalogue.departments.get(whose)
    columns: list[dict[str, Any]] = []
    for sheet, asked in zip(form.sheets, form.forms(named.name if named else whose), strict=True):
        for given, column in zip(asked.columns, matcher.match(asked, index).columns, strict=True):
            document = column.document()
            document |= {"unit": given.unit, "path": list(given.path), "sheet": sheet.sheet}
            columns.append(document)
    stored = StoredFormRequest(
        id=new_id(),
        department=whose,
        form=form.document(),
        verdicts=columns,
        burden=estimate(registry, state, form, columns),
        status="checked",
        created_by=caller.credential_id,
    )
    with registry.database.write() as write:
        kept.insert(write, permit, stored)
        told = kept.get(write.connection, stored.id)
    return answered(registry, state, told or stored)


def list_requests(
    registry: Registry,
    caller: Caller,
    department: str | None,
    status: str | None,
    limit: int | None,
    cursor: str | None,
) -> dict[str, Any]:
    """Forms that the caller may see, newest first, without their columns; ``next`` goes on."""
    if department is not None or not caller.administers:
        department = department_of(registry.state(), caller, department)
    size = limit or _PAGE
    if not 1 <= size <= _LARGEST_PAGE:
        raise Problem("bad_request", f"limit 应为 1 至 {_LARGEST_PAGE} (limit is from 1 to {_LARGEST_PAGE})")
    after = None
    if cursor is not None:
        opened = registry.sealer.open("form-requests", cursor)
        after = (datetime.fromisoformat(opened[0]), opened[1])
    with registry.database.read() as cx:
        found = kept.every(cx, department=department, status=status, after=after, limit=size + 1)
    page = found[:size]
    following = None
    if len(found) > size and page[-1].created_at is not None:
        following = registry.sealer.seal("form-requests", [page[-1].created_at.isoformat(), page[-1].id])
    return {"form_requests": [_summary(item) for item in page], "next": following}


def get_request(registry: Registry, caller: Caller, identity: str) -> dict[str, Any]:
    """One form with its verdicts. A form of another department is as one that is not there."""
    return answered(registry, registry.state(), stored_request(registry, caller, identity))


def stored_request(registry: Registry, caller: Caller, identity: str) -> StoredFormRequest:
    """The form, if the caller may see it. Regions are told so, others get the 404 of what is not there."""
    if caller.kind == "region":
        raise Problem("forbidden", "表单由部门自己或管理员提交核对 (forms concern departments and administrators)")
    with registry.database.read() as cx:
        found = kept.get(cx, identity) if _IDENTITY.fullmatch(identity) else None
    if found is None or not gate.sees_form_request(caller, found.department):
        raise Problem("not_found", f"没有表单 {identity[:100]} (there is no such form)")
    return found


def answered(registry: Registry, state: State, stored: StoredFormRequest) -> dict[str, Any]:
    """The form as it is answered. Freshness is of now and of today's agreements, so it is never kept."""
    paths = {path for column in stored.verdicts for path in (column.get("element"), *(column.get("inputs") or ()))}
    known = freshness(registry, state, stored.department, (path for path in paths if path))
    columns = [{**column, "freshness": of_column(column, known, state)} for column in stored.verdicts]
    return {
        **_summary(stored),
        "columns": columns,
        "decision": stored.decision,
    }


def _summary(stored: StoredFormRequest) -> dict[str, Any]:
    counted = Counter(str(column["verdict"]) for column in stored.verdicts)
    form: Mapping[str, Any] = stored.form
    return {
        "id": stored.id,
        "status": stored.status,
        "department": stored.department,
        **{name: form[name] for name in ("title", "purpose", "legal_basis", "frequency", "level", "filename")},
        "summary": {verdict: counted[verdict] for verdict in _VERDICTS},
        "burden": dict(stored.burden),
        "view": stored.view,
        "created_at": stored.created_at.isoformat() if stored.created_at else None,
        "created_by": stored.created_by,
        "decided_at": stored.decided_at.isoformat() if stored.decided_at else None,
        "decided_by": stored.decided_by,
    }
