"""Transparency for the source: who read which of its elements, under which agreement, on which days, how often.

A region is told of its own figures and those below, a source department of its datasets, an administrator of all.
Under a sensitive agreement readers are shown as it says, without agreement and purpose, by the month.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from app.catalogue.periods import Period
from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.reading_scopes import as_grants, catch_up
from app.services.registry import Registry, State
from app.store import reading_counts
from app.store.reading_counts import CountedScope

ADMINISTRATORS = "管理员"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to tell of: days from ``since`` to ``until``, one region with all below it, one element or dataset."""

    since: date | None = None
    until: date | None = None
    region: str | None = None
    element: str | None = None


@dataclass(slots=True)
class _Read:
    times: int = 0
    last: date = date.min
    periods: set[str] = field(default_factory=set)


def transparency(registry: Registry, caller: Caller, wanted: Wanted) -> dict[str, Any]:
    """The readings, newest first. Raises 403 for those who are no source, 404 for a region that is not there."""
    state = registry.state()
    permit = gate.permit_transparency(caller, state.catalogue)
    told_of = _told_of(registry, state, permit.roots, wanted.region)
    paths = _paths(state, caller, wanted.element)
    catch_up(registry)
    with registry.database.read_journal() as cx:
        counted = reading_counts.counted(cx, wanted.since, wanted.until)
    found: dict[tuple[str | None, ...], _Read] = {}
    places = _Places(state)
    for scope in counted:
        for grant in as_grants(scope.document):
            elements = paths & set(grant["elements"]) & set(scope.document["elements"])
            if elements and places.meet(scope, grant, told_of):
                _add(found, state, scope, grant, elements)
    reads = [_document(state, key, read) for key, read in found.items()]
    reads.sort(key=lambda each: (each["element"], each["reader"], each["agreement"] or ""))
    reads.sort(key=lambda each: each["last"], reverse=True)
    return {
        "since": wanted.since.isoformat() if wanted.since else None,
        "until": wanted.until.isoformat() if wanted.until else None,
        "reads": reads,
    }


def _told_of(registry: Registry, state: State, roots: frozenset[int] | None, asked: str | None) -> int | None:
    """The one region that is told of; None for all."""
    own = next(iter(roots)) if roots else None
    if asked is None:
        return own
    today = registry.today()
    region = state.regions.holder(asked, today)
    if region is None:
        raise Problem("not_found", f"没有行政区划 {asked} (there is no such region)")
    if own is not None and own != region and own not in state.regions.ancestors(region, today):
        raise Problem("forbidden", "只能看本区划及其下级 (only one's own region and those below)")
    return region


def _paths(state: State, caller: Caller, asked: str | None) -> set[str]:
    """The elements that the caller is the source of."""
    found: set[str] = set()
    for dataset in state.catalogue.datasets.values():
        mine = dataset.source == "region" if caller.kind == "region" else dataset.source_department == caller.department
        if caller.administers or mine:
            found |= {element.path for element in dataset.elements}
    if asked is not None:
        found = {path for path in found if asked in (path, path.partition(".")[0])}
    return found


def _add(
    found: dict[tuple[str | None, ...], _Read],
    state: State,
    scope: CountedScope,
    grant: Mapping[str, Any],
    elements: Collection[str],
) -> None:
    shown_as = _shown_as(state, grant)
    document = scope.document
    reader = document["reader"]
    if shown_as is not None and reader == "department":
        who = (shown_as, None, None, None, "month")
    else:
        agreement = None if shown_as is not None else grant["agreement"]
        purpose = None if shown_as is not None else grant["purpose"]
        department = None if shown_as is not None else document["department"]
        who = (reader, department, agreement, purpose, "day" if shown_as is None else "month")
    for path in elements:
        read = found.setdefault((*who, path), _Read())
        read.times += scope.times
        read.last = max(read.last, scope.day)
        read.periods.add(document["periods"] or _bounds(grant))


def _shown_as(state: State, grant: Mapping[str, Any]) -> str | None:
    """How the reader is shown, where the agreement was sensitive then or is now."""
    present = state.agreements.get(grant["agreement"] or "")
    now = present.agreement.readers_shown_as if present is not None and present.agreement.sensitive else None
    return now or grant.get("shown_as")


def _bounds(grant: Mapping[str, Any]) -> str:
    if grant.get("first") is None and grant.get("last") is None:
        return "*"
    return f"{grant.get('first') or ''}..{grant.get('last') or ''}"


def _document(state: State, key: tuple[str | None, ...], read: _Read) -> dict[str, Any]:
    reader, department, agreement, purpose, grain, path = key
    known = state.catalogue.departments.get(department or "")
    name = reader
    if reader == "department":
        name = known.name if known is not None else department
    elif reader == "administrators":
        name = ADMINISTRATORS
    dataset, _, code = (path or "").partition(".")
    element = state.catalogue.datasets[dataset].by_code.get(code)
    return {
        "reader": name,
        "kind": reader if reader in ("department", "administrators") else "department",
        "department": department,
        "agreement": agreement,
        "purpose": purpose,
        "element": path,
        "title": element.title if element is not None else None,
        "periods": sorted(read.periods),
        "times": read.times,
        "last": read.last.isoformat() if grain == "day" else f"{read.last:%Y-%m}",
    }


class _Places:
    """Whether what was asked, what was covered and the region that is told of have a place in common."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[tuple[Any, ...], bool] = {}
        changes = state.regions.editions()
        self._changes = [*changes, *(day - _DAY for day in changes)]

    def meet(self, scope: CountedScope, grant: Mapping[str, Any], region: int | None) -> bool:
        asked, periods = scope.document["regions"], scope.document["periods"]
        roots = tuple(grant["roots"]) if grant["roots"] is not None else None
        edition = self._state.regions.edition(scope.day)
        key = (asked, periods, roots, grant.get("first"), grant.get("last"), region, edition)
        if key not in self._known:
            spans = _spans(periods)
            self._known[key] = _in_time(spans, grant) and self._in_space(asked, roots, region, scope.day, spans)
        return self._known[key]

    def _in_space(
        self,
        asked: str | None,
        roots: tuple[int, ...] | None,
        region: int | None,
        day: date,
        spans: Sequence[tuple[date, date]],
    ) -> bool:
        regions = self._state.regions
        days = [day, *self._changes]
        if spans:
            days = [end for _, end in spans]
            days += [change for change in self._changes if any(first <= change <= end for first, end in spans)]
        for on in days:
            codes = [code.strip() for code in asked.split(",")] if asked else None
            named = None if codes is None else [h for code in codes if (h := regions.holder(code, on)) is not None]
            one = None if region is None else (region,)
            # The smallest first: what is not related to it goes no further.
            sets: list[Sequence[int]] = [each for each in (one, roots, named) if each is not None]
            if self._common(sets, on):
                return True
        return False

    def _common(self, sets: Sequence[Sequence[int]], on: date) -> bool:
        """Whether one region lies in a subtree of each set: all of one choice from each are above one another."""
        chains: list[list[int]] = [[]]
        for each in sets:
            chains = [
                [*chain, one] for chain in chains for one in each if all(self._related(one, o, on) for o in chain)
            ]
        return bool(chains)

    def _related(self, one: int, other: int, on: date) -> bool:
        regions = self._state.regions
        return one == other or one in regions.ancestors(other, on) or other in regions.ancestors(one, on)


def _spans(periods: str | None) -> list[tuple[date, date]]:
    found: list[tuple[date, date]] = []
    for item in periods.split(",") if periods else ():
        first, dots, last = item.strip().partition("..")
        try:
            start, end = Period.parse(first), Period.parse(last if dots else first)
        except ValueError:
            continue
        found.append((start.start, end.end))
    return found


def _in_time(spans: Sequence[tuple[date, date]], grant: Mapping[str, Any]) -> bool:
    if not spans:
        return True
    low = date.fromisoformat(grant["first"]) if grant.get("first") else date.min
    high = date.fromisoformat(grant["last"]) if grant.get("last") else date.max
    return any(first <= high and low <= last for first, last in spans)
