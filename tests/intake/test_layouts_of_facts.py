"""Facts that are no figures (dates, yes and no, codes, long numbers), and forms read downwards, through any layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.intake.books import ods, xls
from tests.intake.county import IDS, PROFILE, TOWNSHIPS, context, errors, read, values, xlsx

CODES = list(TOWNSHIPS)
TRUE, FALSE = ("是", "√", "✓", "有", "Y", "对", "1", "TRUE"), ("否", "×", "无", "N", "错", "0", "false", "不是")
TERRAIN = {"01": ("01", "平原", "01 平原"), "02": ("02", "丘陵", "丘", "02-丘陵", " 丘陵 "), "03": ("03", "山区")}
HEADINGS = {
    "is_county_seat": ("是否县城驻地", "1.是否县城驻地", "is_county_seat", "是否县城\n驻地"),
    "founded": ("成立日期", "（二）成立日期", "成立日期 *"),
    "terrain": ("地势", "1.1 地势", "①地势"),
    "credit_code": ("统一社会信用代码", "credit_code"),
}
NUMERALS = "〇一二三四五六七八九"


def spoken(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else f"{NUMERALS[tens]}十") + (NUMERALS[ones] if ones else "")


def day_texts(day: date) -> tuple[str, ...]:
    year = "".join(NUMERALS[int(digit)] for digit in str(day.year))
    return (
        day.isoformat(),
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month:02}.{day.day:02}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year} 年 {day.month:02} 月 {day.day:02} 号",
        f"{day:%Y%m%d}",
        f"{year}年{spoken(day.month)}月{spoken(day.day)}日",
        f"{day.isoformat()} 00:00:00",
        f"{day.year}年{day.month}月{day.day}日（星期{'一二三四五六日'[day.weekday()]}）",
    )


@dataclass(frozen=True)
class Table:
    rows: list[list[Any]]
    records: dict[str, dict[str, Any]]
    data: bytes
    filename: str


@st.composite
def facts(draw: st.DrawFn, element: str, *, dates: bool) -> tuple[Any, Any]:
    """One cell, and what it says."""
    if element == "is_county_seat":
        truth = draw(st.booleans())
        return draw(st.sampled_from(TRUE if truth else FALSE)), truth
    if element == "terrain":
        code = draw(st.sampled_from(list(TERRAIN)))
        return draw(st.sampled_from(TERRAIN[code])), code
    if element == "credit_code":
        digits = draw(st.integers(0, 10**18 - 1))
        text = f"{digits:018}"
        return draw(st.sampled_from((text, f" {text} "))), text
    day = date(1950, 1, 1) + timedelta(days=draw(st.integers(0, 27_000)))
    return draw(st.sampled_from((*day_texts(day), *([day] if dates else [])))), day


@st.composite
def tables(draw: st.DrawFn) -> Table:
    kind = draw(st.sampled_from(("xlsx", "two sheets", "xls", "xls 1904", "ods", "csv")))
    elements = draw(st.permutations(list(HEADINGS)))[: draw(st.integers(1, 4))]
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=5, unique=True))
    heading = ["乡镇（街道）", *(draw(st.sampled_from(HEADINGS[element])) for element in elements)]
    body: list[list[Any]] = []
    records: dict[str, dict[str, Any]] = {}
    for code in codes:
        told = [draw(facts(element, dates=kind.startswith("x") or kind == "two sheets")) for element in elements]
        body.append([draw(st.sampled_from(("{}", "{}办事处", " {}"))).format(TOWNSHIPS[code]), *(c for c, _ in told)])
        if not TOWNSHIPS[code].endswith("街道"):
            body[-1][0] = TOWNSHIPS[code]
        records[code] = {element: fact for element, (_, fact) in zip(elements, told, strict=True)}
    top: list[list[Any]] = [["临湘市基本情况"]] if draw(st.booleans()) else []
    grouped = draw(st.booleans()) and len(elements) > 1
    if grouped:
        top.append([None, "基本情况", *[None] * (len(elements) - 1)])
    hidden = draw(st.integers(0, len(body)))
    if kind == "two sheets":
        half = draw(st.integers(0, len(body)))
        sheets = [[*top, heading, *part] for part in (body[:half], body[half:]) if part]
        return Table(
            body, records, xlsx(*sheets, change=dressed(len(top), len(elements), hidden, grouped=grouped)), "a.xlsx"
        )
    rows = [*top, heading, *body, *([["注：年末数"]] if draw(st.booleans()) else [])]
    if kind == "csv":
        encoding, delimiter = (
            draw(st.sampled_from(("utf-8", "utf-16", "gb18030"))),
            draw(st.sampled_from((",", ";", "\t"))),
        )
        lines = [delimiter.join("" if cell is None else f'"{cell}"' for cell in row) for row in rows]
        return Table(rows, records, "\r\n".join(lines).encode(encoding), "a.csv")
    if kind == "xlsx":
        data = xlsx(rows, change=dressed(len(top), len(elements), hidden, grouped=grouped))
        return Table(rows, records, data, "a.xlsx")
    return Table(rows, records, ods(rows) if kind == "ods" else xls(rows, dates_1904="1904" in kind), f"a.{kind[:3]}")


def dressed(above: int, width: int, hidden: int, *, grouped: bool) -> Callable[[Any], None]:
    """The group heading merged over its columns, the region's heading over both rows, one row hidden."""

    def change(book: Any) -> None:
        for sheet in book.worksheets:
            if grouped:
                sheet.merge_cells(start_row=above, end_row=above, start_column=2, end_column=1 + width)
            if hidden:
                sheet.row_dimensions[above + 1 + hidden].hidden = True

    return change


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_facts_through_any_layout_are_the_same_facts(table: Table) -> None:
    reading = read(table.data, context(PROFILE), table.filename)
    assert errors(reading.findings) == [], table.rows
    assert values(reading, PROFILE) == table.records, table.rows


PEOPLE = {"resident_population": "常住人口", "registered_population": "户籍人口", "population_male": "男"}


@st.composite
def forms(draw: st.DrawFn) -> tuple[list[list[Any]], dict[str, dict[str, int]]]:
    """A form with one indicator a row and one column for each region."""
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=3, unique=True))
    elements = draw(st.permutations(list(PEOPLE)))[: draw(st.integers(2, 3))]
    numbered, unit_column = draw(st.booleans()), draw(st.booleans())
    rows: list[list[Any]] = [["基本情况表"]] if draw(st.booleans()) else []
    lead: Sequence[str] = [*(["序号"] if numbered else []), "指标名称", *(["计量单位"] if unit_column else [])]
    rows.append([*lead, *(TOWNSHIPS[code] for code in codes)])
    records: dict[str, dict[str, int]] = {code: {} for code in codes}
    for at, element in enumerate(elements, 1):
        if draw(st.booleans()):
            rows.append([*([None] if numbered else []), draw(st.sampled_from(("一、人口", "二、其他情况")))])
        unit, factor = (
            draw(st.sampled_from((("人", 1), ("千人", 1000), ("万人", 10_000)))) if unit_column else ("人", 1)
        )
        cells: list[Any] = []
        for code in codes:
            number = draw(st.integers(0, 999))
            cells.append(draw(st.sampled_from((number, str(number), f" {number} "))))
            records[code][element] = number * factor
        name = draw(st.sampled_from(("{}", "其中：{}", "（1）{}", "1.{}"))).format(PEOPLE[element])
        rows.append([*([at] if numbered else []), name, *([unit] if unit_column else []), *cells])
    if draw(st.booleans()):
        rows.append(["填表人：张三"])
    return rows, records


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms())
def test_a_form_read_downwards_gives_one_record_for_each_of_its_regions(
    form: tuple[list[list[Any]], dict[str, dict[str, int]]],
) -> None:
    rows, records = form
    reading = read(xlsx(rows), context())
    found = [(code, cell) for code, cell in errors(reading.findings) if code not in ("required", "check_failed")]
    assert found == [], rows
    assert values(reading) == records, rows
    assert set(IDS) >= set(records)
