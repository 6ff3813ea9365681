"""What a reading could tell, from its entry in the audit: who, by which agreements as they were, of which elements.

It rests on the question and on what was covered when it was asked, never on what was held: so that what a region is
told of it cannot depend on what others have reported. A page after the first is part of the reading that began it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from app.errors import Problem
from app.mapping.plan import Plan
from app.policy.agreement_documents import parse_agreement
from app.services.registry import CHINA, Registry, State
from app.store import definitions, reading_counts
from app.store.definitions import StoredDefinition
from app.store.reading_counts import AnsweredReading, CountedScope

VIEW_ACTIONS = frozenset({"read", "changes", "explain", "form", "read-as"})
ACTIONS = VIEW_ACTIONS | {"read-records", "preview"}
# Broken off: what went out before that is not known, so that all of it may have.
OUTCOMES = frozenset({"sent", "not_modified", "broken"})
_BATCH = 2_000
_ADMINISTRATORS = ("admin", "operator")


def catch_up(registry: Registry) -> None:
    """Count every entry that is in the audit by now."""
    scopes = ReadingScopes(registry)
    while True:
        with registry.database.read_journal() as cx:
            batch = reading_counts.uncounted(cx, ACTIONS, OUTCOMES, _BATCH)
        if not batch.after:
            return
        counted, once = scopes.counted(batch.readings)
        with registry.database.journal() as cx:
            reading_counts.add(cx, counted, once, batch)


class ReadingScopes:
    """Makes scopes of readings; holds what it looked up for as long as a batch is worked on."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._plans: dict[tuple[str, int], Plan | None] = {}
        self._versions: dict[tuple[str, str], list[StoredDefinition]] = {}

    def counted(self, readings: Iterable[AnsweredReading]) -> tuple[list[CountedScope], set[str]]:
        """How often each scope came on each day, and which scopes count once a day: those of a feed that is followed."""
        documents: dict[str, dict[str, Any]] = {}
        times: dict[tuple[str, Any], int] = {}
        followed: set[str] = set()
        state = self._registry.state()
        with self._registry.database.read() as cx:
            for reading in readings:
                document = self._document(cx, state, reading)
                if document is None:
                    continue
                digest = hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
                documents[digest] = document
                if reading.action == "changes":
                    followed.add(digest)
                key = (digest, reading.at.astimezone(CHINA).date())
                times[key] = times.get(key, 0) + 1
        return [CountedScope(scope, documents[scope], day, n) for (scope, day), n in times.items()], followed

    def _document(self, cx: Connection, state: State, reading: AnsweredReading) -> dict[str, Any] | None:
        """The scope as JSON; None for what is no reading of others' figures: one's own, or a further page."""
        administers = reading.caller_kind in _ADMINISTRATORS
        if reading.question.get("cursor") or not (administers or reading.caller_kind == "department"):
            return None
        grants: list[dict[str, Any]] = []
        if reading.action == "read-records":
            if not administers:
                return None
            dataset = state.catalogue.datasets.get(reading.target)
            elements = [element.path for element in dataset.elements] if dataset else []
        elif reading.action == "preview":
            elements = [str(path) for path in reading.question.get("elements", ())]
        else:
            elements = self._elements(cx, reading)
            grants = [self._grant(cx, state, code, reading.at) for code in reading.agreements]
        return {
            "reader": "administrators" if administers else "department",
            "department": reading.department,
            "way": "changes" if reading.action == "changes" else "read",
            "elements": sorted(elements),
            "regions": reading.question.get("region"),
            "periods": reading.question.get("period"),
            "grants": grants if reading.action in VIEW_ACTIONS else None,
        }

    def _elements(self, cx: Connection, reading: AnsweredReading) -> list[str]:
        """What stands behind the fields that were asked for, shown or only filtered or sorted by."""
        plan = self._plan(cx, reading.target, reading.version or 0)
        if plan is None:
            return []
        asked = reading.question
        named = {*_listed(asked.get("fields")), *_listed(asked.get("field"))}
        if named:
            named |= {text.partition(":")[0] for text in asked.get("filter", ())}
            named |= {text.strip().lstrip("-") for text in _listed(asked.get("sort"))}
        found: set[str] = set()
        for field in plan.fields:
            if not named or field.name in named:
                found |= field.elements
        return sorted(found)

    def _plan(self, cx: Connection, code: str, version: int) -> Plan | None:
        key = (code, version)
        if key not in self._plans:
            stored = definitions.get(cx, "view", code, version)
            then = self._registry.state_at(stored.epoch) if stored is not None else None
            view = then.views.get(code) if then is not None else None
            try:
                self._plans[key] = view.plan if view is not None else None
            except Problem:  # a view that rests on what is no longer there
                self._plans[key] = None
        return self._plans[key]

    def _grant(self, cx: Connection, state: State, code: str, at: datetime) -> dict[str, Any]:
        """What an agreement gave at an instant."""
        versions = self._kept(cx, "agreement", code)
        stored = next((each for each in versions if each.created_at <= at), versions[-1] if versions else None)
        agreement = parse_agreement(stored.body, code)[0] if stored is not None else None
        if stored is None or agreement is None:
            return {"agreement": code, "elements": [], "roots": []}
        roots = None
        if "*" not in agreement.regions:
            made = stored.created_at.astimezone(CHINA).date()
            holders = {state.regions.holder(region, made) for region in agreement.regions} - {None}
            roots = sorted(holder for holder in holders if holder is not None)
        return {
            "agreement": code,
            "purpose": agreement.purpose,
            "elements": sorted(agreement.covered_elements(state.catalogue)),
            "roots": roots,
            "first": agreement.first.isoformat() if agreement.first else None,
            "last": agreement.last.isoformat() if agreement.last else None,
            "shown_as": agreement.readers_shown_as if agreement.sensitive else None,
        }

    def _kept(self, cx: Connection, kind: str, code: str) -> Sequence[StoredDefinition]:
        if (kind, code) not in self._versions:
            self._versions[kind, code] = definitions.versions(cx, kind, code)
        return self._versions[kind, code]


def _listed(given: object) -> list[str]:
    return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else []


def as_grants(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The grants of a scope; one over everything where nothing limited the reader."""
    if document["grants"] is not None:
        return list(document["grants"])
    every = {"agreement": None, "purpose": None, "elements": document["elements"], "roots": None}
    return [{**every, "first": None, "last": None, "shown_as": None}]
