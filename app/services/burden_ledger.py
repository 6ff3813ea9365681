"""The burden ledger: what townships did not have to fill because a department read it instead (method: docs/burden.md)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.catalogue.model import Frequency
from app.catalogue.periods import Period
from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import Scope
from app.services.form_burden import is_frame
from app.services.form_matching import as_department, hidden_elements
from app.services.form_requests import department_of
from app.services.registry import CHINA, Registry, State, StoredView
from app.services.standing_check import unread_elements
from app.services.visible_views import department_scope
from app.store import form_requests
from app.store.form_requests import StoredFormRequest
from app.store.readings import AnsweredReading, answered_readings

READINGS = ("read", "changes", "form")
_DAYS = 366
_MOST_LISTED = 50
_SLOT: dict[Frequency, Frequency] = {"once": "year", "event": "month"}
_DECIDED = ("decided", "published", "refused")


@dataclass(slots=True)
class _Slot:
    """One view as one department read it within one of the view's own periods: at most one form."""

    month: str
    rows: int = 0
    fields: set[str] = field(default_factory=set)
    regions: set[int] = field(default_factory=set)


def burden(registry: Registry, caller: Caller, since: str | None, department: str | None) -> dict[str, Any]:
    """Forms and cells that did not have to be filled, by month, department and region; an administrator sees all.

    A department sees its own only, and nothing of elements that nobody reads. Raises 403 for regions.
    """
    state, today = registry.state(), registry.today()
    whose = _whose(state, caller, department)
    first = _since(since, today)
    start = datetime.combine(first, time.min, CHINA).astimezone(UTC)
    slots: dict[tuple[str, str, int], _Slot] = {}
    readers: dict[str, set[str]] = defaultdict(set)
    reads: Counter[str] = Counter()
    with registry.database.read_journal() as journal:
        for reading in answered_readings(journal, READINGS, since=start, department=whose):
            view = state.views.get(reading.target)
            if view is None or reading.caller_kind != "department" or reading.department is None:
                continue
            scope = department_scope(state, as_department(reading.department), today)
            named = _fields_read(view, reading, scope)
            _enter(slots, state, view, reading, set(named), today)
            for path in {path for paths in named.values() for path in paths}:
                readers[path].add(reading.department)
                reads[path] += 1
    with registry.database.read() as cx:
        forms = [f for f in form_requests.every(cx, department=whose) if f.created_at and f.created_at >= start]
    return {
        "since": first.isoformat(),
        "department": whose,
        **_saved(slots, state, today),
        "form_gate": _gate_ledger(forms),
        "reused": _reused(state, readers, reads),
        "asked_again": _asked_again(forms, state, caller),
        "never_read": unread_elements(registry, state, start)[:_MOST_LISTED] if caller.administers else None,
    }


def _whose(state: State, caller: Caller, department: str | None) -> str | None:
    if caller.administers:
        return department_of(state, caller, department) if department is not None else None
    if caller.kind != "department" or caller.department is None or department not in (None, caller.department):
        raise Problem("forbidden", "部门只能看自己的账，乡镇不在此列 (a department sees its own ledger)")
    gate.permit_form_request(caller, caller.department)
    return caller.department


def _since(text: str | None, today: date) -> date:
    if text is None:
        return today - timedelta(days=_DAYS)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Problem("bad_request", f"since 应为日期，如 2026-01-01，而非 {text[:40]!r} (not a day)") from error


def _fields_read(view: StoredView, reading: AnsweredReading, scope: Scope) -> dict[str, frozenset[str]]:
    """The fields of the reading that someone would have had to collect, with the elements the reader sees of them."""
    asked = reading.question.get("fields")
    chosen = set(str(asked).split(",")) if asked else None
    seen = {
        field.name: frozenset(path for path in field.elements if scope.sees(path))
        for field in view.plan.fields
        if chosen is None or field.name in chosen
    }
    return {name: paths for name, paths in seen.items() if paths}


def _enter(
    slots: dict[tuple[str, str, int], _Slot],
    state: State,
    view: StoredView,
    reading: AnsweredReading,
    named: set[str],
    today: date,
) -> None:
    if not reading.rows or not named or reading.department is None:
        return
    day = reading.at.astimezone(CHINA).date()
    frequency = view.plan.frequency
    slot = Period.of(day, _SLOT.get(frequency, frequency)).ordinal
    known = slots.setdefault((reading.department, reading.target, slot), _Slot(f"{day:%Y-%m}"))
    known.rows = max(known.rows, reading.rows)
    known.fields |= named
    known.regions |= _regions_read(state, view, reading, today)


def _regions_read(state: State, view: StoredView, reading: AnsweredReading, today: date) -> set[int]:
    """The regions of the view's level that the question and its agreements reach."""
    index = state.regions
    reached = set(index.at_level(view.spec.level, today))
    asked = reading.question.get("region")
    if asked:
        holders = [index.holder(code.strip(), today) for code in str(asked).split(",")]
        reached &= {below for holder in holders if holder is not None for below in index.subtree(holder, today)}
    roots: set[int] = set()
    for code in reading.agreements:
        agreement = state.agreements.get(code)
        if agreement is None:
            continue
        if agreement.roots is None:
            return reached
        roots |= {below for root in agreement.roots for below in index.subtree(root, today)}
    return reached & roots if reading.agreements else reached


def _saved(slots: Mapping[tuple[str, str, int], _Slot], state: State, today: date) -> dict[str, Any]:
    months: dict[str, Counter[str]] = defaultdict(Counter)
    departments: dict[str, Counter[str]] = defaultdict(Counter)
    views: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    regions: dict[int, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for (department, view, _), slot in sorted(slots.items()):
        forms = min(slot.rows, len(slot.regions))
        saved = Counter(forms=forms, cells=forms * len(slot.fields))
        for ledger in (months[slot.month], departments[department], views[department, view], total):
            ledger.update(saved)
        if forms == len(slot.regions):
            for region in slot.regions:
                regions[region].update(forms=1, cells=len(slot.fields))
    named = []
    for region_id, saved in regions.items():
        found = state.regions.state(region_id, today)
        if found is not None:
            named.append({"region": found.code, "name": found.name, **_counted(saved)})
    return {
        "saved": _counted(total),
        "months": [{"month": month, **_counted(saved)} for month, saved in sorted(months.items())],
        "departments": [{"department": code, **_counted(saved)} for code, saved in sorted(departments.items())],
        "views": [
            {"department": department, "view": view, **_counted(saved)}
            for (department, view), saved in sorted(views.items())
        ],
        "regions": sorted(named, key=lambda item: str(item["region"])),
    }


def _counted(saved: Counter[str]) -> dict[str, int]:
    return {"forms": saved["forms"], "cells": saved["cells"]}


def _gate_ledger(forms: Iterable[StoredFormRequest]) -> dict[str, Any]:
    """What the form gate turned away: cells a year that were held already, of forms that were decided on."""
    counted: Counter[str] = Counter()
    by_department: dict[str, Counter[str]] = defaultdict(Counter)
    for form in forms:
        figures = Counter(forms=1, cells=int(form.burden["cells"]))
        if form.status in _DECIDED:
            figures.update(decided=1, cells_turned_away=int(form.burden["cells_held"]))
        counted.update(figures)
        by_department[form.department].update(figures)
    names = ("forms", "decided", "cells", "cells_turned_away")
    return {
        **{name: counted[name] for name in names},
        "departments": [
            {"department": code, **{name: figures[name] for name in names}}
            for code, figures in sorted(by_department.items())
        ],
    }


def _reused(state: State, readers: Mapping[str, set[str]], reads: Counter[str]) -> list[dict[str, Any]]:
    order = sorted(readers, key=lambda path: (-len(readers[path]), -reads[path], path))
    return [
        {
            "element": path,
            "title": found.title if (found := state.catalogue.element(path)) else "",
            "departments": len(readers[path]),
            "readings": reads[path],
        }
        for path in order[:_MOST_LISTED]
    ]


def _asked_again(forms: Iterable[StoredFormRequest], state: State, caller: Caller) -> list[dict[str, Any]]:
    """Which department asked in new forms for which elements that are held."""
    asked: Counter[tuple[str, str]] = Counter()
    hidden = hidden_elements(state.catalogue, caller)
    for form in forms:
        for column in form.verdicts:
            if column["verdict"] == "held" and not is_frame(column) and column["element"] not in hidden:
                asked[form.department, column["element"]] += 1
    return [
        {
            "department": department,
            "element": path,
            "title": found.title if (found := state.catalogue.element(path)) else "",
            "times": times,
        }
        for (department, path), times in sorted(asked.items(), key=lambda item: (-item[1], item[0]))[:_MOST_LISTED]
    ]
