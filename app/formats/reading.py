"""Workbooks as grids of values, whatever they are called: xlsx, xls, ods, csv and tsv, told apart by content.

Nothing is guessed: a file that is damaged, locked, full of macros, hostile or of another kind is refused with its reason,
before anything of it is believed.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import PurePath

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from app.errors import Problem
from app.formats.reading_archives import Archive
from app.formats.reading_csv import read_csv
from app.formats.reading_limits import MAX_FILE_BYTES, damaged, too_large, unsupported
from app.formats.reading_ods import OdsSheet, read_ods_sheets
from app.formats.reading_plain_rows import MANY_ROWS, PlainBook, plain_book, plain_grid
from app.formats.reading_plain_xlsx import plain_structure
from app.formats.reading_xls import SIGNATURE, XlsSheet, read_xls_parts
from app.formats.reading_xlsx import SheetStructure, read_parts, read_structure
from app.intake.grid import RESULT_SHEET, RESULT_TITLE, STAMP_SHEET, Cell, CellError, Grid, Span, Workbook

MEDIA_TYPES: Mapping[str, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xls": "application/vnd.ms-excel",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
}
"""What is read, by the usual ending of its name."""

_Value = float | str | bool | date | time | timedelta

_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "这是 PDF 文件，不是表格", "this is a PDF, not a workbook"),
    (b"\x89PNG", "这是图片，不是表格", "this is an image, not a workbook"),
    (b"\xff\xd8\xff", "这是图片，不是表格", "this is an image, not a workbook"),
    (b"GIF8", "这是图片，不是表格", "this is an image, not a workbook"),
    (b"Rar!", "这是压缩包，请解压后上传其中的表格", "this is an archive; send the workbook in it"),
    (b"7z\xbc\xaf", "这是压缩包，请解压后上传其中的表格", "this is an archive; send the workbook in it"),
    (b"\x1f\x8b", "这是压缩包，请解压后上传其中的表格", "this is an archive; send the workbook in it"),
    (b"PAR1", "不支持 parquet 文件", "parquet is not read"),
)


def read_workbook(data: bytes, filename: str) -> Workbook:
    """The visible sheets of a file. ``filename`` only names the sheet of a csv; the kind is told by the content.

    Raises Problem: ``unsupported_media_type`` for another kind of file, passwords and macros, ``bad_request`` for damage,
    ``too_large`` beyond the limits.
    """
    return _without_results(_read_any(data, filename))


def _without_results(workbook: Workbook) -> Workbook:
    """The workbook without the sheet in which an earlier check listed its findings."""
    read = [grid for grid in workbook.grids if not _is_result(grid)]
    return workbook if len(read) == len(workbook.grids) else replace(workbook, grids=tuple(read))


def _is_result(grid: Grid) -> bool:
    first = grid.rows[0][0] if grid.rows and grid.rows[0] else None
    return grid.name.startswith(RESULT_SHEET) and isinstance(first, str) and first.startswith(RESULT_TITLE)


def _read_any(data: bytes, filename: str) -> Workbook:
    if len(data) > MAX_FILE_BYTES:
        raise too_large(f"文件超过{MAX_FILE_BYTES >> 20}兆", f"the file is larger than {MAX_FILE_BYTES >> 20} MB")
    if not data.strip(b"\x00 \r\n\t\xef\xbb\xbf"):
        raise damaged("文件是空的", "the file is empty")
    for signature, reason, reason_en in _FOREIGN:
        if data.startswith(signature):
            raise unsupported(reason, reason_en)
    try:
        if data.startswith(SIGNATURE):
            return _xls(data)
        if data.startswith(b"PK"):
            archive = Archive(data)
            return (
                _ods(data, archive)
                if "content.xml" in archive and "xl/workbook.xml" not in archive
                else _xlsx(data, archive)
            )
    except PasswordError as error:
        raise unsupported("文件有密码保护，请去掉密码后再上传", "the file is protected by a password") from error
    except CalamineError as error:
        raise damaged("文件已损坏，无法读取", f"the file cannot be read: {error}") from error
    except BaseException as error:
        # A damaged file may make the library's own code panic, which Python sees as this, and as no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise damaged("文件已损坏，无法读取", "the file cannot be read") from error
    return Workbook((read_csv(data, PurePath(filename.replace("\\", "/")).stem or "csv"),))


def _xlsx(data: bytes, archive: Archive) -> Workbook:
    parts = read_parts(archive)
    structures: dict[str, SheetStructure] = {}
    by_column: dict[str, Grid] = {}
    shared: PlainBook | None = None
    for sheet in parts.sheets:
        if sheet.part in archive and (not sheet.hidden or sheet.name == STAMP_SHEET):
            xml = archive.read(sheet.part)
            if sheet.name != STAMP_SHEET and xml.count(b"<row ") >= MANY_ROWS:
                shared = shared or plain_book(archive)
                plain = plain_grid(sheet.name, xml, shared) if shared is not None else None
                if plain is not None:
                    by_column[sheet.name], structures[sheet.name] = plain, SheetStructure()
                    del xml
                    continue
            quick = plain_structure(xml, parts.percent_formats)
            structures[sheet.name] = quick if quick is not None else read_structure(sheet, xml, parts.percent_formats)
            del xml
    del archive
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
        grids: list[Grid] = []
        hidden: list[str] = []
        stamp: Mapping[str, str] = {}
        for meta in book.sheets_metadata:
            if meta.typ != SheetTypeEnum.WorkSheet or (
                meta.name not in structures and meta.visible == SheetVisibleEnum.Visible
            ):
                continue
            if meta.name == STAMP_SHEET and meta.name in structures:
                stamp = _stamp(book.get_sheet_by_name(meta.name))
            elif meta.visible != SheetVisibleEnum.Visible:
                hidden.append(meta.name)
            elif meta.name in by_column:
                grids.append(by_column[meta.name])
            else:
                found = structures[meta.name]
                grids.append(
                    _grid(
                        book.get_sheet_by_name(meta.name), found.errors, found.percent, found.hidden_rows, found.merged
                    )
                )
    return Workbook(tuple(grids), tuple(hidden), parts.epoch_1904, stamp)


def _xls(data: bytes) -> Workbook:
    parts = read_xls_parts(data)
    return _with_structures(data, parts.sheets, epoch_1904=parts.epoch_1904)


def _ods(data: bytes, archive: Archive) -> Workbook:
    if "mimetype" in archive and b"spreadsheet" not in archive.read("mimetype"):
        raise unsupported("这是文字或演示文稿，不是表格文件", "this is a document or presentation, not a workbook")
    return _with_structures(data, {sheet.name: sheet for sheet in read_ods_sheets(archive)}, epoch_1904=False)


def _with_structures(
    data: bytes, structures: Mapping[str, XlsSheet] | Mapping[str, OdsSheet], *, epoch_1904: bool
) -> Workbook:
    with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
        grids: list[Grid] = []
        hidden: list[str] = []
        stamp: Mapping[str, str] = {}
        for meta in book.sheets_metadata:
            if meta.name == STAMP_SHEET and meta.typ == SheetTypeEnum.WorkSheet:
                stamp = _stamp(book.get_sheet_by_name(meta.name))
            elif meta.visible != SheetVisibleEnum.Visible:
                hidden.append(meta.name)
            elif meta.typ == SheetTypeEnum.WorkSheet:
                found = structures.get(meta.name, XlsSheet())
                sheet = book.get_sheet_by_name(meta.name)
                grids.append(_grid(sheet, found.errors, found.percent, found.hidden_rows, _merges(sheet)))
    return Workbook(tuple(grids), tuple(hidden), epoch_1904, stamp)


def _merges(sheet: CalamineSheet) -> list[Span]:
    return [Span(r1 + 1, c1 + 1, r2 + 1, c2 + 1) for (r1, c1), (r2, c2) in sheet.merged_cell_ranges or ()]


def _grid(
    sheet: CalamineSheet,
    errors: Mapping[tuple[int, int], CellError],
    percent: Iterable[tuple[int, int]],
    hidden_rows: Iterable[int],
    merged: Iterable[Span],
) -> Grid:
    rows = [[_cell(value) for value in row] for row in sheet.to_python(skip_empty_area=True)]
    start = sheet.start
    top, left = (start[0] + 1, start[1] + 1) if start is not None and rows else (1, 1)
    if errors:
        rows, top, left = _with_errors(rows, top, left, errors)
    return Grid(sheet.name, rows, top, left, tuple(merged), frozenset(hidden_rows), frozenset(percent))


def _cell(value: _Value) -> Cell:
    """A blank as None; a time of day or a duration as its text, for nothing is measured in them."""
    if value == "":
        return None
    return str(value) if isinstance(value, time | timedelta) else value


def _with_errors(
    rows: list[list[Cell]], top: int, left: int, errors: Mapping[tuple[int, int], CellError]
) -> tuple[list[list[Cell]], int, int]:
    """The rows with error cells put in, which may lie outside of the cells that have values."""
    first_row = min([row for row, _ in errors] + ([top] if rows else []))
    first_column = min([column for _, column in errors] + ([left] if rows else []))
    if rows:
        margin: list[Cell] = [None] * (left - first_column)
        rows = [*([] for _ in range(top - first_row)), *([*margin, *row] for row in rows)]
    for (row, column), error in errors.items():
        while len(rows) <= row - first_row:
            rows.append([])
        cells = rows[row - first_row]
        cells += [None] * (column - first_column + 1 - len(cells))
        cells[column - first_column] = error
    return rows, first_row, first_column


def _stamp(sheet: CalamineSheet) -> Mapping[str, str]:
    rows = sheet.to_python(skip_empty_area=True)[:20]
    return {str(row[0]): str(row[1]) for row in rows if len(row) > 1 and row[0] != ""}


__all__ = ["MEDIA_TYPES", "Problem", "read_workbook"]
