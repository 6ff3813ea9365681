"""Elements that forms propose: each with its lead source, sharing class, approval and duty item; reviewed by a second person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any, get_args

from app.catalogue.model import Catalogue, ElementType, Sharing
from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry
from app.services.writable_texts import refuse_unwritable
from app.store import proposed_elements as kept
from app.store.ids import new_id
from app.store.proposed_elements import ProposedElement

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NEEDED = ("dataset", "code", "title", "definition", "type", "lead_source", "sharing", "approval_number", "duty_item")
_OPTIONAL = ("unit", "sharing_basis", "valid", "measure", "decimals")
_REVIEWS = ("accepted", "refused")


def proposal_of(
    form_request: str, body: Mapping[str, Any], catalogue: Catalogue
) -> tuple[ProposedElement | None, list[str]]:
    """A proposed element, or everything that is wrong with it."""
    faults = [f"proposal 缺少 {name} (is needed)" for name in _NEEDED if not str(body.get(name) or "").strip()]
    faults += [f"proposal 中不认识的键 {name} (unknown)" for name in sorted(set(body) - {*_NEEDED, *_OPTIONAL})]
    if faults:
        return None, faults
    dataset, code = str(body["dataset"]), str(body["code"])
    faults += [f"代码 {text} 不合要求 (not a code)" for text in (dataset, code) if not _CODE.fullmatch(text)]
    if catalogue.element(f"{dataset}.{code}") is not None:
        faults.append(f"{dataset}.{code} 已在目录中 (it is in the catalogue already)")
    if body["type"] not in get_args(ElementType):
        faults.append(f"type 应为 {', '.join(get_args(ElementType))} 之一 (not a type)")
    if body["sharing"] not in get_args(Sharing):
        faults.append(f"sharing 应为 {', '.join(get_args(Sharing))} 之一 (not a sharing class)")
    elif body["sharing"] != "open" and not body.get("sharing_basis"):
        faults.append("有条件共享和不予共享须给出依据 sharing_basis (a basis is needed)")
    source = str(body["lead_source"])
    named = source.removeprefix("department:") if source.startswith("department:") else None
    if source != "region" and (named is None or named not in catalogue.departments):
        faults.append("lead_source 应为 region 或 department:部门代码 (not a source)")
    if body.get("unit") and catalogue.units.get(str(body["unit"])) is None:
        faults.append(f"不认识的计量单位 {body['unit']} (unknown unit)")
    if "收回" in str(body["duty_item"]):
        faults.append(
            "该事项属上级部门收回，不得再要乡镇填报 (a duty taken back by the department is not asked of townships)"
        )
    faults += _validity_faults(body.get("valid"))
    if faults:
        return None, faults
    return ProposedElement(new_id(), form_request, dataset, code, dict(body)), []


def _validity_faults(valid: Any) -> list[str]:
    """The approval of a statistical survey has an end (domain rule), so the proposal says it."""
    if not isinstance(valid, Mapping) or set(valid) != {"from", "until"}:
        return ["proposal 缺少 valid: {from, until} (its validity is needed)"]
    try:
        first, last = (date.fromisoformat(str(valid[name])) for name in ("from", "until"))
    except ValueError:
        return ["valid 的日期应写作 2026-01-01 (days)"]
    return ["有效期的止早于起 (it ends before it begins)"] if last < first else []


def list_proposals(registry: Registry, caller: Caller) -> list[dict[str, Any]]:
    gate.permit_administration(caller)
    with registry.database.read() as cx:
        return [_document(item) for item in kept.proposals(cx)]


def review(registry: Registry, caller: Caller, identity: str, status: str, reason: str) -> dict[str, Any]:
    """A second administrator accepts or refuses a proposal, saying why. The catalogue itself is edited as ever."""
    permit = gate.permit_administration(caller)
    if status not in _REVIEWS:
        raise Problem("bad_request", f"status 应为 {', '.join(_REVIEWS)} 之一 (not a review)")
    refuse_unwritable(reason)
    if not reason.strip():
        raise Problem("bad_request", "评审须说明理由 (a review gives its reason)")
    refuse_unwritable(identity)
    with registry.database.write() as write:
        found = kept.proposal(write.connection, identity)
        if found is None:
            raise Problem("not_found", f"没有拟增数据项 {identity[:100]} (there is no such proposal)")
        if found.status != "proposed":
            raise Problem("conflict", f"该项已评审：{found.status} (it was reviewed already)")
        if found.created_by == caller.credential_id:
            raise Problem("forbidden", "须由另一名管理员评审 (another administrator reviews it)")
        kept.review(write, permit, identity, status, reason.strip())
        after = kept.proposal(write.connection, identity)
    return _document(after or found)


def _document(item: ProposedElement) -> dict[str, Any]:
    values = {each.name: getattr(item, each.name) for each in fields(item)}
    for name in ("created_at", "reviewed_at"):
        values[name] = values[name].isoformat() if values[name] else None
    return values
