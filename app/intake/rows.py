"""Walking over the rows of a table: which are records, totals, notes or blank, and where each record belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, TypeVar

import polars as pl

from app.catalogue.periods import Period
from app.intake.bulk_rows import PlainRows, plain_rows
from app.intake.column_rows import ColumnRows
from app.intake.columns import Column
from app.intake.figures import RowFigures, TableCells
from app.intake.grid import Cell, CellError, Grid, blank, shown_value
from app.intake.headings import HeadingBlock, Spans
from app.intake.period_words import EXAMPLES, period_of_day, period_of_parts, read_period
from app.intake.placing import Placing, RowPlace
from app.intake.records import InputRow, Place
from app.intake.region_lookup import FoundRegion, region_text
from app.intake.remarks import Remarks
from app.intake.roles import Role, is_note, is_total
from app.intake.row_list import PackedRun, RowList
from app.intake.spelling import folded

T = TypeVar("T")
_PERIOD_ROLES: tuple[Role, ...] = ("period", "year", "part")
_PLACING_ROLES: tuple[Role, ...] = ("code", "name", "above", *_PERIOD_ROLES)
_NAMING_ROLES: tuple[Role, ...] = ("code", "name", "above", "serial", "period", "year")


@dataclass(slots=True)
class TableRows:
    """What was read of one table (of one period, where the headings name several).

    ``passed_over`` has the sheet's row numbers by reason; ``data_rows`` the indices of rows that hold a record, good or bad.
    """

    rows: RowList = field(default_factory=RowList)
    passed_over: dict[str, list[int]] = field(default_factory=dict)
    refused: int = 0
    data_rows: list[int] = field(default_factory=list)

    def pass_over(self, why: str, row: int) -> None:
        """Counts a row that is no record."""
        self.passed_over.setdefault(why, []).append(row)


class _Naming(NamedTuple):
    """The cells by which rows name their place, of every row; and which of them are leading texts, periods and regions."""

    rows: Sequence[tuple[str | None, ...]]
    leading: tuple[int, ...]
    periods: tuple[int, ...]
    regions: tuple[int, ...]


class TableReader:
    """Reads the rows below one heading block. ``period`` and ``region_id`` stand for rows that name none."""

    def __init__(
        self,
        grid: Grid,
        spans: Spans,
        block: HeadingBlock,
        columns: Sequence[Column],
        placing: Placing,
        remarks: Remarks,
        *,
        epoch_1904: bool,
        period: Period | None,
        region_id: int | None,
    ) -> None:
        self._grid, self._block, self._columns = grid, block, columns
        self._placing, self._remarks, self._context = placing, remarks, placing.context
        self._period, self._region_id = period, region_id
        self._cells = TableCells(grid, spans, block)
        self._figures = RowFigures(self._cells, columns, placing.context, remarks, epoch_1904=epoch_1904)
        self._by_role: dict[Role, Column] = {
            column.role: column for column in columns if column.role is not None and column.role != "above"
        }
        self._above = [column for column in columns if column.role == "above"]
        self._leading = [
            column.index
            for column in columns
            if column.element is None and (column.role in _NAMING_ROLES or column.index < self._figures.first)
        ]
        self._headings = {column.index: {folded(part) for part in column.heading.path} for column in columns}
        self._event_column = self._date_of_event()
        self._regions: dict[tuple[str, str, date, tuple[str, ...]], FoundRegion] = {}
        self._in_notes = False
        self._naming: _Naming | None = None
        self._totals: dict[str, bool] = {}
        self._editions: dict[Period, int] = {}
        self._plain_periods: dict[tuple[str | None, ...], Period | None] = {}
        self._plain_regions: dict[tuple[int | str | None, ...], FoundRegion | None] = {}
        self._places: dict[tuple[str | None, ...], tuple[int, Period] | None] = {}

    def read(self) -> TableRows:
        """Every row below the headings, each counted as a record, refused, or passed over."""
        table = TableRows()
        first = self._block.last + 1
        dataset = self._context.dataset
        bulk = None
        if self._event_column is None:
            bulk = plain_rows(self._grid, self._figures.figures, first, dataset.key, dataset.by_code)
        for index in range(first, len(self._grid.rows)):
            if bulk is None or not bulk.plain[index] or not self._packed(index, bulk, table):
                self._row(index, table)
        return table

    def _packed(self, index: int, bulk: PlainRows, table: TableRows) -> bool:
        """Takes a plain row as it is; False where its region, its period or its place need a careful look."""
        if self._naming is None:
            self._naming = self._naming_cells()
        cells = self._naming.rows[index]
        if cells not in self._places:
            self._places[cells] = self._plain_place(index, cells, self._naming)
        placed = self._places[cells]
        if placed is None:
            return False
        region_id, period = placed
        key = bulk.keys[index] if bulk.keys is not None else ()
        if not self._placing.takes(
            (region_id, period.ordinal, key), f"“{self._grid.name}”第{self._grid.top + index}行"
        ):
            return False
        table.data_rows.append(index)

        def run() -> PackedRun:
            return PackedRun(bulk.table, self._grid.name, self._grid.top, bulk.keys)

        table.rows.take(run, bulk.table, index, region_id, period)
        return True

    def _naming_cells(self) -> _Naming:
        rows = self._grid.rows
        frame = rows.frame if isinstance(rows, ColumnRows) else pl.DataFrame()
        kinds = rows.kinds if isinstance(rows, ColumnRows) else ()
        placing = [c for c in (*self._by_role.values(), *self._above) if c.role in _PLACING_ROLES]
        texts = [at for at in self._leading if at < frame.width and kinds[at] == "text"]
        columns = sorted({*(c.index for c in placing if c.index < frame.width), *texts})

        def positions(wanted: Iterable[int]) -> tuple[int, ...]:
            return tuple(columns.index(at) for at in sorted(set(wanted)) if at in columns)

        return _Naming(
            frame.select(pl.nth(*columns)).rows() if columns else [()] * len(rows),
            positions(texts),
            positions(c.index for c in placing if c.role in _PERIOD_ROLES),
            positions(c.index for c in placing if c.role not in _PERIOD_ROLES),
        )

    def _plain_place(self, index: int, cells: tuple[str | None, ...], naming: _Naming) -> tuple[int, Period] | None:
        """The region and period of a row and of all that name them alike; None where there is anything to say about it.

        The row has a number, so that it is data unless it calls itself a total. Within one edition of the regions a name
        means the same region on every day.
        """
        if any(self._says_total(text) for at in naming.leading if (text := cells[at])):
            return None
        named = tuple([cells[at] for at in naming.periods])
        if named not in self._plain_periods:
            self._plain_periods[named] = self._silently(lambda place: self._row_period(index, place), index)
        period = self._plain_periods[named]
        if period is None:
            return None
        regions = self._context.regions
        edition = self._editions.get(period)
        if edition is None:
            edition = self._editions[period] = regions.edition(period.end)
        whose = (edition, *[cells[at] for at in naming.regions])
        if whose not in self._plain_regions:
            self._plain_regions[whose] = self._silently(lambda place: self._row_region(index, period, place), index)
        found = self._plain_regions[whose]
        if found is None or found.region_id is None or found.coarser:
            return None
        region_id = found.region_id
        fits = self._placing.fits_region(region_id, period, RowPlace(None), Remarks(self._grid.name))
        return (region_id, period) if fits else None

    def _says_total(self, text: str) -> bool:
        known = self._totals.get(text)
        if known is None:
            known = self._totals[text] = bool(text.strip()) and is_total(text)
        return known

    def _silently(self, look: Callable[[RowPlace], T | None], index: int) -> T | None:
        """What is found where nothing is to be said of it; else None, and nothing is said yet."""
        remarks, self._remarks = self._remarks, Remarks(self._grid.name)
        try:
            found = look(self._row_place(index, self._grid.top + index))
            return found if not self._remarks.findings else None
        finally:
            self._remarks = remarks

    # -- one row ---------------------------------------------------------------------------------------------------
    def _row(self, index: int, table: TableRows) -> None:
        cells = self._grid.rows[index]
        number = self._grid.top + index
        why = self._not_data(cells)
        if why is None and not self._figures.any_given(index, cells):
            why = "empty"
        if why is not None:
            table.pass_over(why, number)
            return
        place = self._row_place(index, number)
        period = self._row_period(index, place)
        found = self._row_region(index, period, place)
        if found is not None and found.coarser:
            table.pass_over("parent", number)
            return
        table.data_rows.append(index)
        values, names, faulty = self._figures.values(index, cells)
        key, key_place = self._figures.key(index, place)
        region_id = found.region_id if found is not None else None
        if region_id is None or period is None or key is None:
            table.refused += 1
            return
        if not self._placing.fits_region(region_id, period, place, self._remarks) or not self._placing.is_first(
            (region_id, period.ordinal, key), key_place, self._remarks, f"“{self._grid.name}”第{number}行"
        ):
            table.refused += 1
            return
        place_of_values = Place(self._grid.name, number, names)
        table.rows.append(InputRow(region_id, period, key, values, place_of_values, frozenset(faulty)))

    def _not_data(self, cells: Sequence[Cell]) -> str | None:
        """Why a row is no record: blank, a total, a note, a heading repeated on the next page; None if it may be one."""
        first = next((cell for cell in cells if not blank(cell)), None)
        if first is None:
            return "blank"
        width = len(cells)
        for at in self._leading:
            cell = cells[at] if at < width else None
            if isinstance(cell, str) and cell.strip() and is_total(cell):
                return "total"
        if not isinstance(first, str) or not all(cell is None or isinstance(cell, str) for cell in cells):
            return None
        if is_note(first) and not self._is_region(first):
            self._in_notes = True
            return "note"
        filled = [(at, cell) for at, cell in enumerate(cells) if isinstance(cell, str) and cell.strip()]
        if len(filled) == 1:
            return "note" if self._in_notes else None
        if all(folded(text) in self._headings.get(at, ()) for at, text in filled):
            return "heading"
        counting = folded(first) in ("甲", "栏次", "a") and all(len(folded(text)) <= 2 for _, text in filled)
        return "heading" if counting else None

    def _is_region(self, text: str) -> bool:
        return self._placing.lookup.find("", text, self._context.today).region_id is not None

    def _row_place(self, index: int, number: int) -> RowPlace:
        regions = [column for role in ("code", "name") if (column := self._by_role.get(role)) is not None]
        given = [column for column in regions if not blank(self._cells.shown(index, column.index))]
        roles: tuple[Role, ...] = ("period", "part", "year")
        period = next((column for role in roles if (column := self._by_role.get(role)) is not None), self._event_column)
        return RowPlace(
            row=number,
            region_columns=tuple(column.number for column in given or regions[:1]),
            period_column=period.number if period is not None else None,
            value=shown_value(self._cells.shown(index, given[0].index)) if given else None,
        )

    # -- the region ------------------------------------------------------------------------------------------------
    def _row_region(self, index: int, period: Period | None, place: RowPlace) -> FoundRegion | None:
        code = self._role_text(index, "code")
        name = self._role_text(index, "name")
        if not code and not name:
            if "code" not in self._by_role and "name" not in self._by_role:
                return FoundRegion(self._region_id) if self._region_id is not None else None
            self._remarks.add(
                "missing_region",
                "该行没有填写区划代码或名称",
                "The row gives neither a region code nor a name",
                row=place.row,
                column=place.region_columns[0],
                accepted="区划代码（如 430682001）或名称",
            )
            return None
        on = period.end if period is not None else self._context.today
        above = tuple(text for column in self._above if (text := region_text(self._cells.shown(index, column.index))))
        key = (code, name, on, above)
        found = self._regions.get(key)
        if found is None:
            found = self._regions[key] = self._placing.lookup.find(code, name, on, above)
        for fault in found.faults:
            column = self._by_role.get(fault.which) or self._by_role.get("code") or self._by_role.get("name")
            self._remarks.add(
                fault.code,
                fault.message,
                fault.message_en,
                row=place.row,
                column=column.number if column is not None else None,
                value=shown_value(self._cells.shown(index, column.index)) if column is not None else None,
                accepted=fault.accepted,
            )
        return found

    def _role_text(self, index: int, role: Role) -> str:
        column = self._by_role.get(role)
        return "" if column is None else region_text(self._cells.shown(index, column.index))

    # -- the period ------------------------------------------------------------------------------------------------
    def _date_of_event(self) -> Column | None:
        """Of events without a period column, the date element that says when: the period is that day."""
        if self._context.dataset.frequency != "event" or "period" in self._by_role:
            return None
        days = [column for column in self._columns if column.element is not None and column.element.type == "date"]
        happened = [column for column in days if "发生" in column.heading.text]
        return happened[0] if happened else (days[0] if len(days) == 1 else None)

    def _row_period(self, index: int, place: RowPlace) -> Period | None:
        frequency = self._context.dataset.frequency
        if frequency == "once":
            return self._period
        parts: dict[str, Cell] = {
            role: self._cells.shown(index, column.index)
            for role in _PERIOD_ROLES
            if (column := self._by_role.get(role)) is not None
        }
        if self._event_column is not None:
            parts["period"] = self._cells.shown(index, self._event_column.index)
        given = {role: cell for role, cell in parts.items() if not blank(cell)}
        if not given:
            if self._period is None and parts:
                self._remarks.add(
                    "missing_period",
                    "该行没有填写期间",
                    "The row gives no period",
                    row=place.row,
                    column=place.period_column,
                    accepted=EXAMPLES[frequency],
                )
            return self._period
        period = self._read_period(given)
        if period is None:
            text = " ".join(shown_value(cell) or "" for cell in given.values())
            self._remarks.add(
                "bad_period",
                f"“{text}”不是期间",
                f"{text!r} is not a period",
                row=place.row,
                column=place.period_column,
                value=text,
                accepted=EXAMPLES[frequency],
            )
            return None
        if self._period is not None and period.frequency == "year" != frequency and self._period.within(period):
            return self._period  # the year beside a request for one of its months
        return period if self._placing.fits_period(period, place, self._remarks) else None

    def _read_period(self, given: dict[str, Cell]) -> Period | None:
        frequency = self._context.dataset.frequency
        if "year" in given and "part" in given:
            return period_of_parts(region_text(given["year"]), region_text(given["part"]), frequency)
        cell = next(iter(given.values()))
        if isinstance(cell, date):
            return period_of_day(cell, frequency)
        if isinstance(cell, CellError | bool):
            return None
        text = region_text(cell)
        period = read_period(text)
        if period is None and "part" in given and self._period is not None:
            return period_of_parts(str(self._period.year), text, frequency)
        return period
