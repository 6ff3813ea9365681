"""The changes of a submission without an object for each: a record that is a packed row becomes one where it is looked at."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from app.intake.packed import PackedValues
from app.intake.records import InputRow, RecordChange, RecordKey
from app.intake.row_list import PackedRun

_BLOCK = 5_000


@dataclass(slots=True)
class TakenOfRun:
    """Rows of one packed run that are records as they stand. ``submission``: the one that brings them, once it is known."""

    run: PackedRun
    places: array[int]
    submission: str | None = None

    def __len__(self) -> int:
        return len(self.places)

    def change(self, at: int) -> RecordChange:
        row: InputRow = self.run[self.places[at]]
        return record_of(row, self.submission)

    def written(self) -> Iterator[tuple[RecordKey, int, str]]:
        """Of every record where it is, the year of its period, and its values as they are stored."""
        for start in range(0, len(self.places), _BLOCK):
            places = self.places[start : start + _BLOCK]
            documents = self.run.documents(places, self.submission)
            for at, document in zip(places, documents, strict=True):
                yield self.run.key_at(at), self.run.period_at(at).year, document


def record_of(row: InputRow, submission: str | None = None) -> RecordChange:
    """The record that a packed row is where none is held, or where it replaces all that is."""
    values = row.values
    if not isinstance(values, PackedValues):
        raise TypeError(values)
    return RecordChange(row.region_id, row.period, row.key, values.kept(submission), values.said, row.place)


class ChangeList(Sequence[RecordChange]):
    """Changes in the order of their rows."""

    def __init__(self) -> None:
        self.parts: list[list[RecordChange] | TakenOfRun] = []

    def append(self, change: RecordChange) -> None:
        """One change as it is."""
        last = self.parts[-1] if self.parts else None
        if not isinstance(last, list):
            last = []
            self.parts.append(last)
        last.append(change)

    def take(self, run: PackedRun, at: int) -> None:
        """The row of a run at this place, as a whole record."""
        last = self.parts[-1] if self.parts else None
        if not isinstance(last, TakenOfRun) or last.run is not run:
            last = TakenOfRun(run, array("q"))
            self.parts.append(last)
        last.places.append(at)

    def stamped(self, stamp: Callable[[RecordChange], RecordChange], submission: str) -> ChangeList:
        """The same changes as those of a submission; ``stamp`` is for those that are no packed rows."""
        done = ChangeList()
        done.parts = [
            TakenOfRun(part.run, part.places, submission) if isinstance(part, TakenOfRun) else [stamp(c) for c in part]
            for part in self.parts
        ]
        return done

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __iter__(self) -> Iterator[RecordChange]:
        for part in self.parts:
            if isinstance(part, TakenOfRun):
                yield from map(part.change, range(len(part)))
            else:
                yield from part

    @overload
    def __getitem__(self, at: int) -> RecordChange: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[RecordChange]: ...
    def __getitem__(self, at: int | slice) -> RecordChange | Sequence[RecordChange]:
        if isinstance(at, slice):
            return list(self)[at]
        place = at + len(self) if at < 0 else at
        for part in self.parts:
            if 0 <= place < len(part):
                return part.change(place) if isinstance(part, TakenOfRun) else part[place]
            place -= len(part)
        raise IndexError(at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
