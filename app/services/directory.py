"""What every key may know: itself, the regions, and what open and conditional datasets are (never their values)."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.catalogue.care_documents import due_document, span_document
from app.catalogue.model import LEVELS, Check, Dataset, Element
from app.catalogue.regions import RegionState
from app.errors import Problem
from app.mapping.rules import compile_rule
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State

_MOST_REGIONS = 100_000


def me(registry: Registry, caller: Caller) -> dict[str, Any]:
    """Who the key is, and for a department its agreements in force today."""
    state, today = registry.state(), registry.today()
    region = state.regions.state(caller.region_id, today) if caller.region_id is not None else None
    department = state.catalogue.departments.get(caller.department or "")
    agreements = [
        {
            "code": item.agreement.code,
            "purpose": item.agreement.purpose,
            "elements": list(item.agreement.elements),
            "regions": list(item.agreement.regions),
            "periods": dict(item.stored.body.get("periods") or {}),
            "valid": {
                "from": item.agreement.valid_from.isoformat(),
                "until": item.agreement.valid_until.isoformat(),
            },
        }
        for _, item in sorted(state.agreements.items())
        if caller.kind == "department"
        and item.agreement.department == caller.department
        and item.agreement.in_force(today)
    ]
    return {
        "kind": caller.kind,
        "credential": caller.credential_id,
        "name": caller.name,
        "role": caller.role if caller.kind == "region" else None,
        "department": caller.department,
        "department_name": department.name if department else None,
        "region": region.code if region else None,
        "region_name": region.name if region else None,
        "agreements": agreements,
    }


def list_regions(
    registry: Registry, level: str | None, parent: str | None, q: str | None, at: date | None
) -> list[dict[str, Any]]:
    """Regions in force on a day (default today), by code; ``parent`` gives those directly below it."""
    state, day = registry.state(), at or registry.today()
    if level is not None and level not in LEVELS:
        raise Problem("bad_request", f"level 应为 {', '.join(LEVELS)} 之一 (not a level)")
    regions = state.regions
    if parent is not None:
        above = regions.holder(parent, day)
        if above is None:
            raise Problem("not_found", f"没有行政区划 {parent} (there is no such region)")
        ids = regions.subtree(above, day) - {above} if level is not None else regions.children(above, day)
        found = [state_ for id_ in ids if (state_ := regions.state(id_, day)) is not None]
    else:
        found = list(regions.in_force(day))
    chosen = [item for item in found if (level is None or item.level == level) and (q is None or q in item.name)]
    if len(chosen) > _MOST_REGIONS:
        raise Problem("bad_request", f"结果超过 {_MOST_REGIONS} 条，请用 level 或 parent 缩小范围 (narrow it down)")
    return [region_document(state, item, day) for item in sorted(chosen, key=lambda item: item.code)]


def region(registry: Registry, code: str, at: date | None) -> dict[str, Any]:
    """The region that holds a code on a day, with its states over time."""
    state, day = registry.state(), at or registry.today()
    holder = state.regions.holder(code, day)
    found = state.regions.state(holder, day) if holder is not None else None
    if holder is None or found is None:
        raise Problem("not_found", f"没有行政区划 {code} (there is no such region)")
    history = [
        {
            "code": item.code,
            "name": item.name,
            "level": item.level,
            "valid_from": item.valid_from.isoformat() if item.valid_from else None,
            "valid_to": item.valid_to.isoformat() if item.valid_to else None,
        }
        for item in state.regions.history(holder)
    ]
    return {**region_document(state, found, day), "history": history}


def region_document(state: State, item: RegionState, day: date) -> dict[str, Any]:
    above = state.regions.state(item.parent_id, day) if item.parent_id is not None else None
    return {
        "code": item.code,
        "name": item.name,
        "level": item.level,
        "parent": above.code if above else None,
        "valid_from": item.valid_from.isoformat() if item.valid_from else None,
        "valid_to": item.valid_to.isoformat() if item.valid_to else None,
    }


def list_datasets(registry: Registry, caller: Caller) -> list[dict[str, Any]]:
    state = registry.state()
    known = [d for _, d in sorted(state.catalogue.datasets.items()) if gate.knows_dataset(caller, d)]
    return [_summary(dataset) for dataset in known]


def dataset(registry: Registry, caller: Caller, code: str) -> dict[str, Any]:
    """One dataset with its elements; a closed element is told only to those who may know a closed dataset."""
    state = registry.state()
    found = known_dataset(state, caller, code)
    elements = [element_document(e, state) for e in found.elements if gate.knows_element(caller, found, e)]
    known = {element["code"] for element in elements}
    checks = [
        check_document(check)
        for check in found.checks
        if gate.knows_check(found, check.rule, known) and _knows_beyond(state, caller, found, check)
    ]
    return {**_summary(found), "elements": elements, "checks": checks}


def check_document(check: Check) -> dict[str, Any]:
    """A check as it is told; ``tolerance`` only where it has one."""
    said = {"code": check.code, "rule": check.rule, "severity": check.severity, "message": check.message}
    return {**said, "tolerance": check.tolerance} if check.tolerance is not None else said


def _knows_beyond(state: State, caller: Caller, dataset: Dataset, check: Check) -> bool:
    """Whether the caller may know of every element of other datasets that the check names."""
    rule = compile_rule(check.rule, dataset, state.catalogue)[0]
    named = [item.element for item in rule.beyond] if rule is not None else []
    return all(gate.knows_element(caller, state.catalogue.datasets[item.dataset], item) for item in named)


def known_dataset(state: State, caller: Caller, code: str) -> Dataset:
    """The dataset, if the caller may know of it; the same 404 for a hidden one and one that is not there."""
    found = state.catalogue.datasets.get(code)
    if found is None or not gate.knows_dataset(caller, found):
        raise Problem("not_found", f"没有数据集 {code} (there is no such dataset)")
    return found


def _summary(item: Dataset) -> dict[str, Any]:
    return {
        "code": item.code,
        "title": item.title,
        "definition": item.definition,
        "frequency": item.frequency,
        "level": item.level,
        "key": list(item.key),
        "source": item.source,
        "sharing": item.sharing,
        "sharing_basis": item.sharing_basis,
        "confirmation": item.confirmation,
        "due": due_document(item.due),
        "fresh_for": span_document(item.fresh_for),
    }


def element_document(element: Element, state: State) -> dict[str, Any]:
    codelist = state.catalogue.codelists.get(element.codes or "")
    return {
        "code": element.code,
        "title": element.title,
        "aliases": list(element.aliases),
        "definition": element.definition,
        "type": element.type,
        "unit": element.unit,
        "decimals": element.decimals if element.numeric else None,
        "measure": element.measure,
        "required": element.required,
        "min": str(element.min) if element.min is not None else None,
        "max": str(element.max) if element.max is not None else None,
        "pattern": element.pattern,
        "codes": [{"code": c.code, "label": c.label} for c in codelist.codes] if codelist else None,
        "sharing": element.sharing,
        "sharing_basis": element.sharing_basis,
        "source": state.catalogue.datasets[element.dataset].source,
        "fresh_for": span_document(element.fresh_for),
    }
