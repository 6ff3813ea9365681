"""From a workbook to records: which sheets hold a table, what its columns are, and every row of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.catalogue.periods import Period
from app.errors import Finding
from app.intake.column_contents import by_contents
from app.intake.columns import Column, resolve_columns
from app.intake.element_names import ElementNames
from app.intake.forms import Form, find_form, read_form
from app.intake.grid import Grid, Workbook, blank, shown_value
from app.intake.headings import HeadingBlock, Spans, cell_at, find_headings
from app.intake.period_words import EXAMPLES, years_named
from app.intake.placing import Placing, RowPlace
from app.intake.records import Context, Reading
from app.intake.region_lookup import RegionLookup
from app.intake.remarks import Remarks
from app.intake.roles import roles_of
from app.intake.row_list import RowList
from app.intake.rows import TableReader, TableRows
from app.intake.spelling import undecorated

_PASSED_OVER: dict[str, tuple[str, str]] = {
    "total": ("合计行", "totals"),
    "parent": ("上级区划的汇总行", "sums of a region above"),
    "note": ("说明或签署行", "notes and lines for signatures"),
    "heading": ("重复的表头行", "headings repeated"),
    "empty": ("没有填写任何数据的行", "rows without any figure"),
}
_CAPTION_REGION = re.compile(
    r"(?:填报|报送|填表)?(?:单位|乡镇|街道|地区|区划|乡镇\(街道\)|乡镇（街道）|村|社区)(?:名称)?(?:[(（](?:盖章|公章|签章)[)）])?[:：](.{2,40})"
)
_DAY_CAPTION = re.compile(r"日期[:：]")
_LISTED_ROWS = 10


@dataclass(slots=True)
class _Sheet:
    """One sheet on its way: either a table of records or a form with one indicator a row."""

    grid: Grid
    spans: Spans
    remarks: Remarks
    block: HeadingBlock | None = None
    columns: list[Column] = field(default_factory=list)
    form: Form | None = None
    region_id: int | None = None

    @property
    def above(self) -> Sequence[str]:
        return self.block.above if self.block is not None else (self.form.above if self.form is not None else ())

    @property
    def has_regions(self) -> bool:
        """Whether its rows (or, of a form, its columns) say or are given a region."""
        if self.region_id is not None:
            return True
        if self.form is not None:
            return any(column.region_id is not None for column in self.form.values)
        return any(column.role in ("code", "name") for column in self.columns)


def read_workbook_rows(workbook: Workbook, context: Context) -> Reading:
    """Every record of a workbook, and every fault with its place.

    Sheets without a recognisable table are passed over and said so. Rows that cannot be placed (no region, no period) are
    refused, with findings; nothing is dropped in silence.
    """
    names = ElementNames(context.dataset, context.catalogue)
    general = Remarks(None)
    context = _as_stamped(workbook, context, general)
    placing = Placing(context, RegionLookup(context))
    for name in workbook.hidden_sheets:
        general.add(
            "hidden_sheet", f"隐藏的工作表“{name}”未读取", f"The hidden sheet {name!r} was not read", value=name
        )
    sheets = [_recognised(grid, names, placing) for grid in workbook.grids]
    tables = [sheet for sheet in sheets if sheet.columns or sheet.form is not None]
    chosen = [sheet for sheet in tables if sheet.has_regions] or tables[:1]
    if not chosen:
        general.add(
            "no_table",
            f"没有找到可识别的表格：表头中没有“{context.dataset.title}”的任何数据项",
            f"No table was recognised: no heading names an element of {context.dataset.code}",
            accepted="、".join(element.title for element in context.dataset.elements[:10]),
        )
        return Reading((), general.findings)
    rows = RowList()
    findings: list[Finding] = []
    passed_over = refused = 0
    for sheet in sheets:
        if sheet not in chosen:
            sheet.remarks = Remarks(sheet.grid.name)
            if sheet.grid.rows:
                sheet.remarks.add(
                    "sheet_passed_over",
                    f"工作表“{sheet.grid.name}”没有可识别的表格，已跳过",
                    f"The sheet {sheet.grid.name!r} has no recognisable table and was passed over",
                )
        else:
            read = _read(sheet, names, placing, epoch_1904=workbook.epoch_1904)
            rows.extend(read.rows)
            refused += read.refused
            passed_over += sum(len(numbers) for numbers in read.passed_over.values())
            _say_what_was_passed_over(read, sheet)
            _say_what_was_hidden(read, sheet)
        findings += sheet.remarks.findings
    return Reading(rows, [*general.findings, *findings], passed_over, refused)


def elements_named(workbook: Workbook, context: Context) -> frozenset[str]:
    """The elements that the headings of a workbook's tables name, whatever stands below them."""
    names = ElementNames(context.dataset, context.catalogue)
    placing = Placing(context, RegionLookup(context))
    sheets = [_recognised(grid, names, placing) for grid in workbook.grids]
    return frozenset(column.element.code for sheet in sheets for column in sheet.columns if column.element is not None)


def _as_stamped(workbook: Workbook, context: Context, remarks: Remarks) -> Context:
    """The context with the period that the template was made for, where the request gives none."""
    stamp = workbook.stamp
    if stamp.get("dataset", context.dataset.code) != context.dataset.code:
        remarks.add(
            "other_dataset",
            f"这是数据集“{stamp['dataset']}”的模板，提交的却是“{context.dataset.code}”",
            f"This is the template of {stamp['dataset']!r}, not of {context.dataset.code!r}",
            value=stamp["dataset"],
            accepted=context.dataset.code,
        )
    try:
        stamped = Period.parse(stamp["period"], context.dataset.frequency) if stamp.get("period") else None
    except ValueError:
        stamped = None
    if stamped is not None and context.period is None:
        return replace(context, period=stamped)
    if stamped is not None and stamped != context.period:
        remarks.add(
            "period_in_title",
            f"模板是为{stamped}生成的，提交的期间是{context.period}，请核对",
            f"The template was made for {stamped}, but {context.period} is being submitted; please check",
            value=str(stamped),
        )
    return context


def _recognised(grid: Grid, names: ElementNames, placing: Placing) -> _Sheet:
    context = placing.context
    spans = Spans(grid)
    sheet = _Sheet(grid, spans, Remarks(grid.name), region_id=placing.own_region())
    if not grid.rows:
        return sheet

    def weigh(text: str) -> int:
        if names.named(text)[0]:
            return 2
        return 1 if roles_of(text, context.dataset.frequency) or undecorated(text) in context.roles else 0

    sheet.form = find_form(grid, spans, names, placing)
    if sheet.form is None:
        sheet.block = find_headings(grid, spans, weigh, names.is_unit)
        if sheet.block is not None:
            columns = resolve_columns(sheet.block, names, context, sheet.remarks)
            columns = by_contents(columns, sheet.block, grid, names, placing)
            if any(column.element is not None or column.role == "faulty" for column in columns):
                sheet.columns = columns
    if sheet.region_id is None and (
        sheet.form is not None or not any(c.role in ("code", "name") for c in sheet.columns)
    ):
        sheet.region_id = _region_of_caption(sheet.above, placing)
    return sheet


def _region_of_caption(above: Sequence[str], placing: Placing) -> int | None:
    """The region that a line over the table names: «填报单位：长安街道»; None unless it is of the dataset's level."""
    on = placing.context.period.end if placing.context.period is not None else placing.context.today
    for text in above:
        match = _CAPTION_REGION.search(text)
        if match is not None:
            found = placing.lookup.find("", re.split(r"\s{2,}|[（(]盖章", match[1].strip())[0], on)
            if found.region_id is not None and not found.coarser:
                return found.region_id
    return None


def _read(sheet: _Sheet, names: ElementNames, placing: Placing, *, epoch_1904: bool) -> TableRows:
    _check_title(sheet, placing)
    period = placing.own_period()
    heading_row = sheet.grid.top + (
        sheet.block.last if sheet.block is not None else sheet.form.heading if sheet.form else 0
    )
    if not sheet.has_regions:
        sheet.remarks.add(
            "missing_region_column",
            "没有区划列（行政区划代码或乡镇名称），提交时也没有给出区划",
            "No column names the region, and the request does not name one",
            row=heading_row,
            accepted="加一列“行政区划代码”或“乡镇（街道）”，或在提交时给出 region",
        )
    if sheet.form is not None:
        return read_form(
            sheet.form,
            sheet.grid,
            sheet.spans,
            names,
            placing,
            sheet.remarks,
            period,
            sheet.region_id,
            epoch_1904=epoch_1904,
        )
    if period is None and not _names_periods(sheet, placing):
        years = sorted({year for text in sheet.above for year in years_named(text)})
        hint = f"；标题中写有{years[0]}年" if len(years) == 1 else ""
        sheet.remarks.add(
            "missing_period",
            f"没有期间：提交时没有给出，表中也没有期间列{hint}",
            "The period is nowhere given: neither in the request nor in a column",
            row=heading_row,
            accepted=f"提交时给出 period，如 {EXAMPLES[placing.context.dataset.frequency]}",
        )
    block = sheet.block
    if block is None:
        return TableRows()
    tables = [
        TableReader(
            sheet.grid, sheet.spans, block, columns, placing, sheet.remarks,
            epoch_1904=epoch_1904, period=own or period, region_id=sheet.region_id,
        ).read()
        for own, columns in _by_period(sheet, placing)
    ]  # fmt: skip
    read = tables[0] if tables else TableRows()
    for other in tables[1:]:
        read.rows.extend(other.rows)
        read.refused += other.refused
        read.data_rows += other.data_rows
    _name_unknown_columns(sheet, read, names)
    return read


def _names_periods(sheet: _Sheet, placing: Placing) -> bool:
    event = placing.context.dataset.frequency == "event"
    return any(
        column.role in ("period", "year", "part")
        or column.period is not None
        or (event and column.element is not None and column.element.type == "date")
        for column in sheet.columns
    )


def _by_period(sheet: _Sheet, placing: Placing) -> list[tuple[Period | None, list[Column]]]:
    """The columns of each period that the headings name (2024年 | 2025年); mostly there is one group, of no period."""
    about_row = [column for column in sheet.columns if column.element is None]
    groups: dict[Period | None, list[Column]] = {}
    for column in sheet.columns:
        if column.element is None:
            continue
        period = column.period
        asked = placing.context.period
        if period is not None and asked is not None and period.frequency != asked.frequency and asked.within(period):
            period = None  # 2025年 over the columns of a month of that year
        if period is not None:
            place = RowPlace(column.heading.row, period_column=column.number)
            if not placing.fits_period(period, place, sheet.remarks):
                continue
        groups.setdefault(period, []).append(column)
    return [(period, [*about_row, *columns]) for period, columns in groups.items()]


def _check_title(sheet: _Sheet, placing: Placing) -> None:
    period = placing.context.period
    if period is None or period.frequency == "once":
        return
    years = {year for text in sheet.above if not _DAY_CAPTION.search(text) for year in years_named(text)}
    if len(years) == 1 and period.year not in years:
        sheet.remarks.add(
            "period_in_title",
            f"标题写的是{next(iter(years))}年，提交的期间是{period}，请核对",
            f"The title names {next(iter(years))}, but {period} is being submitted; please check",
            value=str(next(iter(years))),
            accepted=str(period),
        )


def _name_unknown_columns(sheet: _Sheet, read: TableRows, names: ElementNames) -> None:
    for column in sheet.columns:
        if column.role is not None or column.element is not None:
            continue
        filled = next((i for i in sorted(read.data_rows) if not blank(cell_at(sheet.grid, i, column.index))), None)
        heading = column.heading.text
        if filled is None:
            if heading:
                sheet.remarks.add(
                    "empty_column",
                    f"不认识的列“{heading}”没有数据，已跳过",
                    f"The unknown column {heading!r} is empty and was passed over",
                    row=column.heading.row,
                    column=column.number,
                    value=heading,
                )
            continue
        near = (
            "、".join(f"{element.title}（{element.code}）" for element in names.near(column.heading.path[-1]))
            if heading
            else ""
        )
        cell = f"{shown_value(cell_at(sheet.grid, filled, column.index))}"
        sheet.remarks.add(
            "unknown_column",
            f"不认识的列“{heading}”，其下有数据（第{sheet.grid.top + filled}行：{cell}）"
            if heading
            else f"该列没有表头，其下有数据（第{sheet.grid.top + filled}行：{cell}）",
            f"The column {heading!r} is not known, and there is data below it (row {sheet.grid.top + filled})",
            row=column.heading.row,
            column=column.number,
            value=heading or None,
            accepted=f"是否为：{near}" if near else "数据项的名称、别名或代码；不属于本表的列请删除",
        )


def _say_what_was_passed_over(read: TableRows, sheet: _Sheet) -> None:
    for why, numbers in read.passed_over.items():
        words = _PASSED_OVER.get(why)
        if words is None:
            continue
        sheet.remarks.add(
            "row_passed_over",
            f"{words[0]}已跳过：第{_listed(numbers)}行",
            f"Passed over ({words[1]}): row {_listed(numbers)}",
            row=numbers[0],
        )


def _say_what_was_hidden(read: TableRows, sheet: _Sheet) -> None:
    hidden = sorted({i + sheet.grid.top for i in read.data_rows} & sheet.grid.hidden_rows)
    for number in hidden[:_LISTED_ROWS]:
        sheet.remarks.add(
            "hidden_row",
            f"第{number}行是隐藏的行，也已读取" + (f"（共{len(hidden)}行隐藏）" if len(hidden) > _LISTED_ROWS else ""),
            f"Row {number} is hidden; it was read as well",
            row=number,
        )


def _listed(numbers: Sequence[int]) -> str:
    listed = "、".join(map(str, numbers[:_LISTED_ROWS]))
    return listed if len(numbers) <= _LISTED_ROWS else f"{listed}…（共{len(numbers)}行）"
