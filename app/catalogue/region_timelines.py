"""When the holder of a code changes: each code's time cut into segments, each of them one region's at most.

A code is cut on the day on which its holder hands it over or takes it up. ``rename recode convert move`` carry the
region itself from one segment to another; ``merge split`` end one region and begin, or add to, another. A code that is
both old and new in the merges and splits of one day goes on.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

from app.catalogue.region_files import RegionRow, SuccessionRow
from app.catalogue.regions import RegionIndex, RegionState

ONE_DAY = timedelta(days=1)
# Lists and successions of one change are often dated a day or two apart.
TOLERANCE = timedelta(days=7)
CARRYING = frozenset({"rename", "recode", "convert", "move"})


class Segment(NamedTuple):
    """A stretch of time in which one region holds ``code``; ``number`` counts from the earliest."""

    code: str
    number: int


class Placed(NamedTuple):
    """A row in its segment. ``inherits``: it gave no dates, so it keeps those of the state it describes, if any."""

    row: RegionRow
    segment: Segment
    first: date
    last: date
    inherits: bool


class Timelines:
    """The segments of all codes that successions touch; any other code is one segment."""

    def __init__(
        self, present: RegionIndex, rows: Mapping[str, Sequence[RegionRow]], events: Iterable[SuccessionRow]
    ) -> None:
        self._present = present
        self._rows = rows
        self._bounds: dict[str, list[date]] = {}
        self._taken_up: set[tuple[str, date]] = set()
        self._renewed: dict[str, list[date]] = {}
        self._last: dict[str, tuple[date, bool]] = {}
        for day, group in groupby(sorted(events, key=lambda event: event.date), key=lambda event: event.date):
            self._cut(day, list(group))

    def _cut(self, day: date, events: Sequence[SuccessionRow]) -> None:
        carrying = [event for event in events if event.kind in CARRYING and event.old_code != event.new_code]
        sharing = [event for event in events if event.kind not in CARRYING]
        left = {event.old_code for event in carrying}
        taken = {event.new_code for event in carrying}
        olds, news = {event.old_code for event in sharing}, {event.new_code for event in sharing}
        left |= olds - news
        taken |= {code for code in news if code in left or not self._held_before(code, day, was_old=code in olds)}
        for event in events:
            if event.kind in CARRYING and event.old_code == event.new_code:
                days = self._renewed.setdefault(event.old_code, [])
                if day not in days:
                    insort(days, day)
        for code in left | taken:
            insort(self._bounds.setdefault(code, []), day)
            self._last[code] = (day, code in taken)
        self._taken_up |= {(code, day) for code in taken}

    def _held_before(self, code: str, day: date, *, was_old: bool) -> bool:
        changed, taken = self._last.get(code, (date.min, False))
        if taken:
            return True
        if any(changed <= (state.valid_from or date.min) < day for state in self._present.holders(code)):
            return True
        rows = self._rows.get(code, ())
        if any(row.dated and changed <= (row.valid_from or date.min) < day - TOLERANCE for row in rows):
            return True
        return was_old and changed == date.min and any(not row.dated for row in rows)

    # -- segments ----------------------------------------------------------------------------------------------
    def touched(self, code: str) -> bool:
        """Whether any succession cuts or renews this code."""
        return code in self._bounds or code in self._renewed

    def codes(self) -> set[str]:
        """The codes that successions touch."""
        return set(self._bounds) | set(self._renewed)

    def segment(self, code: str, on: date) -> Segment:
        """The segment of ``code`` that the day lies in."""
        bounds = self._bounds.get(code)
        return Segment(code, bisect_right(bounds, on) if bounds else 0)

    def segments(self, code: str) -> list[Segment]:
        """Every segment of ``code``, earliest first."""
        return [Segment(code, number) for number in range(len(self._bounds.get(code, ())) + 1)]

    def span(self, segment: Segment) -> tuple[date, date]:
        """Its first and last day."""
        bounds = self._bounds.get(segment.code, [])
        first = bounds[segment.number - 1] if segment.number else date.min
        last = bounds[segment.number] - ONE_DAY if segment.number < len(bounds) else date.max
        return first, last

    # -- rows in their segments --------------------------------------------------------------------------------
    def place(self, row: RegionRow) -> Placed | str:
        """Where a row belongs, or what is wrong with its dates."""
        return self._place_dated(row) if row.dated else self._place_undated(row)

    def _place_undated(self, row: RegionRow) -> Placed:
        """The row says how things are now: it belongs to the last stretch of its code.

        Only where the code was given up and nobody took it up, the row describes what it was before; unless another
        name is held for that time, for then the code has been given to someone new.
        """
        code = row.code
        bounds = self._bounds.get(code, [])
        cuts = sorted({*bounds, *self._renewed.get(code, ())})
        if not cuts:
            return Placed(row, Segment(code, 0), date.min, date.max, inherits=True)
        cut = cuts[-1]
        given_up = cut in bounds and (code, cut) not in self._taken_up
        if given_up and not self._reassigned(row, cut):
            first = cuts[-2] if len(cuts) > 1 else date.min
            return Placed(row, self.segment(code, cut - ONE_DAY), first, cut - ONE_DAY, inherits=True)
        return Placed(row, self.segment(code, cut), cut, date.max, inherits=True)

    def _reassigned(self, row: RegionRow, cut: date) -> bool:
        held = self._present.holders(row.code)
        before: RegionState | None = None
        for state in held:
            if (state.valid_from or date.min) >= cut:
                return True
            before = state
        return before is not None and before.name != row.name

    def _place_dated(self, row: RegionRow) -> Placed | str:
        bounds = self._bounds.get(row.code, [])
        first, last = row.valid_from or date.min, row.valid_to or date.max
        for cut in (*bounds, *self._renewed.get(row.code, ())):
            if first != date.min and abs(first - cut) <= TOLERANCE and last >= cut:
                first = cut
                break
        segment = self.segment(row.code, first)
        _, end = self.span(segment)
        if last > end:
            if row.valid_to is not None and last - end > TOLERANCE:
                return (
                    f"“{row.code}”在 {end + ONE_DAY} 已由沿革改属，与该行有效期重叠"
                    "（overlaps the succession that hands the code on）"
                )
            last = end
        return Placed(row, segment, first, last, inherits=False)
