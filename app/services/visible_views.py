"""Which views a caller may read today, and which of their fields: the first stop of every read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from app.catalogue.periods import Period, ordinals_between
from app.errors import Problem
from app.mapping.plan import Plan
from app.mapping.spec import ViewSpec
from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import Grant, Scope
from app.services.covered_places import meet, that_moved
from app.services.questions import Span
from app.services.registry import State, StoredView
from app.services.stops import stopping

_NO_VIEW = "没有这个视图 (there is no such view)"


@dataclass(frozen=True)
class VisibleView:
    """A view as one caller may read it now: its plan has only the visible fields."""

    stored: StoredView
    plan: Plan
    scope: Scope

    @property
    def spec(self) -> ViewSpec:
        return self.stored.spec

    @property
    def version(self) -> int:
        return self.stored.stored.version

    @property
    def agreements(self) -> tuple[str, ...]:
        used = self.plan.elements
        return tuple(sorted({grant.name for grant in self.scope.grants if grant.elements & used}))


def department_scope(state: State, caller: Caller, today: date) -> Scope:
    """What the agreements in force today give the caller. Access is always today's, whatever is asked of the past."""
    key = ("scope", caller.kind, caller.department, today)
    found = state.derived.get(key)
    if found is None:
        agreements = (item.agreement for item in state.agreements.values())
        found = gate.scope_of_agreements(caller, agreements, state.roots, state.catalogue, today)
        state.derived[key] = found
    return cast("Scope", found)


@stopping("gate")
def visible_view(state: State, caller: Caller, code: str, today: date) -> VisibleView:
    """The view; a view that is not there and one that the caller may not see give the same 404."""
    found = _visible(state, state.views.get(code), caller, department_scope(state, caller, today))
    if found is None:
        raise no_view()
    return found


def no_view() -> Problem:
    """The one refusal of a view that is not there and of one that the caller may not see."""
    return Problem("not_found", _NO_VIEW)


def visible_views(state: State, caller: Caller, today: date) -> list[VisibleView]:
    """Every view the caller may read, by code."""
    scope = department_scope(state, caller, today)
    found = (_visible(state, stored, caller, scope) for _, stored in sorted(state.views.items()))
    return [view for view in found if view is not None]


def restricted(stored: StoredView, scope: Scope) -> VisibleView | None:
    """The view with the fields that ``scope`` lets be seen; None when no visible field rests on an element."""
    names = []
    rests = False
    for field in stored.plan.fields:
        if field.elements:
            if not any(scope.sees(path) for path in field.elements):
                continue
            rests = True
        names.append(field.name)
    return VisibleView(stored, stored.plan.restricted(names), scope) if rests else None


def _visible(state: State, stored: StoredView | None, caller: Caller, scope: Scope) -> VisibleView | None:
    if stored is None or caller.kind != "department" or stored.stored.body.get("department") != caller.department:
        return None
    key = ("view", stored.stored.code, scope.fingerprint)
    if key not in state.derived:
        state.derived[key] = restricted(stored, scope)
    found = state.derived[key]
    # Names of agreements are no part of the fingerprint, so the scope itself is always the caller's own.
    return None if found is None else VisibleView(found.stored, found.plan, scope)


def require_coverage(
    view: VisibleView, state: State, codes: Sequence[str] | None, spans: Sequence[Span] | None, today: date
) -> None:
    """Refuses when nothing of the regions and periods asked for is covered. What is held plays no part in it."""
    if codes is None and spans is None:
        return
    if not is_covered(view, state, codes, reaching(view, state, spans, today), today):
        raise Problem("not_covered", "没有有效的共享协议覆盖所请求的区划和期间 (no agreement covers what was asked)")


def reaching(
    view: VisibleView, state: State, spans: Sequence[Span] | None, today: date
) -> list[tuple[Grant, Sequence[date]]]:
    """The grants that reach into any of the periods asked for, each with the days on which places are asked about."""
    found: list[tuple[Grant, Sequence[date]]] = []
    for grant in view.scope.grants:
        days = _days(grant, view, state, spans, today) if grant.elements & view.plan.elements else None
        if days is not None:
            found.append((grant, days))
    return found


def is_covered(
    view: VisibleView,
    state: State,
    codes: Sequence[str] | None,
    grants: Sequence[tuple[Grant, Sequence[date]]],
    today: date,
) -> bool:
    """Whether any of the regions asked for is covered by grants that reach into the periods asked for."""
    # Places that moved are looked at only before refusing: it takes longer, and seldom says anything else.
    if any(_overlaps(grant, days, view, state, codes, today, frozenset()) for grant, days in grants):
        return True
    moved = _moved(view, state, today) if grants else frozenset()
    return bool(moved) and any(_overlaps(grant, days, view, state, codes, today, moved) for grant, days in grants)


def _days(
    grant: Grant, view: VisibleView, state: State, spans: Sequence[Span] | None, today: date
) -> Sequence[date] | None:
    if spans is None:
        editions = state.regions.editions()
        return list(dict.fromkeys([today, *editions, *(day - _DAY for day in editions)]))
    met = [span for span in spans if _in_time(grant, view, span)]
    if not met:
        return None
    # A code may have been handed on within what was asked for: every holder of it is asked about.
    days = [day for span in met for day in (span.end.end, span.start.end)]
    changes = state.regions.editions()
    days += [day - _DAY for span in met for day in changes if span.start.start < day <= span.end.end]
    if view.spec.regions == "present":
        days.append(today)
    return list(dict.fromkeys(days))


def _overlaps(
    grant: Grant,
    days: Sequence[date],
    view: VisibleView,
    state: State,
    codes: Sequence[str] | None,
    today: date,
    moved: frozenset[int],
) -> bool:
    if codes is None or grant.roots is None:
        return codes is None or any(state.regions.holder(code, day) is not None for code in codes for day in days)
    present = today if view.spec.regions == "present" else None
    return meet(grant.roots, codes, state.regions, days, present, moved)


def _moved(view: VisibleView, state: State, today: date) -> frozenset[int]:
    present = today if view.spec.regions == "present" else None
    key = ("moved", present)
    if key not in state.derived:
        state.derived[key] = that_moved(state.regions, present)
    return cast("frozenset[int]", state.derived[key])


def _in_time(grant: Grant, view: VisibleView, span: Span) -> bool:
    """Whether a period of the data behind the view, at its own frequency, lies in both the grant and the span."""
    for dataset in view.plan.datasets.values():
        if not any(element.path in grant.elements for element in dataset.elements):
            continue
        if dataset.frequency == "once":
            return True
        low, high = ordinals_between(grant.first, grant.last, dataset.frequency)
        first = Period.of(span.start.start, dataset.frequency).ordinal
        last = Period.of(span.end.end, dataset.frequency).ordinal
        if (low is None or last >= low) and (high is None or first <= high):
            return True
    return False


_DAY = timedelta(days=1)
