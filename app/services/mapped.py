"""Mapped views held in memory: computed once for a plan, a scope and the parts they rest on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import cast

from app.mapping.plan import Plan
from app.mapping.run import Mapped, run
from app.policy.scopes import Scope
from app.services.few_rows import PlaceIndex
from app.services.refinements import conditions_on
from app.services.registry import Registry, State
from app.services.row_by_row import Stretch, digest_of, in_place, is_row_by_row, spliced, stretches, stretches_again
from app.services.snapshot_sources import SnapshotSources
from app.services.stops import met, stopping
from app.store.touched import touched_regions

_MOST_TOUCHED = 64  # regions; beyond, all is mapped anew
_SEEN = 10_000  # of how many mapped views it is remembered what they showed


@dataclass(frozen=True)
class MappedState:
    """A whole view as one caller may see it, and the digest of all that it shows."""

    mapped: Mapped
    digest: str
    parts: tuple[Stretch, ...] = ()
    state: State | None = None
    """Where the rows rest on their own regions alone: the state they were mapped at."""

    over: tuple[Hashable, int] | None = None
    """With which other (its key) it shares its memory, but for so many bytes that are the other's alone."""

    @cached_property
    def size(self) -> int:
        """Bytes that the rows take."""
        return int(self.mapped.frame.estimated_size())

    index: PlaceIndex | None = None
    """Where the rows stand, where that is known from before."""

    @cached_property
    def places(self) -> PlaceIndex:
        """Where the rows of each region stand; made when first asked for."""
        return self.index if self.index is not None else PlaceIndex(self.mapped.frame)


@dataclass(frozen=True)
class SeenBefore:
    """What is left to be known of a mapped view whose rows may have been let go."""

    digest: str


class MappedViews:
    """A cache bounded in bytes. Many readers who ask for the same at once share one computation."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Future[MappedState]] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._seen: OrderedDict[Hashable, SeenBefore] = OrderedDict()
        self._last: dict[Hashable, tuple[Hashable, int]] = {}
        self.in_place: list[Callable[[str, str, Sequence[tuple[int, int]]], None]] = []
        """Told of each view of which only some rows (ranges) changed, and none moved: the digest before, that after."""

    def get(self, key: Hashable, compute: Callable[[], MappedState]) -> MappedState:
        with self._lock:
            future = self._kept.get(key)
            mine = future is None
            if future is None:
                future = self._kept[key] = Future()
            self._kept.move_to_end(key)
        if not mine:
            return future.result()
        try:
            state = compute()
        except BaseException as error:
            with self._lock:
                self._kept.pop(key, None)
            future.set_exception(error)
            raise
        future.set_result(state)
        with self._lock:
            self._seen[key] = SeenBefore(state.digest)
            while len(self._seen) > _SEEN:
                self._seen.popitem(last=False)
            self._sizes[key] = state.size
            if state.over is not None and state.over[0] in self._sizes:
                self._sizes[state.over[0]] = state.over[1]
            while sum(self._sizes.values()) > self._limit and len(self._kept) > 1:
                oldest = next(iter(self._kept))
                if oldest == key or not self._kept[oldest].done():
                    break
                del self._kept[oldest]
                self._sizes.pop(oldest, None)
        return state

    def last(self, but_parts: Hashable) -> MappedState | None:
        """The one mapped last with the same key but for the parts, if it is there still."""
        with self._lock:
            known = self._last.get(but_parts)
        return None if known is None else self.held(known[0])

    def remember(self, key: Hashable, seen: SeenBefore) -> None:
        """What was shown, of one that was never there as a whole."""
        with self._lock:
            self._seen[key] = SeenBefore(seen.digest)

    def remember_last(self, but_parts: Hashable, key: Hashable, epoch: int) -> None:
        """That this one, of an epoch, is the latest of those that differ in parts only; earlier ones are left aside."""
        with self._lock:
            if len(self._last) > _SEEN:
                self._last.clear()
            if self._last.get(but_parts, (None, -1))[1] <= epoch:
                self._last[but_parts] = key, epoch

    def seen(self, key: Hashable) -> SeenBefore | None:
        """What is known of that one, if it was ever there."""
        with self._lock:
            return self._seen.get(key)

    def held(self, key: Hashable) -> MappedState | None:
        """That one, if it is there already."""
        with self._lock:
            future = self._kept.get(key)
        return future.result() if future is not None and future.done() and future.exception() is None else None


def mapped_key(state: State, name: str, version: str, plan: Plan, scope: Scope, today: date) -> Hashable:
    """What the mapped whole of a plan depends on at a state: with the same key it is the same."""
    asked = ("mapped", name, version, scope.fingerprint, plan.names, today)
    found = state.derived.get(asked)
    if found is None:
        found = state.derived[asked] = _mapped_key(state, name, version, plan, scope, today)
    return cast("Hashable", found)


def _mapped_key(state: State, name: str, version: str, plan: Plan, scope: Scope, today: date) -> Hashable:
    datasets = {path.partition(".")[0] for path in plan.elements}
    conditions = conditions_on(state, scope, datasets)
    # What a condition rests on is behind the answer too, seen or not.
    datasets |= {path.partition(".")[0] for condition in conditions for path in condition.elements}
    return (
        name,
        version,
        scope.fingerprint,
        state.definitions_revision,
        state.regions_revision,
        plan.names,
        tuple(sorted((part, revision) for part, revision in state.part_revisions.items() if part[0] in datasets)),
        # Data without a period, and all of a view under present regions, is shown under those of today.
        today if _undated(plan) or any(condition.undated for condition in conditions) else None,
    )


@stopping("map")
def mapped_state(
    registry: Registry, views: MappedViews, state: State, name: str, version: str, plan: Plan, scope: Scope, today: date
) -> MappedState:
    """The whole of ``plan`` (already restricted to visible fields) as ``scope`` lets it be seen at ``state``."""
    key = mapped_key(state, name, version, plan, scope, today)

    def compute() -> MappedState:
        met(computed=1)
        alone = is_row_by_row(plan, state, scope)
        before = views.last(but_parts) if alone else None
        again = _again(registry, before, state, plan, scope, today)
        if again is None:
            mapped = mapped_of(registry, state, plan, scope, today, None)
            parts = stretches(mapped.frame)
        else:
            mapped, parts = again.mapped, again.parts
        digest = digest_of(f"{name}\0{version}", mapped.fields, parts)
        found = MappedState(mapped, digest, parts, state if alone else None)
        if again is None or before is None or again.changed is None:
            return found
        for told in views.in_place:
            told(before.digest, digest, again.changed)
        index = before.places.over(mapped.frame)
        if mapped.frame.n_chunks() == 1:  # put together anew
            return replace(found, index=index)
        assert before.state is not None  # noqa: S101 - it was mapped again from there
        former = mapped_key(before.state, name, version, plan, scope, today)
        replaced = sum(end - first for first, end in again.changed) * found.size // max(mapped.frame.height, 1)
        return replace(found, index=index, over=(former, replaced))

    assert isinstance(key, tuple)  # noqa: S101 - it was made above
    but_parts = (*key[:6], *key[7:])
    found = views.get(key, compute)
    if found.state is not None:
        views.remember_last(but_parts, key, found.state.epoch)
    met(fields=len(plan.fields), datasets=len(plan.sources), rows=found.mapped.frame.height)
    return found


def _undated(plan: Plan) -> bool:
    undated = plan.frequency == "once" or plan.spec.regions == "present"
    return undated or any(dataset.frequency == "once" for dataset in plan.datasets.values())


def mapped_of(
    registry: Registry, state: State, plan: Plan, scope: Scope, today: date, only: frozenset[int] | None
) -> Mapped:
    """The rows of a plan; of the regions ``only``, where they are given. Not kept."""
    sources = SnapshotSources(registry, state, scope, today, whole_records=plan.spec.whole_records, only=only)
    return run(plan, sources, sources.coverage, state.regions, today)


@dataclass(frozen=True, slots=True)
class _Again:
    """What was mapped before, after a change. ``changed``: the rows that did, where none came, went or moved."""

    mapped: Mapped
    parts: tuple[Stretch, ...]
    changed: Sequence[tuple[int, int]] | None


def _again(
    registry: Registry, earlier: MappedState | None, state: State, plan: Plan, scope: Scope, today: date
) -> _Again | None:
    """What was mapped before with the rows of those regions anew whose records changed; None where too many did."""
    if earlier is None or earlier.state is None or earlier.state.epoch > state.epoch:
        return None
    touched: set[int] = set()
    before, after = earlier.state.part_revisions, state.part_revisions
    for dataset, year in sorted({part for part in {**before, **after} if part[0] in plan.sources}):
        since, until = before.get((dataset, year), 0), after.get((dataset, year), 0)
        if since == until:
            continue
        with registry.database.read() as cx:
            found = touched_regions(cx, dataset, year, since, until, _MOST_TOUCHED)
        if found is None or len(touched | found) > _MOST_TOUCHED:
            return None
        touched |= found
    of_them = frozenset(touched)
    anew = mapped_of(registry, state, plan, scope, today, of_them)
    replaced = in_place(earlier.mapped, earlier.places, anew, of_them)
    if replaced is not None:
        mapped, changed = replaced
        return _Again(mapped, stretches_again(earlier.mapped.frame, mapped.frame, earlier.parts, changed), changed)
    moved = spliced(earlier.mapped, earlier.parts, anew, of_them)
    return None if moved is None else _Again(moved[0], stretches(moved[0].frame, moved[1]), None)
