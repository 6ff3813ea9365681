"""What the values alone do not tell of an xlsx: errors, formulas never calculated, hidden rows, merges, per cents, extent."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from functools import lru_cache

from app.errors import Problem
from app.formats.reading_archives import Archive, parse_xml
from app.formats.reading_limits import (
    MAX_MERGES,
    MAX_ROWS,
    MAX_SHEETS,
    check_extent,
    check_marks,
    damaged,
    too_large,
    unsupported,
)
from app.intake.grid import CellError, Span

UNCALCULATED = CellError("公式未计算，没有保存结果")
_BUILTIN_PERCENT = frozenset({9, 10})
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,10})")
_TRUE = frozenset({"1", "true", "on"})


@dataclass(slots=True)
class SheetStructure:
    """What one sheet's XML says besides values; rows and columns from 1."""

    errors: dict[tuple[int, int], CellError] = field(default_factory=dict)
    percent: set[tuple[int, int]] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)
    merged: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class XlsxSheet:
    """One sheet as the workbook lists it."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class XlsxParts:
    """The parts of an xlsx: its sheets, its epoch, and which cell formats show a per cent."""

    sheets: tuple[XlsxSheet, ...]
    epoch_1904: bool
    percent_formats: frozenset[str]


def read_parts(archive: Archive) -> XlsxParts:
    """The workbook's own list of sheets. Raises Problem for a file with macros or one that is no workbook."""
    if any(name.lower().endswith("vbaproject.bin") for name in archive.names):
        raise _macros()
    main = _target(archive, "_rels/.rels", "", "/officeDocument")
    if main is None or main not in archive:
        if "word/document.xml" in archive or "ppt/presentation.xml" in archive:
            raise unsupported("这是文字或演示文稿，不是表格文件", "this is a document or presentation, not a workbook")
        raise unsupported("不是表格文件（xlsx、xls、ods、csv）", "this is not a workbook (xlsx, xls, ods, csv)")
    if main.endswith(".bin"):
        raise unsupported("不支持 xlsb，请另存为 xlsx 再上传", "xlsb is not supported; save the file as xlsx")
    folder = posixpath.dirname(main)
    relations = f"{folder}/_rels/{posixpath.basename(main)}.rels"
    targets = _relations(archive, relations, folder)
    if any(kind.lower().endswith("macrosheet") for kind, _ in targets.values()):  # of Excel 4, without Visual Basic
        raise _macros()
    sheets: list[XlsxSheet] = []
    epoch = [False]

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "workbookPr":
            epoch[0] = attributes.get("date1904", "").lower() in _TRUE
        elif name == "sheet":
            target = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "id"), "")
            part = targets.get(target, ("", ""))[1]
            sheets.append(XlsxSheet(attributes.get("name", ""), part, attributes.get("state", "visible") != "visible"))

    parse_xml(archive.read(main), start)
    if len(sheets) > MAX_SHEETS:
        raise too_large(f"工作表太多（{len(sheets)}张）", f"the workbook has {len(sheets)} sheets")
    if not sheets:
        raise damaged("工作簿中没有工作表", "the workbook has no sheets")
    styles = next((part for kind, part in targets.values() if kind.endswith("/styles")), None)
    percent = _percent_formats(archive.read(styles)) if styles is not None and styles in archive else frozenset[str]()
    return XlsxParts(tuple(sheets), epoch[0], percent)


def _macros() -> Problem:
    return unsupported(
        "文件含有宏，请另存为不含宏的 xlsx 再上传", "the file holds macros; save it as xlsx without them"
    )


def is_percent_format(code: str) -> bool:
    """Whether a number format shows a per cent sign that multiplies by a hundred."""
    return "%" in _LITERAL.sub("", code)


def read_structure(sheet: XlsxSheet, xml: bytes, percent_formats: frozenset[str]) -> SheetStructure:
    """One pass over a sheet's XML. Raises Problem where its cells reach further than a table can be."""
    walk = _SheetWalk(sheet.name, percent_formats)
    parse_xml(xml, walk.start, walk.end, walk.text)
    if walk.last_row:
        check_extent(sheet.name, (walk.first_row, walk.last_row), (walk.first_column, walk.last_column))
    return walk.found


class _SheetWalk:
    """The state of a pass over one sheet's XML."""

    def __init__(self, name: str, percent_formats: frozenset[str]) -> None:
        self.found = SheetStructure()
        self.first_row = self.first_column = MAX_ROWS + 1
        self.last_row = self.last_column = 0
        self._name, self._percent_formats = name, percent_formats
        self._row = self._column = 0
        self._kind = self._style = ""
        self._formula = self._value = self._inside = False
        self._error: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._start_cell(attributes)
        elif name in ("v", "t"):
            # A formula never calculated may have an empty value; a text may be empty and is a value all the same.
            self._inside = True
            self._value = self._value or self._kind in ("str", "s", "inlineStr")
            if name == "v" and self._kind == "e":
                self._error = []
        elif name == "f":
            self._formula = True
        elif name == "row":
            reference = attributes.get("r")
            self._row = _row_number(reference, self._name) if reference is not None else self._row + 1
            self._column = 0
            if attributes.get("hidden", "").lower() in _TRUE:
                self.found.hidden_rows.add(self._row)
        elif name == "mergeCell":
            span = span_of(attributes.get("ref", ""))
            if span is not None and len(self.found.merged) < MAX_MERGES:
                self.found.merged.append(span)

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        if reference is None:
            self._column += 1
        else:
            match = _REFERENCE.fullmatch(reference)
            if match is None:
                text = f"工作表“{self._name}”中的单元格地址有误：{reference[:20]}"
                raise damaged(text, "a cell reference is malformed")
            self._column = column_number(match[1])
            self._row = int(match[2])
        self._kind, self._style = attributes.get("t", ""), attributes.get("s", "")
        self._formula = self._value = False

    def text(self, characters: str) -> None:
        self._value = self._value or self._inside
        if self._error is not None:
            self._error.append(characters)

    def end(self, name: str) -> None:
        self._inside = False
        if name != "c" or not (self._value or self._formula):
            return
        row, column = self._row, self._column
        self.first_row, self.last_row = min(self.first_row, row), max(self.last_row, row)
        self.first_column, self.last_column = min(self.first_column, column), max(self.last_column, column)
        if self._error is not None:
            self.found.errors[row, column] = CellError("".join(self._error) or "#ERROR")
            self._error = None
        elif not self._value:
            self.found.errors[row, column] = UNCALCULATED
        elif self._style in self._percent_formats and self._kind in ("", "n"):
            self.found.percent.add((row, column))
        check_marks(len(self.found.errors), len(self.found.percent))


def span_of(reference: str) -> Span | None:
    """A range such as ``A1:C3``, None where it is not of that form."""
    first, _, last = reference.partition(":")
    one, other = _REFERENCE.fullmatch(first), _REFERENCE.fullmatch(last or first)
    if one is None or other is None:
        return None
    return Span(int(one[2]), column_number(one[1]), int(other[2]), column_number(other[1]))


def _row_number(text: str, sheet: str) -> int:
    if not text.isdecimal() or len(text) > 10 or not 1 <= int(text) <= MAX_ROWS:
        raise damaged(f"工作表“{sheet}”的行号有误：{text[:20]}", f"a row number is beyond {MAX_ROWS}")
    return int(text)


@lru_cache(maxsize=20_000)
def column_number(letters: str) -> int:
    """``A`` is 1, ``AA`` is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def _relations(archive: Archive, part: str, folder: str) -> dict[str, tuple[str, str]]:
    """Relationship id → (type, part) of one part."""
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode", "Internal") != "External":
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[attributes.get("Id", "")] = (attributes.get("Type", ""), path)

    if part in archive:
        parse_xml(archive.read(part), start)
    return found


def _target(archive: Archive, part: str, folder: str, ending: str) -> str | None:
    return next((path for kind, path in _relations(archive, part, folder).values() if kind.endswith(ending)), None)


def _percent_formats(styles: bytes) -> frozenset[str]:
    """The indices (as text) of the cell formats that show a per cent."""
    custom: set[str] = {str(number) for number in _BUILTIN_PERCENT}
    found: set[str] = set()
    state = {"in": False, "at": 0}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            number = attributes.get("numFmtId", "")
            (custom.add if is_percent_format(attributes.get("formatCode", "")) else custom.discard)(number)
        elif name == "cellXfs":
            state["in"] = True
        elif name == "xf" and state["in"]:
            if attributes.get("numFmtId", "0") in custom:
                found.add(str(state["at"]))
            state["at"] += 1

    def end(name: str) -> None:
        if name == "cellXfs":
            state["in"] = False

    parse_xml(styles, start, end)
    return frozenset(found)
