"""Definitions that are kept as one list (working days, deadlines, formulas), read and changed by administrators."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from app.catalogue.announced_holidays import ANNOUNCED
from app.catalogue.calendar_documents import calendar_document
from app.catalogue.deadlines import COMMON, Deadline, deadlines_of
from app.catalogue.folder import read_folder
from app.catalogue.yaml_documents import write_yaml
from app.errors import Problem
from app.matching.formula_book import builtin_documents
from app.policy import gate
from app.policy.callers import Caller
from app.services.apply import plan_apply
from app.services.registry import Registry, State
from app.services.views import invalid
from app.services.work_calendar import working_days
from app.store import definitions
from app.store.definitions import StoredDefinition

ListKind = Literal["calendar", "deadline", "formula"]
_FILES: Mapping[ListKind, tuple[str, str]] = {
    "calendar": ("calendar.yaml", "calendar"),
    "deadline": ("deadlines.yaml", "deadlines"),
    "formula": ("formulas.yaml", "formulas"),
}


def deadlines(state: State) -> dict[str, Deadline]:
    """The deadlines in force, by code."""
    return deadlines_of(item.body for item in _stored(state, "deadline"))


def read_list(registry: Registry, caller: Caller, kind: ListKind) -> tuple[dict[str, Any], str]:
    """The whole list as it is in force, with what is built in, and the ETag that guards its edit."""
    gate.permit_administration(caller)
    return _document(registry.state(), kind)


def save_list(
    registry: Registry, caller: Caller, kind: ListKind, body: Any, if_match: str | None
) -> tuple[dict[str, Any], str]:
    """Save the items given, each as a new version of its own where it changed; nothing is deleted."""
    permit = gate.permit_administration(caller)
    file, _ = _FILES[kind]
    if not isinstance(body, Mapping):
        raise Problem("bad_request", "请求体应为 JSON 对象 (the body is a JSON object)")
    given = {name: value for name, value in body.items() if name != "last_year"}
    folder = read_folder({file: write_yaml(given)})
    with registry.database.write() as write:
        kept = [item for item in definitions.latest(write.connection) if item.kind == kind]
        if if_match is not None and if_match.strip() != "*" and if_match.strip() != _tag(kept):
            raise Problem("precondition_failed", "内容已被他人修改，请重新读取后再改 (it was changed since)")
        plan, _, to_save = plan_apply(registry, write.connection, folder)
        if plan.faults:
            raise invalid(plan.faults)
        for item in to_save:
            definitions.put(write, permit, item.kind, item.code, item.body)
    return _document(registry.state(), kind)


def _document(state: State, kind: ListKind) -> tuple[dict[str, Any], str]:
    kept = _stored(state, kind)
    own = {item.code: item for item in kept}
    items: dict[str, dict[str, Any]]
    if kind == "calendar":
        items = {str(year.year): calendar_document(year) for year in ANNOUNCED}
    elif kind == "formula":
        items = {body["code"]: body for body in builtin_documents()}
    else:
        items = {deadline.code: deadline.document() for deadline in COMMON}
    items |= {code: item.body for code, item in own.items()}
    told: dict[str, Any] = {_FILES[kind][1]: [items[code] for code in sorted(items)]}
    if kind == "calendar":
        told["last_year"] = working_days(state).last_year
    return told, _tag(kept)


def _stored(state: State, kind: str) -> list[StoredDefinition]:
    return [item for (of, _), item in sorted(state.stored.items()) if of == kind]


def _tag(kept: list[StoredDefinition]) -> str:
    versions = sorted((item.code, item.version, item.digest) for item in kept)
    return f'"{hashlib.sha256(orjson.dumps(versions)).hexdigest()[:24]}"'
