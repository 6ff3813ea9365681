"""What the values alone do not tell of an ods: hidden rows, per cents, errors, and how far repeated cells reach."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.formats.reading_archives import Archive, parse_xml
from app.formats.reading_limits import MAX_SHEETS, check_extent, check_marks, damaged, too_large, unsupported
from app.intake.grid import CellError

_HIDDEN = frozenset({"collapse", "filter"})
_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})


@dataclass(slots=True)
class OdsSheet:
    """One table of an ods; rows and columns from 1."""

    name: str
    errors: dict[tuple[int, int], CellError] = field(default_factory=dict)
    percent: set[tuple[int, int]] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)


def read_ods_sheets(archive: Archive) -> list[OdsSheet]:
    """Every table of an ods, in order. Raises Problem for an encrypted or macro-laden file and for one that reaches too far."""
    if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise unsupported("文件有密码保护，请去掉密码后再上传", "the file is protected by a password")
    if any(name.startswith(("Basic/", "Scripts/")) and not name.endswith("/") for name in archive.names):
        raise unsupported("文件含有宏，请去掉宏后再上传", "the file holds macros")
    walk = _Walk()
    parse_xml(archive.read("content.xml"), walk.start, walk.end, walk.text)
    return walk.sheets


class _Walk:
    """One pass over content.xml."""

    def __init__(self) -> None:
        self.sheets: list[OdsSheet] = []
        self._row = self._rows = self._column = self._columns = 0
        self._kind: str | None = None
        self._error = False
        self._text: list[str] = []
        self._in_cell = False
        self._formula = False
        self._extent = (0, 0, 0, 0)
        self._filled = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table":
            self.sheets.append(OdsSheet(attributes.get("table:name", "")))
            if len(self.sheets) > MAX_SHEETS:
                raise too_large("工作表太多", "the workbook has too many sheets")
            self._row, self._rows, self._extent, self._filled = 0, 0, (0, 0, 0, 0), False
        elif name == "table-row":
            self._row += self._rows or 1
            self._rows = _repeated(attributes, "table:number-rows-repeated")
            self._column, self._columns = 0, 0
            if attributes.get("table:visibility") in _HIDDEN and self.sheets and self._rows < 100_000:
                self.sheets[-1].hidden_rows.update(range(self._row, self._row + self._rows))
        elif name in ("table-cell", "covered-table-cell"):
            self._column += self._columns or 1
            self._columns = _repeated(attributes, "table:number-columns-repeated")
            self._kind = attributes.get("office:value-type")
            self._error = attributes.get("calcext:value-type") == "error"
            self._formula = "table:formula" in attributes
            self._in_cell, self._text = True, []

    def text(self, characters: str) -> None:
        if self._in_cell:
            self._text.append(characters)

    def end(self, name: str) -> None:
        if name == "table" and self.sheets and self._filled:
            first_row, last_row, first_column, last_column = self._extent
            check_extent(self.sheets[-1].name, (first_row, last_row), (first_column, last_column))
        if name not in ("table-cell", "covered-table-cell") or not self.sheets:
            return
        self._in_cell = False
        shown = "".join(self._text).strip()
        if self._kind is None and not shown:
            return
        last_row, last_column = self._row + self._rows - 1, self._column + self._columns - 1
        if not self._filled:
            self._extent, self._filled = (self._row, last_row, self._column, last_column), True
        else:
            top, bottom, left, right = self._extent
            self._extent = (
                min(top, self._row),
                max(bottom, last_row),
                min(left, self._column),
                max(right, last_column),
            )
        check_extent(self.sheets[-1].name, self._extent[:2], self._extent[2:])
        sheet = self.sheets[-1]
        is_error = self._error or shown in _ERRORS or (self._formula and shown.startswith("Err:"))
        if not is_error and self._kind != "percentage":
            return
        check_marks(len(sheet.errors), len(sheet.percent) + self._rows * self._columns)
        for row in range(self._row, self._row + self._rows):
            for column in range(self._column, self._column + self._columns):
                if is_error:
                    sheet.errors[row, column] = CellError(shown or "#ERROR")
                else:
                    sheet.percent.add((row, column))


def _repeated(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "1")
    if not text.isdecimal() or len(text) > 10:
        raise damaged("文件内容已损坏：重复次数有误", "a repetition in the file is malformed")
    return max(int(text), 1)
