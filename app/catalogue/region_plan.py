"""What ``apply`` will do with lists of regions and successions, against what is held.

Who is who: ``rename recode convert move`` keep the region, with a new state from their day on; ``merge split`` are
edges between different regions; without a succession the same code is the same region and a new code a new one.
A row without dates says how things are now, so a differing name or parent corrects the present state. What a list does
not name stays as it is. Planning what has just been applied gives an empty plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from app.catalogue.region_checks import one_row_a_time, succession_faults
from app.catalogue.region_files import RegionRow, SuccessionRow
from app.catalogue.region_plan_words import PlanInWords, SuccessionKey
from app.catalogue.region_timelines import CARRYING, ONE_DAY, TOLERANCE, Placed, Segment, Timelines
from app.catalogue.regions import RegionIndex, RegionState, Succession
from app.errors import Fault


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """What the store has to write, and what it means in words. With any fault nothing may be written.

    New regions have the ids in ``new_regions``, below zero; the store gives them their own, in the states and
    successions to add as well (``region_id``, ``parent_id``, ``old_id``, ``new_id``). A state to supersede is known by
    its ``region_id`` and ``valid_from``; what replaces it is among those to add. An edge to supersede is known by all
    but its ``share`` and ``document``.
    """

    new_regions: tuple[int, ...] = ()
    add_states: tuple[RegionState, ...] = ()
    supersede_states: tuple[RegionState, ...] = ()
    add_successions: tuple[Succession, ...] = ()
    supersede_successions: tuple[Succession, ...] = ()
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    changes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.add_states or self.supersede_states or self.add_successions or self.supersede_successions)

    def applied(self, present: RegionIndex) -> RegionIndex:
        """The index as it will be, new regions under their temporary ids."""
        gone, ended = set(self.supersede_states), set(self.supersede_successions)
        states = [state for state in present.states() if state not in gone]
        successions = [held for held in present.successions if held not in ended]
        return RegionIndex([*states, *self.add_states], [*successions, *self.add_successions])


def plan_regions(present: RegionIndex, rows: Sequence[RegionRow], successions: Sequence[SuccessionRow]) -> RegionPlan:
    """The plan that makes ``rows`` and ``successions`` true beside what is held, with every fault of them."""
    return _Planner(present, rows, successions).plan()


class _Planner:
    def __init__(self, present: RegionIndex, rows: Sequence[RegionRow], successions: Sequence[SuccessionRow]) -> None:
        self.present = present
        self.faults: list[Fault] = []
        self.rows = one_row_a_time(rows, self.faults)
        self.held: dict[SuccessionKey, Succession] = {}
        for held in present.successions:
            old, new = present.state(held.old_id, held.date - ONE_DAY), present.state(held.new_id, held.date)
            if old is not None and new is not None:
                self.held[held.date, held.kind, old.code, new.code] = held
        self.given = {(row.date, row.kind, row.old_code, row.new_code): row for row in successions}
        events = [
            *(
                SuccessionRow(*key, held.share, held.document)
                for key, held in self.held.items()
                if key not in self.given
            ),
            *self.given.values(),
        ]
        self.faults += succession_faults(successions, events)
        self.events = sorted(events, key=lambda event: (event.date, event.line))
        self.lines = Timelines(present, self.rows, self.events)
        self.leaving = {(e.date, e.old_code) for e in events if e.kind in CARRYING and e.old_code != e.new_code}
        self.late = self._learnt_late()
        self.placed: dict[Segment, list[Placed]] = {}
        self.carried: dict[Segment, Segment] = {}  # a segment → the one whose region it continues
        self.root_ids: dict[Segment, int] = {}
        self.copied: set[Segment] = set()  # passed through by a chain of codes, named by no list
        self.new: list[int] = []

    def plan(self) -> RegionPlan:
        for rows in self.rows.values():
            for row in rows:
                placed = self.lines.place(row)
                if isinstance(placed, str):
                    self.faults.append(Fault(row.file, row.place, placed))
                else:
                    self.placed.setdefault(placed.segment, []).append(placed)
        self._carry()
        regions = self._segments_by_region()
        add: list[RegionState] = []
        gone: list[RegionState] = []
        words = PlanInWords(self.present)
        changed = unchanged = 0
        for region_id, segments in regions.items():
            before = [state for segment in segments for state in self._held_states(segment, region_id)]
            after = self._states(region_id, segments)
            added = [state for state in after if state not in before]
            ended = [state for state in before if state not in after]
            add += added
            gone += ended
            if region_id < 0:
                words.created(after)
            elif added or ended:
                changed += 1
                words.changed(added, ended)
            else:
                unchanged += any(segment in self.placed for segment in segments)
        self._check_renewals(add, gone)
        new_edges, old_edges = self._edges()
        words.successions(new_edges, self.given)
        return RegionPlan(
            new_regions=tuple(self.new),
            add_states=tuple(add),
            supersede_states=tuple(gone),
            add_successions=tuple(new_edges.values()),
            supersede_successions=tuple(old_edges),
            created=len(self.new),
            changed=changed,
            unchanged=unchanged,
            changes=tuple(words.lines()),
            faults=tuple(sorted(set(self.faults), key=lambda fault: (fault.file, len(fault.place), fault.place))),
        )

    # -- who is who --------------------------------------------------------------------------------------------
    def _learnt_late(self) -> dict[str, date]:
        """Codes that a list brought in before the succession was known: what is held of them begins with it.

        Only where nobody gave the code up that day and no other name is said, or somebody else had it before.
        """
        late: dict[str, date] = {}
        for event in self.given.values():
            held = self.present.holders(event.new_code)
            if event.kind not in CARRYING or event.old_code == event.new_code or len(held) != 1:
                continue
            same = all(not row.dated and row.name == held[0].name for row in self.rows.get(event.new_code, ()))
            given_up = (event.date, event.new_code) in self.leaving
            if same and not given_up and held[0].valid_from is None and _end(held[0]) >= event.date:
                late[event.new_code] = event.date
        return late

    def _begins(self, state: RegionState) -> date:
        return state.valid_from or self.late.get(state.code, date.min)

    def _held_states(self, segment: Segment, region_id: int | None = None) -> list[RegionState]:
        first, last = self.lines.span(segment)
        states = [s for s in self.present.holders(segment.code) if first <= self._begins(s) <= last]
        if region_id is None and states:
            region_id = states[-1].region_id
        return [state for state in states if state.region_id == region_id]

    def _exists(self, segment: Segment) -> bool:
        return segment in self.placed or segment in self.copied or bool(self._held_states(segment))

    def _root(self, segment: Segment) -> Segment:
        while segment in self.carried:
            segment = self.carried[segment]
        return segment

    def _known_id(self, root: Segment) -> int | None:
        found = self.root_ids.get(root)
        if found is None:
            held = self._held_states(root)
            if held:
                found = self.root_ids[root] = held[-1].region_id
        return found

    def _carry(self) -> None:
        """Joins the segments between which a region goes on, earliest first, and names the codes nobody knows."""
        for event in self.events:
            old = self.lines.segment(event.old_code, event.date - ONE_DAY)
            new = self.lines.segment(event.new_code, event.date)
            if not self._exists(old):
                self._fault(
                    event, f"不知道 {event.date} 之前的“{event.old_code}”（old_code is not known before that day）"
                )
                continue
            if event.kind in CARRYING and old != new:
                last = self.lines.span(new)[1]
                if not self._exists(new) and last < date.max and (last + ONE_DAY, new.code) in self.leaving:
                    self.copied.add(new)
                a, b = self._root(old), self._root(new)
                first, second = self._known_id(a), self._known_id(b)
                # Both known apart, each perhaps with data: the edge between them says what happened.
                if a != b and (first is None or second is None or first == second):
                    self.carried[b] = a
                    if first is None and second is not None:
                        self.root_ids[a] = second
            if not self._exists(new):
                self._fault(event, f"不知道 {event.date} 起的“{event.new_code}”（new_code is not known from that day）")

    def _fault(self, event: SuccessionRow, message: str) -> None:
        self.faults.append(Fault(event.file, event.place, message))

    def _region(self, segment: Segment) -> int:
        root = self._root(segment)
        found = self._known_id(root)
        if found is None:
            found = self.root_ids[root] = -1 - len(self.new)
            self.new.append(found)
        return found

    def _segments_by_region(self) -> dict[int, list[Segment]]:
        regions: dict[int, list[Segment]] = {}
        for segment in self.placed:
            if not self.lines.touched(segment.code):
                regions.setdefault(self._region(segment), []).append(segment)
        touched = [s for code in sorted(self.lines.codes()) for s in self.lines.segments(code) if self._exists(s)]
        for segment in touched:
            regions.setdefault(self._region(segment), []).append(segment)
        return regions

    # -- states ------------------------------------------------------------------------------------------------
    def _states(self, region_id: int, segments: Sequence[Segment]) -> list[RegionState]:
        """All states that the region shall have in these segments, each ending the day before the next begins."""
        states: list[RegionState] = []
        for segment in sorted(segments, key=lambda s: self.lines.span(s)[0]):
            first, last = self.lines.span(segment)
            if segment in self.copied and not self._held_states(segment, region_id):
                states += [state._replace(code=segment.code, valid_from=first, valid_to=last) for state in states[-1:]]
                continue
            held = self._held_states(segment, region_id)
            starts = {self._begins(state): state._replace(valid_from=self._begins(state)) for state in held}
            named: set[date] = set()
            for placed in sorted(self.placed.get(segment, ()), key=lambda p: p.first):
                self._put(region_id, placed, starts, named)
            states += [
                state._replace(valid_to=min(state.valid_to or date.max, last)) for _, state in sorted(starts.items())
            ]
        # Two from one day are there only where a fault has been found already.
        states = [state for _, state in sorted({_start(state): state for state in states}.items())]
        ends = [_start(state) - ONE_DAY for state in states[1:]] + [state.valid_to or date.max for state in states[-1:]]
        return [
            state._replace(
                valid_from=None if state.valid_from == date.min else state.valid_from,
                valid_to=None if end == date.max else end,
            )
            for state, end in zip(states, ends, strict=True)
        ]

    def _put(self, region_id: int, placed: Placed, starts: dict[date, RegionState], named: set[date]) -> None:
        row = placed.row
        parent = self._parent(row, placed.last)
        state = RegionState(region_id, row.code, row.name, row.level, parent, placed.first, placed.last)
        first = placed.first
        if placed.inherits:
            held = [start for start in starts if placed.first <= start <= placed.last]
            if held:
                first = max(held)
                end = min(starts[first].valid_to or date.max, placed.last)
                state = state._replace(valid_from=starts[first].valid_from, valid_to=end)
        else:
            # The same said with other dates is a correction of the dates.
            for start, other in list(starts.items()):
                same = other[1:5] == state[1:5]
                overlaps = start <= placed.last and (other.valid_to or date.max) >= first
                if same and overlaps and start != first and start not in named:
                    del starts[start]
        starts[first] = state
        named.add(first)

    def _parent(self, row: RegionRow, on: date) -> int | None:
        if row.parent is None:
            return None
        segment = self.lines.segment(row.parent, on)
        if not self._exists(segment):
            others = [other for other in self.lines.segments(row.parent) if self._exists(other)]
            if not others:
                message = f"上级“{row.parent}”不在名单中，也未登记（the parent is not known）"
                self.faults.append(Fault(row.file, row.place, message))
                return None
            segment = min(others, key=lambda other: abs(other.number - segment.number))
        return self._region(segment)

    def _check_renewals(self, add: Iterable[RegionState], gone: Iterable[RegionState]) -> None:
        """A change that keeps the code needs a state on both sides, or nobody knows what changed."""
        renewals = [e for e in self.given.values() if e.kind in CARRYING and e.old_code == e.new_code]
        if not renewals:
            return
        ended = set(gone)
        starts: dict[str, list[date]] = {}
        codes = {event.old_code for event in renewals}
        held = [state for code in codes for state in self.present.holders(code) if state not in ended]
        for state in (*held, *(state for state in add if state.code in codes)):
            starts.setdefault(state.code, []).append(_start(state))
        for event in renewals:
            days = starts.get(event.old_code, [])
            if not any(abs(day - event.date) <= TOLERANCE for day in days):
                self._fault(
                    event, f"名单中没有“{event.new_code}”自 {event.date} 起的情况（its state from that day is missing）"
                )
            elif not any(day < event.date - TOLERANCE for day in days):
                self._fault(
                    event, f"不知道 {event.date} 之前的“{event.old_code}”（old_code is not known before that day）"
                )

    # -- successions -------------------------------------------------------------------------------------------
    def _edges(self) -> tuple[dict[SuccessionKey, Succession], list[Succession]]:
        new: dict[SuccessionKey, Succession] = {}
        old: list[Succession] = []
        for key, event in self.given.items():
            held = self.held.get(key)
            if held is not None and (held.share, held.document) == (event.share, event.document):
                continue
            before = self.lines.segment(event.old_code, event.date - ONE_DAY)
            after = self.lines.segment(event.new_code, event.date)
            if held is not None:
                old.append(held)
                new[key] = held._replace(share=event.share, document=event.document)
            elif self._exists(before) and self._exists(after):
                ids = self._region(before), self._region(after)
                new[key] = Succession(event.date, event.kind, *ids, event.share, event.document)
        return new, old


def _start(state: RegionState) -> date:
    return state.valid_from or date.min


def _end(state: RegionState) -> date:
    return state.valid_to or date.max
