"""The workbook to fill: one row a region, one column an element, prefilled with what is held.

It reads back as it was written: uploaded unchanged it changes nothing, and rows left empty are passed over. A hidden sheet
says which dataset and period it was made for, so that last year's file is noticed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from app.catalogue.model import Catalogue, Dataset, Element, Level
from app.catalogue.patterns import text_width
from app.catalogue.periods import Period
from app.catalogue.regions import RegionState
from app.catalogue.values import Reported, canonical, shown
from app.intake.element_names import ElementNames
from app.intake.grid import STAMP_SHEET

AskedCells = Mapping[tuple[int, tuple[str, ...]], frozenset[str]]
"""(region id, key values) → the codes of the elements that are asked for there."""

EMPTY_ROWS = 20
_TITLE_ROW, _HINT_ROW, _HEADING_ROW = 0, 1, 2
_FIRST_ROW = 3
_EXACT_DIGITS = 15  # what a spreadsheet keeps of a number
_LARGEST = 10**_EXACT_DIGITS - 1
_REGION_TITLES: Mapping[Level, str] = {
    "province": "地区",
    "prefecture": "地区",
    "county": "县（市、区）",
    "township": "乡镇（街道）",
    "village": "村（社区）",
}
_MARKS = {"too_small": "…", "not_collected": "未统计", "unknown": "不详", "not_comparable": "不适用"}
_HINT = (
    "提示：浅灰色的列已锁定。没有数据请留空或填“-”；数值过小填“…”，未统计填“未统计”，不详填“不详”，不适用填“不适用”。"
)
_FIRST_CERTAIN_DAY = date(1900, 3, 1)  # spreadsheets count days from 1900 and have a 29 February in it
_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that the same content is the same bytes


def template(
    dataset: Dataset,
    catalogue: Catalogue,
    period: Period,
    regions: Sequence[RegionState],
    held: Mapping[tuple[int, tuple[str, ...]], Mapping[str, Reported]],
    *,
    led_by: str | None = None,
    asked: AskedCells | None = None,
) -> bytes:
    """The xlsx to fill for ``regions`` (of the dataset's level) and ``period``, prefilled with the records ``held`` of it.

    ``led_by``: the name of the source that leads, where that is another than whoever the workbook is for: all cells are
    locked then, and the hint says so.

    ``asked``: only these rows and the columns that any of them asks for; their other cells are locked.

    A dataset with key elements, and one of events, has the held records and twenty empty rows; every other has one row for
    each region. Numbers stand in the element's unit, rounded to its decimals, as they are shown everywhere else.
    """
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        book.set_properties({"title": dataset.title, "created": _MADE_AT})
        page = _Page(book, book.add_worksheet(_sheet_name(dataset)), dataset, catalogue, period, led_by, asked)
        lists = _stamp(book, dataset, catalogue, period)
        page.headings()
        rows = _rows(dataset, regions, held, asked)
        for at, (region, key, values) in enumerate(rows, _FIRST_ROW):
            page.row(at, region, key, values)
        page.finish(_FIRST_ROW + max(len(rows), 1) - 1, lists)
    return stream.getvalue()


def definition_digest(dataset: Dataset, catalogue: Catalogue) -> str:
    """A digest of everything that shapes the template: the dataset and the code lists it uses."""
    codes = [catalogue.codelists[codes] for e in dataset.elements if (codes := e.codes or "") in catalogue.codelists]
    return hashlib.sha256(repr((dataset, codes)).encode()).hexdigest()[:32]


def _in_order(dataset: Dataset) -> list[Element]:
    """Key elements first, then the others as the dataset lists them."""
    key = [dataset.by_code[code] for code in dataset.key]
    return [*key, *(element for element in dataset.elements if element.code not in dataset.key)]


def _rows(
    dataset: Dataset,
    regions: Sequence[RegionState],
    held: Mapping[tuple[int, tuple[str, ...]], Mapping[str, Reported]],
    asked: AskedCells | None = None,
) -> list[tuple[RegionState | None, tuple[str, ...], Mapping[str, Reported]]]:
    ordered = sorted(regions, key=lambda region: region.code)
    if asked is not None:
        by_id = {region.region_id: region for region in ordered}
        places = sorted((by_id[region_id].code, region_id, key) for region_id, key in asked if region_id in by_id)
        return [(by_id[region_id], key, held.get((region_id, key), {})) for _, region_id, key in places]
    if not dataset.key and dataset.frequency != "event":
        return [(region, (), held.get((region.region_id, ()), {})) for region in ordered]
    by_region: dict[int, list[tuple[str, ...]]] = {}
    for region_id, key in held:
        by_region.setdefault(region_id, []).append(key)
    rows: list[tuple[RegionState | None, tuple[str, ...], Mapping[str, Reported]]] = [
        (region, key, held[region.region_id, key])
        for region in ordered
        for key in sorted(by_region.get(region.region_id, ()))
    ]
    # Who reports for one region need not name it again and again.
    only = ordered[0] if len(ordered) == 1 else None
    return [*rows, *((only, (), {}) for _ in range(EMPTY_ROWS))]


class _Page:
    """The sheet that is filled in."""

    def __init__(
        self,
        book: Workbook,
        sheet: Worksheet,
        dataset: Dataset,
        catalogue: Catalogue,
        period: Period,
        led_by: str | None,
        asked: AskedCells | None = None,
    ) -> None:
        self._hint_text = (
            _HINT if led_by is None else f"提示：此表由{led_by}填报，单元格均已锁定，只供核对，不能由本级修改。"
        )
        locked = int(led_by is not None)
        self._sheet, self._dataset, self._catalogue, self._period = sheet, dataset, catalogue, period
        self._asked = asked
        wanted = {code for codes in asked.values() for code in codes} | {*dataset.key} if asked is not None else None
        self._columns = [each for each in _in_order(dataset) if wanted is None or each.code in wanted]
        self._is_event = dataset.frequency == "event"
        self._lead = 3 if self._is_event else 2  # columns before the first element
        border = {"border": 1, "border_color": "#BFBFBF"}
        self._title = book.add_format({"bold": True, "font_size": 16, "align": "center"})
        self._hint = book.add_format({"font_color": "#666666", "italic": True, "text_wrap": True, "valign": "top"})
        self._heading = book.add_format(
            {**border, "bold": True, "align": "center", "valign": "vcenter", "text_wrap": True, "bg_color": "#DDEBF7"}
        )
        self._locked = book.add_format({**border, "locked": 1, "bg_color": "#F2F2F2", "num_format": "@"})
        self._open_text = book.add_format({**border, "locked": locked, "num_format": "@"})
        self._open = {
            element.code: book.add_format({**border, "locked": locked, "num_format": _number_format(element)})
            for element in self._columns
        }
        closed = {**border, "locked": 1, "bg_color": "#F2F2F2"} if asked is not None else None
        self._closed = {
            element.code: book.add_format({**closed, "num_format": _number_format(element)})
            for element in self._columns
            if closed is not None
        }

    def headings(self) -> None:
        """Title, hint and headings, each element's definition as a comment."""
        names = ElementNames(self._dataset, self._catalogue)
        last = self._lead + len(self._columns) - 1
        period = str(self._period)
        title = f"{self._dataset.title}（{period}）" if period else self._dataset.title
        self._sheet.merge_range(_TITLE_ROW, 0, _TITLE_ROW, last, title, self._title)
        self._sheet.merge_range(_HINT_ROW, 0, _HINT_ROW, last, self._hint_text, self._hint)
        texts = ["行政区划代码", _REGION_TITLES[self._dataset.level], *(["日期"] if self._is_event else [])]
        for at, text in enumerate(texts):
            self._sheet.write_string(_HEADING_ROW, at, text, self._heading)
            self._sheet.set_column(at, at, 16)
        for at, element in enumerate(self._columns, self._lead):
            text = _heading(element, names)
            self._sheet.write_string(_HEADING_ROW, at, text, self._heading)
            self._sheet.set_column(at, at, min(max(2 * len(text) + 2, 12), 40))
            comment = _comment(element, self._catalogue)[:2000]
            self._sheet.write_comment(_HEADING_ROW, at, comment, {"x_scale": 2, "y_scale": 2})
        self._sheet.set_row(_HINT_ROW, 32)
        self._sheet.set_row(_HEADING_ROW, 32)

    def row(self, at: int, region: RegionState | None, key: tuple[str, ...], values: Mapping[str, Reported]) -> None:
        """One row: whose it is, and what is held."""
        for column, text in enumerate((region.code, region.name) if region is not None else ("", "")):
            if text:
                self._sheet.write_string(at, column, text, self._locked)
            else:
                self._sheet.write_blank(at, column, None, self._open_text)
        if self._is_event:
            if values:
                self._sheet.write_string(at, 2, str(self._period), self._open_text)
            else:
                self._sheet.write_blank(at, 2, None, self._open_text)
        for column, element in enumerate(self._columns, self._lead):
            if element.code in self._dataset.key and key:
                text = key[self._dataset.key.index(element.code)]
                self._sheet.write_string(at, column, text, self._locked)
            else:
                asked = self._asked.get((region.region_id, key)) if self._asked is not None and region else None
                closed = asked is not None and element.code not in asked
                style = self._closed[element.code] if closed else self._open[element.code]
                self._write(at, column, values.get(element.code), element, style)

    def finish(self, last: int, lists: Mapping[str, str]) -> None:
        """Checks while typing down to row ``last``, frozen headings, and the lock on what is not to be changed."""
        for at, element in enumerate(self._columns, self._lead):
            rule = _validation(element, lists)
            if rule is not None:
                self._sheet.data_validation(_FIRST_ROW, at, last, at, rule)
        self._sheet.freeze_panes(_FIRST_ROW, self._lead)
        self._sheet.repeat_rows(0, _HEADING_ROW)
        self._sheet.fit_to_pages(1, 0)
        self._sheet.set_landscape()
        self._sheet.set_paper(9)
        self._sheet.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})

    def _write(self, row: int, column: int, held: Reported | None, element: Element, style: Format) -> None:
        """What is shown of a held value, in a form that reads back as that value."""
        sheet = self._sheet
        value = canonical(held, element, self._catalogue.units) if held is not None else None
        if value is None:
            mark = _MARKS.get(held.missing or "", "") if held is not None else ""
            if mark:
                sheet.write_string(row, column, mark, style)
            else:
                sheet.write_blank(row, column, None, style)
        elif isinstance(value, bool):
            sheet.write_string(row, column, "是" if value else "否", style)
        elif isinstance(value, Fraction):
            number = shown(value, element.decimals)
            if len(number.as_tuple().digits) > _EXACT_DIGITS:
                sheet.write_string(row, column, f"{number:f}", style)  # as a number it would lose its last digits
            else:
                sheet.write_number(row, column, float(number), style)
        elif isinstance(value, date) and value < _FIRST_CERTAIN_DAY:
            sheet.write_string(row, column, value.isoformat(), style)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), style)  # noqa: DTZ001 - a day
        else:
            sheet.write_string(row, column, _code_text(value, element, self._catalogue), style)


def _heading(element: Element, names: ElementNames) -> str:
    """``常住人口（人）``; the element's code where its title is not its alone."""
    unit = f"（{element.unit}）" if element.unit is not None else ""
    text = f"{element.title}{unit}"
    found = names.named(text)[0]
    return text if found == {element.code} else f"{element.code}{unit}"


def _comment(element: Element, catalogue: Catalogue) -> str:
    lines = [f"{element.title} {element.code}", element.definition]
    if element.required:
        lines.append("必填")
    if element.numeric:
        bounds = [
            f"≥ {element.min}" if element.min is not None else "",
            f"≤ {element.max}" if element.max is not None else "",
        ]
        digits = "整数" if element.type == "integer" else f"保留{element.decimals}位小数"
        lines.append("，".join(part for part in (digits, *bounds) if part))
    codes = catalogue.codelists.get(element.codes) if element.codes is not None else None
    if codes is not None:
        lines.append("；".join(f"{code.code} {code.label}" for code in codes.codes))
    return "\n".join(line for line in lines if line)


def _code_text(value: str, element: Element, catalogue: Catalogue) -> str:
    codes = catalogue.codelists.get(element.codes) if element.codes is not None else None
    code = codes.find(value) if codes is not None else None
    return f"{code.code} {code.label}" if code is not None else value


def _validation(element: Element, lists: Mapping[str, str]) -> dict[str, Any] | None:
    """What Excel checks as it is typed. A warning, not a stop: marks such as 不详 are no numbers and are right."""
    said = {
        "error_title": "请核对",
        "error_message": f"{element.title}：{_expected(element)}。没有数据请填“-”“…”“未统计”“不详”或“不适用”。"[:255],
        "error_type": "warning",
    }
    if element.type == "boolean":
        return {"validate": "list", "source": ["是", "否"], **said}
    if element.type == "code" and (choices := lists.get(element.codes or "")) is not None:
        return {"validate": "list", "source": choices, **said}
    if element.type == "text" and (width := text_width(element.pattern)) is not None:
        return {"validate": "length", "criteria": "between", "minimum": width[0], "maximum": width[1], **said}
    if element.type == "date":
        return {"validate": "date", "criteria": ">=", "value": date(1900, 1, 1), **said}
    if element.numeric:
        low, high = element.min, element.max
        return {
            "validate": "integer" if element.type == "integer" else "decimal",
            "criteria": "between",
            "minimum": _bound(low, -_LARGEST),
            "maximum": _bound(high, _LARGEST),
            **said,
        }
    return None


def _bound(bound: Decimal | None, default: int) -> float:
    if bound is None:
        return default
    return int(bound) if bound == bound.to_integral_value() else float(bound)


def _expected(element: Element) -> str:
    words = {
        "integer": "应为整数",
        "decimal": "应为数字",
        "date": "应为日期",
        "boolean": "请选择是或否",
        "code": "请从列表中选择",
    }
    text = words.get(element.type, "")
    if (width := text_width(element.pattern)) is not None:
        text = f"应为{width[0]}个字符" if width[0] == width[1] else f"应为{width[0]}至{width[1]}个字符"
    if element.min is not None:
        text += f"，不小于{element.min}"
    if element.max is not None:
        text += f"，不大于{element.max}"
    return text


def _number_format(element: Element) -> str:
    if element.type == "decimal":
        return "0." + "0" * element.decimals if element.decimals else "0"
    return {"integer": "0", "date": "yyyy-mm-dd"}.get(element.type, "@")


def _stamp(book: Workbook, dataset: Dataset, catalogue: Catalogue, period: Period) -> dict[str, str]:
    """The hidden sheet that says what the template was made for, and holds the choices of drop-downs.

    Answers the range of choices for each code list.
    """
    stamp = book.add_worksheet(STAMP_SHEET)
    stamp.very_hidden()
    pairs = (
        ("dataset", dataset.code),
        ("period", str(period)),
        ("catalogue", definition_digest(dataset, catalogue)),
        ("template", "1"),
    )
    for row, (name, value) in enumerate(pairs):
        stamp.write_string(row, 0, name)
        stamp.write_string(row, 1, value)
        book.define_name(f"township_{name}", f"={STAMP_SHEET}!$B${row + 1}")
    ranges: dict[str, str] = {}
    for element in dataset.elements:
        codes = catalogue.codelists.get(element.codes) if element.codes is not None else None
        if codes is None or codes.code in ranges or not codes.codes:
            continue
        column = 3 + len(ranges)
        for row, code in enumerate(codes.codes):
            stamp.write_string(row, column, f"{code.code} {code.label}")
        letter = xlsxwriter.utility.xl_col_to_name(column)
        ranges[codes.code] = f"={STAMP_SHEET}!${letter}$1:${letter}${len(codes.codes)}"
    return ranges


def _sheet_name(dataset: Dataset) -> str:
    name = "".join(sign for sign in dataset.title if sign not in "[]:*?/\\'")[:31].strip()
    return name if name and name.casefold() != "history" else dataset.code[:31]
