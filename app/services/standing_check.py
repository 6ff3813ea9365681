"""The standing check: elements that are collected twice under two names, and elements that nobody reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from app.matching.twins import find_twins
from app.policy import gate
from app.policy.callers import Caller
from app.services.form_matching import FormMatcher
from app.services.registry import Registry, State
from app.store.readings import answered_readings

_DAYS = 366
_VIEW_READINGS = ("read", "changes", "form")


def standing_check(registry: Registry, matcher: FormMatcher, caller: Caller) -> dict[str, Any]:
    """Over all datasets, views and agreements, for administrators. A twin is for a person to look at, not an error."""
    gate.permit_administration(caller)
    state = registry.state()
    since = registry.now() - timedelta(days=_DAYS)
    twins = [
        {
            "confidence": pair.confidence,
            "elements": [_described(state, path) for path in (pair.one, pair.other)],
        }
        for pair in find_twins(matcher.whole(state))
    ]
    return {
        "elements": sum(len(dataset.elements) for dataset in state.catalogue.datasets.values()),
        "twice": twins,
        "unread": unread_elements(registry, state, since),
    }


def unread_elements(registry: Registry, state: State, since: datetime) -> list[dict[str, Any]]:
    """Elements that no view names, no agreement covers or nobody has read since; those that lack most come first.

    Keys and closed elements are left out: a key is read with its record, a closed element is never shared.
    """
    views: dict[str, set[str]] = defaultdict(set)
    for code, view in state.views.items():
        for path in view.plan.elements:
            views[path].add(code)
    agreements: Counter[str] = Counter()
    for stored in state.agreements.values():
        agreements.update(stored.agreement.covered_elements(state.catalogue))
    read: set[str] = set()
    with registry.database.read_journal() as journal:
        for reading in answered_readings(journal, (*_VIEW_READINGS, "records"), since=since):
            known = state.views.get(reading.target)
            if reading.action == "records":
                dataset = state.catalogue.datasets.get(reading.target)
                if dataset is not None and reading.caller_kind == "department":
                    read |= {element.path for element in dataset.elements}
            elif known is not None and reading.caller_kind == "department":
                asked = reading.question.get("fields")
                names = set(str(asked).split(",")) if asked else None
                for field in known.plan.fields:
                    if names is None or field.name in names:
                        read |= field.elements
    told = []
    for dataset in state.catalogue.datasets.values():
        for element in dataset.elements:
            lacking = [
                name
                for name, there in (
                    ("view", element.path in views),
                    ("agreement", element.path in agreements),
                    ("reading", element.path in read),
                )
                if not there
            ]
            if lacking and element.sharing != "closed" and element.code not in dataset.key:
                told.append({"element": element.path, "title": element.title, "lacking": lacking})
    return sorted(told, key=lambda item: (-len(item["lacking"]), str(item["element"])))


def _described(state: State, path: str) -> dict[str, Any]:
    element = state.catalogue.element(path)
    dataset = state.catalogue.datasets[path.partition(".")[0]]
    return {
        "element": path,
        "title": element.title if element else "",
        "definition": element.definition if element else "",
        "unit": element.unit if element else None,
        "dataset": dataset.title,
        "frequency": dataset.frequency,
        "level": dataset.level,
        "source": dataset.source,
    }
