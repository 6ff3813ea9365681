"""A workbook of another kind (xls, ods, csv) as an xlsx laid out the same, cell by cell; and results of formulas kept."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904, to_excel
from openpyxl.workbook.workbook import Workbook as Book
from openpyxl.worksheet.worksheet import Worksheet

from app.intake.grid import STAMP_SHEET, CellError, Grid, Workbook
from app.intake.grid import Cell as Value

LONGEST_TEXT = 32_000
_FIRST_CERTAIN_DAY = date(1900, 3, 1)
_FORBIDDEN_IN_NAMES = re.compile(r"[\[\]:*?/\\]")
_MOST_MERGED = 100_000
# What openpyxl leaves of a formula: the formula, and no result.
_FORMULA = re.compile(rb'<c r="([A-Z]{1,3})([0-9]+)"([^>]*)>(<f(?:[^>]*/>|[^>]*>[^<]*</f>))<v\s*/?>(?:</v>)?</c>')
_TYPE = re.compile(rb'\s+t="[^"]*"')


def plain_text(text: str) -> str:
    """A text as a cell may hold it: no control characters, not too long."""
    return ILLEGAL_CHARACTERS_RE.sub("", text)[:LONGEST_TEXT]


def put_text(cell: object, text: str) -> None:
    """Writes a text, which is never run as a formula whatever it begins with."""
    if isinstance(cell, Cell):
        cell.value = plain_text(text)
        cell.data_type = "s"


def laid_out(workbook: Workbook) -> tuple[Book, dict[str, Worksheet]]:
    """An xlsx with every value at its place, and its sheets by the name that findings have for them."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    if workbook.epoch_1904:
        book.epoch = CALENDAR_MAC_1904
    sheets: dict[str, Worksheet] = {}
    for grid in workbook.grids:
        sheet = book.create_sheet(_FORBIDDEN_IN_NAMES.sub("_", grid.name)[:31].strip("' ") or "表")
        sheets[grid.name] = sheet
        _lay(grid, sheet)
    if workbook.stamp:
        stamp = book.create_sheet(STAMP_SHEET)
        stamp.sheet_state = "veryHidden"
        for at, (name, value) in enumerate(workbook.stamp.items(), 1):
            put_text(stamp.cell(at, 1), name)
            put_text(stamp.cell(at, 2), value)
    return book, sheets


def _lay(grid: Grid, sheet: Worksheet) -> None:
    widths: dict[int, int] = {}
    for row, values in enumerate(grid.rows, grid.top):
        for column, value in enumerate(values, grid.left):
            if value is None:
                continue
            cell = sheet.cell(row, column)
            _put(cell, value, percent=(row, column) in grid.percent)
            if isinstance(value, str) and row > grid.top:
                widths[column] = max(widths.get(column, 0), sum(2 if ord(sign) > 255 else 1 for sign in value[:40]))
    for column, width in widths.items():
        sheet.column_dimensions[get_column_letter(column)].width = min(max(width + 2, 9), 40)
    for row in grid.hidden_rows:
        sheet.row_dimensions[row].hidden = True
    area = 0
    for span in grid.merged:
        area += (span.last_row - span.first_row + 1) * (span.last_column - span.first_column + 1)
        if area > _MOST_MERGED:
            break
        sheet.merge_cells(
            start_row=span.first_row, start_column=span.first_column, end_row=span.last_row, end_column=span.last_column
        )


def _put(cell: object, value: Value, *, percent: bool) -> None:
    if not isinstance(cell, Cell):
        return
    if isinstance(value, CellError):
        put_text(cell, value.text)
        if value.text.startswith("#"):
            cell.data_type = "e"
    elif isinstance(value, str):
        put_text(cell, value)
        cell.number_format = "@"
    elif isinstance(value, date):
        if (value.date() if isinstance(value, datetime) else value) < _FIRST_CERTAIN_DAY:
            put_text(cell, value.isoformat())
        else:
            cell.value = value
            cell.number_format = "yyyy-mm-dd"
    elif value is not None:
        cell.value = value
        if percent:
            cell.number_format = "0.00%"


def with_results(saved: bytes, workbook: Workbook, parts: Mapping[str, str], *, epoch_1904: bool) -> bytes:
    """The saved xlsx with the results of its formulas put back, as the file that was read had them.

    ``parts``: the name of each sheet → the part that holds it. Without this the formulas would read as never calculated.
    """
    grids = {parts[grid.name]: grid for grid in workbook.grids if grid.name in parts}
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved)) as made, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as kept:
        for entry in made.infolist():
            body = made.read(entry)
            grid = grids.get(entry.filename)
            if grid is not None and b"<f" in body:
                body = _FORMULA.sub(lambda match, of=grid: _resulting(match, of, epoch_1904=epoch_1904), body)  # type: ignore[misc]
            kept.writestr(entry.filename, body)
    return stream.getvalue()


def _resulting(match: re.Match[bytes], grid: Grid, *, epoch_1904: bool) -> bytes:
    letters, number, attributes, formula = match.groups()
    row, column = int(number) - grid.top, _column(letters.decode()) - grid.left
    known = 0 <= row < len(grid.rows) and 0 <= column < len(grid.rows[row])
    value = grid.rows[row][column] if known else None
    kind, text = _result(value, epoch_1904=epoch_1904)
    if text is None:
        return match[0]
    typed = b' t="' + kind + b'"' if kind else b""
    place = b'<c r="' + letters + number + b'"' + _TYPE.sub(b"", attributes) + typed + b">"
    return place + formula + b"<v>" + escape(text).encode() + b"</v></c>"


def _result(value: Value, *, epoch_1904: bool) -> tuple[bytes, str | None]:
    """The kind and text of a kept result; None for a formula that had none."""
    if isinstance(value, CellError):
        return (b"e", value.text) if value.text.startswith("#") else (b"", None)
    if isinstance(value, bool):
        return b"b", str(int(value))
    if isinstance(value, float | int | Decimal):
        return b"", repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, date):
        serial: Any = to_excel  # without types of its own
        return b"", str(serial(value, CALENDAR_MAC_1904) if epoch_1904 else serial(value))
    return b"str", "" if value is None else ILLEGAL_CHARACTERS_RE.sub("", value)


def _column(letters: str) -> int:
    number = 0
    for sign in letters:
        number = number * 26 + ord(sign) - 64
    return number
