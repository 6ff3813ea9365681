"""Finding the heading rows of a sheet: titles and captions above them, groups over them, data below them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from app.intake.grid import Cell, Grid, Span, blank, shown_value
from app.intake.roles import is_caption, is_column_number, is_note, is_total
from app.intake.spelling import folded, is_among

SEARCHED_ROWS = 60
MAX_HEADING_ROWS = 6
_UNIT_WORDS = frozenset({"单位", "计量单位"})

Weigh = Callable[[str], int]
"""How sure a text is a heading: 0 unknown, 1 a word such as 序号, 2 an element."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The headings over one column, top first, without repeats; ``row`` and ``column`` are the lowest one's in the sheet."""

    path: tuple[str, ...]
    row: int
    column: int

    @property
    def text(self) -> str:
        """The path as a person would say it: 年末人口/常住人口."""
        return "/".join(" ".join(part.split()) for part in self.path)


@dataclass(frozen=True, slots=True)
class HeadingBlock:
    """The heading rows of one table. ``first`` and ``last`` are indices of ``grid.rows``; ``above`` are the texts over it."""

    first: int
    last: int
    headings: tuple[Heading, ...]
    above: tuple[str, ...]


class Spans:
    """Merged ranges by cell, in indices of a grid's rows and columns."""

    def __init__(self, grid: Grid) -> None:
        self._origin: dict[tuple[int, int], tuple[int, int]] = {}
        self._span: dict[tuple[int, int], Span] = {}
        for span in grid.merged:
            top, left = span.first_row - grid.top, span.first_column - grid.left
            for row in range(max(top, 0), min(span.last_row - grid.top + 1, len(grid.rows))):
                # A merge over thousands of columns or rows is a frame, not a heading.
                for column in range(max(left, 0), min(span.last_column - grid.left + 1, left + 2000)):
                    self._origin[row, column] = (top, left)
                    self._span[row, column] = span

    def origin(self, row: int, column: int) -> tuple[int, int]:
        """The cell that holds the value shown at (row, column)."""
        return self._origin.get((row, column), (row, column))

    def covers(self, row: int, column: int) -> bool:
        """Whether the cell is part of a merged range."""
        return (row, column) in self._origin

    def width(self, row: int, column: int) -> int:
        """How many columns the cell spans."""
        span = self._span.get((row, column))
        return 1 if span is None else span.last_column - span.first_column + 1


def cell_at(grid: Grid, row: int, column: int) -> Cell:
    """The value at indices of the grid, None outside of it."""
    if not 0 <= row < len(grid.rows):
        return None
    cells = grid.rows[row]
    return cells[column] if 0 <= column < len(cells) else None


def text_at(grid: Grid, spans: Spans, row: int, column: int) -> str:
    """The text shown at indices of the grid, also inside of a merged range; empty where there is none."""
    cell = cell_at(grid, *spans.origin(row, column))
    return "" if blank(cell) else (shown_value(cell) or "").strip()


def find_headings(grid: Grid, spans: Spans, weigh: Weigh, is_unit: Callable[[str], bool]) -> HeadingBlock | None:
    """The heading rows of a sheet, or None where no row looks like one."""
    best, weight = -1, 0
    for index in range(min(len(grid.rows), SEARCHED_ROWS)):
        own = _weight(grid, index, weigh)
        if own > weight:
            best, weight = index, own
    if best < 0:
        return None
    first, last = best, best
    width = max(len(row) for row in grid.rows[: SEARCHED_ROWS + 1])
    while first > 0 and best - first < MAX_HEADING_ROWS and _is_group_row(grid, spans, first - 1, best, weigh, width):
        first -= 1
    ignored: set[int] = set()
    labels: set[tuple[int, int]] = set()  # a word such as 计量单位 that names a row of units heads no column
    while last + 1 < len(grid.rows) and last - best < MAX_HEADING_ROWS:
        kind = _continues(grid, spans, best, last + 1, weigh, is_unit)
        if kind is None:
            break
        last += 1
        if kind == "numbers":
            ignored.add(last)
        elif kind == "units":
            labels |= {(last, column) for column, text in _filled(grid, last)[:1] if _names_units(text)}
    headings = tuple(_heading(grid, spans, first, last, column, ignored, labels) for column in range(width))
    above = tuple(
        (shown_value(cell) or "").strip()
        for row in grid.rows[:first]
        for cell in row
        if isinstance(cell, str) and cell.strip()
    )
    return HeadingBlock(first, last, headings, above)


def _weight(grid: Grid, index: int, weigh: Weigh) -> int:
    total = known = texts = 0
    for cell in grid.rows[index]:
        if isinstance(cell, str) and cell.strip():
            texts += 1
            own = weigh(cell)
            total += own
            known += own > 0
    # One known word in a row of many others is a data row that happens to hold it.
    return total if known * 4 >= texts else 0


def _filled(grid: Grid, row: int) -> list[tuple[int, str]]:
    return [
        (column, (shown_value(cell) or "").strip()) for column, cell in enumerate(grid.rows[row]) if not blank(cell)
    ]


def _holds_numbers(grid: Grid, row: int) -> bool:
    """Whether a row has numbers that are no years: a row of data."""
    return any(
        not isinstance(cell, str) and not blank(cell) and not (isinstance(cell, float | int) and 1900 <= cell <= 2100)
        for cell in grid.rows[row]
    )


def _is_group_row(grid: Grid, spans: Spans, row: int, best: int, weigh: Weigh, width: int) -> bool:
    filled = _filled(grid, row)
    if not filled or _holds_numbers(grid, row):
        return False
    if any((is_caption(text) or is_note(text)) and not is_among(text) for _, text in filled):
        return False
    columns = [column for column in range(width) if text_at(grid, spans, best, column)]
    if not columns:
        return False
    if len(filled) == 1:
        column, text = filled[0]
        if is_among(text) and row > 0:
            return True  # a row of its own for «其中：», between the headings it stands under and those it stands over
        if spans.width(row, column) >= len(columns) or column <= columns[0]:
            return weigh(text) == 2 and spans.width(row, column) < len(columns) and spans.covers(row, column)
        return spans.covers(row, column) or bool(text_at(grid, spans, best, column))
    return True


def _continues(
    grid: Grid, spans: Spans, best: int, row: int, weigh: Weigh, is_unit: Callable[[str], bool]
) -> str | None:
    """What the row below a heading is, if it is a heading too: numbers of columns, units, or further headings."""
    filled = _filled(grid, row)
    if not filled:
        return None
    texts = [text for _, text in filled]
    if _numbers_columns(grid, spans, best, filled, weigh):
        return "numbers"
    if _holds_numbers(grid, row) or is_note(texts[0]):
        return None
    if _reached_from_above(grid, spans, best, row, filled[0][0]):
        return "headings"
    if is_total(texts[0]):
        return None
    measures = texts[1:] if _names_units(texts[0]) else texts
    if measures and all(is_unit(folded(text).strip("()")) for text in measures):
        return "units"
    return "headings" if _are_headings(grid, spans, best, filled, weigh) else None


def _are_headings(grid: Grid, spans: Spans, best: int, filled: list[tuple[int, str]], weigh: Weigh) -> bool:
    """Whether at least half of these texts are known as headings, and none stands as data below a heading such as 备注."""
    known = [column for column, text in filled if weigh(text) > 0]
    if len(known) * 2 < len(filled):
        return False
    for column, text in filled:
        above = text_at(grid, spans, best, column)
        leads = not spans.covers(best, column) or spans.width(best, column) == 1
        if leads and above and weigh(above) == 1 and weigh(text) == 0:
            return False
    return True


def _names_units(text: str) -> bool:
    return folded(text).strip(":：") in _UNIT_WORDS


def _reached_from_above(grid: Grid, spans: Spans, best: int, row: int, columns: int) -> bool:
    """Whether one of the first columns has its heading merged down into this row, so that 合计 beside it is a heading too."""
    return any(
        spans.covers(row, column)
        and spans.origin(row, column) == spans.origin(best, column)
        and bool(text_at(grid, spans, best, column))
        for column in range(columns)
    )


def _numbers_columns(grid: Grid, spans: Spans, best: int, filled: list[tuple[int, str]], weigh: Weigh) -> bool:
    """Whether a row only numbers the columns: 甲 乙 1 2, or 1 2 3 also under a column that never holds such a number."""
    texts = [folded(text).strip("()") for _, text in filled]
    if len(texts) < 2 or not all(is_column_number(text) for text in texts):
        return False
    numbers = [int(text) for text in texts if text.isdigit()]
    if not numbers or numbers[0] > 3 or any(after != before + 1 for before, after in pairwise(numbers)):
        return False
    lettered = len(numbers) < len(texts)
    over_words = any(weigh(text_at(grid, spans, best, column)) == 1 for column, _ in filled[1:])
    return lettered or (len(texts) > 2 and over_words)


def _heading(
    grid: Grid, spans: Spans, first: int, last: int, column: int, ignored: set[int], labels: set[tuple[int, int]]
) -> Heading:
    path: list[str] = []
    place = (last, column)
    seen: set[tuple[int, int]] = set()
    for row in range(first, last + 1):
        if row in ignored or (row, column) in labels:
            continue
        origin = spans.origin(row, column)
        text = text_at(grid, spans, row, column)
        if (
            not text
            and row < last
            and not spans.covers(row, column)
            and _has_text_below(grid, spans, row, last, column)
        ):
            origin, text = _from_the_left(grid, spans, row, last, column)
        if not text or origin in seen:
            continue
        seen.add(origin)
        if not path or folded(path[-1]) != folded(text):
            path.append(text)
        place = (row, column) if origin[1] != column else origin
    return Heading(tuple(path), grid.top + place[0], grid.left + column)


def _has_text_below(grid: Grid, spans: Spans, row: int, last: int, column: int) -> bool:
    return any(text_at(grid, spans, below, column) for below in range(row + 1, last + 1))


def _from_the_left(grid: Grid, spans: Spans, row: int, last: int, column: int) -> tuple[tuple[int, int], str]:
    """A group heading that was not merged stands only over its first column; it reaches as far as blanks follow it."""
    for left in range(column - 1, -1, -1):
        text = text_at(grid, spans, row, left)
        if text:
            if spans.covers(row, left) or not _has_text_below(grid, spans, row, last, left):
                break
            return (row, left), text
    return (row, column), ""
