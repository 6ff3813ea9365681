"""Where what a region held belongs today: its successions followed from a day to the present.

Renaming, recoding, converting and moving keep a region the same, whatever it is called; merging hands all of it on;
splitting hands on a share of it, or a part that nobody has measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from app.catalogue.model import Level
from app.catalogue.regions import RegionIndex, RegionState, Succession

_ONE = Fraction(1)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Carried:
    """``shares``: what part of the region each present region has. ``unknown``: those that have a part of unknown size.

    Both empty: the region has ceased, and nothing says what became of it.
    """

    shares: Mapping[int, Fraction]
    unknown: frozenset[int] = frozenset()

    @property
    def targets(self) -> frozenset[int]:
        return self.unknown | self.shares.keys()


class Carrying:
    """Follows successions up to ``today``; those of later days have not happened yet."""

    def __init__(self, regions: RegionIndex, today: date) -> None:
        self._regions = regions
        self._today = today
        self._handed_on: dict[int, list[Succession]] = {}
        self._known: dict[tuple[int, int], Carried] = {}
        for edge in regions.successions:
            if edge.date <= today and (edge.old_id != edge.new_id or edge.kind == "split"):
                self._handed_on.setdefault(edge.old_id, []).append(edge)

    def of(self, region: int, day: date) -> Carried:
        """What became of what ``region`` was at the end of ``day``; of one that had ceased, of what it last was."""
        own = self._regions.history(region)
        last = own[-1].valid_to if own else None
        day = min(day, self._today, last or date.max)
        key = (region, self._regions.edition(day))
        if key not in self._known:
            self._known[key] = self._followed(region, day, frozenset())
        return self._known[key]

    def _followed(self, region: int, day: date, seen: frozenset[tuple[int, date]]) -> Carried:
        later = [edge for edge in self._handed_on.get(region, ()) if edge.date > day]
        if not later or (region, later[0].date) in seen:
            return Carried({region: _ONE} if self._regions.exists(region, self._today) else {})
        event = later[0].date
        seen |= {(region, event)}
        shares: dict[int, Fraction] = {}
        unknown: set[int] = set()
        for target, share in self._handed([edge for edge in later if edge.date == event]).items():
            # Handed to one that was itself handed on that very day: its successions of the day are still to come.
            passed = target != region and not self._regions.exists(target, event)
            further = self._followed(target, event - _ONE_DAY if passed else event, seen)
            unknown |= further.unknown
            if share is None:
                unknown |= further.targets
                continue
            for present, part in further.shares.items():
                shares[present] = shares.get(present, Fraction(0)) + share * part
        return Carried(
            {present: part for present, part in shares.items() if present not in unknown}, frozenset(unknown)
        )

    def _handed(self, edges: list[Succession]) -> dict[int, Fraction | None]:
        """Share by receiver of what one region handed on in one day; None where it is unknown."""
        whole = len(edges) == 1 and edges[0].kind != "split"
        parts: dict[int, Fraction | None] = {e.new_id: e.share or (_ONE if whole else None) for e in edges}
        region, event = edges[0].old_id, edges[0].date
        if region not in parts and self._regions.exists(region, event):
            known = [part for part in parts.values() if part is not None]
            if len(known) < len(parts):
                parts[region] = None
            elif sum(known) < 1:
                parts[region] = 1 - sum(known, Fraction(0))
        return parts

    def notes(self, levels: Iterable[Level]) -> tuple[str, ...]:
        """What cannot be carried to the present, of regions of these levels, whatever figures are held."""
        wanted = set(levels)
        told: list[tuple[str, date, str]] = []
        for region, edges in self._handed_on.items():
            for event in sorted({edge.date for edge in edges}):
                state = self._regions.state(region, event - _ONE_DAY)
                if state is not None and state.level in wanted:
                    told += [(state.code, event, m) for m in self._unmeasured(state, event, edges)]
        for region in self._regions.ids():
            last = self._regions.history(region)[-1]
            ended = last.valid_to is not None and last.valid_to < self._today
            if (
                ended
                and last.valid_to is not None
                and last.level in wanted
                and not self.of(region, last.valid_to).targets
            ):
                message = f"{_said(last)} 于 {last.valid_to + _ONE_DAY} 前撤销，没有承继关系，它的数未归入任何区划"
                told.append((last.code, last.valid_to, f"{message}（it ceased and nothing succeeds it）"))
        return tuple(message for _, _, message in sorted(told))

    def _unmeasured(self, state: RegionState, event: date, edges: list[Succession]) -> Iterable[str]:
        handed = self._handed([edge for edge in edges if edge.date == event])
        unknown = [self._regions.state(target, event) for target, share in handed.items() if share is None]
        names = "、".join(sorted(_said(each) for each in unknown if each is not None))
        if names:
            yield f"{_said(state)} 于 {event} 拆分，{names} 所得份额不明，此前的数缺失（it was split without shares）"
        elif sum(share for share in handed.values() if share is not None) < 1:
            yield f"{_said(state)} 于 {event} 拆分，份额合计不足 1，其余未归入任何区划（its shares sum to less than 1）"


def _said(state: RegionState) -> str:
    return f"{state.name}（{state.code}）"
