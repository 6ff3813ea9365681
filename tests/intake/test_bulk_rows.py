"""The quick way over many rows says exactly what the careful way of one row says; and no row of a file vanishes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any
from unittest.mock import patch

import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalogue.model import Check
from app.catalogue.values import Reported
from app.formats import reading
from app.formats.reading import read_workbook
from app.intake import ChangeSet, HeldRecord, Reading, compare, read_json_rows, read_workbook_rows
from app.intake import rows as careful_rows
from app.intake.change_list import ChangeList, TakenOfRun
from app.intake.column_rows import ColumnRows
from app.intake.json_packing import JsonPacker
from app.intake.packed import HeldValues, PackedValues
from app.services.submit import stamped
from app.store.types import json_text
from tests.intake.county import context, dataset, element

HEADINGS = ["行政区划代码", "编号", "总量", "面积（亩）", "比率", "类别", "名称", "备注"]
REGIONS = ("430682001", "430682101", "430682107", "430682", "999", "聂市镇", "合计", "")
NUMBERS = st.one_of(
    st.integers(-3, 120_000),
    st.floats(-10, 1e6, allow_nan=False),
    st.decimals(-10, 10_000, places=3).map(float),
    st.sampled_from([0.1 + 0.2, 1e15, 123456789012345678.0, 1e-7, 893.3200000000001, -0.0, 0.00001, 2.50]),
)
ODD = st.sampled_from(
    [None, None, "-", "不详", "未统计", "约三百", "1,234", "１２", "三百二十", "12亩", "x", " 5 ", "&<>\"'", "_x0041_"]
)
CELL = st.one_of(NUMBERS, NUMBERS, NUMBERS, ODD)
ROW = st.tuples(
    st.sampled_from(REGIONS[:3] * 4 + REGIONS), st.sampled_from(["a1", "b2", "c", "甲", "-", "不详", "d 4"]) | st.integers(1, 400).map(str),
    CELL, CELL, CELL, st.sampled_from(["是", "否", "√", "", "也许", None]), st.sampled_from(["某地", "-", "null", None, "空"]), st.none() | st.just("好"),
)  # fmt: skip


PLOTS = dataset(
    "plots",
    "地块",
    [
        element("plots", "number", "编号", "text"),
        element("plots", "total", "总量", unit="人", required=True, min=Decimal(0), max=Decimal(99_999)),
        element("plots", "area", "面积", "decimal", "公顷", decimals=2),
        element("plots", "rate", "比率", "decimal", decimals=4, min=Decimal("-1.5")),
        element("plots", "kind", "类别", "boolean"),
        element("plots", "name", "名称", "text"),
    ],
    key=("number",),
    checks=(Check("some", "total >= rate", "warning", "总量不应小于比率"),),
)
CONTEXT = context(PLOTS)


def book(rows: Sequence[Sequence[Any]], *, inline: bool) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "constant_memory": inline}) as file:
        sheet = file.add_worksheet("数据")
        bold = file.add_format({"bold": True, "num_format": "0.00"})
        sheet.write_row(0, 0, ["地块一览表"])
        sheet.write_row(1, 0, HEADINGS)
        for line, row in enumerate(rows, 2):
            for column, cell in enumerate(row):
                if cell is None:
                    continue
                sheet.write(line, column, cell, bold if column == 3 else None)
    return out.getvalue()


def with_sheet(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with its sheet's XML changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            changed = change(part) if name == "xl/worksheets/sheet1.xml" else part
            assert name != "xl/worksheets/sheet1.xml" or changed != part
            new.writestr(name, changed)
    return out.getvalue()


def sheet_of(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return file.read("xl/worksheets/sheet1.xml")


def swapped_once(wrong: bytes, right: bytes, xml: bytes) -> bytes:
    return xml.replace(wrong, right, 1)


@contextmanager
def slowly() -> Iterator[None]:
    """The careful way only."""
    with (
        patch.object(reading, "MANY_ROWS", 10**9),
        patch.object(careful_rows, "plain_rows", lambda *_: None),
        patch.object(JsonPacker, "packed", lambda *_: None),
    ):
        yield


def told(found: Reading) -> Any:
    rows = [
        (r.region_id, r.period, r.key, dict(r.values), dict(r.place.cells), r.place.row, r.faulty) for r in found.rows
    ]
    return rows, list(found.findings), found.passed_over, found.refused


def documents(changes: ChangeSet) -> Any:
    def text(values: Any) -> str:
        if isinstance(values, PackedValues):
            return values.document()
        return json_text({code: value.document() for code, value in values.items()})

    done = stamped(changes, "s-1%")
    both = [[(c.record_key, text(c.values), sorted(c.changed)) for c in part] for part in (done.new, done.changed)]
    return both, list(changes.unchanged), list(changes.findings), changes.ledger


def held_of(found: Reading) -> dict[Any, HeldRecord]:
    """Of every other record something is held: the same, or another total."""
    held: dict[Any, HeldRecord] = {}
    for at, row in enumerate(found.rows):
        if at % 2 == 0:
            values = {
                code: value
                for code, value in row.values.items()
                if value != Reported(sheet=value.sheet, cell=value.cell)
            }
            if at % 4 == 0:
                values["total"] = Reported(number=Decimal(7))
            text = json_text({code: value.document() for code, value in values.items()})
            held[row.record_key] = HeldRecord(HeldValues(text))
    return held


@settings(max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=40), st.booleans())
def test_a_sheet_read_by_column_says_what_it_says_row_by_row(rows: list[tuple[Any, ...]], inline: bool) -> None:
    data = book(rows, inline=inline)
    with slowly():
        slow = read_workbook_rows(read_workbook(data, "x.xlsx"), CONTEXT)
    with patch.object(reading, "MANY_ROWS", 1):
        quick = read_workbook_rows(read_workbook(data, "x.xlsx"), CONTEXT)
    assert told(quick) == told(slow)
    held = held_of(slow)
    assert documents(compare(quick, held, CONTEXT)) == documents(compare(slow, held, CONTEXT))
    counts = compare(quick, held, CONTEXT).ledger
    written = max(at for at, row in enumerate(rows) if any(cell is not None for cell in row)) + 1
    assert (
        written == counts["new"] + counts["changed"] + counts["unchanged"] + counts["passed_over"] + counts["refused"]
    )


def test_most_rows_of_a_usual_sheet_are_taken_by_column() -> None:
    rows: list[tuple[Any, ...]] = [
        (REGIONS[n % 3], f"k{n}", n, n / 4, 0.1 + 0.2, "是", "某地", None) for n in range(1000)
    ]
    rows[500] = (*rows[500][:3], "不详", *rows[500][4:])
    workbook = read_workbook(book([*rows, ("合计", None, 5, None, None, None, None, None)], inline=False), "x.xlsx")
    assert isinstance(workbook.grids[0].rows, ColumnRows)
    found = read_workbook_rows(workbook, CONTEXT)
    assert (len(found.rows), found.passed_over, found.refused) == (1000, 1, 0)
    assert sum(1 for row in found.rows if isinstance(row.values, PackedValues)) == 999


def test_a_cell_that_names_another_row_than_its_own_is_read_where_it_says() -> None:
    rows = [(REGIONS[n % 3], f"k{n}", n, n / 4, 0.5, "是", "某地12", None) for n in range(1000)]
    whole = book(rows, inline=True)
    for wrong, right in (
        (b'<c r="C500"', b'<c r="C501"'),
        (b'<c r="C112"', b'<c r="C12"'),
        (b'<row r="700"', b'<row r="30"'),
    ):
        data = with_sheet(whole, partial(swapped_once, wrong, right))
        with slowly():
            slow = read_workbook_rows(read_workbook(data, "x.xlsx"), CONTEXT)
        assert told(read_workbook_rows(read_workbook(data, "x.xlsx"), CONTEXT)) == told(slow)


def test_rows_left_out_or_out_of_order_keep_their_numbers() -> None:
    rows = [(REGIONS[n % 3], f"k{n}", n, n / 4, 0.5, "是", "某地", None) for n in range(1000)]
    whole = book(rows, inline=True)
    row = re.compile(rb'<row r="(?:40|41)".*?</row>', re.DOTALL)
    gap = with_sheet(whole, lambda xml: row.sub(b"", xml))
    found = read_workbook_rows(read_workbook(gap, "x.xlsx"), CONTEXT)
    assert [each.place.row for each in found.rows] == [n for n in range(3, 1003) if n not in {40, 41}]
    moved = b"".join(row.findall(sheet_of(whole)))
    swapped = with_sheet(whole, lambda xml: row.sub(b"", xml).replace(b"</sheetData>", moved + b"</sheetData>"))
    with slowly():
        slow = read_workbook_rows(read_workbook(swapped, "x.xlsx"), CONTEXT)
    assert told(read_workbook_rows(read_workbook(swapped, "x.xlsx"), CONTEXT)) == told(slow)


def test_new_records_of_a_large_sheet_are_made_as_those_of_single_rows_are() -> None:
    rows = [
        (
            REGIONS[n % 3],
            f"k{n % 5901}",
            n,
            n / 4 if n % 7 else None,
            "约三百" if n % 997 == 0 else 0.5,
            "是",
            None,
            None,
        )
        for n in range(6000)
    ]
    data = book(rows, inline=True)
    plain = replace(CONTEXT, dataset=replace(PLOTS, checks=()))
    found = read_workbook_rows(read_workbook(data, "x.xlsx"), plain)
    quick = compare(found, {}, plain)
    single = compare(replace(found, rows=list(found.rows)), {}, plain)
    assert documents(quick) == documents(single)
    assert quick.findings
    assert (quick.ledger["rows"], quick.ledger["refused"]) == (6000, 99)
    assert isinstance(quick.new, ChangeList)
    stored = [
        each
        for part in stamped(quick, "s-1%").new.parts  # type: ignore[attr-defined]
        if isinstance(part, TakenOfRun)
        for each in part.written()
    ]
    packed = [c for c in stamped(single, "s-1%").new if isinstance(c.values, PackedValues)]
    assert stored == [(c.record_key, c.period.year, c.values.document()) for c in packed]  # type: ignore[attr-defined]
    assert len(stored) > 5_000


JSON_VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**6), st.integers(10**14, 10**20), st.sampled_from(["-", "不详", "1.50", "某地", "", "是"]),
    st.decimals(-10, 10**6, places=3), st.sampled_from([Decimal("2.50"), Decimal("-0.0"), Decimal("1E+3"), Decimal("1e-30"), 1.5]),
    st.just({"value": 3, "unit": "亩"}), st.just({"missing": "unknown"}), st.just([1]),
    st.integers(-5, 10**6).map(str), st.decimals(-10, 10**6, places=3).map(lambda number: str(number.normalize())),
    st.sampled_from(["0", "-0", "007", "12.30", "0.5", "-0.25", ".5", "5.", "1e3", "+1", "１", "999999999999999", "1234567890.125", "0.000001", "0.0000001", "-0.0", " 1", "1\n"]),
)  # fmt: skip
JSON_ROW = st.one_of(
    st.fixed_dictionaries(
        {"region": st.sampled_from(REGIONS[:3] * 4 + REGIONS), "number": st.integers(1, 60).map(lambda n: f"k{n}") | JSON_VALUE, "total": JSON_VALUE},
        optional={"area": JSON_VALUE, "rate": JSON_VALUE, "kind": JSON_VALUE, "name": JSON_VALUE, "period": st.sampled_from(["2025", "2024", "x", None, 2025]), "other": JSON_VALUE},
    ),
    st.just([]), st.just({}),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(JSON_ROW, max_size=25))
def test_json_rows_packed_say_what_they_say_one_by_one(rows: list[Any]) -> None:
    with slowly():
        slow = read_json_rows(rows, CONTEXT)
    quick = read_json_rows(rows, CONTEXT)
    assert told(quick) == told(slow)
    held = held_of(slow)
    assert documents(compare(quick, held, CONTEXT)) == documents(compare(slow, held, CONTEXT))
    counts = compare(quick, held, CONTEXT).ledger
    assert (
        len(rows) == counts["new"] + counts["changed"] + counts["unchanged"] + counts["passed_over"] + counts["refused"]
    )
