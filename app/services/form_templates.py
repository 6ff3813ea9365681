"""Departments' own forms, kept by administrators: a workbook for a view, and where the fields of the view go in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.errors import Fault, Problem
from app.formats.form_binding import find_binding, total_row
from app.formats.form_workbook import SERIAL, FormBinding, binding_faults, not_kept, open_form
from app.formats.reading import read_workbook
from app.intake import Workbook
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State, StoredView
from app.store import form_templates
from app.store.form_templates import StoredForm

_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class FormRequest:
    """A form as it was handed in; what is None is found by the headings."""

    data: bytes
    filename: str
    sheet: str | None = None
    columns: Mapping[str, str] | None = None
    first_row: int | None = None
    total_row: int | None = None
    title_cell: str | None = None
    period_cell: str | None = None


def save_form(
    registry: Registry, caller: Caller, view: str, request: FormRequest, if_match: str | None
) -> tuple[dict[str, Any], str, bool]:
    """Keep a workbook as the form of a view: what was kept, its entity tag, and whether there was none before.

    Raises Problem: 403, 404, 412, 413, 415, or 422 with every fault of the binding.
    """
    permit = gate.permit_administration(caller)
    state = registry.state()
    stored = _view(state, view)
    open_form(request.data)
    grids = read_workbook(request.data, request.filename)
    binding, remarks = _binding(grids, request, stored, state)
    known = frozenset(field.name for field in stored.plan.fields)
    faults = binding_faults(open_form(request.data), binding, known, f"form:{view}")
    if faults:
        raise _invalid(faults)
    with registry.database.write() as write:
        present = form_templates.latest(write.connection, view)
        _check_match(present, if_match)
        kept = form_templates.put(
            write, permit, view, request.data, request.filename[:_LONGEST_NAME], binding.document()
        )
    unbound = [field.name for field in stored.plan.fields if field.name not in binding.columns]
    told = {
        **_document(kept),
        "bound_by": "given" if request.columns is not None else "headings",
        "unbound": unbound,
        "remarks": [*remarks, *not_kept(request.data)],
    }
    return told, tag_of(kept), present is None or present.digest is None


def described_form(registry: Registry, caller: Caller, view: str) -> tuple[dict[str, Any], str]:
    """The present form of a view, with its versions, newest first, and its entity tag. Raises 403, 404."""
    gate.permit_administration(caller)
    stored = _view(registry.state(), view)
    with registry.database.read() as cx:
        versions = form_templates.versions(cx, view)
    present = _present(view, versions[0] if versions else None)
    known = {field.name for field in stored.plan.fields} | {SERIAL}
    gone = [name for name in (present.binding or {}).get("columns", {}) if name not in known]
    return {**_document(present), "gone": gone, "versions": [_document(item) for item in versions]}, tag_of(present)


def form_file(registry: Registry, caller: Caller, view: str) -> tuple[bytes, str]:
    """The workbook as it was handed in, and its name. Raises 403, 404."""
    gate.permit_administration(caller)
    with registry.database.read() as cx:
        present = _present(view, form_templates.latest(cx, view))
        return form_templates.file(cx, present.digest or ""), tag_of(present)


def remove_form(registry: Registry, caller: Caller, view: str, if_match: str | None) -> None:
    """From now on the view has a plain form again; the versions stay. Raises 403, 404, 412."""
    permit = gate.permit_administration(caller)
    with registry.database.write() as write:
        present = form_templates.latest(write.connection, view)
        _check_match(_present(view, present), if_match)
        form_templates.remove(write, permit, view)


def tag_of(stored: StoredForm) -> str:
    """The entity tag of one version of a form."""
    return f'"{stored.version}-{(stored.digest or "none")[:16]}"'


def _view(state: State, view: str) -> StoredView:
    stored = state.views.get(view)
    if stored is None:
        raise Problem("not_found", f"没有视图 {view} (there is no such view)")
    return stored


def _present(view: str, stored: StoredForm | None) -> StoredForm:
    if stored is None or stored.digest is None:
        raise Problem("not_found", f"视图 {view} 没有表样 (the view has no form of its own)")
    return stored


def _check_match(present: StoredForm | None, if_match: str | None) -> None:
    if if_match is None:
        return
    tags = [tag.strip() for tag in if_match.split(",")]
    if present is None or ("*" not in tags and tag_of(present) not in tags):
        headers = {"ETag": tag_of(present)} if present is not None else {}
        raise Problem("precondition_failed", "表样已被他人修改，请重新读取后再改 (changed since)", headers=headers)


def _binding(
    grids: Workbook, request: FormRequest, stored: StoredView, state: State
) -> tuple[FormBinding, list[str]]:  # fmt: skip
    fields = [field.output for field in stored.plan.fields]
    found = find_binding(grids, fields, state.catalogue, request.sheet, request.first_row)
    binding, remarks = found.binding, found.remarks
    if request.columns is not None:
        sheet = request.sheet or (binding.sheet if binding is not None else grids.grids[0].name if grids.grids else "")
        first = request.first_row or (binding.first_row if binding is not None else None)
        if first is None:
            raise _invalid(
                [Fault("form", "first_row", "须给出首个数据行 first_row（the first row of data is needed）")]
            )
        grid = next((each for each in grids.grids if each.name == sheet), None)
        columns = {name: letters.strip().upper() for name, letters in request.columns.items()}
        below = total_row(grid, first, frozenset(columns.values())) if grid is not None else None
        binding, remarks = FormBinding(sheet, columns, first, below), []
    if binding is None:
        place = f"“{request.sheet}”中" if request.sheet else ""
        message = f"表样{place}没有与字段标题或名称相同的表头，请给出 columns（no heading is a field's title or name）"
        raise _invalid([*(Fault("form", "columns", remark) for remark in remarks), Fault("form", "columns", message)])
    return replace(
        binding,
        total_row=request.total_row if request.total_row is not None else binding.total_row,
        title_cell=request.title_cell,
        period_cell=request.period_cell,
    ), remarks  # fmt: skip


def _invalid(faults: list[Fault]) -> Problem:
    return Problem("invalid_document", f"表样有 {len(faults)} 处错误，未保存 ({len(faults)} faults)", faults=faults)


def _document(stored: StoredForm) -> dict[str, Any]:
    return {
        "view": stored.view,
        "version": stored.version,
        "digest": stored.digest,
        "filename": stored.filename,
        "binding": stored.binding,
        "created_at": stored.created_at.isoformat(),
        "created_by": stored.created_by,
    }
