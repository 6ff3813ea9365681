"""Delimited text: its encoding, its delimiter, and quotes that swallow rows."""

from __future__ import annotations

import codecs
import csv
import io
import re

from app.formats.reading_limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, damaged, too_large, unsupported
from app.intake.grid import Cell, Grid

DELIMITERS = (",", "\t", ";")
_FIELD_LIMIT = 1 << 17
_SNIFFED_LINES = 50
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_QUOTED = re.compile(r'"[^"]*"')


def decoded(data: bytes) -> str:
    """The text of a csv: UTF-8 or UTF-16 by their marks or their form, otherwise GB18030. Raises Problem if it is none."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return _strictly(data[len(mark) :], encoding)
    if len(data) % 2 == 0 and data[:4000].count(0) * 4 > len(data[:4000]):
        return _strictly(data, "utf-16-le" if data[1:4000:2].count(0) > data[0:4000:2].count(0) else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _strictly(data, "gb18030")


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise unsupported(
            "不是可识别的表格文件，文本编码也不是 UTF-8、UTF-16 或 GB18030",
            "neither a workbook nor text in UTF-8, UTF-16 or GB18030",
        ) from error


def read_csv(data: bytes, name: str) -> Grid:
    """The one grid of a csv or tsv; all cells are text, blank ones None. Raises Problem."""
    text = decoded(data)
    if _CONTROL.search(text):
        raise unsupported("不是可识别的表格文件（xlsx、xls、ods、csv）", "this is not a workbook (xlsx, xls, ods, csv)")
    if text.lstrip()[:200].lower().startswith(("<!doctype", "<html", "<?xml", "<table", "{\\rtf", "<mht")):
        raise unsupported(
            "这其实是网页或 XML 文件，请用表格软件打开后另存为 xlsx 再上传",
            "this is a web page or XML; open it and save it as xlsx",
        )
    delimiter = _delimiter(text)
    _check_width(text, delimiter)
    return Grid(name, _rows(text, delimiter))


def _delimiter(text: str) -> str:
    lines = [_QUOTED.sub("", line) for line in text.splitlines()[:_SNIFFED_LINES] if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines if delimiter in line]
        most = max(set(counts), key=counts.count) if counts else 0
        return sum(1 for count in counts if count == most), most

    return max(DELIMITERS, key=agreement) if any(agreement(d)[1] for d in DELIMITERS) else ","


def _check_width(text: str, delimiter: str) -> None:
    for number, line in enumerate(io.StringIO(text), 1):
        if len(line) > MAX_COLUMNS and line.count(delimiter) >= MAX_COLUMNS:
            raise too_large(
                f"第{number}行有{line.count(delimiter) + 1}列，超过{MAX_COLUMNS}列",
                f"line {number} has too many columns",
            )


def _rows(text: str, delimiter: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    cells = 0
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    usual = 0
    began = 1
    try:
        for record in reader:
            if reader.line_num > began:
                _check_swallowed(record, delimiter, usual, began, reader.line_num)
            usual = max(usual, len(record) - 1)
            began = reader.line_num + 1
            cells += len(record)
            if cells > MAX_CELLS or len(rows) >= MAX_ROWS:
                raise too_large(
                    f"数据太多（至多{MAX_ROWS}行、{MAX_CELLS}格）", f"at most {MAX_ROWS} rows and {MAX_CELLS} cells"
                )
            rows.append([field if field.strip() else None for field in record])
    except csv.Error as error:
        raise damaged(
            f"第{began}行起的引号没有闭合，或内容过长", f"a quote that opens in line {began} is not closed"
        ) from error
    if text.rstrip("\r\n") and _open_quote(text, delimiter, rows):
        raise damaged(
            f"第{_last_start(reader.line_num, rows)}行起的引号没有闭合",
            "a quote is not closed before the end of the file",
        )
    return rows


def _check_swallowed(record: list[str], delimiter: str, usual: int, began: int, ended: int) -> None:
    """A field over several lines is fine (an address); one whose lines look like rows has swallowed them."""
    for field in record:
        lines = field.split("\n")
        swallowed = [line for line in lines[1:] if usual and line.count(delimiter) >= usual]
        if swallowed:
            raise damaged(
                f"第{began}行的引号没有闭合，吞掉了后面直到第{ended}行的内容，请补上或删除引号",
                f"a quote opening in line {began} swallows the rows up to line {ended}",
            )


def _open_quote(text: str, delimiter: str, rows: list[list[Cell]]) -> bool:
    """Whether the last field was opened by a quote and never closed: strictly read, the text then ends too early."""
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error) and bool(rows)
    return False


def _last_start(lines: int, rows: list[list[Cell]]) -> int:
    last = rows[-1] if rows else []
    return lines - sum(str(cell).count("\n") for cell in last if cell is not None)
