"""Which regions stand behind a row of the reference: then, or carried to those of today. Day by day, without an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

from app.catalogue.model import Catalogue, Dataset, Element
from app.catalogue.periods import Period
from app.catalogue.regions import RegionState, Succession

Rule = Callable[[str, int, Period], bool]


@dataclass
class Places:
    catalogue: Catalogue
    records: Mapping[str, Sequence[Mapping[str, Any]]]
    states: Sequence[RegionState]
    rule: Rule | None
    document: Mapping[str, Any]
    today: date
    successions: Sequence[Succession] = ()

    # -- the calendar and the map --------------------------------------------------------------------------------
    @property
    def frequency(self) -> Any:
        return self.document["grain"]["frequency"]

    @property
    def level(self) -> Any:
        return self.document["grain"]["level"]

    def covers(self, path: str, region: int, period: Period, key: Any = None) -> bool:
        return self.rule is None or self.rule(path, region, period)

    def days(self, period: Period) -> list[date]:
        if period.frequency == "once":
            return [self.today]
        return [period.start + timedelta(days=n) for n in range((period.end - period.start).days + 1)]

    def state_on(self, region: int, day: date) -> RegionState | None:
        for s in self.states:
            if s.region_id == region and (s.valid_from or date.min) <= day <= (s.valid_to or date.max):
                return s
        return None

    def lies_below(self, region: int, above: int, day: date) -> bool:
        here: int | None = region
        while here is not None:
            if here == above:
                return True
            state = self.state_on(here, day)
            here = state.parent_id if state else None
        return False

    @cached_property
    def _behind(self) -> dict[Any, list[tuple[int, bool]]]:
        return {}

    def behind(self, row: int, period: Period, level: str) -> list[tuple[int, bool]]:
        """(region, whether it exists on the last day) of every region behind a row."""
        if self.carries:
            return self.behind_today(row, period, level)
        key = (row, period, level)
        if key not in self._behind:
            found = []
            for region in sorted({s.region_id for s in self.states}):
                alive = [d for d in self.days(period) if (s := self.state_on(region, d)) and s.level == level]
                if alive and self.lies_below(region, row, alive[-1]):
                    found.append((region, alive[-1] == self.days(period)[-1]))
            self._behind[key] = found
        return self._behind[key]

    def behind_today(self, row: int, period: Period, level: str) -> list[tuple[int, bool]]:
        return [
            (region, True)
            for region in sorted({s.region_id for s in self.states})
            if (s := self.state_on(region, self.today))
            and s.level == level
            and self.lies_below(region, row, self.today)
            and self.origins(region, period, level)
        ]

    def could_report(self, region: int, period: Period, dataset: Dataset) -> bool:
        if self.carries:
            return bool(self.origins(region, period, dataset.level))
        return any(self.state_on(region, d) for d in self.days(period))

    def covers_cell(self, element: Element, region: int, period: Period, dataset: Dataset, key: Any = None) -> bool:
        """``key``: of the record that is asked about, where a row is one; else all of a list is."""
        came = self.counted(element, region, period, dataset.level)
        return all(self.covers(element.path, origin, period, key) for origin, _ in came or [(region, None)])

    # -- the regions of today ------------------------------------------------------------------------------------
    @property
    def carries(self) -> bool:
        return self.document.get("regions") == "present"

    def today_of(self, region: int, day: date) -> dict[int, Fraction | None]:
        """What part of a region (as it was on a day) each region of today has; None: of unknown size."""
        edges = [e for e in self.successions if e.old_id == region and day < e.date <= self.today]
        edges = [e for e in edges if e.old_id != e.new_id or e.kind == "split"]
        edges = [e for e in edges if e.date == min(e.date for e in edges)]
        if not edges:
            return {region: Fraction(1)} if self.state_on(region, self.today) else {}
        event = edges[0].date
        whole = len(edges) == 1 and edges[0].kind != "split"
        parts: list[tuple[int, Fraction | None]] = [
            (e.new_id, e.share or (Fraction(1) if whole else None)) for e in edges
        ]
        if self.state_on(region, event) and region not in [to for to, _ in parts]:
            rest: Fraction | None = (
                None if None in [s for _, s in parts] else 1 - sum((s for _, s in parts if s), Fraction(0))
            )
            parts += [(region, rest)] if rest != 0 else []
        found: dict[int, Fraction | None] = {}
        for to, share in parts:
            for end, part in self.today_of(to, event).items():
                known = None if share is None or part is None else share * part
                before = found.get(end, Fraction(0))
                found[end] = None if known is None or before is None else before + known
        return found

    @cached_property
    def _origins(self) -> dict[Any, list[tuple[int, Fraction | None, bool]]]:
        return {}

    def origins(self, region: int, period: Period, level: str) -> list[tuple[int, Fraction | None, bool]]:
        """(former region, share, whether it was there at the end) of all that a region of today comes from."""
        key = (region, period, level)
        if key not in self._origins:
            found = []
            for origin in sorted({s.region_id for s in self.states}):
                alive = [d for d in self.days(period) if (s := self.state_on(origin, d)) and s.level == level]
                shares = self.today_of(origin, alive[-1]) if alive else {}
                if region in shares:
                    found.append((origin, shares[region], alive[-1] == self.days(period)[-1]))
            self._origins[key] = found
        return self._origins[key]

    def counted(self, element: Element, region: int, period: Period, level: str) -> list[tuple[int, Fraction | None]]:
        """The cells that a value under the regions of today is due from."""
        if not self.carries:
            return [(region, Fraction(1))]
        found = self.origins(region, period, level)
        if not found and not any(self.state_on(region, day) for day in self.days(period)):
            return [(region, Fraction(1))]
        return [(r, share) for r, share, at_end in found if at_end or element.measure == "flow"]
