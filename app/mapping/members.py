"""Which regions stand behind a row of a coarser level, by the hierarchy of the row's own period.

A region belongs to the row region that it lies below on the last day of the row's period, or, if it ceased before, on
its own last day within it. So what a merged township reported in spring is not lost from the year of its county, and
nothing is counted for two counties. Views without periods go by today.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from app.catalogue.model import Frequency, Level
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex

MEMBERS_SCHEMA = {"signature": pl.Int32, "region": pl.Int32, "row": pl.Int32, "at_end": pl.Boolean}
_ONE_DAY = timedelta(days=1)


@dataclass(slots=True)
class Hierarchy:
    """The groups of regions of one ``level`` below those of ``above``, for periods of any frequency."""

    regions: RegionIndex
    today: date
    _present: dict[tuple[Level, int, int], frozenset[int]] = field(default_factory=dict)

    def members(self, level: Level, above: Level, frequency: Frequency, periods: Iterable[int]) -> Members:
        """The groups of the given periods (ordinals of ``frequency``)."""
        signatures: dict[tuple[int, int], int] = {}
        numbers: list[tuple[int, int]] = []
        rows: list[tuple[int, int, int, bool]] = []
        for ordinal in periods:
            first, last = self._span(frequency, ordinal)
            span = (self.regions.edition(first), self.regions.edition(last))
            if span not in signatures:
                signatures[span] = len(signatures)
                rows.extend((signatures[span], *member) for member in self._group(level, above, first, last))
            numbers.append((ordinal, signatures[span]))
        by_period = pl.DataFrame(numbers, schema={"period": pl.Int32, "signature": pl.Int32}, orient="row")
        steady = {
            number for (first_edition, last_edition), number in signatures.items() if first_edition == last_edition
        }
        return Members(by_period, pl.DataFrame(rows, schema=MEMBERS_SCHEMA, orient="row"), frozenset(steady))

    def present(self, level: Level, frequency: Frequency, ordinal: int) -> frozenset[int]:
        """The regions of ``level`` that exist on any day of the period."""
        first, last = self._span(frequency, ordinal)
        key = (level, self.regions.edition(first), self.regions.edition(last))
        found = self._present.get(key)
        if found is None:
            found = frozenset().union(*(self.regions.at_level(level, day) for day in self._days(first, last)))
            self._present[key] = found
        return found

    def _group(self, level: Level, above: Level, first: date, last: date) -> Iterable[tuple[int, int, bool]]:
        seen: set[int] = set()
        for day in self._days(first, last):
            ancestors = self.regions.ancestor_at(above, day)
            for region in self.regions.at_level(level, day):
                if region not in seen and region in ancestors:
                    seen.add(region)
                    yield region, ancestors[region], day == last

    def _days(self, first: date, last: date) -> list[date]:
        """The last day, then the last days of each earlier edition within the span, latest first."""
        changes = [day for day in self.regions.editions() if first < day <= last]
        return [last, *(day - _ONE_DAY for day in reversed(changes))]

    def _span(self, frequency: Frequency, ordinal: int) -> tuple[date, date]:
        if frequency == "once":
            return self.today, self.today
        period = Period(frequency, ordinal)
        return period.start, period.end


@dataclass(frozen=True, slots=True)
class Members:
    """``by_period``: period → signature. ``groups``: signature, region → row, and whether it exists to the end.

    Periods of one signature have the same groups; within those that are ``steady`` no region changes at all.
    """

    by_period: pl.DataFrame
    groups: pl.DataFrame
    steady: frozenset[int]
