"""The rows of a large sheet judged a column at a time.

What is found here is only that a row is *plain*: every figure is a number that its element takes as it stands, every other cell
is read without a fault, nothing required is blank. A plain row is packed; any other goes the careful way of one row, so that
findings, their places and their order are the same for a sheet of ten rows and of a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from app.catalogue.model import Element
from app.catalogue.values import Reported
from app.intake.cells import SPREADSHEET_DIGITS, CellReader
from app.intake.column_rows import ColumnRows
from app.intake.figures import Figure
from app.intake.grid import Grid, exact
from app.intake.key_text import key_text
from app.intake.packed import Contents, PackedColumn, PackedTable, packed_content
from app.intake.quantities import CellFault

_WHOLE = r"^(?:0|-?[1-9][0-9]{0,14})$"
_DECIMAL = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?$"
_SMALLEST = 0.0001
_LARGEST = 1e15
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class PlainRows:
    """The rows that are plain, by index, packed; ``keys`` has the values of the key elements of each row."""

    table: PackedTable
    plain: Sequence[bool]
    keys: Sequence[tuple[str, ...]] | None


def plain_rows(
    grid: Grid, figures: Sequence[Figure], first: int, key: Sequence[str], elements: Mapping[str, Element]
) -> PlainRows | None:
    """The plain rows from index ``first`` on; None where the sheet is not kept by column, or nothing of it can be plain."""
    rows = grid.rows
    if (
        not isinstance(rows, ColumnRows)
        or grid.percent
        or any(span.last_row >= grid.top + first for span in grid.merged)
    ):
        return None
    if any(figure.position >= len(rows.kinds) for figure in figures):
        return None
    if len({figure.element for figure in figures}) < len(figures):
        return None
    if not any(rows.kinds[f.position] == "number" and not f.in_key for f in figures):
        return None
    columns = _Columns(rows, first)
    own = [figure for figure in figures if not figure.in_key]
    packed = [
        PackedColumn(
            f.element, elements[f.element].numeric, f.reader.unit if elements[f.element].numeric else None, f.letter
        )
        for f in own
    ]
    contents = [columns.contents(figure, elements[figure.element]) for figure in own]
    keys = columns.keys([next((f for f in figures if f.element == code), None) for code in key])
    if keys is None:
        return None
    letters = {figure.element: figure.letter for figure in figures}
    frame = pl.DataFrame([series.alias(str(at)) for at, series in enumerate(contents)])
    table = PackedTable(packed, _by_block(frame), sheet=grid.name, key_letters=letters, frame=frame)
    return PlainRows(table, columns.plain(own).to_list(), keys if key else None)


class _Columns:
    """Judges columns; a row with a cell that is not plain is struck out."""

    def __init__(self, rows: ColumnRows, first: int) -> None:
        self._rows = rows
        self._plain = pl.Series("plain", [True] * len(rows))
        self._strike(pl.Series(range(len(rows))) < first)
        self._strike(pl.Series([at in rows.odd for at in range(len(rows))], dtype=pl.Boolean))

    def plain(self, figures: Sequence[Figure]) -> pl.Series:
        """The rows left that have a number of an element in them."""
        numbers = [f.position for f in figures if self._rows.kinds[f.position] == "number"]
        given = self._rows.frame.select(pl.any_horizontal(pl.nth(*numbers).is_not_null()).alias("given"))["given"]
        return self._plain & given

    def contents(self, figure: Figure, element: Element) -> pl.Series:
        """What the cells of a figure's column say, as packed; rows that are not plain there are struck out."""
        given = self._rows.frame.to_series(figure.position)
        if element.required:
            self._strike(given.is_null())
        if element.numeric and self._rows.kinds[figure.position] == "number":
            return self._numbers(given, figure.reader, element)
        return self._texts(given, figure, element)

    def keys(self, figures: Sequence[Figure | None]) -> list[tuple[str, ...]] | None:
        """The key values of every row, None where an element of the key has no column."""
        columns: list[list[str | None]] = []
        for figure in figures:
            if figure is None:
                return None
            given = self._rows.frame.to_series(figure.position)
            read = self._mapped(given, self._key_reader(figure))
            self._strike(read.is_null())
            columns.append(read.to_list())
        return list(zip(*columns, strict=True)) if columns else []

    def _numbers(self, given: pl.Series, reader: CellReader, element: Element) -> pl.Series:
        scale = _bounds(reader, element)
        if scale is None:
            self._strike(given.is_not_null())
            return given
        values = given.cast(pl.Float64, strict=False)
        whole = element.type == "integer"
        short = (
            given.str.contains(_WHOLE)
            if whole
            else (
                given.str.contains(_DECIMAL)
                & (given.str.replace_all(r"[-.]", "").str.len_bytes() <= SPREADSHEET_DIGITS)
            )
        )
        plain_size = (values.abs() < _LARGEST) & ((values.abs() >= _SMALLEST) | (given == "0"))
        texts = given
        longer = given.filter(~(short & plain_size)).unique().to_list()
        if any(text is not None for text in longer):
            meant = {text: _meant(text, whole=whole) for text in longer if text is not None}
            changed = pl.DataFrame(
                {"text": list(meant), "meant": list(meant.values())}, schema=dict.fromkeys(("text", "meant"), pl.String)
            )
            joined = pl.DataFrame({"text": given}).join(changed, on="text", how="left", maintain_order="left")["meant"]
            known = short & plain_size
            texts = pl.DataFrame({"t": given, "m": joined, "k": known}).select(
                pl.when(pl.col("k")).then(pl.col("t")).otherwise(pl.col("m")).alias("t")
            )["t"]
            self._strike(texts.is_null() & given.is_not_null())
        low, high = scale
        if low is not None:
            self._strike((values < low).fill_null(value=False))
        if high is not None:
            self._strike((values > high).fill_null(value=False))
        return texts

    def _texts(self, given: pl.Series, figure: Figure, element: Element) -> pl.Series:
        number = self._rows.kinds[figure.position] == "number"

        def read(text: str) -> str | None:
            value = figure.reader.read(float(text) if number else text)
            if isinstance(value, CellFault):
                return None
            if element.numeric:
                plain = value.number is not None and value.unit == figure.reader.unit
                return str(value.number) if plain else None
            return packed_content(value)

        found = self._mapped(given, read)
        if element.required:
            self._strike(found.str.contains('^"m"').fill_null(value=False))
        self._strike(found.is_null() & given.is_not_null())
        return found

    def _key_reader(self, figure: Figure) -> Callable[[str], str | None]:
        number = self._rows.kinds[figure.position] == "number"
        simple = figure.reader.element.type == "text" and figure.reader.element.pattern is None and not number

        def read(text: str) -> str | None:
            if simple and text.isascii() and text.isalnum():
                return text  # no marker of something missing is made of these
            value = figure.reader.read(float(text) if number else text)
            return key_text(value) if isinstance(value, Reported) else None

        return read

    def _mapped(self, given: pl.Series, read: Callable[[str], str | None]) -> pl.Series:
        """The column with ``read`` applied to each text that occurs, once."""
        texts = given.to_list()
        known: dict[str | None, str | None] = {None: None}
        for text in texts:
            if text not in known:
                known[text] = read(text)
        return pl.Series([known[text] for text in texts], dtype=pl.String)

    def _strike(self, rows: pl.Series) -> None:
        self._plain = self._plain & ~rows


def _bounds(reader: CellReader, element: Element) -> tuple[float | None, float | None] | None:
    """The bounds a column's numbers are compared with as they stand; None where they cannot be told from doubles alone.

    Decimals of fifteen digits and their doubles are in the same order, so that for a bound which is one of these the
    comparison of doubles is exact.
    """
    if reader.unit != element.unit:
        # What converts may be no whole number, or cross a bound, in the element's own unit.
        return (None, None) if element.type != "integer" and element.min is None and element.max is None else None
    found: list[float | None] = []
    for bound in (element.min, element.max):
        if bound is None:
            found.append(None)
        elif Fraction(exact(float(bound))) == Fraction(bound):
            found.append(float(bound))
        else:
            return None
    return found[0], found[1]


def _meant(text: str, *, whole: bool) -> str | None:
    """The digits that a stored number stands for, where it is one that needs no closer look; else None."""
    number: Decimal = exact(float(text))
    size = number.adjusted()
    if size >= SPREADSHEET_DIGITS or (number and size < -4) or (whole and number != number.to_integral_value()):
        return None
    return str(number)


def _by_block(frame: pl.DataFrame) -> Callable[[int], Contents]:
    """A row's contents by its index, unfolded some thousand rows at a time."""
    state: dict[str, int] = {"from": 0, "to": 0}
    block: list[Contents] = []

    def contents(row: int) -> Contents:
        if not state["from"] <= row < state["to"]:
            state["from"] = row - row % _BLOCK
            block[:] = frame.slice(state["from"], _BLOCK).rows()
            state["to"] = state["from"] + len(block)
        return block[row - state["from"]]

    return contents
