"""Why somebody can or cannot see an element of a region and period: the gate is asked, then each agreement by itself.

Nothing here decides. Every answer is the gate's own: for the whole, for one agreement alone, and for one of its
conditions by asking the gate about that agreement with its other conditions let go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from app.catalogue.model import Dataset, Element
from app.catalogue.periods import Period
from app.errors import Problem
from app.policy import gate
from app.policy.agreements import Agreement
from app.policy.callers import Caller
from app.policy.scopes import Scope
from app.services.registry import CHINA, Registry, State
from app.services.snapshot_sources import SnapshotSources
from app.store import credentials
from app.store.credentials import Credential

_CLOSED = "不予共享 (closed)"


@dataclass(frozen=True, slots=True)
class AskedAccess:
    """One cell and whoever it is about: a department or a credential. ``day``: default today."""

    element: str
    region: str
    period: str | None
    department: str | None
    credential: str | None
    day: date | None


def explain_access(registry: Registry, caller: Caller, asked: AskedAccess) -> dict[str, Any]:
    """Whether the cell may be seen, and why: by every agreement of the department, condition by condition.

    Raises 400 for a period that is none, 404 for what is not there.
    """
    gate.permit_administration(caller)
    state, day = registry.state(), asked.day or registry.today()
    principal, credential = _principal(registry, state, asked)
    cell = _cell(registry, state, asked, day)
    told = [] if credential is None else [_credential_condition(credential, day, registry.today())]
    usable = all(each["met"] for each in told)
    agreements: list[dict[str, Any]] = []
    if principal.kind == "department":
        own = [item.agreement for _, item in sorted(state.agreements.items())]
        own = [agreement for agreement in own if agreement.department == principal.department]
        agreements = [_agreement(cell, principal, agreement) for agreement in own]
        by_agreement = cell.covered(gate.scope_of_agreements(principal, own, state.roots, state.catalogue, day))
    else:
        by_agreement = False
    as_source = cell.covered(gate.scope_of_dataset(principal, cell.dataset))
    return {
        "principal": {
            "kind": principal.kind,
            "department": principal.department,
            "region": _code(state, principal.region_id, day),
            "credential": credential.id if credential else None,
        },
        "element": cell.element.path,
        "sharing": cell.element.sharing,
        "region": asked.region,
        "period": asked.period,
        "day": day.isoformat(),
        "visible": usable and (by_agreement or as_source),
        "as_source": as_source,
        "by_agreement": by_agreement,
        "credential": told,
        "agreements": agreements,
        "views": _views(state, principal, cell.element.path),
    }


@dataclass(frozen=True)
class _Cell:
    """One element of one region and period, that the gate is asked about."""

    registry: Registry
    state: State
    dataset: Dataset
    element: Element
    pairs: pl.DataFrame
    day: date

    def covered(self, scope: Scope) -> bool:
        """Whether a scope covers the cell; of a list, the cells of all records that could be there."""
        sources = SnapshotSources(self.registry, self.state, scope, self.day)
        return bool(sources.coverage.covered(self.element.path, self.pairs, self.dataset.frequency)[0])

    def given_by(self, principal: Caller, agreement: Agreement, *, everywhere: bool = False) -> bool:
        """Whether the gate gives the cell by this agreement alone; ``everywhere``: as if it were for every region."""
        roots: Callable[[Agreement], frozenset[int] | None] = (lambda _: None) if everywhere else self.state.roots
        scope = gate.scope_of_agreements(principal, [agreement], roots, self.state.catalogue, self.day)
        return self.covered(scope)


def _agreement(cell: _Cell, principal: Caller, agreement: Agreement) -> dict[str, Any]:
    path = cell.element.path
    named = path in agreement.covered_elements(cell.state.catalogue)
    closed = cell.element.sharing == "closed"
    # The agreement with nothing but one condition left, each in turn.
    free = replace(
        agreement,
        elements=(path,),
        valid_from=cell.day,
        valid_until=cell.day,
        first=None,
        last=None,
        where=(),
        masks=(),
    )

    def met(one: Agreement, *, everywhere: bool = True) -> bool | None:
        return None if closed else cell.given_by(principal, one, everywhere=everywhere)

    periods = f"{agreement.first or ''}..{agreement.last or ''}" if agreement.first or agreement.last else "*"
    conditions = [
        ("in_force", agreement.in_force(cell.day), f"{agreement.valid_from}..{agreement.valid_until}"),
        ("element", named, _CLOSED if closed else ", ".join(agreement.elements)),
        ("region", met(free, everywhere=False), ", ".join(agreement.regions)),
        ("period", met(replace(free, first=agreement.first, last=agreement.last)), periods),
    ]
    limits = [text for dataset, text in agreement.conditions(frozenset({path})) if dataset == cell.dataset.code]
    if limits:
        conditions.append(("where", met(replace(free, where=agreement.where)), "; ".join(limits)))
    mask = agreement.cell_masks(frozenset({path})).get(path)
    if mask is not None:
        conditions.append(("mask", met(replace(free, masks=agreement.masks)), str(mask.document())))
    return {
        "agreement": agreement.code,
        "purpose": agreement.purpose,
        "covers": cell.given_by(principal, agreement),
        "conditions": [{"condition": name, "met": value, "detail": detail} for name, value, detail in conditions],
    }


def _principal(registry: Registry, state: State, asked: AskedAccess) -> tuple[Caller, Credential | None]:
    if (asked.department is None) == (asked.credential is None):
        raise Problem("bad_request", "department 与 credential 须给出其一 (exactly one of the two)")
    if asked.department is not None:
        if asked.department not in state.catalogue.departments:
            raise Problem("not_found", f"没有部门 {asked.department} (there is no such department)")
        return Caller("department", "", asked.department, department=asked.department), None
    with registry.database.read() as cx:
        found = credentials.get(cx, asked.credential or "")
    if found is None:
        raise Problem("not_found", f"没有凭证 {asked.credential} (there is no such credential)")
    return found.caller, found


def _cell(registry: Registry, state: State, asked: AskedAccess, day: date) -> _Cell:
    code, _, name = asked.element.partition(".")
    dataset = state.catalogue.datasets.get(code)
    element = dataset.by_code.get(name) if dataset is not None else None
    if dataset is None or element is None:
        raise Problem("not_found", f"没有数据项 {asked.element} (there is no such element)")
    period = Period("once", 0)
    if dataset.frequency == "once":
        if asked.period is not None:
            raise Problem("bad_request", "该数据不分期间 (this dataset has no periods)")
    else:
        try:
            period = Period.parse(asked.period or "", dataset.frequency)
        except ValueError as error:
            raise Problem("bad_request", f"期间应为 {dataset.frequency} 的一期 (one period of the dataset)") from error
    region = state.regions.holder(asked.region, day if dataset.frequency == "once" else period.end)
    if region is None:
        raise Problem("not_found", f"该期没有行政区划 {asked.region} (there was no such region)")
    pairs = pl.DataFrame(
        {"region": [region], "period": [period.ordinal]}, schema={"region": pl.Int32, "period": pl.Int32}
    )
    return _Cell(registry, state, dataset, element, pairs, day)


def _credential_condition(credential: Credential, day: date, today: date) -> dict[str, Any]:
    """Whether the credential can be used on the day at all: its end not passed, not revoked by then."""
    expires, revoked = (_day(each) for each in (credential.expires_at, credential.revoked_at))
    ended = revoked is not None and (day >= today or revoked <= day)
    met = not ended and (expires is None or day <= expires)
    detail = f"expires {expires or '-'}, revoked {revoked or '-'}"
    return {"condition": "credential", "met": met, "detail": detail}


def _day(instant: datetime | None) -> date | None:
    return instant.astimezone(CHINA).date() if instant is not None else None


def _code(state: State, region: int | None, day: date) -> str | None:
    found = state.regions.state(region, day) if region is not None else None
    return found.code if found is not None else None


def _views(state: State, principal: Caller, path: str) -> list[dict[str, Any]]:
    """The views of the department with a field that rests on the element: without one there is nothing to read it by."""
    found = []
    for code, view in sorted(state.views.items()):
        if principal.kind == "department" and view.spec.department == principal.department:
            fields = [field.name for field in view.plan.fields if path in field.elements]
            if fields:
                found.append({"view": code, "fields": fields})
    return found
