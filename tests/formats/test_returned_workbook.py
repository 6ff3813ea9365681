"""The clerk's workbook comes back: the same layout, every finding at its cell and in a list, and it uploads again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.workbook.workbook import Workbook

from app.catalogue.periods import Period
from app.errors import Finding, Problem
from app.formats.reading import read_workbook
from app.formats.returned_workbook import returned_workbook
from app.formats.template import template
from app.intake import Reading, compare
from app.intake.grid import RESULT_SHEET
from tests.formats.test_template import LAND_HELD, TOWNSHIPS, back
from tests.intake.books import ods, xls
from tests.intake.county import CATALOGUE, LAND, PROFILE, context, read, xlsx

ROWS: list[list[Any]] = [
    ["行政区划代码", "乡镇", "常住人口（人）", "户籍人口（人）", "备注"],
    ["430682001", "长安街道", 8000, 8100, None],
    ["430682003", "桃矿街道", "约一千", "１，２００", None],
    ["430682999", "无此镇", -5, 10, None],
]
RED = "FFFFC7CD"


def found(data: bytes, name: str = "人口.xlsx") -> Sequence[Finding]:
    return compare(read(data, context(), name), {}, context()).findings


def returned(data: bytes, name: str = "人口.xlsx", *, english: bool = False) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(came_back(data, name, english=english)))


def came_back(data: bytes, name: str = "人口.xlsx", *, english: bool = False) -> bytes:
    return returned_workbook(data, name, [f.document() for f in found(data, name)], english=english)


def places(reading: Reading) -> Any:
    return [(row.region_id, dict(row.values), row.place) for row in reading.rows]


def csv(rows: list[list[Any]]) -> bytes:
    return "\n".join(",".join("" if v is None else str(v) for v in row) for row in rows).encode("gb18030")


KINDS: dict[str, Callable[[list[list[Any]]], bytes]] = {
    "人口.xlsx": xlsx,
    "人口.xls": xls,
    "人口.ods": ods,
    "人口.csv": csv,
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_comes_back_with_its_cells_marked_and_reads_the_same_again(name: str) -> None:
    data = KINDS[name](ROWS)
    again = came_back(data, name)
    book = openpyxl.load_workbook(io.BytesIO(again))
    sheet = book.worksheets[0]
    marked = {c.coordinate: c.fill.fgColor.rgb for row in sheet.iter_rows() for c in row if c.fill.fill_type}
    assert marked == {"C3": RED, "A4": RED, "C4": RED}
    assert sheet["C3"].comment is not None
    assert "约一千" in sheet["C3"].comment.text
    assert "可接受" in sheet["C3"].comment.text
    assert [[c.value for c in row][:2] for row in sheet.iter_rows()] == [row[:2] for row in ROWS]
    before, after = read(data, context(), name), read(again, context(), "again.xlsx")
    assert [(f.code, f.cell) for f in after.findings] == [(f.code, f.cell) for f in before.findings]
    assert places(after) == [(r, v, p) for r, v, p in places(before)]


def test_the_list_has_every_finding_with_a_link_to_its_cell() -> None:
    data = xlsx(ROWS, names=["镇's 表"])
    book = returned(data)
    sheet = book[RESULT_SHEET]
    lines = [[c.value for c in row] for row in sheet.iter_rows(min_row=5)]
    findings = found(data)
    assert [(line[5 + 2], line[2]) for line in lines] == [(f.code, f"镇's 表!{f.cell}") for f in findings]
    assert [line[3] for line in lines] == [f.message for f in findings]
    assert [line[4] for line in lines] == [f.value for f in findings]
    links = {link.location for row in range(5, 5 + len(lines)) if (link := sheet.cell(row, 3).hyperlink) is not None}
    assert links == {f"'镇''s 表'!{f.cell}" for f in findings}


def test_in_english_the_list_and_the_comments_are_english() -> None:
    book = returned(xlsx(ROWS), english=True)
    (message,) = [f.message_en for f in found(xlsx(ROWS)) if f.cell == "C3"]
    assert message is not None
    assert message in str(book.worksheets[0]["C3"].comment.text)
    assert message in [c.value for c in book[RESULT_SHEET]["D"]]


def dressed(book: Workbook) -> None:
    sheet = book.worksheets[0]
    sheet.insert_rows(1)
    sheet["A1"] = "人口表"
    sheet.merge_cells("A1:E1")
    sheet["A1"].font = Font(bold=True, size=20)
    sheet["B3"].fill = PatternFill("solid", fgColor="FF00FF00")
    sheet["C4"].comment = Comment("自己的批注", "张三")
    sheet.column_dimensions["B"].width = 33
    sheet.row_dimensions[5].hidden = True
    book.create_sheet("隐藏").sheet_state = "hidden"


def test_the_layout_of_an_xlsx_stays_and_so_do_the_clerks_own_comments() -> None:
    book = returned(xlsx(ROWS, change=dressed))
    sheet = book.worksheets[0]
    assert (sheet["A1"].font.size, str(sheet.merged_cells), sheet.column_dimensions["B"].width) == (20, "A1:E1", 33)
    assert sheet["B3"].fill.fgColor.rgb == "FF00FF00"
    assert sheet.row_dimensions[5].hidden
    assert book["隐藏"].sheet_state == "hidden"
    assert sheet["C4"].comment is not None
    assert sheet["C4"].comment.text.startswith("自己的批注")
    assert "约一千" in sheet["C4"].comment.text


def test_formulas_stay_and_keep_the_results_they_were_read_with() -> None:
    def change(book: Workbook) -> None:
        book.worksheets[0]["C2"] = "=7000+1000"
        book.worksheets[0]["D4"] = "=1+1"

    data = xlsx(ROWS, change=change)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                body = body.replace(b"<f>7000+1000</f><v />", b"<f>7000+1000</f><v>8000</v>")
                body = body.replace(b"<f>7000+1000</f><v></v>", b"<f>7000+1000</f><v>8000</v>")
            new.writestr(entry, body)
    data = stream.getvalue()
    again = came_back(data)
    assert openpyxl.load_workbook(io.BytesIO(again)).worksheets[0]["C2"].value == "=7000+1000"
    assert openpyxl.load_workbook(io.BytesIO(again), data_only=True).worksheets[0]["C2"].value == 8000
    assert [(f.code, f.cell) for f in found(again)] == [(f.code, f.cell) for f in found(data)]
    assert ("error_value", "C2") not in [(f.code, f.cell) for f in found(again)]
    assert ("error_value", "D4") in [(f.code, f.cell) for f in found(again)]


def test_mended_and_sent_again_the_marks_of_the_first_return_are_gone() -> None:
    book = returned(xlsx(ROWS, change=dressed))
    sheet = book.worksheets[0]
    sheet["C4"], sheet["A5"], sheet["C5"] = 1000, "430682004", 5
    sheet["B5"] = "五里牌街道"
    stream = io.BytesIO()
    book.save(stream)
    again = returned(stream.getvalue())
    sheet = again.worksheets[0]
    assert sheet["C4"].fill.fill_type is None
    assert sheet["C4"].comment is not None
    assert sheet["C4"].comment.text == "自己的批注"
    assert sheet["A5"].comment is None
    assert again.sheetnames.count(RESULT_SHEET) == 1
    assert len(again.sheetnames) == 3
    assert not [f for f in found(stream.getvalue()) if f.severity == "error"]


def test_a_sheet_of_the_clerks_own_by_that_name_is_read_and_kept() -> None:
    book = returned(xlsx(ROWS, names=[RESULT_SHEET]))
    assert book.sheetnames == [RESULT_SHEET, f"{RESULT_SHEET}1"]
    stream = io.BytesIO()
    book.save(stream)
    assert len(read(stream.getvalue()).rows) == 2


def test_texts_that_a_spreadsheet_would_run_stay_texts() -> None:
    data = csv([["行政区划代码", "常住人口"], ["430682001", "=HYPERLINK(1)"], ["=cmd|x", "8"]])
    book = returned(data, "a.csv")
    for sheet in book.worksheets:
        assert not [c.coordinate for row in sheet.iter_rows() for c in row if c.data_type == "f"]
    assert [c.value for c in book[RESULT_SHEET]["E"] if c.value] == ["值", "'=HYPERLINK(1)", "'=cmd|x"]


def test_a_template_keeps_its_stamp_its_locks_and_its_checks() -> None:
    data = template(LAND, CATALOGUE, Period.parse("2025"), TOWNSHIPS, LAND_HELD)
    again = returned_workbook(data, "耕地.xlsx", [], english=False)
    assert read_workbook(again, "x").stamp == read_workbook(data, "x").stamp
    sheet = openpyxl.load_workbook(io.BytesIO(again)).worksheets[0]
    assert sheet.protection.sheet
    assert (sheet["A4"].protection.locked, sheet["C4"].protection.locked) == (True, False)
    assert len(sheet.data_validations.dataValidation) == len(LAND.elements)
    assert back(again, LAND, LAND_HELD).counts["unchanged"] == 2


def test_dates_of_both_epochs_come_back_as_the_same_days() -> None:
    given = context(PROFILE, None)
    for data in (
        xls([["行政区划代码", "成立日期"], ["430682001", date(1984, 3, 5)]], dates_1904=flag) for flag in (False, True)
    ):
        again = returned_workbook(data, "a.xls", [], english=False)
        (row,) = read(again, given).rows
        assert row.values["founded"].text == "1984-03-05"


def test_what_is_not_kept_is_said() -> None:
    book = returned(csv(ROWS), "a.csv")
    assert "公式" in str(book[RESULT_SHEET]["A3"].value)


def test_a_file_too_large_to_be_given_back_is_refused_before_it_is_opened() -> None:
    wide = csv([["行政区划代码", *map(str, range(400))], *[["430682001"] * 401] * 800])
    with pytest.raises(Problem) as raised:
        returned_workbook(wide, "a.csv", [], english=False)
    assert raised.value.code == "too_large"


def test_findings_about_the_whole_are_listed_without_a_place() -> None:
    finding = Finding("error", "no_table", "没有表格", message_en="no table").document()
    book = openpyxl.load_workbook(io.BytesIO(returned_workbook(xlsx([["x"]]), "a.xlsx", [finding], english=False)))
    line = [c.value for c in book[RESULT_SHEET][5]]
    assert line[:4] == [1, "错误", None, "没有表格"]
