"""What a new mapping would change for those who really read the old one: their recent questions, answered both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import polars as pl

from app.catalogue.periods import Period
from app.errors import Problem
from app.formats.fields import column_name, number_text
from app.formats.selection import parse_fields, parse_filters, parse_sort, select
from app.mapping.plan import OutputField, Plan
from app.mapping.run import Mapped, run
from app.policy.callers import Caller
from app.policy.scopes import Scope
from app.services.coverage import region_expression
from app.services.questions import period_expression, read_periods, read_regions
from app.services.registry import CHINA, Registry, State
from app.services.snapshot_sources import SnapshotSources
from app.services.view_drafts import broken_fields
from app.services.visible_views import department_scope
from app.store import audit

_ENTRIES = 1_000
_QUESTIONS = 20
_EXAMPLES = 5
USE_DAYS = 90
# One day's reading may be somebody trying the view out; who comes back on another day relies on it.
DAYS_OF_USE = 2


@dataclass(slots=True)
class AskedBefore:
    """One question as it was really asked: by whom, how often, on which days."""

    question: Mapping[str, Any]
    consumers: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    times: int = 0
    last: datetime | None = None


def recent_questions(registry: Registry, code: str) -> list[AskedBefore]:
    """The questions put to a view in the last 90 days, the most recent first."""
    since = registry.now() - timedelta(days=USE_DAYS)
    with registry.database.read_journal() as cx:
        found = audit.entries(cx, action="read", target=code, since=since, limit=_ENTRIES)
    asked: dict[bytes, AskedBefore] = {}
    for item in found:
        entry = item.entry
        if entry.kind != "intent" or entry.question is None:
            continue
        known = asked.setdefault(orjson.dumps(entry.question, option=orjson.OPT_SORT_KEYS), AskedBefore(entry.question))
        known.consumers.add(entry.credential_id or "")
        known.days.add(entry.at.astimezone(CHINA).date().isoformat())
        known.times += 1
        known.last = max(known.last, entry.at) if known.last else entry.at
    return list(asked.values())


def fields_in_use(questions: Sequence[AskedBefore], plan: Plan) -> dict[str, set[str]]:
    """Fields that were asked for on at least two days: name → the consumers who did."""
    days: dict[str, set[str]] = {}
    consumers: dict[str, set[str]] = {}
    for asked in questions:
        for name in _named(asked.question, plan):
            days.setdefault(name, set()).update(asked.days)
            consumers.setdefault(name, set()).update(asked.consumers)
    return {name: consumers[name] for name, seen in days.items() if len(seen) >= DAYS_OF_USE}


def _named(question: Mapping[str, Any], plan: Plan) -> set[str]:
    every = {each.name for each in plan.fields}
    chosen = set(question["fields"].split(",")) if question.get("fields") else set(every)
    chosen |= {text.split(":")[0] for text in question.get("filter", ())}
    chosen |= {text.removeprefix("-") for text in (question.get("sort") or "").split(",") if text}
    return chosen & every


def impact(registry: Registry, state: State, code: str, before: Plan, after: Plan) -> dict[str, Any]:
    """Recent real requests under the old and the new mapping: which fields, rows and consumers change, with examples."""
    questions = recent_questions(registry, code)
    caller = Caller("department", "impact", after.spec.department, department=after.spec.department)
    scope = department_scope(state, caller, registry.today())
    old, new = (_visible(plan, scope) for plan in (before, after))
    results = []
    if old is not None and new is not None:
        frames = tuple(_mapped(registry, state, scope, plan) for plan in (old, new))
        results += [_compare(registry, state, asked, (old, new), frames) for asked in questions[:_QUESTIONS]]
    broken = broken_fields(before, after)
    used = fields_in_use(questions, before)
    return {
        "questions": results,
        "requests": sum(asked.times for asked in questions),
        "consumers": sorted({consumer for asked in questions for consumer in asked.consumers}),
        "fields": {
            "removed_or_retyped": broken,
            "added": sorted({each.name for each in after.fields} - {each.name for each in before.fields}),
            "in_use": {name: sorted(used[name]) for name in sorted(broken.keys() & used.keys())},
        },
    }


def _visible(plan: Plan, scope: Scope) -> Plan | None:
    names = [each.name for each in plan.fields if not each.elements or any(scope.sees(path) for path in each.elements)]
    rests = any(each.elements for each in plan.fields if each.name in names)
    return plan.restricted(names) if rests else None


def _mapped(registry: Registry, state: State, scope: Scope, plan: Plan) -> Mapped:
    today = registry.today()
    sources = SnapshotSources(registry, state, scope, today)
    return run(plan, sources, sources.coverage, state.regions, today)


def _compare(
    registry: Registry, state: State, asked: AskedBefore, plans: tuple[Plan, Plan], frames: tuple[Mapped, ...]
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "question": dict(asked.question),
        "times": asked.times,
        "consumers": sorted(asked.consumers),
        "last": asked.last.isoformat() if asked.last else None,
    }
    answers: list[tuple[pl.DataFrame, tuple[OutputField, ...]]] = []
    for name, plan, mapped in zip(("before", "after"), plans, frames, strict=True):
        try:
            answers.append(_answered(registry, state, asked.question, plan, mapped))
        except Problem as problem:
            told[name] = {"problem": problem.code, "detail": problem.detail}
    if len(answers) < len(frames):
        return told
    (old, old_fields), (new, new_fields) = answers
    told["rows"] = {"before": old.height, "after": new.height}
    told["fields"] = {
        "gone": [each.name for each in old_fields if each.name not in {other.name for other in new_fields}],
        "new": [each.name for each in new_fields if each.name not in {other.name for other in old_fields}],
    }
    if plans[0].frequency == plans[1].frequency:
        told.update(_changed_cells(plans[0], old, old_fields, new, new_fields))
    return told


def _answered(
    registry: Registry, state: State, question: Mapping[str, Any], plan: Plan, mapped: Mapped
) -> tuple[pl.DataFrame, tuple[OutputField, ...]]:
    outputs = [each.output for each in plan.fields]
    filters = parse_filters(question.get("filter", ()), outputs)
    sort = parse_sort(question.get("sort"), outputs)
    fields = parse_fields(question.get("fields"), outputs)
    spans = read_periods(question.get("period"), plan.frequency)
    codes = read_regions(question.get("region"))
    frame = mapped.frame
    if spans is not None:
        frame = frame.filter(period_expression(spans))
    if codes is not None:
        frame = frame.filter(region_expression(codes, frame, plan.spec.places_by, state.regions, registry.today()))
    return select(replace(mapped, frame=frame), filters, sort, fields)


def _changed_cells(
    plan: Plan,
    old: pl.DataFrame,
    old_fields: Sequence[OutputField],
    new: pl.DataFrame,
    new_fields: Sequence[OutputField],
) -> dict[str, Any]:
    """How many cells of each field that both have differ in rows that both have, with a few examples."""
    key = ["code", "period", *(name for name in old.columns if name.startswith("key:") and name in new.columns)]
    after = {each.name: each for each in new_fields}
    both = old.join(new, on=key, how="inner", suffix="\0new", nulls_equal=True)
    counts: dict[str, int] = {}
    examples: list[dict[str, Any]] = []
    for each in old_fields:
        other = after.get(each.name)
        if other is None:
            continue
        for row in both.select([*key, column_name(each), f"{column_name(each)}\0new"]).rows():
            was, becomes = _cell(each, row[-2]), _cell(other, row[-1])
            if was == becomes and type(was) is type(becomes):
                continue
            counts[each.name] = counts.get(each.name, 0) + 1
            if len(examples) < _EXAMPLES:
                period = str(Period(plan.frequency, row[1])) or None
                examples.append(
                    {
                        "region": row[0],
                        "period": period,
                        "field": each.name,
                        "before": None if was is None else str(was),
                        "after": None if becomes is None else str(becomes),
                    }
                )
    return {"changed_cells": counts, "examples": examples}


def _cell(output: OutputField, value: Any) -> Any:
    """One value of a mapped frame as it is shown."""
    return Decimal(number_text(value, output.decimals)) if output.kind == "number" and value is not None else value
