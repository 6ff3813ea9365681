"""What a department asks access to, read strictly, and what becomes of each element of it by rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.catalogue.model import Element
from app.errors import Fault
from app.policy.agreement_documents import normal_agreement, parse_agreement
from app.policy.agreements import matching_elements
from app.services.registry import State
from app.services.views import invalid

NO_SUCH = "没有这个数据项，或不可共享 (there is no such element, or it is not shared)"
"""In the same words for an element that is closed and for one that does not exist."""
_SCOPE = ("elements", "regions", "periods", "valid")
_MOST_PATTERNS = 1_000
_ASKED = "request"


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that can be answered: its normal form, and its elements by class; ``unknown`` as they were written."""

    body: dict[str, Any]
    open: tuple[Element, ...]
    conditional: tuple[Element, ...]
    unknown: tuple[str, ...]

    def items(self) -> list[dict[str, Any]]:
        """One document an element, before anything was decided but what the rule refuses."""
        found = [
            _item(element.path, element.sharing, "waiting", None)
            for element in sorted((*self.open, *self.conditional), key=lambda each: each.path)
        ]
        return found + [_item(text, None, "refused", NO_SUCH) for text in self.unknown]


def _item(element: str, sharing: str | None, state: str, reason: str | None) -> dict[str, Any]:
    return {"element": element, "sharing": sharing, "state": state, "reason": reason, "agreement": None}


def read_asking(state: State, department: str, given: Mapping[str, Any], today: date) -> Asking:
    """The request, or Problem ``invalid_document`` with every fault of it."""
    document = {key: value for key, value in given.items() if key != "delivery" and value is not None}
    agreement, faults = parse_agreement({**document, "code": _ASKED, "department": department}, _ASKED)
    patterns = [str(text) for text in given["elements"]]
    if len(patterns) > _MOST_PATTERNS:
        faults.append(Fault(_ASKED, "elements", f"一次最多 {_MOST_PATTERNS} 项 (too many at once)"))
    if "*" in patterns:
        faults.append(Fault(_ASKED, "elements", "应写明数据集，如 population.* (name the datasets)"))
    if agreement is not None:
        known = {each.code for each in state.regions.states()}
        faults += [
            Fault(_ASKED, f"regions[{i}]", f"没有行政区划 {code} (unknown region)")
            for i, code in enumerate(agreement.regions)
            if code != "*" and code not in known
        ]
        if agreement.valid_until < today:
            faults.append(Fault(_ASKED, "valid.until", "使用期限已过 (the time asked for is over)"))
    if faults or agreement is None:
        raise invalid(faults)
    body = normal_agreement({**document, "code": _ASKED, "department": department})
    body = {key: value for key, value in body.items() if key not in ("code", "department")}
    found: dict[str, Element] = {}
    unknown: list[str] = []
    for pattern in patterns:
        shared = [each for each in matching_elements(pattern, state.catalogue) if each.sharing != "closed"]
        found |= {each.path: each for each in shared}
        if not shared and pattern not in unknown:
            unknown.append(pattern)
    return Asking(
        {**body, "delivery": given["delivery"]},
        tuple(each for each in found.values() if each.sharing == "open"),
        tuple(each for each in found.values() if each.sharing == "conditional"),
        tuple(unknown),
    )


def agreement_asked(asked: Mapping[str, Any], code: str, department: str, elements: list[str]) -> dict[str, Any]:
    """The agreement that gives these elements just as they were asked for."""
    said = {key: asked[key] for key in ("purpose", "legal_basis", "regions", "periods", "valid") if key in asked}
    return {"code": code, "department": department, **said, "elements": elements}


def narrowing_faults(
    state: State, asked: Mapping[str, Any], document: Mapping[str, Any], file: str, today: date
) -> list[Fault]:
    """Where a grant goes beyond what was asked for: it may narrow regions, periods and days, never widen them."""
    wanted, _ = parse_agreement({**agreement_asked(asked, "asked", "d", ["a.b"])}, file)
    given, _ = parse_agreement({**document, "elements": ["a.b"], "department": "d"}, file)
    if wanted is None or given is None:
        return []
    beyond = "超出申请的范围 (goes beyond what was asked for)"
    faults: list[Fault] = []
    if "*" not in wanted.regions:
        roots = {state.regions.holder(code, today) for code in wanted.regions} - {None}
        for i, code in enumerate(given.regions):
            holder = state.regions.holder(code, today) if code != "*" else None
            above = {holder, *state.regions.ancestors(holder, today)} if holder is not None else set()
            if not above & roots:
                faults.append(Fault(file, f"regions[{i}]", beyond))
    if wanted.first and (given.first is None or given.first < wanted.first):
        faults.append(Fault(file, "periods.from", beyond))
    if wanted.last and (given.last is None or given.last > wanted.last):
        faults.append(Fault(file, "periods.to", beyond))
    if given.valid_from < wanted.valid_from:
        faults.append(Fault(file, "valid.from", beyond))
    if given.valid_until > wanted.valid_until:
        faults.append(Fault(file, "valid.until", beyond))
    return faults


def narrowed(asked: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a grant gives less of regions, periods or days than was asked, or gives it under conditions or masks."""
    less = any(document.get(key) != asked.get(key) for key in _SCOPE if key != "elements")
    return less or bool(document.keys() & {"where", "masks"})
