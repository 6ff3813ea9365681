"""Making room in a form: its rows of data become as many as are needed, and all that stands below moves along."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.formatting.formatting import ConditionalFormattingList
from openpyxl.formula.translate import Translator
from openpyxl.utils import get_column_letter
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.cell_range import CellRange, MultiCellRange
from openpyxl.worksheet.dimensions import RowDimension
from openpyxl.worksheet.worksheet import Worksheet

from app.formats.form_references import RowShift


@dataclass(frozen=True, slots=True)
class RowModel:
    """The first row of data as the form has it: what every row of data looks like."""

    row: int
    styles: dict[int, Any]
    formulas: dict[int, str]
    merges: tuple[tuple[int, int], ...]
    dimension: RowDimension | None

    @staticmethod
    def of(sheet: Worksheet, row: int) -> RowModel:
        """The look of one row of ``sheet``."""
        columns = range(1, sheet.max_column + 1)
        cells = {column: sheet.cell(row, column) for column in columns}
        return RowModel(
            row,
            {column: _style_of(cell) for column, cell in cells.items() if cell.has_style},
            {c: cell.value for c, cell in cells.items() if isinstance(cell.value, str) and cell.data_type == "f"},
            tuple((m.min_col, m.max_col) for m in sheet.merged_cells.ranges if m.min_row == row == m.max_row),
            copy(sheet.row_dimensions[row]) if row in sheet.row_dimensions else None,
        )

    def put(self, sheet: Worksheet, row: int) -> None:
        """Makes ``row`` look like it, with its formulas."""
        for first, last in self.merges:
            sheet.merge_cells(start_row=row, end_row=row, start_column=first, end_column=last)
        for column, style in self.styles.items():
            sheet.cell(row, column)._style = copy(style)  # type: ignore[union-attr] # noqa: SLF001 - as openpyxl does
        for column, formula in self.formulas.items():
            origin, letter = f"{get_column_letter(column)}{self.row}", get_column_letter(column)
            sheet.cell(row, column).value = Translator(formula, origin).translate_formula(f"{letter}{row}")
        if self.dimension is not None:
            sheet.row_dimensions[row] = _moved(self.dimension, row)


def make_room(book: Workbook, sheet: Worksheet, first: int, below: int | None, wanted: int) -> None:
    """Rows ``first`` to ``first + wanted − 1`` are empty rows in the look of the first; the rest stands below them.

    ``below`` is the first row that stays under the data; None where nothing does: then what stood there goes.
    """
    model = RowModel.of(sheet, first)
    last = (below if below is not None else max(sheet.max_row, first) + 1) - 1
    shift = RowShift(sheet.title, first, last + 1, first + wanted - 1 - last)
    merges = [merged for merged in sheet.merged_cells.ranges if not first <= merged.min_row <= last]
    dimensions = {row: copy(dimension) for row, dimension in sheet.row_dimensions.items() if row > last}
    for merged in list(sheet.merged_cells.ranges):
        if first <= merged.min_row <= last:
            sheet.unmerge_cells(merged.coord)
    sheet.delete_rows(first, last - first + 1)
    sheet.insert_rows(first, wanted)
    for merged in merges:
        if merged.min_row > last:
            merged.shift(row_shift=shift.by)
    sheet.merged_cells.ranges = set(merges)
    for row in [row for row in sheet.row_dimensions if row >= first]:
        del sheet.row_dimensions[row]
    for row, dimension in dimensions.items():
        sheet.row_dimensions[row + shift.by] = _moved(dimension, row + shift.by)
    model = replace(model, formulas={at: shift.formula(text, sheet.title) for at, text in model.formulas.items()})
    for row in range(first, first + wanted):
        model.put(sheet, row)
    _move_what_is_attached(sheet, shift)
    _move_formulas(book, shift, first, first + wanted - 1)


def _style_of(cell: Cell | MergedCell) -> Any:
    return copy(cell._style)  # type: ignore[union-attr] # noqa: SLF001 - openpyxl has no other way to copy a style


def _moved(dimension: RowDimension, row: int) -> RowDimension:
    moved = copy(dimension)
    moved.index = row
    return moved


def _move_what_is_attached(sheet: Worksheet, shift: RowShift) -> None:
    """Validations, conditional formats, the print area, the filter and page breaks."""
    for validation in sheet.data_validations.dataValidation:
        validation.sqref = _ranges(validation.sqref, shift)
    formats = ConditionalFormattingList()
    for conditional in sheet.conditional_formatting:
        for rule in conditional.rules:
            formats.add(str(_ranges(conditional.sqref, shift)), rule)
    sheet.conditional_formatting = formats
    if sheet.print_area:
        areas = str(sheet.print_area).replace("$", "").split(",")
        sheet.print_area = ",".join(shift.reference(area, sheet.title) for area in areas)
    if sheet.auto_filter.ref:
        sheet.auto_filter.ref = shift.reference(sheet.auto_filter.ref, sheet.title)
    for row_break in sheet.row_breaks.brk:
        row_break.id = shift.row(row_break.id)


def _ranges(given: Any, shift: RowShift) -> MultiCellRange:
    moved = set()
    for one in given.ranges:
        first, last = shift.span(one.min_row, one.max_row)
        moved.add(CellRange(min_col=one.min_col, max_col=one.max_col, min_row=first, max_row=last))
    return MultiCellRange(moved)


def _move_formulas(book: Workbook, shift: RowShift, first: int, last: int) -> None:
    """Every formula of the workbook that looks at the form; those of the data rows are right already."""
    for sheet in book.worksheets:
        own = sheet.title == shift.sheet
        for row in sheet.iter_rows():
            for cell in row:
                if own and first <= (cell.row or 0) <= last:
                    continue
                if isinstance(cell, Cell) and cell.data_type == "f" and isinstance(cell.value, str):
                    cell.value = shift.formula(cell.value, sheet.title)
