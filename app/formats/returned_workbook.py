"""The clerk's own workbook, given back with what was found: cells coloured and commented, and a sheet that lists it all.

An xlsx keeps its layout, formats, formulas and their results; any other kind comes back as an xlsx with every value at
its place. What a file of one's own loses on the way is said on the sheet of results. That sheet is never read again.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import openpyxl
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.workbook.workbook import Workbook as Book
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from app.formats.form_workbook import MAX_SHEET_BYTES, cells_of
from app.formats.formulas import harmless
from app.formats.reading import read_workbook
from app.formats.reading_archives import Archive
from app.formats.reading_limits import too_large
from app.formats.returned_layout import laid_out, plain_text, put_text, with_results
from app.intake.grid import RESULT_SHEET, RESULT_TITLE, Workbook

MOST_CELLS = 100_000  # some seconds of work, and a hundred megabytes
MOST_LISTED = 20_000
MOST_COMMENTED = 5_000
_AUTHOR = "township"
_MARK = "【核对】"
_LONGEST_COMMENT = 1_000
# A shade off what spreadsheets offer, so that colours given before are known and taken away again.
_FILLS = {"error": "FFFFC7CD", "warning": "FFFFEB9B"}
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_LOST: tuple[tuple[str, str, str], ...] = (
    ("xl/charts/", "图表", "charts"),
    ("xl/media/", "图片", "images"),
    ("xl/drawings/drawing", "图形", "drawings"),
    ("xl/slicers/", "切片器", "slicers"),
    ("xl/threadedcomments/", "批注线程", "threaded comments"),
    ("xl/embeddings/", "嵌入对象", "embedded objects"),
    ("xl/ctrlprops/", "表单控件", "form controls"),
)
_HEADINGS = (
    ("序号", 6),
    ("级别", 8),
    ("位置", 22),
    ("问题", 60),
    ("值", 20),
    ("可接受", 40),
    ("数据项", 22),
    ("代码", 18),
)
_HEADINGS_EN = ("No.", "Severity", "Place", "Finding", "Value", "Accepted", "Element", "Code")


@dataclass(frozen=True, slots=True)
class _Opened:
    """The workbook to write into; ``sheets`` by the name that findings have; ``notes`` say what is not as it was."""

    book: Book
    sheets: Mapping[str, Worksheet]
    notes: Sequence[tuple[str, str]]
    formulas: bool


def returned_workbook(data: bytes, filename: str, findings: Sequence[Mapping[str, Any]], *, english: bool) -> bytes:
    """The file as an xlsx with ``findings`` (as they cross HTTP) marked and listed.

    Raises Problem: as ``read_workbook`` does, and ``too_large`` beyond 100,000 cells, where the list has to do.
    """
    workbook = read_workbook(data, filename)
    if sum(max(map(len, grid.rows), default=0) * len(grid.rows) for grid in workbook.grids) > MOST_CELLS:
        raise too_large(
            f"文件超过{MOST_CELLS}格，不能返回标注后的文件，请看检查结果清单",
            f"a file of more than {MOST_CELLS} cells is not given back; use the findings",
        )
    opened = _original(data, workbook) if data.startswith(b"PK") else None
    if opened is None:
        book, sheets = laid_out(workbook)
        words = "格式、公式、图片与隐藏的工作表没有保留，数值按原位置排列"
        notes = [(words, "formats, formulas, images and hidden sheets are not kept; every value is at its place")]
        opened = _Opened(book, sheets, notes, formulas=False)
    for sheet in opened.book.worksheets:
        _take_marks_away(sheet)
    _mark(opened.sheets, findings, english=english)
    _list(opened, findings, english=english)
    stream = io.BytesIO()
    opened.book.save(stream)
    if not opened.formulas:
        return stream.getvalue()
    parts = {sheet.title: f"xl/worksheets/sheet{at}.xml" for at, sheet in enumerate(opened.book.worksheets, 1)}
    return with_results(stream.getvalue(), workbook, parts, epoch_1904=workbook.epoch_1904)


def _original(data: bytes, workbook: Workbook) -> _Opened | None:
    """The clerk's own xlsx, opened; None where that would cost too much, or where it is no xlsx after all."""
    archive = Archive(data)
    if "xl/workbook.xml" not in archive:
        return None
    sheets = [archive.read(name) for name in archive.names if name.lower().startswith("xl/worksheets/sheet")]
    if sum(map(len, sheets)) > MAX_SHEET_BYTES or sum(map(cells_of, sheets)) > MOST_CELLS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), rich_text=True)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, BadZipFile, OSError):
        return None
    for sheet in [sheet for sheet in book.worksheets if _is_result(sheet)]:
        book.remove(sheet)
    lost = [(zh, en) for part, zh, en in _LOST if any(name.lower().startswith(part) for name in archive.names)]
    notes = []
    if lost:
        listed, listed_en = "、".join(zh for zh, _ in lost), ", ".join(en for _, en in lost)
        notes = [(f"原文件中的{listed}可能没有保留", f"{listed_en} of the file may not have been kept")]
    known = {grid.name for grid in workbook.grids}
    return _Opened(book, {s.title: s for s in book.worksheets if s.title in known}, notes, formulas=True)


def _is_result(sheet: Worksheet) -> bool:
    return sheet.title.startswith(RESULT_SHEET) and str(sheet["A1"].value or "").startswith(RESULT_TITLE)


def _take_marks_away(sheet: Worksheet) -> None:
    """Takes away the colours and comments of an earlier return."""
    for row in sheet.iter_rows():
        for cell in row:
            if cell.has_style and cell.fill.fgColor.rgb in _FILLS.values():
                cell.fill = PatternFill()
            if cell.comment is not None and _MARK in cell.comment.text and isinstance(cell, Cell):
                text, author = cell.comment.text.partition(_MARK)[0].rstrip("\n"), cell.comment.author
                cell.comment = Comment(text, author) if text else None


def _mark(sheets: Mapping[str, Worksheet], findings: Sequence[Mapping[str, Any]], *, english: bool) -> None:
    """Colours the cells and says in a comment what is wrong with each; an error outweighs a warning."""
    told: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for finding in findings:
        sheet = sheets.get(str(finding.get("sheet")))
        place = _place(sheet, finding) if sheet is not None else None
        if place is not None:
            told.setdefault((str(finding["sheet"]), place), []).append(finding)
    for at, ((name, place), here) in enumerate(told.items()):
        cell = sheets[name][place]
        if not isinstance(cell, Cell):
            continue
        grave = "error" if any(finding.get("severity") == "error" for finding in here) else "warning"
        cell.fill = PatternFill("solid", fgColor=_FILLS[grave])
        if at < MOST_COMMENTED:
            before = f"{cell.comment.text}\n" if cell.comment is not None else ""
            text = "\n".join(_said(finding, english=english) for finding in here)
            comment = Comment(f"{before}{_MARK}\n{plain_text(text)[:_LONGEST_COMMENT]}", _AUTHOR)
            comment.width, comment.height = 320, min(60 + 18 * (text.count("\n") + len(text) // 24), 320)
            cell.comment = comment


def _place(sheet: Worksheet, finding: Mapping[str, Any]) -> str | None:
    """The cell to mark: the finding's own, of a merged range its first; of an error about a row the row's first value."""
    if (coordinate := finding.get("cell")) is not None:
        cell = sheet[str(coordinate)]
        if isinstance(cell, MergedCell):
            merged = next((each for each in sheet.merged_cells.ranges if coordinate in each), None)
            return sheet.cell(merged.min_row, merged.min_col).coordinate if merged is not None else None
        return str(coordinate)
    row = finding.get("row")
    if row is None or finding.get("severity") != "error" or not 1 <= int(row) <= sheet.max_row:
        return None
    return next(
        (cell.coordinate for cell in sheet[int(row)] if isinstance(cell, Cell) and cell.value is not None), None
    )


def _said(finding: Mapping[str, Any], *, english: bool) -> str:
    message = finding.get("message_en") if english else None
    accepted = finding.get("accepted")
    word = "Accepted" if english else "可接受"
    return f"{message or finding.get('message')}" + (f"\n{word}: {accepted}" if accepted else "")


def _list(opened: _Opened, findings: Sequence[Mapping[str, Any]], *, english: bool) -> None:
    """The sheet of results: every finding with a link to its cell."""
    sheet = opened.book.create_sheet(RESULT_SHEET)  # openpyxl numbers it where the clerk has a sheet of that name
    errors = sum(1 for finding in findings if finding.get("severity") == "error")
    put_text(sheet["A1"], f"{RESULT_TITLE}（results of the check; not read when uploaded again）")
    sheet["A1"].font = Font(bold=True, size=14)
    summary = f"{errors} 处错误，{len(findings) - errors} 处提示；改正有颜色的格后可直接上传本文件"
    summary_en = (
        f"{errors} errors, {len(findings) - errors} warnings; mend the coloured cells and upload this file again"
    )
    notes = [(summary, summary_en), *opened.notes]
    if len(findings) > MOST_LISTED:
        notes.append((f"只列出前 {MOST_LISTED} 条", f"only the first {MOST_LISTED} are listed"))
    for at, (note, note_en) in enumerate(notes, 2):
        put_text(sheet.cell(at, 1), f"{note}（{note_en}）")
    top = len(notes) + 3
    for column, (heading, width) in enumerate(_HEADINGS, 1):
        cell = sheet.cell(top, column)
        put_text(cell, _HEADINGS_EN[column - 1] if english else heading)
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="FFDDEBF7")
        sheet.column_dimensions[cell.column_letter].width = width
    for number, finding in enumerate(findings[:MOST_LISTED], 1):
        _line(opened.sheets, sheet, top + number, number, finding, english=english)
    sheet.freeze_panes = sheet.cell(top + 1, 1)
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _guarded(text: object) -> str:
    """A text of the file's or the catalogue's, harmless as a formula; a number stays as it is."""
    written = "" if text is None else str(text)
    return written if _NUMBER.fullmatch(written) else harmless(written)


def _line(
    sheets: Mapping[str, Worksheet],
    sheet: Worksheet,
    row: int,
    number: int,
    finding: Mapping[str, Any],
    *,
    english: bool,
) -> None:
    grave = "error" if finding.get("severity") == "error" else "warning"
    target = sheets.get(str(finding.get("sheet")))
    cell = finding.get("cell") or (f"A{finding['row']}" if finding.get("row") is not None else None)
    spot = finding.get("cell") or (f"第{finding['row']}行" if finding.get("row") is not None else "")
    place = "!".join(str(part) for part in (finding.get("sheet"), spot) if part)
    severity = grave if english else {"error": "错误", "warning": "提示"}[grave]
    message = (finding.get("message_en") if english else None) or finding.get("message")
    texts = (severity, place, message, finding.get("value"), finding.get("accepted"), finding.get("element"))
    sheet.cell(row, 1).value = number
    lines = 1
    for column, text in enumerate((*texts, finding.get("code")), 2):
        written = _guarded(text)
        put_text(sheet.cell(row, column), written)
        lines = max(lines, -(-sum(2 if ord(sign) > 255 else 1 for sign in written) // _HEADINGS[column - 1][1]))
        sheet.cell(row, column).alignment = Alignment(vertical="top", wrap_text=True)
    sheet.cell(row, 2).fill = PatternFill("solid", fgColor=_FILLS[grave])
    sheet.row_dimensions[row].height = 15 * min(lines, 20)  # not every program works it out by itself
    link = sheet.cell(row, 3)
    if target is not None and cell is not None and isinstance(link, Cell):
        quoted = target.title.replace("'", "''")
        link.hyperlink = Hyperlink(ref=link.coordinate, location=f"'{quoted}'!{cell}")
        link.font = Font(color="FF0563C1", underline="single")
