"""Snapshots that a department names and keeps: what an assessment rested on, to be read again years later.

A name stands for one view or for all that the department could see, at one state. It fixes data, catalogue, regions,
the day under whose regions undated figures stand, and the version of each view; never access, which is today's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy.exc import IntegrityError

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.as_of import view_as_of
from app.services.mapped import MappedViews, mapped_key, mapped_state
from app.services.naming import PIN, StateNames, is_pin, scope_document
from app.services.refinements import conditions_on
from app.services.registry import CHINA, Registry, State
from app.services.visible_views import VisibleView, no_view, visible_view, visible_views
from app.store import pins
from app.store.pins import Pin
from app.store.states import StoredState

_NONE = "没有这个快照 (there is no such snapshot)"
_TAKEN = "该名称已在使用，请另取名称或先释放 (the name is taken; choose another or let go of it first)"


@dataclass(frozen=True, slots=True)
class Pinning:
    """What is to be kept: one view or all of them, as of now or of another state, under a name or one made here."""

    view: str | None = None
    name: str | None = None
    as_of: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    """A view at the state that is to be kept, the day it stands for, its snapshot, and the datasets behind it."""

    view: VisibleView
    state: State
    day: date
    snapshot: StoredState
    datasets: Sequence[str]


class Pins:
    """Keeps, lists and lets go. One for each process."""

    def __init__(self, registry: Registry, views: MappedViews, names: StateNames) -> None:
        self._registry = registry
        self._views = views
        self._names = names
        registry.pinned_parts = self._parts

    def pin(self, caller: Caller, asked: Pinning) -> dict[str, Any]:
        """Keep a state. Raises 403 for whoever is no department, 404 where there is no view, 409 for a name in use."""
        permit = gate.permit_pins(caller, caller.department if caller.kind == "department" else None)
        department = permit.caller.department or ""
        if asked.name is not None and not is_pin(asked.name):
            raise Problem("bad_request", f"name 应符合 {PIN.pattern}，且不得形如快照标识 (not a name for a snapshot)")
        state = self._registry.state()
        # One look at the clock: read twice around midnight it would keep the figures of one day under the next.
        now = self._registry.now()
        today = now.astimezone(CHINA).date()
        seen = (
            visible_views(state, caller, today)
            if asked.view is None
            else [visible_view(state, caller, asked.view, today)]
        )
        if not seen:
            raise no_view()
        made = [self._state_of(caller, view, state, asked, today) for view in seen]
        told = asked.view[:40] if asked.view else "all"
        name = asked.name or f"{told}-{today.isoformat()}-{made[0].snapshot.id[:8]}"
        kept = [
            Pin(
                department=department,
                name=name,
                view=shown.view.spec.code,
                view_version=shown.view.version,
                snapshot=shown.snapshot.id,
                digest=shown.snapshot.digest,
                epoch=shown.state.epoch,
                scope=scope_document(caller, shown.view),
                datasets=shown.datasets,
                shown_at=now if shown.day == today else datetime.combine(shown.day, time(12), CHINA),
                note=asked.note,
                pinned_at=now,
                pinned_by=caller.credential_id,
            )
            for shown in made
        ]
        try:
            with self._registry.database.write() as write:
                most = self._registry.settings.pins_per_department
                if pins.every(write.connection, department, name):
                    raise Problem("conflict", _TAKEN)
                if pins.names_kept(write.connection, department) >= most:
                    raise Problem("conflict", f"每个部门最多固定 {most} 个快照 (the most that a department keeps)")
                pins.insert(write, permit, kept)
        except IntegrityError as taken:  # by another at the same moment
            raise Problem("conflict", _TAKEN) from taken
        return _document(kept)

    def listed(self, caller: Caller) -> dict[str, Any]:
        """A department's own snapshots, the newest first; an administrator sees those of all."""
        if not caller.administers and caller.kind != "department":
            return {"snapshots": []}
        with self._registry.database.read() as cx:
            found = pins.every(cx, None if caller.administers else caller.department)
        return {"snapshots": [_document(list(group)) for _, group in groupby(found, attrgetter("department", "name"))]}

    def one(self, caller: Caller, name: str, department: str | None = None) -> dict[str, Any]:
        """One snapshot; another's is the 404 of one that is not there. Administrators name the department."""
        return _document(self._own(caller, name, department))

    def release(self, caller: Caller, name: str, department: str | None = None) -> None:
        """Let go of a name. What it stood for can still be read by its snapshot ids for as long as those are known."""
        found = self._own(caller, name, department)
        permit = gate.permit_pins(caller, found[0].department)
        with self._registry.database.write() as write:
            if not pins.remove(write, permit, found[0].department, name):
                raise Problem("not_found", _NONE)

    def _own(self, caller: Caller, name: str, department: str | None) -> list[Pin]:
        if caller.administers:
            owner = department
        elif caller.kind == "department" and department in {None, caller.department}:
            owner = caller.department
        else:
            owner = None
        if owner is not None:
            with self._registry.database.read() as cx:
                found = pins.every(cx, owner, name)
            if found:
                return found
        raise Problem("not_found", _NONE)

    def _state_of(self, caller: Caller, view: VisibleView, present: State, asked: Pinning, today: date) -> _Shown:
        code = view.spec.code
        then, state, day = view, present, today
        if asked.as_of is not None:
            then, state, day = view_as_of(self._registry, self._names, caller, view, present, asked.as_of)
        version = str(then.version)
        key = mapped_key(state, code, version, then.plan, then.scope, day)
        shown = self._views.seen(key) or mapped_state(
            self._registry, self._views, state, code, version, then.plan, then.scope, day
        )
        snapshot = self._names.find(caller, code, self._names.name(caller, then, state.epoch, shown))
        conditions = conditions_on(state, then.scope, set(then.plan.sources))
        behind = {path.partition(".")[0] for condition in conditions for path in condition.elements}
        return _Shown(then, state, day, snapshot, sorted(then.plan.sources | behind))

    def _parts(self) -> set[tuple[str, int, int]]:
        """The parts behind all that is kept, so that reading it again does not begin with building them."""
        with self._registry.database.read() as cx:
            kept = pins.every(cx, None)
        found: set[tuple[str, int, int]] = set()
        for epoch, group in groupby(sorted(kept, key=attrgetter("epoch")), attrgetter("epoch")):
            datasets = {dataset for pin in group for dataset in pin.datasets}
            revisions = self._registry.part_revisions(epoch)
            found |= {(*part, revision) for part, revision in revisions.items() if part[0] in datasets}
        return found


def _document(kept: Sequence[Pin]) -> dict[str, Any]:
    first = kept[0]
    return {
        "name": first.name,
        "department": first.department,
        "note": first.note,
        "pinned_at": first.pinned_at.astimezone(CHINA).isoformat(),
        "pinned_by": first.pinned_by,
        "views": [
            {"view": pin.view, "version": pin.view_version, "snapshot": pin.snapshot}
            for pin in sorted(kept, key=attrgetter("view"))
        ],
    }
