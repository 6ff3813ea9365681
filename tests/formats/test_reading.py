"""Files are told apart by content, and hostile or broken ones are refused before they cost anything."""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt

from app.errors import Problem
from app.formats.reading import read_workbook
from app.formats.reading_archives import Archive
from app.formats.reading_plain_xlsx import plain_structure
from app.formats.reading_xlsx import is_percent_format, read_parts, read_structure
from app.intake import CellError

SAMPLES = Path(__file__).parents[1] / "intake" / "data" / "samples"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def parts(sheet: str, *, workbook: str | None = None, extra: dict[str, bytes] | None = None) -> bytes:
    """A minimal xlsx made by hand, so that its parts may be as odd as a test needs them."""
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": workbook
        or f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in {**files, **(extra or {})}.items():
            archive.writestr(name, content)
    return stream.getvalue()


def sheet(rows: str, after: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>'


def refusal(data: bytes, filename: str = "表.xlsx") -> Problem:
    started = time.perf_counter()
    with pytest.raises(Problem) as caught:
        read_workbook(data, filename)
    assert time.perf_counter() - started < 5
    assert caught.value.detail[0] > "\u2e80" or "（" in caught.value.detail, "Chinese first"
    return caught.value


SIMPLE = sheet('<row r="1"><c r="A1"><v>1</v></c></row>')


def test_a_minimal_workbook_is_read() -> None:
    book = read_workbook(parts(SIMPLE), "x")
    assert [(grid.name, [list(row) for row in grid.rows]) for grid in book.grids] == [("S", [[1.0]])]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_request"),
        (b"\x00" * 100, "bad_request"),
        (b"%PDF-1.7 ...", "unsupported_media_type"),
        (b"\x89PNG\r\n\x1a\n....", "unsupported_media_type"),
        (b"Rar!\x1a\x07\x00", "unsupported_media_type"),
        (bytes(range(256)) * 10, "unsupported_media_type"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "unsupported_media_type"),
        (b'<?xml version="1.0"?><Workbook/>', "unsupported_media_type"),
        (b"PK\x03\x04 not a zip", "bad_request"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 not a compound file", "bad_request"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 4096, "bad_request"),
    ],
)
def test_files_of_another_kind_are_refused_with_the_reason(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_truncated_workbooks_of_every_kind_are_refused() -> None:
    for name in ("01-人口-合并表头-合计行.xlsx", "02-耕地-亩-旧格式.xls"):
        whole = (SAMPLES / name).read_bytes()
        for share in (0.3, 0.6, 0.9):
            assert refusal(whole[: int(len(whole) * share)], name).code == "bad_request"


def test_other_office_documents_are_named_for_what_they_are() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")
    assert "文字" in refusal(stream.getvalue()).detail


def test_macros_are_refused() -> None:
    problem = refusal(parts(SIMPLE, extra={"xl/vbaProject.bin": b"x"}))
    assert (problem.code, "宏" in problem.detail) == ("unsupported_media_type", True)
    assert refusal(parts(SIMPLE, extra={"xl/vbaProject.bin": b"x"}), "表.xlsm").detail == problem.detail
    macros = f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://schemas.microsoft.com/office/2006/relationships/xlMacrosheet" Target="macrosheets/sheet1.xml"/></Relationships>'
    assert refusal(parts(SIMPLE, extra={"xl/_rels/workbook.xml.rels": macros.encode()})).detail == problem.detail
    assert read_workbook(parts(SIMPLE), "没有宏.xlsm").grids


def compound(*names: str) -> bytes:
    """A compound file with empty streams of the given names."""
    size = 512
    entries = b""
    for at, (name, kind) in enumerate([("Root Entry", 5), *((name, 2) for name in names)]):
        text = name.encode("utf-16-le")
        entries += text.ljust(64, b"\0") + struct.pack(
            "<HBB3I16s", len(text) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, b""
        )
        entries += struct.pack("<I8s8sIII", 0, b"", b"", 0xFFFFFFFE, 0, 0)
        assert at < 4
    directory = entries.ljust(size, b"\0")
    fat = struct.pack("<128I", 0xFFFFFFFD, 0xFFFFFFFE, *([0xFFFFFFFF] * 126))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH6s", 0x3E, 3, 0xFFFE, 9, 6, b"")
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)
    header += struct.pack("<108I", *([0xFFFFFFFF] * 108))
    return header.ljust(512, b"\xff") + fat + directory


def test_passwords_are_named_for_what_they_are() -> None:
    problem = refusal(compound("EncryptionInfo", "EncryptedPackage"))
    assert (problem.code, "密码" in problem.detail) == ("unsupported_media_type", True)
    assert "Word" in refusal(compound("WordDocument")).detail
    assert "宏" in refusal(compound("Workbook", "_VBA_PROJECT_CUR")).detail


def test_a_zip_bomb_is_refused_whatever_size_it_claims() -> None:
    honest = parts(SIMPLE, extra={"xl/media/image1.png": bytes(300 << 20)})
    assert len(honest) < 1 << 21
    assert refusal(honest).code == "too_large"
    # The sizes in the directory are the writer's word only.
    entry = b"xl/media/image1.png"
    at = honest.rindex(b"PK\x01\x02", 0, honest.rindex(entry))
    lying = bytearray(honest)
    lying[at + 24 : at + 28] = struct.pack("<I", 10)
    assert refusal(bytes(lying)).code == "too_large"


def test_an_xml_bomb_is_refused() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;">]>' + SIMPLE
    assert "XML" in refusal(parts(bomb)).detail
    assert (
        refusal(parts(SIMPLE, extra={"xl/sharedStrings.xml": b'<!DOCTYPE x [<!ENTITY y "z">]><sst/>'})).code
        == "bad_request"
    )


def test_rows_and_columns_beyond_any_table_are_refused() -> None:
    assert refusal(parts(sheet('<row r="2147483647"><c r="A2147483647"><v>1</v></c></row>'))).code == "bad_request"
    assert refusal(parts(sheet('<row r="1"><c r="ZZZ1"><v>1</v></c></row>'))).code == "bad_request"
    assert refusal(parts(sheet('<row r="1"><c r="!!"><v>1</v></c></row>'))).code == "bad_request"
    astray = '<row r="1"><c r="A1"><v>1</v></c><c r="XFC1048576"><v>1</v></c></row>'
    assert refusal(parts(sheet(astray))).code == "too_large"
    corners = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert refusal(parts(sheet(corners))).code == "too_large"


def test_millions_of_empty_columns_cost_nothing() -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="0"/><c r="XFD{n}" s="0"/></row>' for n in range(1, 2000))
    grid = read_workbook(parts(sheet(rows + '<row r="2001"><c r="A2001"><v>5</v></c></row>')), "x").grids[0]
    assert [list(row) for row in grid.rows] == [[5.0]]
    assert (grid.top, grid.left) == (2001, 1)


def test_a_wide_csv_is_refused_before_it_is_split() -> None:
    tracemalloc.start()
    assert refusal(b"a" + b"," * 20_000_000 + b"\n1\n", "x.csv").code == "too_large"
    assert tracemalloc.get_traced_memory()[1] < 200 << 20
    tracemalloc.stop()


def test_an_unclosed_quote_that_swallows_rows_is_noticed() -> None:
    problem = refusal('代码,名称,人口\n1,甲,2\n2,"乙,3\n3,丙,4\n4,丁,5\n'.encode(), "x.csv")
    assert "第3行" in problem.detail
    problem = refusal('代码,名称,人口\n1,甲,2\n2,"乙,3\n3,丙,4\n4,"丁",5\n'.encode(), "x.csv")
    assert "第3行" in problem.detail


def test_a_quoted_text_over_two_lines_is_one_cell() -> None:
    grid = read_workbook('代码,地址,人口\n1,"长安街道\n一号",2\n'.encode(), "x.csv").grids[0]
    assert [list(row) for row in grid.rows] == [["代码", "地址", "人口"], ["1", "长安街道\n一号", "2"]]


def test_errors_hidden_rows_merges_and_percents_are_told_where_values_do_not() -> None:
    book = openpyxl.Workbook()
    page: Any = book.active
    page.append(["甲", "乙", None])
    page.append([0.935, "#DIV/0!", None])
    page.append([1, 2, "#N/A"])
    page["A2"].number_format = "0.00%"
    page["A3"].number_format = '0" %"'
    page.row_dimensions[3].hidden = True
    page.merge_cells("A1:B1")
    stream = io.BytesIO()
    book.save(stream)
    grid = read_workbook(stream.getvalue(), "x").grids[0]
    assert grid.rows[1][1] == CellError("#DIV/0!")
    assert grid.rows[2][2] == CellError("#N/A")
    assert grid.percent == {(2, 1)}
    assert grid.hidden_rows == {3}
    assert [(s.first_row, s.first_column, s.last_row, s.last_column) for s in grid.merged] == [(1, 1, 1, 2)]


def test_an_error_beyond_the_last_value_is_kept_in_its_place() -> None:
    rows = '<row r="2"><c r="B2"><v>1</v></c></row><row r="4"><c r="A4" t="e"><v>#REF!</v></c><c r="D4"><f>1+1</f></c></row>'
    grid = read_workbook(parts(sheet(rows)), "x").grids[0]
    assert (grid.top, grid.left) == (2, 1)
    assert grid.rows[0][1] == 1.0
    assert grid.rows[2][0] == CellError("#REF!")
    assert isinstance(grid.rows[2][3], CellError)


def test_an_old_workbook_tells_its_hidden_rows_errors_and_percents() -> None:
    book = xlwt.Workbook()
    page = book.add_sheet("表")
    page.write(0, 0, "甲")
    page.write(1, 0, 0.5, xlwt.easyxf(num_format_str="0%"))
    page.row(2).set_cell_error(1, "#DIV/0!")
    page.row(1).hidden = True
    book.add_sheet("藏").visibility = 1
    stream = io.BytesIO()
    book.save(stream)
    workbook = read_workbook(stream.getvalue(), "x")
    (grid,) = workbook.grids
    assert workbook.hidden_sheets == ("藏",)
    assert grid.percent == {(2, 1)}
    assert grid.hidden_rows == {2}
    assert grid.rows[2][1] == CellError("#DIV/0!")


def test_percent_formats_are_those_that_multiply() -> None:
    assert [is_percent_format(code) for code in ("0%", "0.00%;[Red]-0.00%", '0" %"', "0\\%", "0.0", "[$%]0")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


ODD = (
    SIMPLE,
    sheet(
        '<row r="1" hidden="1"><c r="A1" s="1"><v>0.5</v></c><c r="B1" t="e"><v>#N/A</v></c></row>',
        '<mergeCells count="1"><mergeCell ref="A1:B2"/></mergeCells>',
    ),
    sheet(
        '<row r="3"><c r="C3"><f>1+1</f></c><c r="D3"><f>1</f><v></v></c><c r="E3" t="str"><f>A1</f><v></v></c><c r="F3"><f t="shared" si="0"/><v>2</v></c></row>'
    ),
    sheet(
        '<row r="1"><c r="A1" s="1" t="s"><v>0</v></c><c r="B1" s="1" t="n"><v>2</v></c><c r="C1" s="2"/><c r="D1" cm="1" s="1"><v>2</v></c></row>'
    ),
    sheet(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c><c r="B1" t="e"><f>1/0</f><v>#DIV/0!</v></c></row><row r="2"/>'
    ),
)


@pytest.mark.parametrize("xml", ODD)
def test_the_quick_way_over_a_sheet_tells_what_the_full_walk_tells(xml: str) -> None:
    archive = Archive(parts(xml))
    (first,) = read_parts(archive).sheets
    full = read_structure(first, xml.encode(), frozenset({"1"}))
    quick = plain_structure(xml.encode(), frozenset({"1"}))
    assert quick is None or quick == full
    assert quick is not None or xml is ODD[-1], "only a row closed at once is out of the ordinary here"


def test_the_samples_are_read_alike_in_both_ways() -> None:
    for name in sorted(SAMPLES.glob("*.xlsx")):
        archive = Archive(name.read_bytes())
        found = read_parts(archive)
        for one in found.sheets:
            xml = archive.read(one.part)
            quick = plain_structure(xml, found.percent_formats)
            assert quick == read_structure(one, xml, found.percent_formats)


OUTCOMES = ("read", "bad_request", "too_large", "unsupported_media_type")


def outcome(data: bytes, filename: str) -> str:
    try:
        read_workbook(data, filename)
    except Problem as problem:
        return problem.code
    return "read"


def test_mangled_bytes_never_do_worse_than_a_refusal() -> None:
    chance = random.Random(7)
    for name in sorted(SAMPLES.iterdir()):
        if name.suffix == ".json":
            continue
        whole = name.read_bytes()
        for _ in range(60):
            mangled = bytearray(whole)
            for _ in range(chance.randrange(1, 8)):
                at = chance.randrange(len(mangled))
                mangled[at : at + chance.randrange(1, 4)] = chance.randbytes(chance.randrange(4))
            started = time.perf_counter()
            assert outcome(bytes(mangled), name.name) in OUTCOMES
            assert time.perf_counter() - started < 5


def test_mangled_xml_in_a_sound_archive_never_does_worse_than_a_refusal() -> None:
    chance = random.Random(11)
    whole = (SAMPLES / "01-人口-合并表头-合计行.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    names = sorted(name for name in files if name.endswith((".xml", ".rels")))
    for _ in range(150):
        name = chance.choice(names)
        mangled = bytearray(files[name])
        at = chance.randrange(len(mangled))
        mangled[at : at + chance.randrange(1, 20)] = chance.choice(
            [b"", b"<", b'"', b"9999999999", b"</c>", b"\x00", b"&x;", "中".encode()]
        )
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for other, data in files.items():
                archive.writestr(other, bytes(mangled) if other == name else data)
        assert outcome(stream.getvalue(), "x.xlsx") in OUTCOMES


def test_a_part_that_does_not_match_its_checksum_is_damage() -> None:
    data = bytearray(parts(SIMPLE))
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"xl/worksheets/sheet1.xml"))
    data[at + 16 : at + 20] = struct.pack("<I", zlib.crc32(b"other"))
    assert refusal(bytes(data)).code == "bad_request"
