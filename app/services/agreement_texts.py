"""Agreements to read: their text for administrators, and for a department its own ones that are in force."""

from __future__ import annotations

from typing import Any

from app.errors import Problem
from app.policy import gate
from app.policy.agreement_words import agreement_text
from app.policy.callers import Caller
from app.services.registry import CHINA, Registry, State, StoredAgreement


def text_of(registry: Registry, caller: Caller, code: str) -> str:
    """The present version of any agreement in words, for administrators."""
    gate.permit_administration(caller)
    state = registry.state()
    found = state.agreements.get(code)
    if found is None:
        raise _none(code)
    return _text(state, found)


def own_agreements(registry: Registry, caller: Caller) -> list[dict[str, Any]]:
    """A department's agreements in force today, by code, without their text; nothing for anyone else."""
    state = registry.state()
    return [_document(found) for found in _own(registry, state, caller)]


def own_agreement(registry: Registry, caller: Caller, code: str) -> dict[str, Any]:
    """One of them with its text. Another's, one not in force and one that is not there give the same 404."""
    state = registry.state()
    for found in _own(registry, state, caller):
        if found.agreement.code == code:
            return {**_document(found), "text": _text(state, found)}
    raise _none(code)


def reports_to_any(state: State, caller: Caller) -> bool:
    """Whether the caller is the source of a dataset, and so has the operations of reporting."""
    return any(gate.reports_to(caller, dataset) for dataset in state.catalogue.datasets.values())


def _own(registry: Registry, state: State, caller: Caller) -> list[StoredAgreement]:
    today = registry.today()
    return [
        found
        for _, found in sorted(state.agreements.items())
        if caller.kind == "department"
        and found.agreement.department == caller.department
        and found.agreement.in_force(today)
    ]


def _document(found: StoredAgreement) -> dict[str, Any]:
    return {**found.stored.body, "version": found.stored.version}


def _text(state: State, found: StoredAgreement) -> str:
    made = found.stored.created_at.astimezone(CHINA).date()
    names: dict[str, str] = {}
    for code in found.agreement.regions:
        holder = state.regions.holder(code, made)
        region = state.regions.state(holder, made) if holder is not None else None
        if region is not None:
            names[code] = region.name
    return agreement_text(found.agreement, state.catalogue, names, found.stored.version)


def _none(code: str) -> Problem:
    return Problem("not_found", f"没有协议 {code} (there is no such agreement)")
