"""A department's own form filled with the rows of its view: its workbook, or a plain one where it has given none."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import xlsxwriter
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.utils import column_index_from_string, coordinate_to_tuple
from openpyxl.worksheet.worksheet import Worksheet

from app.catalogue.periods import Period
from app.errors import Problem
from app.formats.fields import texts
from app.formats.form_rows import make_room
from app.formats.form_workbook import MAX_FORM_CELLS, SERIAL, FormBinding, open_form, sheet_of
from app.formats.formulas import harmless
from app.formats.reading_xlsx import is_percent_format
from app.mapping.plan import OutputField

MOST_ROWS = 20_000
_EXACT_DIGITS = 15
_FIRST_DATE = date(1900, 3, 1)  # before it the serial numbers of spreadsheets are off by one
_LONGEST_TEXT = 32_766
_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that the same content is the same bytes
_WHEN = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(?:modified|created)[^>]*>)[^<]*")
_FORBIDDEN_IN_NAMES = re.compile(r"[\[\]:*?/\\']")

Value = str | bool | Decimal | date | None


@dataclass(frozen=True, slots=True)
class FormContent:
    """What goes into a form: the view's title, the period in words, the fields that the reader may see, the rows."""

    title: str
    period: str
    fields: Sequence[OutputField]
    frame: pl.DataFrame


def period_words(period: Period) -> str:
    """A period as the head of a form has it: 2025年, 2025年上半年, 2025年第三季度, 2025年3月; empty for none."""
    if period.frequency == "once":
        return ""
    if period.frequency == "event":
        return f"{period.start.year}年{period.start.month}月{period.start.day}日"
    part = {
        "year": "",
        "half": "上半年" if period.start.month == 1 else "下半年",
        "quarter": f"第{'一二三四'[(period.start.month - 1) // 3]}季度",
        "month": f"{period.start.month}月",
    }[period.frequency]
    return f"{period.start.year}年{part}"


def values(content: FormContent) -> list[tuple[Value, ...]]:
    """The rows as values of cells: exact numbers of at most fifteen digits, longer ones as text; texts made harmless.

    Raises Problem where there are more rows than a form is for, or a text is longer than a cell holds.
    """
    if content.frame.height > MOST_ROWS:
        raise _too_many(MOST_ROWS)
    columns = texts(content.fields, content.frame)
    made = [[_value(field, text) for text in columns[str(at)]] for at, field in enumerate(content.fields)]
    return list(zip(*made, strict=True))


def _too_many(most: int) -> Problem:
    return Problem(
        "bad_request",
        f"该表格至多 {most} 行，请用 period 或 region 缩小范围 (this form holds {most} rows: narrow it down)",
    )


def _value(field: OutputField, text: str | None) -> Value:
    if text is None:
        return None
    if field.kind == "boolean":
        return text == "true"
    if field.kind == "date":
        day = date.fromisoformat(text)
        return day if day >= _FIRST_DATE else text
    if field.kind == "number":
        digits = re.sub(r"[.-]", "", text).strip("0")
        return Decimal(text) if len(digits) <= _EXACT_DIGITS else text
    if len(text) > _LONGEST_TEXT:
        raise Problem("bad_request", f"字段“{field.name}”的文本太长，单元格容纳不下 (too long for a cell)")
    return harmless(ILLEGAL_CHARACTERS_RE.sub("", text))


def plain_form(content: FormContent) -> bytes:
    """A form of its own: the title, the period, headings with their units, the rows."""
    stream = io.BytesIO()
    rows = values(content)
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        book.set_properties({"title": content.title, "created": _MADE_AT})
        sheet = book.add_worksheet(_FORBIDDEN_IN_NAMES.sub("", content.title)[:31].strip() or "表")
        middle = {"align": "center", "valign": "vcenter"}
        titled, caption = book.add_format({**middle, "bold": True, "font_size": 16}), book.add_format({"align": "left"})
        heading = book.add_format({**middle, "bold": True, "border": 1, "text_wrap": True, "bg_color": "#F2F2F2"})
        width = max(len(content.fields), 1)
        _across(sheet, 0, width, harmless(content.title), titled)
        _across(sheet, 1, width, f"报告期：{content.period}" if content.period else "", caption)
        for at, field in enumerate(content.fields):
            style = book.add_format({"border": 1, "num_format": _number_format(field)})
            sheet.write_string(2, at, harmless(heading_of(field)), heading)
            sheet.set_column(at, at, min(max(2 * len(heading_of(field)), 10), 40))
            for row, line in enumerate(rows, 3):
                _write(sheet, row, at, line[at], style)
        sheet.freeze_panes(3, 0)
        sheet.repeat_rows(0, 2)
        sheet.fit_to_pages(1, 0)
        sheet.set_landscape()
        sheet.set_paper(9)
    return stream.getvalue()


def heading_of(field: OutputField) -> str:
    """``常住人口（万人）``: the title with its unit, unless the title ends with it already."""
    title = field.title or field.name
    unit = field.unit
    if unit is None or re.search(rf"[（(]{re.escape(unit)}[）)]\s*$", title):
        return title
    return f"{title}（{unit}）"


def _across(sheet: xlsxwriter.worksheet.Worksheet, row: int, width: int, text: str, style: object) -> None:
    if width > 1:
        sheet.merge_range(row, 0, row, width - 1, "", style)
    sheet.write_string(row, 0, text, style)


def _number_format(field: OutputField) -> str:
    if field.kind == "number":
        return "0." + "0" * field.decimals if field.decimals else "0"
    return "yyyy-mm-dd" if field.kind == "date" else "General" if field.kind == "boolean" else "@"


def _write(sheet: xlsxwriter.worksheet.Worksheet, row: int, column: int, value: Value, style: object) -> None:
    if value is None:
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value, style)
    elif isinstance(value, Decimal):
        sheet.write_number(row, column, value, style)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), style)  # noqa: DTZ001 - a day
    else:
        sheet.write_string(row, column, value, style)


def filled_form(template: bytes, binding: FormBinding, content: FormContent) -> bytes:
    """The department's workbook with the rows in it. Fields that are not among the content's stay blank."""
    rows = values(content)
    book = open_form(template)
    sheet = sheet_of(book, binding.sheet)
    if sheet is None:
        raise Problem("internal", f"表样中没有工作表 {binding.sheet} (the form lacks its sheet)")
    if sheet.max_column * len(rows) > MAX_FORM_CELLS:
        raise _too_many(MAX_FORM_CELLS // sheet.max_column)
    make_room(book, sheet, binding.first_row, binding.total_row, max(len(rows), 1))
    position = {field.name: at for at, field in enumerate(content.fields)}
    for name, letters in binding.columns.items():
        column = column_index_from_string(letters)
        field = content.fields[position[name]] if name in position else None
        for number, line in enumerate(rows, 1):
            cell = sheet.cell(binding.first_row + number - 1, column)
            if name == SERIAL:
                _put(cell, Decimal(number), None)
            else:
                _put(cell, line[position[name]] if field is not None else None, field)
        if not rows:
            _put(sheet.cell(binding.first_row, column), None, field)
    _word(sheet, binding.title_cell, content, content.title)
    _word(sheet, binding.period_cell, content, content.period)
    book.calculation.fullCalcOnLoad = True
    stream = io.BytesIO()
    book.save(stream)
    return _settled(stream.getvalue())


def _put(cell: object, value: Value, field: OutputField | None) -> None:
    if not isinstance(cell, Cell):
        return
    if isinstance(value, Decimal) and field is not None and field.unit == "%" and is_percent_format(cell.number_format):
        value = value.scaleb(-2)
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # never a formula, whatever it begins with
    elif isinstance(value, date) and cell.number_format == "General":
        cell.number_format = "yyyy-mm-dd"


def _word(sheet: Worksheet, place: str | None, content: FormContent, otherwise: str) -> None:
    """Writes into a cell of the head: ``{period}`` and ``{title}`` in its text are filled in, any other text replaced."""
    if place is None:
        return
    row, column = coordinate_to_tuple(place)
    merged = next((m for m in sheet.merged_cells.ranges if (row, column) in m.cells), None)
    cell = sheet.cell(merged.min_row, merged.min_col) if merged is not None else sheet.cell(row, column)
    text = str(cell.value or "")
    marked = "{period}" in text or "{title}" in text
    worded = text.replace("{period}", content.period).replace("{title}", content.title) if marked else otherwise
    _put(cell, harmless(ILLEGAL_CHARACTERS_RE.sub("", worded)), None)


def _settled(data: bytes) -> bytes:
    """The same workbook without the time of its making, so that the same content gives the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as made, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as settled:
        for entry in made.infolist():
            body = made.read(entry)
            if entry.filename == "docProps/core.xml":
                body = _STAMP.sub(rb"\g<1>2026-01-01T00:00:00Z", body)
            fixed = zipfile.ZipInfo(entry.filename, _WHEN)
            fixed.compress_type = zipfile.ZIP_DEFLATED
            settled.writestr(fixed, body)
    return stream.getvalue()
