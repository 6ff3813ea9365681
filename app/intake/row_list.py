"""The rows of a reading without an object for each: a packed row becomes one where it is looked at."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from app.catalogue.periods import Period
from app.intake.packed import PackedCells, PackedTable, PackedValues
from app.intake.records import InputRow, Place, RecordKey

_NO_FAULT: frozenset[str] = frozenset()

Keys = Sequence[tuple[str, ...]] | None
"""The key values of every packed row of a table, by its index; None where the dataset has no key elements."""


class PackedRun(Sequence[InputRow]):
    """Packed rows of one sheet in the order of the sheet. ``top`` is the sheet's row number of index 0."""

    __slots__ = ("_at", "_keys", "_periods", "_regions", "_sheet", "_top", "table")

    def __init__(self, table: PackedTable, sheet: str, top: int, keys: Keys) -> None:
        self.table, self._sheet, self._top, self._keys = table, sheet, top, keys
        self._at, self._regions = array("q"), array("q")
        self._periods: list[Period] = []

    def take(self, index: int, region_id: int, period: Period) -> None:
        """One row more, by its index in the table."""
        self._at.append(index)
        self._regions.append(region_id)
        self._periods.append(period)

    def __len__(self) -> int:
        return len(self._at)

    @overload
    def __getitem__(self, at: int) -> InputRow: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[InputRow]: ...
    def __getitem__(self, at: int | slice) -> InputRow | Sequence[InputRow]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        index = self._at[at]
        number = self._top + index
        place = Place(self._sheet, number, PackedCells(self.table, number))
        key = self._keys[index] if self._keys is not None else ()
        return InputRow(
            self._regions[at], self._periods[at], key, PackedValues(self.table, index, number), place, _NO_FAULT
        )

    def keys(self) -> Iterator[RecordKey]:
        """Where each row's record is."""
        for index, region_id, period in zip(self._at, self._regions, self._periods, strict=True):
            yield region_id, period.ordinal, self._keys[index] if self._keys is not None else ()

    def key_at(self, at: int) -> RecordKey:
        """Where one row's record is."""
        return self._regions[at], self._periods[at].ordinal, self._keys[self._at[at]] if self._keys is not None else ()

    def index_at(self, at: int) -> int:
        """One row's index in the table."""
        return self._at[at]

    def period_at(self, at: int) -> Period:
        """The period of one row."""
        return self._periods[at]

    def documents(self, places: Sequence[int], submission: str | None) -> list[str]:
        """The JSON texts under which the values of some rows are stored, as ``PackedValues.document`` has each."""
        at = [self._at[place] for place in places]
        return self.table.documents(at, [self._top + index for index in at], submission)


class RowList(Sequence[InputRow]):
    """Rows in the order they were handed in, packed or not."""

    def __init__(self) -> None:
        self.parts: list[list[InputRow] | PackedRun] = []
        self._starts: list[int] = []
        self._length = 0

    def append(self, row: InputRow) -> None:
        """One row that is not packed."""
        last = self.parts[-1] if self.parts else None
        if not isinstance(last, list):
            last = []
            self._begin(last)
        last.append(row)
        self._length += 1

    def take(
        self, run: Callable[[], PackedRun], table: PackedTable, index: int, region_id: int, period: Period
    ) -> None:
        """One packed row more; ``run`` makes a new run where the last part is none of its table."""
        last = self.parts[-1] if self.parts else None
        if not isinstance(last, PackedRun) or last.table is not table:
            last = run()
            self._begin(last)
        last.take(index, region_id, period)
        self._length += 1

    def extend(self, other: RowList) -> None:
        """All rows of another list, which is not to be changed afterwards."""
        for part in other.parts:
            self._begin(part)
            self._length += len(part)

    def record_keys(self) -> list[RecordKey]:
        """Where each row's record is."""
        found: list[RecordKey] = []
        for part in self.parts:
            found += part.keys() if isinstance(part, PackedRun) else [row.record_key for row in part]
        return found

    def _begin(self, part: list[InputRow] | PackedRun) -> None:
        self.parts.append(part)
        self._starts.append(self._length)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[InputRow]:
        for part in self.parts:
            yield from part

    @overload
    def __getitem__(self, at: int) -> InputRow: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[InputRow]: ...
    def __getitem__(self, at: int | slice) -> InputRow | Sequence[InputRow]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(self._length))]
        place = at + self._length if at < 0 else at
        if not 0 <= place < self._length:
            raise IndexError(at)
        part = bisect_right(self._starts, place) - 1
        return self.parts[part][place - self._starts[part]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
