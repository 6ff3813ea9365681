"""Administrative divisions as they were on any day.

A region is known inside by an integer; its code, name, level and parent are *states* with validity. Codes are handed on
(in 230604 the code 012 is one street in 2021 and another in 2023), so a code means a region only together with a day.
Ancestors follow parent links, never the digits of a code: townships may sit directly under a prefecture.

``edition`` numbers the intervals between the days on which anything changes; hierarchies and tables are kept by it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from app.catalogue.model import Level

SuccessionKind = Literal["rename", "recode", "convert", "merge", "split", "move"]
SUCCESSION_KINDS: tuple[SuccessionKind, ...] = ("rename", "recode", "convert", "merge", "split", "move")

# A code between two holders for no more than this many days is still the earlier one's.
_BRIDGED_DAYS = 7
_KEPT_EDITIONS = 16
_ONE_DAY = timedelta(days=1)


class RegionState(NamedTuple):
    """What a region was from ``valid_from`` to ``valid_to`` (both inclusive; None: without bound)."""

    region_id: int
    code: str
    name: str
    level: Level
    parent_id: int | None
    valid_from: date | None = None
    valid_to: date | None = None


class Succession(NamedTuple):
    """One edge of what became of a region: on ``date``, ``old_id`` (or a ``share`` of it) became ``new_id``."""

    date: date
    kind: SuccessionKind
    old_id: int
    new_id: int
    share: Fraction | None = None
    document: str | None = None


@dataclass(slots=True)
class _Hierarchy:
    """The regions in force in one edition."""

    present: dict[int, RegionState]
    children: dict[int | None, list[int]] = field(default_factory=dict)
    levels: dict[Level, list[int]] = field(default_factory=dict)
    names: dict[str, list[int]] | None = None
    above: dict[Level, dict[int, int]] = field(default_factory=dict)
    below: dict[int, frozenset[int]] = field(default_factory=dict)


def _start(state: RegionState) -> date:
    return state.valid_from or date.min


def _end(state: RegionState) -> date:
    return state.valid_to or date.max


class RegionIndex:
    """All states and successions of regions, asked by day. Immutable; made anew when regions change."""

    def __init__(self, states: Iterable[RegionState] = (), successions: Iterable[Succession] = ()) -> None:
        self._states: dict[int, tuple[RegionState, ...]] = {}
        self._by_code: dict[str, tuple[RegionState, ...]] = {}
        self._successions = tuple(sorted(successions, key=lambda s: (s.date, s.old_id, s.new_id)))
        days: set[date] = {succession.date for succession in self._successions}
        for state in states:
            self._states[state.region_id] = (*self._states.get(state.region_id, ()), state)
        for region_id, own in self._states.items():
            if len(own) > 1:
                own = _consecutive(own)  # noqa: PLW2901 - the cut states replace those given
                self._states[region_id] = own
            for state in own:
                self._by_code[state.code] = (*self._by_code.get(state.code, ()), state)
                if state.valid_from is not None:
                    days.add(state.valid_from)
                if state.valid_to is not None and state.valid_to < date.max:
                    days.add(state.valid_to + _ONE_DAY)
        for code, held in self._by_code.items():
            if len(held) > 1:
                self._by_code[code] = tuple(sorted(held, key=_start))
        self._days = sorted(days)
        self._hierarchies: dict[int, _Hierarchy] = {}

    # -- what is held ------------------------------------------------------------------------------------------
    @property
    def successions(self) -> tuple[Succession, ...]:
        """Every succession, by date."""
        return self._successions

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, region_id: object) -> bool:
        return region_id in self._states

    def ids(self) -> Iterable[int]:
        """Every region ever known."""
        return self._states.keys()

    def states(self) -> Iterable[RegionState]:
        """Every state, region by region, earliest first."""
        return (state for own in self._states.values() for state in own)

    def history(self, region_id: int) -> tuple[RegionState, ...]:
        """The states of one region, earliest first; empty if it is not known."""
        return self._states.get(region_id, ())

    def holders(self, code: str) -> tuple[RegionState, ...]:
        """Every state that ever had ``code``, earliest first."""
        return self._by_code.get(code, ())

    # -- one region on a day -----------------------------------------------------------------------------------
    def holder(self, code: str, on: date) -> int | None:
        """The region that holds ``code`` on that day, or None.

        Where two states overlap, the later start wins; a gap of a few days between two holders is the earlier one's.
        """
        held = self._by_code.get(code)
        if held is None:
            return None
        last: RegionState | None = None
        for state in reversed(held):
            if _start(state) > on:
                last = state
                continue
            if on <= _end(state):
                return state.region_id
            bridged = last is not None and _start(last) - _end(state) <= timedelta(days=_BRIDGED_DAYS + 1)
            return state.region_id if bridged else self._earlier_overlapping(held, on)
        return None

    @staticmethod
    def _earlier_overlapping(held: Sequence[RegionState], on: date) -> int | None:
        for state in reversed(held):
            if _start(state) <= on <= _end(state):
                return state.region_id
        return None

    def state(self, region_id: int, on: date) -> RegionState | None:
        """The region's state on that day; before its first and after its last the nearest one; None if unknown."""
        own = self._states.get(region_id)
        if own is None:
            return None
        if len(own) == 1:
            return own[0]
        found = own[0]
        for state in own[1:]:
            if _start(state) > on:
                break
            found = state
        return found

    def ancestors(self, region_id: int, on: date) -> list[int]:
        """The regions above, nearest first."""
        above: list[int] = []
        state = self.state(region_id, on)
        while state is not None and state.parent_id is not None and state.parent_id not in above:
            above.append(state.parent_id)
            state = self.state(state.parent_id, on)
        return above

    # -- all regions on a day ----------------------------------------------------------------------------------
    def editions(self) -> list[date]:
        """The days on which anything about regions changes, in order."""
        return list(self._days)

    def edition(self, on: date) -> int:
        """The number of the interval between such days that ``on`` lies in; 0 is before the first."""
        return bisect_right(self._days, on)

    def in_force(self, on: date) -> Iterable[RegionState]:
        """The states of the regions that exist on that day, one for each."""
        return self._hierarchy(on).present.values()

    def exists(self, region_id: int, on: date) -> bool:
        """Whether the region is in force on that day."""
        return region_id in self._hierarchy(on).present

    def children(self, region_id: int | None, on: date) -> list[int]:
        """The regions directly below, by code; of None, those with no parent."""
        return list(self._hierarchy(on).children.get(region_id, ()))

    def subtree(self, region_id: int, on: date) -> frozenset[int]:
        """The region itself and all below it on that day."""
        hierarchy = self._hierarchy(on)
        found = hierarchy.below.get(region_id)
        if found is None:
            reached = {region_id}
            front = [region_id]
            while front:
                front = [c for parent in front for c in hierarchy.children.get(parent, ()) if c not in reached]
                reached.update(front)
            found = frozenset(reached)
            if len(hierarchy.below) < _KEPT_EDITIONS * _KEPT_EDITIONS:
                hierarchy.below[region_id] = found
        return found

    def at_level(self, level: Level, on: date) -> list[int]:
        """The regions of one level on that day, by code."""
        return list(self._hierarchy(on).levels.get(level, ()))

    def ancestor_at(self, level: Level, on: date) -> Mapping[int, int]:
        """For each region in force that is of ``level`` or lies below one: that region. Read only."""
        hierarchy = self._hierarchy(on)
        found = hierarchy.above.get(level)
        if found is None:
            found = {}
            front = [(region, region) for region in hierarchy.levels.get(level, ())]
            while front:
                found.update(front)
                front = [(c, top) for r, top in front for c in hierarchy.children.get(r, ()) if c not in found]
            hierarchy.above[level] = found
        return found

    def named(self, name: str, below: int | None, level: Level | None, on: date) -> list[int]:
        """The regions of that name (and level) on that day, within ``below`` and all under it if given."""
        hierarchy = self._hierarchy(on)
        if hierarchy.names is None:
            hierarchy.names = {}
            for state in hierarchy.present.values():
                hierarchy.names.setdefault(state.name, []).append(state.region_id)
        found = hierarchy.names.get(name, [])
        if level is not None:
            found = [region for region in found if hierarchy.present[region].level == level]
        if below is not None:
            found = [region for region in found if region == below or below in self.ancestors(region, on)]
        return list(found)

    def _hierarchy(self, on: date) -> _Hierarchy:
        edition = self.edition(on)
        found = self._hierarchies.get(edition)
        if found is None:
            found = self._arranged(on)
            while len(self._hierarchies) >= _KEPT_EDITIONS:
                self._hierarchies.pop(next(iter(self._hierarchies)), None)
            self._hierarchies[edition] = found
        return found

    def _arranged(self, on: date) -> _Hierarchy:
        present: list[RegionState] = []
        for own in self._states.values():
            # Between its own states a region exists, whatever the gap.
            if _start(own[0]) <= on <= _end(own[-1]):
                state = own[0] if len(own) == 1 else self.state(own[0].region_id, on)
                if state is not None:
                    present.append(state)
        present.sort(key=lambda state: state.code)
        hierarchy = _Hierarchy({state.region_id: state for state in present})
        for state in present:
            hierarchy.children.setdefault(state.parent_id, []).append(state.region_id)
            hierarchy.levels.setdefault(state.level, []).append(state.region_id)
        return hierarchy


def _consecutive(own: Sequence[RegionState]) -> tuple[RegionState, ...]:
    """The states of one region in order, each ending the day before the next begins."""
    ordered = sorted(own, key=_start)
    cut = [
        state._replace(valid_to=_start(following) - _ONE_DAY)
        for state, following in pairwise(ordered)
        if _start(state) < _start(following)
    ]
    return (*cut, ordered[-1])
