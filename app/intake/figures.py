"""Reading the figures of one row: every element column through its reader, with what a merged range makes doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.catalogue.values import Reported
from app.intake.cells import CellReader
from app.intake.columns import Column
from app.intake.grid import Cell, Grid, blank, column_letter, shown_value
from app.intake.headings import HeadingBlock, Spans, cell_at
from app.intake.key_text import key_text
from app.intake.placing import RowPlace
from app.intake.quantities import CellFault
from app.intake.records import Context
from app.intake.remarks import Remarks


class Figure(NamedTuple):
    """An element column made ready for reading; ``position`` is its index in a grid's row."""

    position: int
    number: int
    letter: str
    element: str
    reader: CellReader
    in_key: bool


class TableCells:
    """The cells below a table's headings, looking through ranges that are merged there."""

    def __init__(self, grid: Grid, spans: Spans, block: HeadingBlock) -> None:
        self.grid, self.spans, self.last_heading = grid, spans, block.last
        self.merged = any(span.last_row - grid.top > block.last for span in grid.merged)

    def shown(self, index: int, column: int) -> Cell:
        """The value at a cell, also where a merged range covers it."""
        if not self.merged:
            return cell_at(self.grid, index, column)
        row, origin = self.spans.origin(index, column)
        return cell_at(self.grid, row if row > self.last_heading else index, origin)

    def covered_by(self, index: int, column: int) -> tuple[int, int] | None:
        """The cell whose value a merged range spreads over this one, where that is another cell and not blank."""
        if not self.merged:
            return None
        origin = self.spans.origin(index, column)
        if origin == (index, column) or origin[0] <= self.last_heading or blank(cell_at(self.grid, *origin)):
            return None
        return origin


class RowFigures:
    """Reads the element columns of a table, row by row; faults go to ``remarks``."""

    def __init__(
        self, cells: TableCells, columns: Sequence[Column], context: Context, remarks: Remarks, *, epoch_1904: bool
    ) -> None:
        self._cells, self._context, self._remarks = cells, context, remarks
        grid = cells.grid
        self.figures = [
            Figure(
                column.index,
                column.number,
                column_letter(column.number),
                column.element.code,
                CellReader(column.element, context.catalogue, column.unit, sheet=grid.name, epoch_1904=epoch_1904),
                column.element.code in context.dataset.key,
            )
            for column in columns
            if column.element is not None
        ]
        self.first = min((figure.position for figure in self.figures), default=0)

    def any_given(self, index: int, row: Sequence[Cell]) -> bool:
        """Whether the row has anything in an element column."""
        width = len(row)
        if any(figure.position < width and not blank(row[figure.position]) for figure in self.figures):
            return True
        return any(self._cells.covered_by(index, figure.position) is not None for figure in self.figures)

    def values(self, index: int, row: Sequence[Cell]) -> tuple[dict[str, Reported], dict[str, str], list[str]]:
        """What the row says of each element outside of the key, the names of the cells, and the elements at fault."""
        values: dict[str, Reported] = {}
        names: dict[str, str] = {}
        faulty: list[str] = []
        grid, merged = self._cells.grid, self._cells.merged
        percent, width, number = grid.percent, len(row), grid.top + index
        for figure in self.figures:
            name = f"{figure.letter}{number}"
            names[figure.element] = name
            if figure.in_key:
                continue
            if merged and self._merged_value(index, figure):
                faulty.append(figure.element)
                continue
            cell = row[figure.position] if figure.position < width else None
            shown_percent = bool(percent) and (number, figure.number) in percent
            read = figure.reader.read(cell, name, percent=shown_percent)
            if isinstance(read, CellFault):
                faulty.append(figure.element)
                self._fault(read, number, figure, cell)
            else:
                values[figure.element] = read
        return values, names, faulty

    def key(self, index: int, place: RowPlace) -> tuple[tuple[str, ...] | None, RowPlace]:
        """The values of the dataset's key elements, None (and findings) where one is missing or cannot be read.

        The place given back is the key's own cell, for saying that a record is given twice.
        """
        dataset = self._context.dataset
        if not dataset.key:
            return (), place
        key: list[str] = []
        first: int | None = None
        number = self._cells.grid.top + index
        for code in dataset.key:
            figure = next((figure for figure in self.figures if figure.element == code), None)
            if figure is None:
                self._missing_key(code, number, None)
                continue
            cell = self._cells.shown(index, figure.position)
            read = figure.reader.read(cell)
            text = key_text(read) if isinstance(read, Reported) else None
            if isinstance(read, CellFault):
                self._fault(read, number, figure, cell)
            elif text is None:
                self._missing_key(code, number, figure.number)
            else:
                key.append(text)
                first = figure.number if first is None else first
        if len(key) < len(dataset.key):
            return None, place
        return tuple(key), RowPlace(place.row, place.region_columns, place.period_column, first, "、".join(key))

    def _missing_key(self, code: str, number: int, column: int | None) -> None:
        title = self._context.dataset.by_code[code].title
        self._remarks.add(
            "missing_key",
            f"缺少{title}，无法确定是哪一条记录",
            f"{code} is missing, so it is not clear which record this is",
            row=number,
            column=column,
            element=code,
        )

    def _fault(self, fault: CellFault, number: int, figure: Figure, cell: Cell) -> None:
        self._remarks.add(
            fault.code,
            fault.message,
            fault.message_en,
            row=number,
            column=figure.number,
            element=figure.element,
            value=shown_value(cell),
            accepted=fault.accepted,
        )

    def _merged_value(self, index: int, figure: Figure) -> bool:
        """Whether the cell is the covered part of a merged value, which may be meant for any of the rows or columns."""
        grid = self._cells.grid
        origin = self._cells.covered_by(index, figure.position)
        if origin is None:
            return False
        name = f"{column_letter(grid.left + origin[1])}{grid.top + origin[0]}"
        self._remarks.add(
            "merged_value",
            f"{name}是合并单元格，不知数值属于哪一格，请取消合并后逐格填写",
            f"{name} is merged over this cell; unmerge it and fill in each cell",
            row=grid.top + index,
            column=figure.number,
            element=figure.element,
            value=shown_value(cell_at(grid, *origin)),
        )
        return True
