"""Finding the heading rows of a form by its layout alone: merges, blanks under groups, units, numbered columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.intake.grid import Grid, blank
from app.intake.headings import MAX_HEADING_ROWS, SEARCHED_ROWS, Spans, cell_at, text_at
from app.intake.roles import is_caption, is_column_number, is_note, is_total
from app.intake.spelling import folded

_LONGEST_HEADING = 60
_UNITS_MARKED = ("单位", "计量单位")


@dataclass(frozen=True, slots=True)
class HeadingRows:
    """Rows ``first`` to ``last`` hold the headings; those in ``ignored`` only number columns or say units."""

    first: int
    last: int
    width: int
    units: int | None = None
    ignored: frozenset[int] = frozenset()


def find_heading_rows(grid: Grid, spans: Spans) -> HeadingRows | None:
    """The heading rows of the first table on a sheet, or None where there is none."""
    width = max((len(row) for row in grid.rows[:SEARCHED_ROWS]), default=0)
    for index in range(min(len(grid.rows), SEARCHED_ROWS)):
        if _opens_table(grid, spans, index, width):
            return _followed(grid, spans, index, width)
    return None


def numbers_columns(texts: Sequence[str]) -> bool:
    """Whether texts only number columns or lines: 甲 乙 1 2 3."""
    bare = [folded(text).strip("()") for text in texts]
    if not bare or not all(is_column_number(text) for text in bare):
        return False
    numbers = [int(text) for text in bare if text.isdigit()]
    if len(bare) == 1:
        return bare[0] in "甲乙丙丁戊"
    return all(after == before + 1 for before, after in pairwise(numbers)) and (not numbers or numbers[0] <= 3)


def heading_path(grid: Grid, spans: Spans, found: HeadingRows, column: int) -> tuple[str, ...]:
    """The headings over one column, outermost first, without repeats."""
    path: list[str] = []
    seen: set[tuple[int, int]] = set()
    for row in range(found.first, found.last + 1):
        if row in found.ignored:
            continue
        origin, text = spans.origin(row, column), text_at(grid, spans, row, column)
        if not text and row < found.last and not spans.covers(row, column):
            origin, text = _group_from_the_left(grid, spans, found, row, column)
        if text and origin not in seen:
            seen.add(origin)
            words = "".join(text.split()) if _is_chinese(text) else " ".join(text.split())
            if not path or folded(path[-1]) != folded(words):
                path.append(words)
    return tuple(path)


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def _texts(grid: Grid, spans: Spans, row: int, width: int) -> dict[int, str]:
    """The texts whose own cell is in the row, by column."""
    found = {}
    for column in range(width):
        if spans.origin(row, column) == (row, column) and not blank(cell_at(grid, row, column)):
            found[column] = text_at(grid, spans, row, column)
    return found


def _opens_table(grid: Grid, spans: Spans, row: int, width: int) -> bool:
    texts = _texts(grid, spans, row, width)
    filled = list(texts.values())
    if not filled or _has_figures(grid, row) or any(len(text) > _LONGEST_HEADING for text in filled):
        return False
    if all(is_caption(text) or is_note(text) for text in filled) or is_note(filled[0]):
        return False
    if any(is_caption(text) for text in filled) and len(filled) <= 3:
        return False
    if len(filled) == 1:
        # A lone text is a title; a heading of one column has something like it nowhere above or below.
        return width == 1 and row + 1 >= len(grid.rows)
    return not numbers_columns(filled)


def _has_figures(grid: Grid, row: int) -> bool:
    return any(
        not isinstance(cell, str) and not blank(cell) and not (isinstance(cell, float | int) and 1900 <= cell <= 2100)
        for cell in grid.rows[row]
    )


def _followed(grid: Grid, spans: Spans, first: int, width: int) -> HeadingRows:
    last = first
    units: int | None = None
    ignored: set[int] = set()
    while last + 1 < len(grid.rows) and last - first < MAX_HEADING_ROWS:
        below = last + 1
        texts = _texts(grid, spans, below, width)
        merged_down = any(
            spans.origin(below, column)[0] in range(first, below) and text_at(grid, spans, below, column)
            for column in range(width)
        )
        if texts and numbers_columns(list(texts.values())) and len(texts) > 1:
            ignored.add(below)
            last = below
            break
        if texts and _are_units(grid, spans, first, texts):
            units = below
            ignored.add(below)
            last = below
            continue
        if merged_down or (texts and _fills_groups(grid, spans, first, last, texts, width)):
            if _has_figures(grid, below) or _is_total_row(grid, spans, below, texts):
                break
            last = below
            continue
        break
    return HeadingRows(first, last, width, units, frozenset(ignored))


def _is_total_row(grid: Grid, spans: Spans, row: int, texts: dict[int, str]) -> bool:
    """Whether the row begins with 合计 itself; a 合计 beside headings that reach down into the row is a heading."""
    column = min(texts, default=None)
    if column is None or any(text_at(grid, spans, row, left) for left in range(column)):
        return False
    return is_total(texts[column])


def _are_units(grid: Grid, spans: Spans, first: int, texts: dict[int, str]) -> bool:
    """A row of short texts in brackets or behind 单位 under headings: (人) (公顷) (万元)."""
    values = [folded(text) for text in texts.values()]
    if values[0].rstrip(":") in _UNITS_MARKED and len(values) > 1:
        return True
    bracketed = sum(text.startswith("(") and text.endswith(")") and len(text) <= 10 for text in values)
    return bracketed == len(values) and all(text_at(grid, spans, first, column) for column in texts)


def _fills_groups(grid: Grid, spans: Spans, first: int, last: int, texts: dict[int, str], width: int) -> bool:
    """Whether the row says what a group above it consists of: it stands only under groups, not under every heading."""
    if any(len(text) > _LONGEST_HEADING for text in texts.values()):
        return False
    under_group = [column for column in texts if _is_group(grid, spans, first, last, column, width)]
    if not under_group:
        return False
    alone = [column for column in texts if column not in under_group]
    # A row of values begins under the first heading, which is no group.
    return not alone or min(texts) in under_group


def _is_group(grid: Grid, spans: Spans, first: int, last: int, column: int, width: int) -> bool:
    """Whether the lowest heading over a column reaches over several columns, by merging or by blanks beside it."""
    for row in range(last, first - 1, -1):
        if spans.width(row, column) > 1 and text_at(grid, spans, row, column):
            return True
        if text_at(grid, spans, row, column):
            beside = column + 1
            return (
                beside < width
                and not text_at(grid, spans, row, beside)
                and all(
                    not text_at(grid, spans, above, beside) or spans.width(above, beside) > 1
                    for above in range(first, row)
                )
                and bool(row + 1 < len(grid.rows) and text_at(grid, spans, row + 1, beside))
            )
        if row == last and not spans.covers(row, column):
            return True  # a blank in the row above, beside a group that was not merged
    return True


def _group_from_the_left(
    grid: Grid, spans: Spans, found: HeadingRows, row: int, column: int
) -> tuple[tuple[int, int], str]:
    """A group heading that was not merged stands over its first column and reaches as far as blanks follow it."""
    if not any(text_at(grid, spans, below, column) for below in range(row + 1, found.last + 1)):
        return (row, column), ""
    for left in range(column - 1, -1, -1):
        text = text_at(grid, spans, row, left)
        if text:
            below = [at for at in range(row + 1, found.last + 1) if at not in found.ignored]
            if spans.covers(row, left) or not any(text_at(grid, spans, at, left) for at in below):
                break
            return (row, left), text
    return (row, column), ""
