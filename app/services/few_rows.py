"""Finding the few rows of a place and a time in a mapped frame, without starting the column engine.

The answer is the one that ``region_expression`` and ``period_expression`` give; for a handful of rows a look into an
index is many times quicker than a scan of all columns.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from datetime import date
from itertools import accumulate
from typing import Self

import polars as pl

from app.catalogue.model import Frequency
from app.catalogue.regions import RegionIndex
from app.services.coverage import editions_of
from app.services.questions import Span

MOST_REGIONS = 64
MOST_ROWS = 64
_REMEMBERED = 4_096


class PlaceIndex:
    """Where the rows of each region stand in a frame sorted by code, period and key (columns ``region``, ``period``)."""

    def __init__(self, frame: pl.DataFrame) -> None:
        runs = frame["region"].rle().struct
        self._runs: dict[int, list[tuple[int, int]]] = {}
        begin = 0
        for length, region in zip(runs.field("len").to_list(), runs.field("value").to_list(), strict=True):
            self._runs.setdefault(region, []).append((begin, begin + length))
            begin += length
        # The numbers as they lie in memory, without a copy of them as objects.
        values = frame["period"].fill_null(0).cast(pl.Int32).rechunk().to_arrow()
        self._values = values.buffers()[1]
        self._periods = memoryview(self._values or b"").cast("i")[values.offset : values.offset + len(values)]
        codes = frame["code"].rle().struct
        self._codes = codes.field("value").to_list()
        self._code_starts = [0, *accumulate(codes.field("len").to_list())][: len(self._codes)]
        self._untold = frame["period"].null_count() > 0 or None in self._codes
        self._frame = frame
        self._found: dict[Hashable, list[tuple[int, int]] | None] = {}
        self._editions: tuple[RegionIndex, list[tuple[frozenset[int] | None, date]]] | None = None

    def over(self, frame: pl.DataFrame) -> Self:
        """The index of a frame whose regions, codes, periods and keys stand in the same rows as in this one's."""
        made = copy(self)
        made._frame = frame  # noqa: SLF001 - its own class
        return made

    def runs(self, region: int) -> Sequence[tuple[int, int]]:
        """The ranges of rows that a region has."""
        return self._runs.get(region, ())

    def rows(
        self,
        codes: Sequence[str],
        spans: Sequence[Span] | None,
        frequency: Frequency,
        regions: RegionIndex,
        today: date,
    ) -> list[tuple[int, int]] | None:
        """The rows in the regions that hold ``codes`` at the row's period, within ``spans``: ranges in order.

        None where they may be more than a few; whoever asks scans the frame then.
        """
        asked = (tuple(codes), spans if spans is None else tuple(spans), frequency, regions, today)
        with suppress(KeyError):
            return self._found[asked]
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[asked] = found = self.look(codes, spans, frequency, regions, today)
        return found

    def look(
        self,
        codes: Sequence[str],
        spans: Sequence[Span] | None,
        frequency: Frequency,
        regions: RegionIndex,
        today: date,
    ) -> list[tuple[int, int]] | None:
        """As ``rows``, looked up anew."""
        if len(codes) > MOST_REGIONS:
            return None
        found: set[int] = set()
        intervals = self._intervals(frequency, regions, today)
        for each, day in intervals:
            ordinals = each if len(intervals) > 1 else None  # one that is alone has all of the frame's periods
            within: set[int] = set()
            for code in codes:
                holder = regions.holder(code, day)
                if holder is not None:
                    within |= regions.subtree(holder, day)
                if len(within) > MOST_REGIONS:
                    return None
            for first, end in self._ranges(within, spans):
                if len(found) + end - first > MOST_ROWS:
                    return None
                if ordinals is None:
                    found.update(range(first, end))
                else:
                    found.update(row for row in range(first, end) if self._periods[row] in ordinals)
        return _joined(sorted(found))

    def taken(self, ranges: Sequence[tuple[int, int]]) -> pl.DataFrame:
        """Those rows of the frame."""
        if len(ranges) == 1:
            first, end = ranges[0]
            return self._frame.slice(first, end - first)
        slices = [self._frame.slice(first, end - first) for first, end in ranges]
        return pl.concat(slices, rechunk=True) if slices else self._frame.clear()

    def told(self, ranges: Sequence[tuple[int, int]]) -> tuple[set[str], set[int]] | None:
        """The region codes and the periods of those rows; None where that cannot be told from here."""
        if self._untold:
            return None
        rows = [row for first, end in ranges for row in range(first, end)]
        codes, starts = self._codes, self._code_starts
        return {codes[bisect_right(starts, row) - 1] for row in rows}, {self._periods[row] for row in rows}

    def _ranges(self, within: set[int], spans: Sequence[Span] | None) -> Iterator[tuple[int, int]]:
        for region in within:
            for first, end in self._runs.get(region, ()):
                if spans is None:
                    yield first, end
                    continue
                for span in spans:
                    low = bisect_left(self._periods, span.first, first, end)
                    yield low, bisect_right(self._periods, span.last, low, end)

    def _intervals(
        self, frequency: Frequency, regions: RegionIndex, today: date
    ) -> list[tuple[frozenset[int] | None, date]]:
        if frequency == "once":
            return [(None, today)]
        held = self._editions
        if held is None or held[0] is not regions:
            found = editions_of(self._frame, frequency, regions, today)
            told = [(None if ordinals is None else frozenset(ordinals), day) for ordinals, day in found]
            held = self._editions = (regions, told)
        return held[1]


def _joined(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Row numbers in order, as ranges without their ends."""
    ranges: list[tuple[int, int]] = []
    for row in rows:
        if ranges and ranges[-1][1] == row:
            ranges[-1] = (ranges[-1][0], row + 1)
        else:
            ranges.append((row, row + 1))
    return ranges
