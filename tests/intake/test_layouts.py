"""A clean table, put through any layout a person may give it, comes back as the same records."""

from __future__ import annotations

import io
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.intake.county import LAND, TOWNSHIPS, context, errors, read, values, xlsx

CODES = list(TOWNSHIPS)
UNITS = {
    "公顷": Fraction(1),
    "亩": Fraction(1, 15),
    "万亩": Fraction(10_000, 15),
    "平方公里": Fraction(100),
    "千公顷": Fraction(1000),
}
TITLES = {"cultivated_land_area": "耕地面积", "paddy_area": "水田", "dry_land_area": "旱地"}
MISSING = {
    "": None,
    "-": None,
    "—": None,
    "…": "too_small",
    "未统计": "not_collected",
    "不详": "unknown",
    "不适用": "not_comparable",
}
DIGITS, STEPS = "零一二三四五六七八九", ("", "十", "百", "千")


def chinese(number: int) -> str:
    """A number below a hundred million as it is spoken."""
    if number >= 10_000:
        rest = number % 10_000
        return chinese(number // 10_000) + "万" + ("" if rest == 0 else ("零" if rest < 1000 else "") + chinese(rest))
    text = ""
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            text += DIGITS[digit] + STEPS[place]
        elif text and not text.endswith("零"):
            text += "零"
    return text.rstrip("零") or "零"


def full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


@dataclass
class Layout:
    rows: list[list[Any]]
    records: dict[str, dict[str, Fraction | None]]
    reasons: dict[str, dict[str, str | None]]
    data: bytes
    filename: str


@st.composite
def written(draw: st.DrawFn) -> tuple[Any, Decimal]:
    """A number in one of the ways of writing it, and the number."""
    tenths = draw(st.integers(0, 99_999))
    number = Decimal(tenths) / 10
    way = draw(st.sampled_from(("stored", "text", "separated", "full", "chinese", "wan", "padded")))
    if way == "stored":
        return float(number), number
    if way == "separated":
        return f"{number:,}", number
    if way == "full":
        return full_width(str(number)), number
    if way == "chinese":
        return chinese(tenths), Decimal(tenths)
    if way == "wan":
        return f"{Decimal(tenths).scaleb(-4):f}万", Decimal(tenths)
    return (f" {number} " if way == "padded" else str(number)), number


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=8, unique=True))
    elements = draw(st.permutations(list(TITLES)))[: draw(st.integers(1, 3))]
    caption = draw(st.sampled_from((None, *UNITS)))
    units = {code: draw(st.sampled_from((None, *UNITS))) for code in elements}
    naming = draw(st.sampled_from(("code", "name", "both")))
    serial, remark = draw(st.booleans()), draw(st.booleans())
    lead = [*(["序号"] if serial else [])]
    lead += {
        "code": [draw(st.sampled_from(("行政区划代码", "区划代码", "国标编码", "region")))],
        "name": [draw(st.sampled_from(("乡镇", "乡镇（街道）", "单位名称", "地区")))],
        "both": ["代码", "名称"],
    }[naming]
    decorations = st.sampled_from(("{}", "1.{}", "一、{}", "其中：{}", " {} *", "（2）{}", "#{}"))
    headings = []
    for code in elements:
        name = draw(decorations).format(draw(st.sampled_from((TITLES[code], code))))
        unit = units[code]
        headings.append(
            name
            if unit is None
            else name + draw(st.sampled_from(("（{}）", "({})", "（单位：{}）", "【{}】"))).format(unit)
        )
    width = len(lead) + len(elements) + remark
    rows: list[list[Any]] = []
    if draw(st.booleans()):
        rows.append(["临湘市2025年土地情况"])
    if caption is not None:
        rows.append([None] * (width - 1) + [f"单位：{caption}"])
    if draw(st.booleans()):
        rows.append([None] * len(lead) + ["土地情况"] + [None] * (len(elements) - 1) if len(lead) else [])
    rows.append([*lead, *headings, *(["备注"] if remark else [])])
    if draw(st.booleans()) and naming != "name":
        rows.append([*"甲乙丙丁"[: len(lead)], *range(1, len(elements) + 1)])
    records: dict[str, dict[str, Fraction | None]] = {}
    reasons: dict[str, dict[str, str | None]] = {}
    noise: list[list[Any]] = [[], ["合计", *[None] * (len(lead) - 1), *[1.0] * len(elements)], ["注：本表为年末数"]]
    for at, code in enumerate(codes, 1):
        cells: list[Any] = []
        record: dict[str, Fraction | None] = {}
        reason: dict[str, str | None] = {}
        for column, element in enumerate(elements):
            if column and draw(st.integers(0, 5)) == 0:
                mark = draw(st.sampled_from(list(MISSING)))
                cells.append(mark or None)
                record[element], reason[element] = None, MISSING[mark]
            else:
                cell, number = draw(written())
                cells.append(cell)
                factor = UNITS[units[element] or caption or "公顷"]
                record[element], reason[element] = Fraction(number) * factor, None
        name = draw(st.sampled_from(("{}", " {}", "临湘市{}"))).format(TOWNSHIPS[code])
        own = {"code": [draw(st.sampled_from((code, code + "000")))], "name": [name], "both": [code, name]}[naming]
        if all(value <= 100_000 for value in record.values() if value is not None):
            rows.append([*([at] if serial else []), *own, *cells, *(["已核"] if remark else [])])
            records[code], reasons[code] = record, reason
        if draw(st.integers(0, 4)) == 0:
            rows.append(list(draw(st.sampled_from(noise[:2]))))
    if draw(st.booleans()):
        rows.append(list(noise[2]))
    return Layout(rows, records, reasons, *draw(files(rows)))


@st.composite
def files(draw: st.DrawFn, rows: list[list[Any]]) -> tuple[bytes, str]:
    kind = draw(st.sampled_from(("xlsx", "shifted", "xls", "csv")))
    if kind == "xlsx":
        return xlsx(rows), "表.xlsx"
    if kind == "shifted":
        down, right = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        return xlsx([*([[]] * down), *([None] * right + row for row in rows)]), "表.xlsx"
    if kind == "xls":
        book = xlwt.Workbook()
        page = book.add_sheet("表")
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if value is not None:
                    page.write(at, column, value)
        stream = io.BytesIO()
        book.save(stream)
        return stream.getvalue(), "表.xls"
    delimiter = draw(st.sampled_from((",", ";", "\t")))
    lines = [
        delimiter.join("" if cell is None else f'"{cell}"' if delimiter in str(cell) else str(cell) for cell in row)
        for row in rows
    ]
    encoding = draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "gb18030")))
    return ("\n".join(lines) + "\n").encode(encoding), "表.csv"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layouts())
def test_a_clean_table_through_any_layout_gives_the_same_records(layout: Layout) -> None:
    reading = read(layout.data, context(LAND), layout.filename)
    if not layout.records:
        return
    assert errors(reading.findings) == [], layout.rows
    assert values(reading, LAND) == layout.records, layout.rows
    by_code = dict(zip(values(reading, LAND), reading.rows, strict=True))
    assert {code: {e: v.missing for e, v in row.values.items()} for code, row in by_code.items()} == layout.reasons
