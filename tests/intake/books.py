"""Old workbooks and OpenDocument sheets made in tests, and what a reading says by region."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from tests.intake.county import errors, values

CHANGAN, TAOKUANG = "430682001", "430682003"


def people(reading: Any) -> dict[str, Any]:
    assert errors(reading.findings) == []
    return values(reading)


def xls(rows: list[list[Any]], *, dates_1904: bool = False, percent: bool = False) -> bytes:
    book = xlwt.Workbook()
    book.dates_1904 = dates_1904
    sheet = book.add_sheet("表")
    day, share = xlwt.easyxf(num_format_str="yyyy-mm-dd"), xlwt.easyxf(num_format_str="0.0%")
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, date):
                sheet.write(at, column, value, day)
            elif percent and isinstance(value, float):
                sheet.write(at, column, value, share)
            else:
                sheet.write(at, column, value)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def ods(rows: list[list[Any]]) -> bytes:
    document = OpenDocumentSpreadsheet()
    table = Table(name="表")
    for row in rows:
        line = TableRow()
        for value in row:
            if value is None:
                cell = TableCell()
            elif isinstance(value, float | int):
                cell = TableCell(valuetype="float", value=value)
            else:
                cell = TableCell(valuetype="string")
                cell.addElement(P(text=value))
            line.addElement(cell)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


ROWS: list[list[Any]] = [["行政区划代码", "常住人口"], [CHANGAN, 8000], [TAOKUANG, 8731]]
