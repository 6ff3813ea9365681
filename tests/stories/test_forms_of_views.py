"""A department's own form, filled from the registry, and read back."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Border, Font, PatternFill, Side
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.datavalidation import DataValidation

from app.client.http import Township
from tests.fixtures.departmental import DEPARTMENTAL_FILES
from tests.fixtures.house import House

THIN = Side(style="thin", color="FF0000FF")
DAMS: list[dict[str, Any]] = [
    {"region": "430101101", "period": "2025", "name": "甲", "capacity": "3333.33", "grade": "3", "safe": False, "farms": "6.25"},
    {"region": "430101102", "period": "2025", "name": "=乙", "capacity": "20000", "grade": "1", "safe": True, "note": "-1 号闸"},
    {"region": "430102101", "period": "2025", "name": "丙", "capacity": "5000", "farms": "2", "built": "1971-05-01"},
    {"region": "430102101", "period": "2024", "name": "丙", "capacity": "1"},
]  # fmt: skip
BY_HAND = {"#": "A", "xzmc": "B", "skmc": "C", "kr": "D"}
FORM = "/v1/views/dams-view/form.xlsx"
KEPT = "/v1/admin/views/dams-view/form"


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(DEPARTMENTAL_FILES)
    water = empty_house.client(department="water")
    assert water.post("/v1/submissions", json={"dataset": "dams", "rows": DAMS}).status_code == 201
    return empty_house


def own_form(change: Callable[[Workbook], None] | None = None) -> bytes:
    """A form as departments draw them: merged groups over two rows, one sample row, a row of totals, a signature."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "表一"
    sheet["A1"], sheet["A2"] = "某市{title}", "报告期：{period}"
    sheet.merge_cells("A1:I1")
    sheet.append(["序号", "所辖镇", "水库名", "规模", None, "灌溉", None, "建成", "占比"])
    sheet.append([None, None, None, "总库容（万立方米）", "级别", "灌溉（亩）", "安全否"])
    for merged in ("A3:A4", "B3:B4", "C3:C4", "D3:E3", "F3:G3", "H3:H4", "I3:I4"):
        sheet.merge_cells(merged)
    sheet["I5"] = "=D5/D$7"
    sheet["I5"].number_format = "0.0%"
    for column in "ABCDEFGHI":
        sheet[f"{column}5"].border = Border(top=THIN, bottom=THIN, left=THIN, right=THIN)
        sheet[f"{column}5"].font = Font(name="宋体", size=9, italic=True)
    sheet["B5"], sheet["B6"] = "样例一", "样例二"
    sheet["D5"].number_format = "0.00"
    sheet["A7"], sheet["D7"], sheet["F7"] = "合计", "=SUM(D5:D6)", "=SUM($F$5:$F$6)*1"
    sheet["D7"].fill = PatternFill("solid", fgColor="FFFFFF00")
    sheet["A9"] = "单位负责人：              填表人："
    sheet.merge_cells("A9:I9")
    sheet.row_dimensions[5].height = 21.5
    sheet.row_dimensions[7].height = 33
    sheet.column_dimensions["C"].width = 27.5
    sheet.page_setup.orientation = "landscape"
    sheet.print_area = "A1:I9"
    sheet.print_title_rows = "3:4"
    sheet.freeze_panes = "A5"
    choice = DataValidation(type="list", formula1='"Y,N"')
    choice.add("G5:G6")
    sheet.add_data_validation(choice)
    sheet.conditional_formatting.add("D5:D6", CellIsRule(operator="greaterThan", formula=["1"], font=Font(bold=True)))
    other = book.create_sheet("说明")
    other["A1"], other["B2"] = "填报说明", "=表一!D7+SUM(表一!D5:D6)"
    if change is not None:
        change(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def put(client: httpx.Client, data: bytes, headers: dict[str, str] | None = None, **parts: Any) -> httpx.Response:
    texts = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in parts.items()}
    return client.put(KEPT, data=texts, files={"file": ("台账.xlsx", data)}, headers=headers or {})


def opened(answer: httpx.Response) -> Workbook:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def lines(book: Workbook, first: int, last: int, sheet: int = 0) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in book.worksheets[sheet].iter_rows(min_row=first, max_row=last)]


def test_without_a_workbook_of_its_own_the_form_is_a_plain_one(small: House) -> None:
    book = opened(small.client(department="water").get(FORM, params={"period": "2025", "region": "4301"}))
    sheet = book.worksheets[0]
    title, caption, headings, *rows = lines(book, 1, 6)
    assert (title[0], caption[0], sheet.merged_cells.ranges != set()) == ("水库台账", "报告期：2025年", True)
    assert headings == [
        "区划", "所辖镇", "期别", "水库名", "总库容（万立方米）", "级别", "安全否", "灌溉（亩）", "建成", "情况",
        "每万方灌溉", "来源",
    ]  # fmt: skip
    assert [row[:8] for row in rows] == [
        ["430101101", "一镇", "2025", "甲", 0.3333, "丙", "N", 94],
        ["430101102", "二镇", "2025", "'=乙", 2, "2", "Y", 0],
        ["430102101", "三镇", "2025", "丙", 0.5, None, None, 30],
    ]
    assert [row[9] for row in rows] == [None, "'-1 号闸", None]
    assert rows[2][8].date() == date(1971, 5, 1)
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_the_filled_form_is_the_departments_workbook(small: House) -> None:
    admin, water = small.client(admin=True), small.client(department="water")
    kept = put(admin, own_form(), title_cell="A1", period_cell="a2")
    assert kept.status_code == 201, kept.text
    binding = kept.json()["binding"]
    assert binding == {
        "sheet": "表一", "first_row": 5, "total_row": 7, "title_cell": "A1", "period_cell": "A2",
        "columns": {"#": "A", "xzmc": "B", "skmc": "C", "kr": "D", "dj": "E", "gg": "F", "aq": "G", "rq": "H"},
    }  # fmt: skip
    assert kept.json()["unbound"] == ["xzdm", "qb", "bz", "bl", "rk", "ly"]
    answer = water.get(FORM, params={"period": "2025"})
    book = opened(answer)
    sheet = book.worksheets[0]
    assert lines(book, 1, 2)[0][0] == "某市水库台账"
    assert lines(book, 2, 2)[0][0] == "报告期：2025年"
    assert [row[:7] for row in lines(book, 5, 7)] == [
        [1, "一镇", "甲", 0.3333, "丙", 94, "N"],
        [2, "二镇", "'=乙", 2, "2", 0, "Y"],
        [3, "三镇", "丙", 0.5, None, 30, None],
    ]
    assert [sheet["H5"].value, sheet["H6"].value, sheet["H7"].value.date()] == [None, None, date(1971, 5, 1)]
    assert [sheet[f"I{row}"].value for row in (5, 6, 7)] == ["=D5/D$8", "=D6/D$8", "=D7/D$8"]
    assert [sheet[name].value for name in ("A8", "D8", "F8")] == ["合计", "=SUM(D5:D7)", "=SUM($F$5:$F$7)*1"]
    assert sheet["A10"].value == "单位负责人：              填表人："
    assert {str(m) for m in sheet.merged_cells.ranges} == {
        "A1:I1", "A3:A4", "B3:B4", "C3:C4", "D3:E3", "F3:G3", "H3:H4", "I3:I4", "A10:I10",
    }  # fmt: skip
    for row in (5, 6, 7):
        assert sheet[f"C{row}"].border.left.color.rgb == "FF0000FF"
        assert (sheet[f"C{row}"].font.name, sheet[f"C{row}"].font.i) == ("宋体", True)
        assert sheet[f"D{row}"].number_format == "0.00"
        assert sheet.row_dimensions[row].height == 21.5
    assert sheet.row_dimensions[8].height == 33
    assert sheet["D8"].fill.fgColor.rgb == "FFFFFF00"
    assert sheet.column_dimensions["C"].width == 27.5
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.print_area == "'表一'!$A$1:$I$10"
    assert sheet.print_title_rows == "$3:$4"
    assert sheet.freeze_panes == "A5"
    assert str(sheet.data_validations.dataValidation[0].sqref) == "G5:G7"
    assert [str(each.sqref) for each in sheet.conditional_formatting] == ["D5:D7"]
    assert book["说明"]["B2"].value == "=表一!D8+SUM(表一!D5:D7)"
    assert water.get(FORM, params={"period": "2025"}).content == answer.content


def test_fewer_rows_than_samples_leave_no_gap(small: House) -> None:
    admin, water = small.client(admin=True), small.client(department="water")
    assert put(admin, own_form()).status_code == 201
    book = opened(water.get(FORM, params={"period": "2024"}))
    sheet = book.worksheets[0]
    assert [sheet[name].value for name in ("C5", "A6", "D6", "I5", "A8")] == [
        "丙", "合计", "=SUM(D5:D5)", "=D5/D$6", "单位负责人：              填表人：",
    ]  # fmt: skip
    assert sheet["A1"].value == "某市{title}"
    assert "A8:I8" in {str(m) for m in sheet.merged_cells.ranges}
    none = opened(water.get(FORM, params={"period": "2030"})).worksheets[0]
    assert [none[name].value for name in ("A5", "B5", "C5", "A6")] == [None, None, None, "合计"]


def test_a_filled_form_reads_back_as_unchanged(small: House) -> None:
    admin, water = small.client(admin=True), small.client(department="water")
    records = "/v1/datasets/dams/records"
    before = water.get(records).json()

    def without_shares(book: Workbook) -> None:  # a column of the form that is no field of the view
        book.worksheets[0]["I3"] = book.worksheets[0]["I5"] = None

    for own in (False, True):
        if own:
            assert put(admin, own_form(without_shares)).status_code == 201
        files = {"file": ("表.xlsx", water.get(FORM, params={"period": "2025"}).content)}
        answer = water.post("/v1/submissions", data={"view": "dams-view", "period": "2025"}, files=files)
        assert answer.status_code == 201, answer.text
        assert answer.json()["counts"] == {"rows": 3, "new": 0, "changed": 0, "unchanged": 3}
        assert water.get(records).json() == before


def test_columns_can_be_bound_by_hand(small: House) -> None:
    admin, water = small.client(admin=True), small.client(department="water")

    def strange(book: Workbook) -> None:
        book.worksheets[0]["C3"], book.worksheets[0]["D4"] = "库名", "多少水"

    kept = put(admin, own_form(strange), columns={"skmc": "c", "kr": "D"}, first_row=5, sheet="表一", total_row=6)
    assert kept.status_code == 201, kept.text
    assert kept.json()["binding"]["columns"] == {"skmc": "C", "kr": "D"}
    sheet = opened(water.get(FORM, params={"period": "2025"})).worksheets[0]
    assert [sheet[f"C{row}"].value for row in (5, 6, 7)] == ["甲", "'=乙", "丙"]
    assert (sheet["B8"].value, sheet["D9"].value) == ("样例二", "=SUM(D5:D8)")


def test_every_fault_of_a_binding_is_told(small: House) -> None:
    admin = small.client(admin=True)
    refused = put(
        admin, own_form(), columns={"skmc": "C", "kr": "C", "xx": "D", "dj": "4"}, first_row=99, title_cell="?"
    )
    assert refused.status_code == 422
    assert [f["place"] for f in refused.json()["findings"]] == [
        "columns.kr", "columns.xx", "columns.dj", "first_row", "title_cell",
    ]  # fmt: skip
    covered = put(admin, own_form(), columns={"skmc": "E"}, first_row=3)
    assert {f["place"] for f in covered.json()["findings"]} == {"first_row", "columns.skmc"}
    nothing = own_form(lambda book: book.worksheets[0].delete_rows(1, 9))
    assert put(admin, nothing).status_code == 422
    assert put(admin, own_form(), columns={"skmc": "C"}, sheet="表九").json()["findings"][0]["place"] in {
        "sheet",
        "first_row",
    }
    assert put(admin, own_form(), rows="3").status_code == 400
    assert put(admin, own_form(), first_row="three").status_code == 400
    assert admin.get(KEPT).status_code == 404


def test_a_heading_in_another_unit_is_not_bound(small: House) -> None:
    admin = small.client(admin=True)

    def hectares(book: Workbook) -> None:
        book.worksheets[0]["F4"] = "灌溉（公顷）"

    kept = put(admin, own_form(hectares)).json()
    assert "gg" not in kept["binding"]["columns"]
    assert "公顷" in kept["remarks"][0]


def with_parts(data: bytes, **parts: str) -> bytes:
    stream = io.BytesIO(data)
    with zipfile.ZipFile(stream, "a") as archive:
        for name, body in parts.items():
            archive.writestr(name.replace("__", "/"), body)
    return stream.getvalue()


def spread(data: bytes, element: str, inner: str) -> bytes:
    """The workbook with an element in its second sheet that speaks of far more cells than it has."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(stream, "w") as made:
        for entry in given.infolist():
            body = given.read(entry)
            if entry.filename == "xl/worksheets/sheet2.xml":
                body = body.replace(b"</sheetData>", f"</sheetData><{element}>{inner}</{element}>".encode())
            made.writestr(entry.filename, body)
    return stream.getvalue()


def test_forms_that_run_or_fetch_or_burst_are_refused(small: House) -> None:
    admin = small.client(admin=True)
    good = own_form()
    bomb = io.BytesIO(good)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.png", b"\0" * (300 << 20))
    relation = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="x/image"'
        ' Target="http://elsewhere.example/a.png" TargetMode="External"/></Relationships>'
    )
    for data, status in (
        (with_parts(good, **{"xl__vbaProject.bin": "x"}), 415),
        (with_parts(good, **{"xl__externalLinks__externalLink1.xml": "<a/>"}), 415),
        (with_parts(good, **{"xl__connections.xml": "<a/>"}), 415),
        (with_parts(good, **{"xl__embeddings__oleObject1.bin": "x"}), 415),
        (with_parts(good, **{"xl__worksheets___rels__sheet1.xml.rels": relation}), 415),
        (with_parts(good, **{"xl__a.xml": "<!DOCTYPE a>"}), 400),
        (bomb.getvalue(), 413),
        (own_form(lambda book: book.worksheets[1].__setitem__("XFD1048576", "x")), 413),
        (spread(good, "mergeCells", '<mergeCell ref="A1:XFD1048576"/>'), 413),
        (spread(good, "hyperlinks", '<hyperlink ref="A1:XFD1048576" location="A1"/>'), 413),
        (good[: len(good) // 2], 400),
        (b"a,b\n1,2\n", 415),
        (b"", 415),
        (good + b"\0" * (5 << 20), 413),
    ):
        assert put(admin, data).status_code == status
    assert admin.get(KEPT).status_code == 404


def test_forms_are_versioned_and_guarded(small: House) -> None:
    admin, water = small.client(admin=True), small.client(department="water")
    form = own_form()
    first = put(admin, form)
    tag = first.headers["etag"]
    assert admin.get(KEPT).headers["etag"] == tag
    assert admin.get(f"{KEPT}.xlsx").content == form
    again = put(admin, form, headers={"If-Match": tag})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    second = put(admin, form, headers={"If-Match": tag}, period_cell="A2")
    assert second.json()["version"] == 2
    assert put(admin, own_form(), headers={"If-Match": tag}).status_code == 412
    assert admin.delete(KEPT, headers={"If-Match": tag}).status_code == 412
    assert admin.delete(KEPT).status_code == 204
    assert admin.delete(KEPT).status_code == 404
    assert admin.get(KEPT).status_code == 404
    assert opened(water.get(FORM)).worksheets[0]["A1"].value == "水库台账"
    third = put(admin, own_form())
    assert (third.status_code, third.json()["version"]) == (201, 4)
    assert [v["version"] for v in admin.get(KEPT).json()["versions"]] == [4, 3, 2, 1]
    for who in (water, small.client(region="430101")):
        assert put(who, own_form()).status_code == 403
        assert who.get(KEPT).status_code == 403
        assert who.get(f"{KEPT}.xlsx").status_code == 403
        assert who.delete(KEPT).status_code == 403


def test_the_same_form_is_not_sent_twice_and_a_changed_one_is(small: House) -> None:
    admin, water = small.client(admin=True), small.client(department="water")
    tags = []
    for step in range(3):
        first = water.get(FORM, params={"period": "2025"})
        tags.append(first.headers["etag"])
        fresh = water.get(FORM, params={"period": "2025"}, headers={"If-None-Match": tags[-1]})
        assert (fresh.status_code, fresh.content) == (304, b"")
        if step == 0:
            water.post("/v1/submissions", json={"dataset": "dams", "rows": [{**DAMS[0], "capacity": 9}]})
        else:
            put(admin, own_form())
    assert len(set(tags)) == 3


def test_a_form_shows_what_its_reader_may_read_and_nothing_else(small: House) -> None:
    admin, ecology = small.client(admin=True), small.client(department="ecology")
    clerk = small.client(region="43")
    rows = [
        {"region": code, "period": "2024", "total": 10000, "men": 4000, "women": 6000, "area": "6.25", "watched": 77}
        for code in ("430101101", "430102101")
    ]
    assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201
    book = openpyxl.Workbook()
    book.worksheets[0].append(["代码", "名称", "人口", "男", "面积（亩）"])
    stream = io.BytesIO()
    book.save(stream)
    path = "/v1/admin/views/people-view/form"
    columns = json.dumps({"dm": "A", "mc": "B", "rk": "C", "nan": "D", "mj": "E"})
    kept = admin.put(path, data={"columns": columns, "first_row": "2"}, files={"file": ("a.xlsx", stream.getvalue())})
    assert kept.status_code == 201, kept.text
    form = "/v1/views/people-view/form.xlsx"
    filled = opened(ecology.get(form, params={"period": "2024"}))
    assert filled.worksheets[0].max_row == 2
    assert lines(filled, 1, 2) == [["代码", "名称", "人口", "男", "面积（亩）"], ["430101101", "一镇", 1, None, 93.8]]
    assert ecology.get(form, params={"region": "430102"}).json()["code"] == "not_covered"
    assert ecology.get(form, params={"period": "2023"}).json()["code"] == "not_covered"
    assert ecology.get(form, params={"colour": "red"}).json()["code"] == "unknown_parameter"
    for who in (clerk, admin, small.client(department="water")):
        assert who.get(form).status_code == 404
    assert ecology.get(FORM).status_code == 404
    entries = admin.get("/v1/admin/audit", params={"action": "form", "target": "people-view"}).json()["entries"]
    assert {entry["status"] for entry in entries if entry["kind"] == "closing"} >= {"sent"}
    assert any(entry["kind"] == "intent" and entry["question"] == {"period": "2024"} for entry in entries)


def test_numbers_in_a_form_are_exact(small: House) -> None:
    water = small.client(department="water")
    water.post("/v1/submissions", json={"dataset": "dams", "rows": [{**DAMS[0], "capacity": "12345678.91"}]})
    sheet = opened(water.get(FORM, params={"period": "2025"})).worksheets[0]
    assert Decimal(str(sheet["E4"].value)) == Decimal("1234.5679")


def test_the_client_fetches_a_form_and_sends_it_back(small: House) -> None:
    with Township(small.url, small.key(admin=True)) as township:
        kept = township.admin.put_form(
            "dams-view", ("台账.xlsx", own_form()), period_cell="A2", columns=BY_HAND, first_row=5
        )
        assert kept["bound_by"] == "given"
        assert township.admin.form("dams-view")["binding"] == kept["binding"]
        assert [f["name"] for f in township.admin.reversal("dams-view")["fields"] if not f["reversible"]] == ["bl"]
    with Township(small.url, small.key(department="water")) as township:
        form = township.form("dams-view", "2025", region="430101")
        assert openpyxl.load_workbook(io.BytesIO(form)).worksheets[0]["C6"].value == "'=乙"
    with Township(small.url, small.key(admin=True)) as township:
        township.admin.remove_form("dams-view")
    with Township(small.url, small.key(department="water")) as township:
        form = township.form("dams-view", "2025")
        answer = township.upload(("表.xlsx", form), view="dams-view", period="2025")
        assert answer["counts"] == {"rows": 3, "new": 0, "changed": 0, "unchanged": 3}
