"""XLSX, its one sheet written as a stream of XML: a cell at a time through a library takes minutes for a whole view.

Only what a reader needs is there: content types, relations, workbook, styles, sheet. Numbers stand in the sheet as
exact decimal text; a spreadsheet works with 15 digits, so a longer number is given as text.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from app.errors import Problem
from app.formats.fields import column_name, texts
from app.formats.formulas import harmless_column
from app.mapping.plan import OutputField

SLICE = 20_000
MOST_ROWS = 1_048_575  # beside the header
MOST_COLUMNS = 16_384
LONGEST_TEXT = 32_767
_EXACT_DIGITS = 15
_FIRST_DATE = date(1900, 3, 1)  # before it the serial numbers of spreadsheets are off by one
_DAY_ZERO = date(1899, 12, 30)
_TEXT, _DATE = "1", "2"  # positions in cellXfs below
_WHEN = (1980, 1, 1, 0, 0, 0)  # a fixed time, so that the same rows give the same bytes

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="数据" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/><name val="等线"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_SHEET_START = (
    f'<worksheet xmlns="{_MAIN}"><dimension ref="A1:{{corner}}"/><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
_SHEET_END = "</sheetData></worksheet>"

# XML has no place for these; OOXML writes them as _xHHHH_. A carriage return would be read as a line feed.
_FORBIDDEN = {chr(c): f"_x{c:04X}_" for c in [*range(0x09), 0x0B, 0x0C, 0x0D, *range(0x0E, 0x20), 0xFFFE, 0xFFFF]}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LOOKS_ESCAPED = "_x[0-9A-Fa-f]{4}_"


def write_xlsx(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """The workbook, in pieces. Raises ``Problem`` at once if rows, columns or a text are more than a sheet can hold."""
    if frame.height > MOST_ROWS or len(fields) > MOST_COLUMNS:
        raise Problem(
            "bad_request",
            f"xlsx 最多容纳 {MOST_ROWS} 行、{MOST_COLUMNS} 列，请改用 csv 或 parquet"
            f" (an xlsx sheet holds {MOST_ROWS} rows and {MOST_COLUMNS} columns; use csv or parquet)",
        )
    for field in fields:
        if field.kind == "text":
            longest = frame.get_column(column_name(field)).str.len_chars().max() or 0
            if isinstance(longest, int) and longest >= LONGEST_TEXT:
                raise Problem(
                    "bad_request",
                    f"字段“{field.name}”有超过 {LONGEST_TEXT - 1} 字的文本，xlsx 无法容纳，请改用 csv 或 parquet"
                    f" (a text of {field.name!r} is too long for an xlsx cell; use csv or parquet)",
                )
    return _pieces(fields, frame)


class _Unseekable(io.RawIOBase):
    """Where the archive is written: what is there is taken away piece by piece."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._written.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        data = b"".join(self._written)
        self._written.clear()
        return data


def _pieces(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    sink = _Unseekable()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, body in _PARTS.items():
            archive.writestr(_entry(name), _HEAD + body)
        with archive.open(_entry("xl/worksheets/sheet1.xml"), "w", force_zip64=frame.height > SLICE) as sheet:
            corner = f"{_letters(max(len(fields), 1) - 1)}{frame.height + 1}"
            sheet.write((_HEAD + _SHEET_START.format(corner=corner) + _header(fields)).encode())
            yield sink.taken()
            for start in range(0, frame.height, SLICE):
                sheet.write(_rows(fields, frame.slice(start, SLICE), start + 2))
                yield sink.taken()
            sheet.write(_SHEET_END.encode())
    yield sink.taken()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 0  # the same on every machine
    return entry


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _header(fields: Sequence[OutputField]) -> str:
    names = pl.DataFrame({"row": "1", **{str(i): [field.name] for i, field in enumerate(fields)}})
    cells = [_text_cell(f'<c r="{_letters(i)}', _escaped(harmless_column(pl.col(str(i))))) for i in range(len(fields))]
    return f'<row r="1">{"".join(names.select(c.alias(str(i)) for i, c in enumerate(cells)).row(0))}</row>'


def _rows(fields: Sequence[OutputField], frame: pl.DataFrame, first: int) -> bytes:
    columns = texts(fields, frame).with_columns(row=pl.int_range(first, first + frame.height).cast(pl.String))
    cells = [_cell(field, position) for position, field in enumerate(fields)]
    rows = columns.select(pl.concat_str(pl.lit('<row r="'), "row", pl.lit('">'), *cells, pl.lit("</row>"))).to_series()
    array = rows.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    data = array.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def _cell(field: OutputField, position: int) -> pl.Expr:
    """The cell of each row as XML; nothing where the value is missing."""
    text = pl.col(str(position))
    start = f'<c r="{_letters(position)}'
    plain = pl.concat_str(pl.lit(start), "row", pl.lit('"><v>'), text, pl.lit("</v></c>"))
    if field.kind == "text":
        cell = _text_cell(start, _escaped(harmless_column(text)))
    elif field.kind == "boolean":
        flag = pl.when(text == "true").then(pl.lit("1")).when(text == "false").then(pl.lit("0"))
        cell = pl.concat_str(pl.lit(start), "row", pl.lit('" t="b"><v>'), flag, pl.lit("</v></c>"))
    elif field.kind == "date":
        day = text.str.to_date("%Y-%m-%d")
        serial = (day - pl.lit(_DAY_ZERO)).dt.total_days().cast(pl.String)
        dated = pl.concat_str(pl.lit(start), "row", pl.lit(f'" s="{_DATE}"><v>'), serial, pl.lit("</v></c>"))
        cell = pl.when(day >= _FIRST_DATE).then(dated).otherwise(_text_cell(start, text))
    else:
        digits = text.str.replace_all(r"[.-]", "").str.strip_chars("0").str.len_bytes()
        cell = pl.when(digits <= _EXACT_DIGITS).then(plain).otherwise(_text_cell(start, text))
    return cell.fill_null("")


def _text_cell(start: str, text: pl.Expr) -> pl.Expr:
    before = f'" s="{_TEXT}" t="inlineStr"><is><t xml:space="preserve">'
    return pl.concat_str(pl.lit(start), "row", pl.lit(before), text, pl.lit("</t></is></c>"))


def _escaped(text: pl.Expr) -> pl.Expr:
    table = {**_ENTITIES, **_FORBIDDEN}
    literal = text.str.replace_all("_x", "_x005F_x", literal=True)
    unmistakable = pl.when(text.str.contains(_LOOKS_ESCAPED)).then(literal).otherwise(text)
    return unmistakable.str.replace_many(list(table), list(table.values()))
