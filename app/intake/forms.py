"""Forms that go down instead of across: one indicator a row (指标名称 / 计量单位 / 数量), one record a value column."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue.model import Element
from app.catalogue.periods import Period
from app.catalogue.units import UnitMismatch
from app.catalogue.values import Reported
from app.intake.cells import CellReader
from app.intake.columns import caption_units
from app.intake.element_names import ElementNames
from app.intake.grid import Grid, blank, column_letter, shown_value
from app.intake.headings import SEARCHED_ROWS, Spans, cell_at, text_at
from app.intake.key_text import key_text
from app.intake.period_words import EXAMPLES, read_period
from app.intake.placing import Placing, RowPlace
from app.intake.quantities import CellFault
from app.intake.records import InputRow, Place
from app.intake.remarks import Remarks
from app.intake.roles import is_column_number, is_note, is_total, roles_of
from app.intake.rows import TableRows
from app.intake.spelling import folded, is_among


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """One column of figures of a form: of a region or a period that its heading names, or of those asked for."""

    index: int
    region_id: int | None = None
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """Where a form has what. ``heading`` is an index of the grid's rows, the columns are indices too."""

    heading: int
    indicator: int
    unit: int | None
    values: tuple[ValueColumn, ...]
    unknown: tuple[int, ...]
    above: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """One indicator of a form, with the unit its row gives."""

    index: int
    element: Element
    unit: str | None


def find_form(grid: Grid, spans: Spans, names: ElementNames, placing: Placing) -> Form | None:
    """The form that a sheet holds: a row of headings with a word such as 指标名称 over a column of element names."""
    frequency = placing.context.dataset.frequency
    for index, row in enumerate(grid.rows[:SEARCHED_ROWS]):
        for column, cell in enumerate(row):
            if not isinstance(cell, str) or "indicator" not in roles_of(cell, frequency) or names.named(cell)[0]:
                continue
            below = [text_at(grid, spans, at, column) for at in range(index + 1, len(grid.rows))]
            known = sum(1 for text in below if text and names.named(text)[0])
            across = sum(1 for other in row if isinstance(other, str) and names.named(other)[0])
            if known > across:
                return _form(grid, spans, index, column, placing)
    return None


def _form(grid: Grid, spans: Spans, heading: int, indicator: int, placing: Placing) -> Form | None:
    on = placing.context.period.end if placing.context.period is not None else placing.context.today
    unit: int | None = None
    values: list[ValueColumn] = []
    unknown: list[int] = []
    for column in range(len(grid.rows[heading])):
        text = text_at(grid, spans, heading, column)
        roles = roles_of(text, placing.context.dataset.frequency) if text else frozenset()
        if column == indicator or not text:
            continue
        if "unit" in roles and unit is None:
            unit = column
        elif (period := read_period(text)) is not None:
            values.append(ValueColumn(column, period=period))
        elif "value" in roles:
            values.append(ValueColumn(column))
        elif not roles & {"serial", "remark", "code", "unit"}:
            found = placing.lookup.find("", text, on)
            if found.region_id is not None and not found.coarser:
                values.append(ValueColumn(column, region_id=found.region_id))
            elif found.region_id is None:
                unknown.append(column)
    if any(column.region_id is not None or column.period is not None for column in values):
        # Beside columns of regions or periods, 合计 is their total and no record of its own.
        values = [column for column in values if not is_total(text_at(grid, spans, heading, column.index))]
    if not values:
        return None
    above = tuple(
        (shown_value(cell) or "").strip()
        for row in grid.rows[:heading]
        for cell in row
        if isinstance(cell, str) and cell.strip()
    )
    return Form(heading, indicator, unit, tuple(values), tuple(unknown), above)


def read_form(
    form: Form,
    grid: Grid,
    spans: Spans,
    names: ElementNames,
    placing: Placing,
    remarks: Remarks,
    period: Period | None,
    region_id: int | None,
    *,
    epoch_1904: bool,
) -> TableRows:
    """The records of a form, one for each value column that has anything in it."""
    table = TableRows()
    lines = _lines(form, grid, spans, names, placing, remarks, table)
    _name_unknown(form, grid, remarks, table, spans)
    readers = {
        line.index: CellReader(
            line.element, placing.context.catalogue, line.unit, sheet=grid.name, epoch_1904=epoch_1904
        )
        for line in lines
    }
    for column in form.values:
        number = grid.left + column.index
        if all(blank(cell_at(grid, line.index, column.index)) for line in lines):
            table.pass_over("empty", grid.top + form.heading)
            continue
        values: dict[str, Reported] = {}
        places: dict[str, str] = {}
        faulty: set[str] = set()
        key: dict[str, str | None] = {}
        for line in lines:
            cell = cell_at(grid, line.index, column.index)
            row, code = grid.top + line.index, line.element.code
            places[code] = f"{column_letter(number)}{row}"
            read = readers[line.index].read(cell, places[code], percent=(row, number) in grid.percent)
            if isinstance(read, CellFault):
                faulty.add(code)
                remarks.add(
                    read.code, read.message, read.message_en,
                    row=row, column=number, element=code, value=shown_value(cell), accepted=read.accepted,
                )  # fmt: skip
            elif code in placing.context.dataset.key:
                key[code] = key_text(read)
            else:
                values[code] = read
        own = _placed(form, grid, column, key, placing, remarks, period, region_id)
        if own is None:
            table.refused += 1
            continue
        table.rows.append(InputRow(*own, values, Place(grid.name, grid.top + form.heading, places), frozenset(faulty)))
    return table


def _placed(
    form: Form,
    grid: Grid,
    column: ValueColumn,
    key: dict[str, str | None],
    placing: Placing,
    remarks: Remarks,
    period: Period | None,
    region_id: int | None,
) -> tuple[int, Period, tuple[str, ...]] | None:
    number, row = grid.left + column.index, grid.top + form.heading
    place = RowPlace(row, (number,), number, number, shown_value(cell_at(grid, form.heading, column.index)))
    own_period = column.period or period
    own_region = column.region_id if column.region_id is not None else region_id
    if own_period is None:
        remarks.add(
            "missing_period",
            "没有期间：提交时没有给出，表头中也没有",
            "The period is nowhere given",
            row=row,
            accepted=f"提交时给出 period，如 {EXAMPLES[placing.context.dataset.frequency]}",
        )
    texts = [key.get(code) for code in placing.context.dataset.key]
    for code, text in zip(placing.context.dataset.key, texts, strict=True):
        if text is None:
            remarks.add(
                "missing_key",
                f"缺少关键项 {code}",
                f"The key element {code} is missing",
                row=row,
                column=number,
                element=code,
            )
    if own_period is None or own_region is None or None in texts:
        return None
    if column.period is not None and not placing.fits_period(column.period, place, remarks):
        return None
    if not placing.fits_region(own_region, own_period, place, remarks):
        return None
    own_key = tuple(text for text in texts if text is not None)
    where = f"“{grid.name}”{column_letter(number)}列"
    if not placing.is_first((own_region, own_period.ordinal, own_key), place, remarks, where):
        return None
    return own_region, own_period, own_key


def _lines(
    form: Form, grid: Grid, spans: Spans, names: ElementNames, placing: Placing, remarks: Remarks, table: TableRows
) -> list[_Line]:
    """Every indicator row that names an element; the others are passed over where they have no figure, else at fault."""
    context = placing.context
    captions = caption_units(form.above, names)
    lines: list[_Line] = []
    parent: str | None = None
    seen: dict[str, int] = {}
    for index in range(form.heading + 1, len(grid.rows)):
        row, number = grid.top + index, grid.left + form.indicator
        text = text_at(grid, spans, index, form.indicator)
        raw = cell_at(grid, index, form.indicator)
        filled = any(not blank(cell_at(grid, index, column.index)) for column in form.values)
        if not text and not filled:
            texts = [shown_value(cell) or "" for cell in grid.rows[index] if not blank(cell)]
            table.pass_over("note" if texts else "blank", row)
            continue
        indented = isinstance(raw, str) and raw[:1] in (" ", "\u3000", "\t")
        child = is_among(text) or indented
        resolved = names.resolve([parent, text] if child and parent is not None else [text]) if text else None
        if not child:
            parent = text
        if resolved is None or len(resolved.codes) > 1:
            if all(is_column_number(shown_value(cell) or "") for cell in grid.rows[index] if not blank(cell)):
                table.pass_over("heading", row)
                continue
            if not filled or (is_note(text) and not names.named(text)[0]):
                table.pass_over("note", row)
                continue
            remarks.add(
                "unknown_element" if resolved is None else "ambiguous_column",
                f"不认识的指标“{text}”，其后有数据" if resolved is None else f"指标“{text}”可指多个数据项",
                f"The indicator {text!r} is not known, and there is data beside it",
                row=row,
                column=number,
                value=text or None,
                accepted="、".join(f"{e.title}（{e.code}）" for e in names.near(text)) or None,
            )
            continue
        element = context.dataset.by_code[next(iter(resolved.codes))]
        if element.code in seen:
            remarks.add(
                "duplicate_column", f"“{element.title}”已在第{seen[element.code]}行填写",
                f"{element.code} is given before, in row {seen[element.code]}",
                row=row, column=number, element=element.code, value=text,
            )  # fmt: skip
            continue
        seen[element.code] = row
        unit, fault = _unit_of_line(form, grid, index, element, resolved.notes, captions, names, placing, remarks)
        if not fault:
            table.data_rows.append(index)
            lines.append(_Line(index, element, unit))
    return lines


def _unit_of_line(
    form: Form,
    grid: Grid,
    index: int,
    element: Element,
    notes: tuple[str, ...],
    captions: tuple[str, ...],
    names: ElementNames,
    placing: Placing,
    remarks: Remarks,
) -> tuple[str | None, bool]:
    """The unit of one indicator's figures, and whether it is at fault: its own cell first, then brackets, then captions."""
    if not element.numeric:
        return None, False
    given = shown_value(cell_at(grid, index, form.unit)) if form.unit is not None else None
    column = form.unit if given and form.unit is not None else form.indicator
    text = folded(given).strip("()") if given else ""
    if text in ("", "-", "/", "--"):
        text = next((note for note in notes if names.is_unit(note)), "")
    units = placing.context.catalogue.units
    if text:
        problem = None
        text = names.unit(text) or text
        if not names.is_unit(text):
            problem = ("unknown_unit", f"不认识的计量单位“{given or text}”", f"The unit {given or text!r} is not known")
        elif element.unit is None:
            problem = ("unit_mismatch", f"{element.title}没有计量单位", f"{element.code} has no unit")
        else:
            try:
                units.factor(text, element.unit)
            except UnitMismatch:
                problem = (
                    "unit_mismatch",
                    f"计量单位“{given or text}”不能换算为{element.unit}",
                    f"{given or text} does not convert into {element.unit}",
                )
        if problem is None:
            return text, False
        remarks.add(
            *problem,
            row=grid.top + index,
            column=grid.left + column,
            element=element.code,
            value=given or text,
            accepted=element.unit,
        )
        return None, True
    if element.unit is not None:
        own = units.get(element.unit)
        fitting = {
            c for c in captions if own is not None and (unit := units.get(c)) and unit.dimension == own.dimension
        }
        if len(fitting) == 1:
            return fitting.pop(), False
    return None, False


def _name_unknown(form: Form, grid: Grid, remarks: Remarks, table: TableRows, spans: Spans) -> None:
    for column in form.unknown:
        text = text_at(grid, spans, form.heading, column)
        filled = any(not blank(cell_at(grid, index, column)) for index in table.data_rows)
        remarks.add(
            "unknown_column" if filled else "empty_column",
            f"不认识的列“{text}”，其下有数据" if filled else f"不认识的列“{text}”没有数据，已跳过",
            f"The column {text!r} is not known"
            + (", and there is data below it" if filled else " and was passed over"),
            row=grid.top + form.heading,
            column=grid.left + column,
            value=text,
        )
