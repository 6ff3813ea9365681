"""A department's own form as a workbook: what may be one, and where the fields of a view go in it."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils import column_index_from_string
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from app.errors import Fault
from app.formats.reading_archives import Archive, parse_xml
from app.formats.reading_limits import MAX_COLUMNS, MAX_ROWS, damaged, too_large, unsupported
from app.formats.reading_xlsx import read_parts, span_of

MAX_FORM_BYTES = 4 << 20
MAX_SHEET_BYTES = 32 << 20
MAX_FORM_CELLS = 300_000
SERIAL = "#"
"""The name under which a column of running numbers is bound."""

_MAIN_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
# What runs, fetches or embeds something when the file is opened.
_LIVE_PARTS = re.compile(
    r"xl/(?:externallinks|activex|embeddings|ctrlprops|macrosheets|dialogsheets|webextensions|querytables)/"
    r"|xl/(?:connections\.xml|.*vbaproject|.*\.bin$)|customui/|xl/model/",
    re.IGNORECASE,
)
_HARMLESS_BINARY = re.compile(r"xl/printersettings/[^/]+\.bin", re.IGNORECASE)
_NOT_KEPT = re.compile(r"xl/(?:drawings/drawing|charts/|media/|pivottables/|slicers/|threadedcomments/)", re.IGNORECASE)
_SPREADING = frozenset({"c", "mergeCell", "hyperlink"})
_LETTERS = re.compile(r"[A-Z]{1,3}")
_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")


@dataclass(frozen=True, slots=True)
class FormBinding:
    """Where a view goes in a workbook.

    ``columns``: field name → column letters (``#`` for running numbers). Rows are written from ``first_row`` on; what
    stood there up to ``total_row`` are samples, and from ``total_row`` on everything stays below the data.
    """

    sheet: str
    columns: Mapping[str, str]
    first_row: int
    total_row: int | None = None
    title_cell: str | None = None
    period_cell: str | None = None

    def document(self) -> dict[str, Any]:
        """The binding as JSON."""
        return {
            "sheet": self.sheet,
            "columns": dict(self.columns),
            "first_row": self.first_row,
            "total_row": self.total_row,
            "title_cell": self.title_cell,
            "period_cell": self.period_cell,
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> FormBinding:
        """The inverse of ``document``."""
        return FormBinding(**document)


def open_form(data: bytes) -> Workbook:
    """The workbook, with everything that stays. Raises Problem for what is no xlsx, is hostile, or would run or fetch."""
    if len(data) > MAX_FORM_BYTES:
        raise too_large(f"表样超过{MAX_FORM_BYTES >> 20}兆", f"the form is larger than {MAX_FORM_BYTES >> 20} MB")
    if not data.startswith(b"PK"):
        raise unsupported("表样须是 xlsx 文件", "a form is an xlsx workbook")
    archive = Archive(data)
    read_parts(archive)
    _refuse_live(archive)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that are not kept; what matters is told by ``not_kept``
            return openpyxl.load_workbook(io.BytesIO(data), rich_text=True, keep_links=False)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, BadZipFile, OSError) as error:
        raise damaged("表样已损坏，无法读取", f"the form cannot be read: {error}") from error


def not_kept(data: bytes) -> list[str]:
    """What of the workbook will not be in the filled form, in words."""
    lost = any(_NOT_KEPT.match(name) for name in Archive(data).names)
    return (
        ["表样中的图片、图形、图表或批注线程不会保留（drawings, charts and threaded comments are not kept）"]
        if lost
        else []
    )


def _refuse_live(archive: Archive) -> None:
    live = [name for name in archive.names if _LIVE_PARTS.match(name) and not _HARMLESS_BINARY.fullmatch(name)]
    if live:
        raise unsupported(
            f"表样含有宏、外部链接、数据连接或嵌入对象，不能使用：{live[0]}",
            f"the form holds macros, external links, connections or embedded objects: {live[0]}",
        )
    if _MAIN_KIND.encode() not in archive.read("[Content_Types].xml"):
        raise unsupported("表样须是 xlsx 文件（不是模板或带宏的文件）", "a form is a plain xlsx workbook")
    parts = [name for name in archive.names if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name, re.IGNORECASE)]
    sheets = [archive.read(name) for name in parts]
    if sum(map(len, sheets)) > MAX_SHEET_BYTES or sum(map(cells_of, sheets)) > MAX_FORM_CELLS:
        raise too_large(
            f"表样的工作表太大（至多{MAX_FORM_CELLS}格，有格式的空格也算），请删除远处的多余内容",
            f"the sheets of the form are too large: at most {MAX_FORM_CELLS} cells, formatted blanks included",
        )
    for name in archive.names:
        if name.lower().endswith(".rels"):
            parse_xml(archive.read(name), _refuse_external)


def cells_of(sheet: bytes) -> int:
    """How many cells opening the sheet makes: its rectangle of cells, and every range that is merged or linked."""
    last = [0, 0]
    spread = [0]

    def start(name: str, attributes: dict[str, str]) -> None:
        span = span_of(attributes.get("r" if name == "c" else "ref", "")) if name in _SPREADING else None
        if name == "row" and attributes.get("r", "").isdecimal():
            last[0] = max(last[0], int(attributes["r"][:8]))
        elif span is not None and name == "c":
            last[0], last[1] = max(last[0], span.last_row), max(last[1], span.last_column)
        elif span is not None:
            spread[0] += (span.last_row - span.first_row + 1) * (span.last_column - span.first_column + 1)

    parse_xml(sheet, start)
    return last[0] * max(last[1], 1) + spread[0]


def _refuse_external(name: str, attributes: dict[str, str]) -> None:
    kind = attributes.get("Type", "")
    if name == "Relationship" and attributes.get("TargetMode") == "External" and not kind.endswith("/hyperlink"):
        raise unsupported("表样引用了外部文件，不能使用", "the form refers to something outside of itself")


def binding_faults(book: Workbook, binding: FormBinding, known: frozenset[str], file: str) -> list[Fault]:
    """Everything that keeps ``binding`` from being used with ``book``; ``known`` are the view's field names."""
    sheet = sheet_of(book, binding.sheet)
    if sheet is None:
        names = "、".join(each.title for each in book.worksheets)
        return [Fault(file, "sheet", f"没有工作表“{binding.sheet}”，有：{names}（there is no such sheet）")]
    faults = [*_column_faults(binding, known, file), *_row_faults(sheet, binding, file)]
    for place, cell in (("title_cell", binding.title_cell), ("period_cell", binding.period_cell)):
        match = _CELL.fullmatch(cell) if cell is not None else None
        if cell is not None and match is None:
            faults.append(Fault(file, place, f"“{cell}”不是单元格，应如 A1（not a cell）"))
        elif match is not None and int(match[2]) >= binding.first_row:
            faults.append(Fault(file, place, f"{cell} 在数据行之内（the cell lies within the rows of data）"))
    if faults:
        return faults
    columns = {column_index_from_string(letters): name for name, letters in binding.columns.items()}
    for merged in sheet.merged_cells.ranges:
        last = (binding.total_row or MAX_ROWS + 1) - 1
        if merged.max_row < binding.first_row or merged.min_row > last:
            continue
        if merged.min_row < binding.first_row or merged.max_row > last:
            faults.append(Fault(file, "first_row", f"合并单元格 {merged.coord} 跨越数据行的边界（a merge crosses it）"))
        elif merged.min_row == binding.first_row:
            if merged.max_row > merged.min_row:
                faults.append(
                    Fault(file, "first_row", f"首个数据行有竖向合并 {merged.coord}（a merge of several rows）")
                )
            covered = [columns[c] for c in range(merged.min_col + 1, merged.max_col + 1) if c in columns]
            faults += [
                Fault(file, f"columns.{name}", f"该列被合并单元格 {merged.coord} 盖住（it is merged over）")
                for name in covered
            ]
    return faults


def _column_faults(binding: FormBinding, known: frozenset[str], file: str) -> list[Fault]:
    faults: list[Fault] = []
    if not binding.columns:
        faults.append(Fault(file, "columns", "没有绑定任何列（no column is bound）"))
    seen: dict[str, str] = {}
    for name, letters in binding.columns.items():
        place = f"columns.{name}"
        if name not in known and name != SERIAL:
            faults.append(Fault(file, place, f"视图没有字段“{name}”（the view has no such field）"))
        if _LETTERS.fullmatch(letters) is None or column_index_from_string(letters) > MAX_COLUMNS:
            faults.append(Fault(file, place, f"“{letters}”不是列标，应如 A、AB（not a column）"))
        elif letters in seen:
            faults.append(Fault(file, place, f"{letters} 列已绑定给“{seen[letters]}”（the column is taken）"))
        seen.setdefault(letters, name)
    return faults


def _row_faults(sheet: Worksheet, binding: FormBinding, file: str) -> list[Fault]:
    most = sheet.max_row + 1
    if not 1 <= binding.first_row <= most:
        return [Fault(file, "first_row", f"首个数据行应在 1 至 {most} 之间（from 1 to {most}）")]
    if binding.total_row is not None and not binding.first_row < binding.total_row <= most:
        return [Fault(file, "total_row", f"应在首个数据行之后、第 {most} 行之前（after the first row of data）")]
    return []


def sheet_of(book: Workbook, name: str) -> Worksheet | None:
    """The worksheet of that name."""
    return next((sheet for sheet in book.worksheets if sheet.title == name), None)
