"""A mapping tried out before it is published: what it would answer, what it lacks, what it loses, whom it touches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl

from app.errors import Problem
from app.formats.writing import json_records
from app.mapping.compile import check_view
from app.mapping.plan import CompiledField, Plan
from app.mapping.run import run
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State
from app.services.snapshot_sources import SnapshotSources
from app.services.view_impact import impact
from app.services.views import as_written, differences, field_document, invalid
from app.services.visible_views import department_scope

_SAMPLE_ROWS = 20
_EXAMPLES = 3


def preview(registry: Registry, caller: Caller, code: str, body: Any) -> dict[str, Any]:
    """The fields, sample rows, gaps and losses of a mapping, and what it changes for its readers. Nothing is saved.

    Faults of the mapping are a 422 that names them all. Without a body it is the published mapping that is tried.
    """
    permit = gate.permit_administration(caller)
    state = registry.state()
    stored = state.views.get(code)
    if body is None:
        if stored is None:
            raise Problem("not_found", f"没有视图 {code} (there is no such view)")
        body = stored.stored.body
    document = as_written(dict(body), code)
    plan, faults = check_view(document, f"view:{code}", state.catalogue)
    if plan is None:
        raise invalid(faults)
    today = registry.today()
    sources = SnapshotSources(registry, state, gate.scope_of_preview(permit, state.catalogue), today)
    mapped = run(plan, sources, sources.coverage, state.regions, today)
    return {
        "view": code,
        "fields": [field_document(field) for field in mapped.fields],
        "rows": mapped.frame.height,
        "records": orjson.Fragment(json_records(mapped.fields, mapped.frame.head(_SAMPLE_ROWS))),
        "uncovered": _uncovered(registry, state, plan),
        "warnings": [
            *({"place": warning.place, "message": warning.message} for warning in plan.warnings),
            *({"place": "regions", "message": note} for note in mapped.notes),
        ],
        "unmapped_codes": [told for field in plan.fields for told in _unmapped(field, sources)],
        "rounding_losses": [told for field in plan.fields for told in _losses(field, plan, sources, state)],
        "changes": differences(document, stored.stored.body) if stored else [],
        "impact": impact(registry, state, code, stored.plan, plan) if stored else None,
    }


def asked(registry: Registry, caller: Caller, code: str, body: Any) -> dict[str, Any]:
    """The question of a preview for the audit: the elements whose values it shows. Empty where there will be none."""
    stored = registry.state().views.get(code)
    if not caller.administers or (body is None and stored is None):
        return {}
    if body is None and stored is not None:
        return {"elements": sorted(stored.plan.elements)}
    plan, _ = check_view(as_written(dict(body), code), f"view:{code}", registry.state().catalogue)
    return {"elements": sorted(plan.elements)} if plan is not None else {}


def told_at_save(registry: Registry, caller: Caller, code: str) -> dict[str, Any]:
    """What the saver of a mapping should know: its warnings, and codes of present records that have no target."""
    permit = gate.permit_administration(caller)
    state = registry.state()
    plan = state.views[code].plan
    sources = SnapshotSources(registry, state, gate.scope_of_preview(permit, state.catalogue), registry.today())
    return {
        "warnings": [{"place": warning.place, "message": warning.message} for warning in plan.warnings],
        "unmapped_codes": [told for field in plan.fields for told in _unmapped(field, sources)],
    }


def _uncovered(registry: Registry, state: State, plan: Plan) -> list[dict[str, Any]]:
    """Fields that no agreement of the department in force today covers, with the elements it would need."""
    spec = plan.spec
    department = Caller("department", "preview", spec.department, department=spec.department)
    scope = department_scope(state, department, registry.today())
    return [
        {"field": field.name, "elements": sorted(path for path in field.elements if not scope.sees(path))}
        for field in plan.fields
        if any(not scope.sees(path) for path in field.elements)
    ]


def _values(field: CompiledField, sources: SnapshotSources) -> tuple[pl.Series, int] | None:
    """The present values of a field that is one element, with their scale; None for any other field."""
    if field.spec.source is None or len(field.elements) != 1:
        return None
    dataset, _, element = next(iter(field.elements)).partition(".")
    rows = sources.rows(dataset, [element])
    if element not in rows.frame.columns:
        return None
    return rows.frame[element].drop_nulls(), rows.scale.get(element, 1)


def _unmapped(field: CompiledField, sources: SnapshotSources) -> list[dict[str, Any]]:
    """Codes that present records carry and the mapping has no target for, with how many records do."""
    codes: Mapping[str, str] | None = field.codes
    found = _values(field, sources) if codes is not None else None
    if codes is None or found is None or field.otherwise is not None:
        return []
    values, scale = found
    texts = values.cast(pl.String).to_list() if scale == 1 else [str(value) for value in values.to_list()]
    counts: dict[str, int] = {}
    for text in texts:
        if text not in codes:
            counts[text] = counts.get(text, 0) + 1
    return [{"field": field.name, "code": code, "records": count} for code, count in sorted(counts.items())]


def _losses(field: CompiledField, plan: Plan, sources: SnapshotSources, state: State) -> list[dict[str, Any]]:
    """A field whose rounding drops digits that are reported, such as 100 亩 at one decimal of 公顷."""
    if field.output.kind != "number" or field.codes is not None:
        return []
    found = _values(field, sources)
    if found is None:
        return []
    values, scale = found
    unit = plan.element(next(iter(field.elements))).unit
    target = field.output.unit
    factor = state.catalogue.units.factor(unit, target) if unit and target and unit != target else None
    numerator = (factor.numerator if factor is not None else 1) * 10**field.output.decimals
    denominator = (factor.denominator if factor is not None else 1) * scale
    lost = [value for value in values.unique().to_list() if int(value) * numerator % denominator]
    if not lost:
        return []
    examples = [str(int(value)) + (f"/{scale}" if scale != 1 else "") for value in sorted(map(int, lost))[:_EXAMPLES]]
    return [{"field": field.name, "decimals": field.output.decimals, "values": len(lost), "examples": examples}]
