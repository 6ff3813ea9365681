"""The rows of a large sheet, kept by column: read as rows where somebody asks for one, or judged a column at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, overload

import polars as pl

from app.intake.grid import Cell

CellKind = Literal["number", "text"]

_BLOCK = 2_048


class ColumnRows(Sequence[Sequence[Cell]]):
    """Rows of one width. Cells are texts of ``frame``, null where blank: digits in a column of numbers.

    ``odd`` has the rows that are not of that form, by index; in the frame they are null throughout.
    """

    def __init__(self, frame: pl.DataFrame, kinds: Sequence[CellKind], odd: Mapping[int, list[Cell]]) -> None:
        self.frame, self.kinds, self.odd = frame, tuple(kinds), odd
        self._numbers = tuple(at for at, kind in enumerate(kinds) if kind == "number")
        self._from = self._to = 0
        self._block: list[tuple[str | None, ...]] = []

    def __len__(self) -> int:
        return self.frame.height

    @overload
    def __getitem__(self, index: int) -> Sequence[Cell]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[Cell]]: ...
    def __getitem__(self, index: int | slice) -> Sequence[Cell] | Sequence[Sequence[Cell]]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        found = self.odd.get(index)
        if found is not None:
            return found
        if not self._from <= index < self._to:
            self._from = index - index % _BLOCK
            self._block = self.frame.slice(self._from, _BLOCK).rows()
            self._to = self._from + len(self._block)
        cells: list[Cell] = list(self._block[index - self._from])
        for at in self._numbers:
            text = cells[at]
            if isinstance(text, str):
                cells[at] = float(text)
        return cells

    def __iter__(self) -> Iterator[Sequence[Cell]]:
        return (self[index] for index in range(len(self)))
