"""The columns of a form that nobody has filled yet: headings flattened, or one indicator a row, without any dataset.

What ``sheets.py`` does for a known dataset is done here for a form the registry has never seen: there are no element
names to find the headings by, so they are found by how forms are laid out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.intake.grid import Grid, Workbook, blank, shown_value
from app.intake.heading_layout import HeadingRows, find_heading_rows, heading_path, numbers_columns
from app.intake.headings import SEARCHED_ROWS, Spans, cell_at, text_at
from app.intake.roles import caption_unit, is_caption, is_note, is_total, roles_of
from app.intake.spelling import folded, is_among

MAX_SAMPLES = 12
_MAX_SAMPLE = 60
_SAMPLED_ROWS = 40
_MOST_LINES = 5_000  # of a form with one indicator a row; beyond it there are more than any form may ask
_MOST_VALUES = 40
_REPORTER = re.compile(r"(?:填报|报送|填表|制表|编制|主管)")  # 填报单位 names who reports, no unit of measure
_INDENTS = (" ", "\u3000", "\t", "\xa0")


@dataclass(frozen=True, slots=True)
class AskedColumn:
    """One column (or row) of a form: its own name, the headings above it outermost first, its unit and some values."""

    name: str
    path: tuple[str, ...] = ()
    unit: str | None = None
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedTable:
    """What one sheet asks for. ``caption`` is the line that gives its units, such as ``单位：公顷``."""

    sheet: str
    title: str
    caption: str
    columns: tuple[AskedColumn, ...]


def read_asked_tables(workbook: Workbook, most_columns: int) -> tuple[list[AskedTable], int]:
    """Every sheet that holds a form, and how many columns the widest sheet that was not read has (0: all were read).

    A sheet of more than ``most_columns`` headings is not flattened at all.
    """
    tables: list[AskedTable] = []
    too_wide = 0
    for grid in workbook.grids:
        width = max((sum(not blank(cell) for cell in row) for row in grid.rows[:SEARCHED_ROWS]), default=0)
        if width > most_columns:
            too_wide = max(too_wide, width)
            continue
        table = _read(grid, most_columns)
        if table is not None:
            tables.append(table)
    # A sheet with a single text is an instruction, where another sheet holds the form.
    return [table for table in tables if len(table.columns) > 1] or tables, too_wide


def _read(grid: Grid, most_columns: int) -> AskedTable | None:
    spans = Spans(grid)
    rows = _down(grid, spans, most_columns)
    if rows is not None:
        first, columns = rows
    else:
        found = find_heading_rows(grid, spans)
        if found is None:
            return None
        first, columns = found.first, _across(grid, spans, found)
    if not columns:
        return None
    above = [
        (shown_value(cell) or "").strip()
        for row in grid.rows[:first]
        for cell in row
        if isinstance(cell, str) and cell.strip()
    ]
    captions = [text for text in above if caption_unit(text) is not None and not _REPORTER.match(folded(text))]
    title = next((t for t in above if caption_unit(t) is None and not is_caption(t) and not is_note(t)), "")
    return AskedTable(grid.name, title[:200], captions[0][:200] if captions else "", tuple(columns))


# -- headings across ------------------------------------------------------------------------------------------


def _across(grid: Grid, spans: Spans, found: HeadingRows) -> list[AskedColumn]:
    columns = []
    rows = list(_data_rows(grid, spans, found))
    for column in range(found.width):
        path = heading_path(grid, spans, found, column)
        if path:
            unit = text_at(grid, spans, found.units, column) if found.units is not None else ""
            samples = _samples(shown_value(cell_at(grid, row, column)) for row in rows)
            columns.append(AskedColumn(path[-1], path[:-1], folded(unit).strip("()") or None, samples))
    return columns


def _data_rows(grid: Grid, spans: Spans, found: HeadingRows) -> Iterable[int]:
    for row in range(found.last + 1, min(len(grid.rows), found.last + 1 + _SAMPLED_ROWS)):
        first = next((text for column in range(found.width) if (text := text_at(grid, spans, row, column))), None)
        if first is not None and not _is_foot(first) and not is_total(first):
            yield row


# -- one indicator a row --------------------------------------------------------------------------------------


def _down(grid: Grid, spans: Spans, most_columns: int) -> tuple[int, list[AskedColumn]] | None:
    """The rows of a form such as 指标名称 / 计量单位 / 数量, with the index of its heading row; None if it is none."""
    for index, row in enumerate(grid.rows[:SEARCHED_ROWS]):
        named = {column: roles_of(cell, "year") for column, cell in enumerate(row) if isinstance(cell, str)}
        indicator = next((column for column, roles in named.items() if "indicator" in roles), None)
        if indicator is None:
            continue
        last = min(len(grid.rows), index + 1 + _MOST_LINES)
        below = [at for at in range(index + 1, last) if text_at(grid, spans, at, indicator)]
        words = [at for at in below if not _is_number(text_at(grid, spans, at, indicator))]
        unit = next((c for c, roles in named.items() if c != indicator and "unit" in roles), None)
        values = [c for c, roles in named.items() if c not in (indicator, unit) and not roles & {"serial", "remark"}]
        values = [c for c in values if text_at(grid, spans, index, c) and "code" not in named[c]]
        figures = len(values) <= _MOST_VALUES and all(
            _is_number(text) for c in values for at in below if (text := text_at(grid, spans, at, c))
        )  # the columns beside a column of indicators hold figures or nothing
        distinct = {text_at(grid, spans, at, indicator) for at in words}
        if len(distinct) >= 2 and len(values) <= _MOST_VALUES and (unit is not None or (values and figures)):
            return index, _indicators(grid, spans, index, indicator, unit, values, most_columns)
    return None


def _indicators(
    grid: Grid, spans: Spans, heading: int, indicator: int, unit: int | None, values: list[int], most: int
) -> list[AskedColumn]:
    columns: list[AskedColumn] = []
    above: list[tuple[int, str]] = []  # (depth, text): the indicators that this one stands under
    for row in range(heading + 1, min(len(grid.rows), heading + 1 + _MOST_LINES)):
        raw = cell_at(grid, *spans.origin(row, indicator))
        text = text_at(grid, spans, row, indicator)
        if len(columns) > most:
            break  # more than is ever checked; who asks is told so
        if not text or _is_foot(text) or numbers_columns([text]):
            continue
        measured = text_at(grid, spans, row, unit) if unit is not None else ""
        depth = _depth(raw if isinstance(raw, str) else text)
        while above and above[-1][0] >= depth:
            above.pop()
        path = tuple(name for _, name in above)
        above.append((depth, text))
        own = folded(measured).strip("()")
        own = "" if own in ("-", "--", "/", "—") else own
        filled = [c for c in values if not blank(cell_at(grid, row, c))]
        opens_group = not own and not filled and unit is not None and _has_children(grid, spans, row, indicator, depth)
        if opens_group:
            continue
        main = values[:1]
        columns.append(AskedColumn(text, path, own or None, _samples(shown_value(cell_at(grid, row, c)) for c in main)))
        for other in values[1:]:
            name = text_at(grid, spans, heading, other)
            sample = _samples([shown_value(cell_at(grid, row, other))])
            columns.append(AskedColumn(name, (*path, text), own or None, sample))
    return columns


def _depth(raw: str) -> int:
    """How deep an indicator stands: 一、 over （一） over 1. over what is indented or begins with 其中."""
    bare = folded(raw)
    indent = len(raw) - len(raw.lstrip("".join(_INDENTS)))
    if is_among(raw):
        return 60 + min(indent, 30)
    if bare[:1] in "一二三四五六七八九十" and "、" in bare[:4]:
        return 0
    if bare[:1] == "(" and bare[1:2] in "一二三四五六七八九十" and ")" in bare[:5]:
        return 10
    if bare[:1].isdigit() and any(mark in bare[:4] for mark in ".、"):
        return 20 + min(indent, 9)
    if bare[:1] == "(" and bare[1:2].isdigit():
        return 30 + min(indent, 9)
    return 40 + min(indent, 19)


def _is_foot(text: str) -> bool:
    """Whether a line is a note or a place for a signature, also one that nobody has signed: 审核人："""
    return is_note(text) or (folded(text).endswith(":") and is_note(f"{text}-"))


def _has_children(grid: Grid, spans: Spans, row: int, indicator: int, depth: int) -> bool:
    for below in range(row + 1, len(grid.rows)):
        raw = cell_at(grid, *spans.origin(below, indicator))
        if isinstance(raw, str) and raw.strip():
            return _depth(raw) > depth
    return False


def _is_number(text: str) -> bool:
    bare = folded(text).replace(",", "").rstrip("%")
    return bare.removeprefix("-").replace(".", "", 1).isdigit() or bare in ("-", "--", "/", "…", "")


def _samples(texts: Iterable[str | None]) -> tuple[str, ...]:
    found = dict.fromkeys(text.strip()[:_MAX_SAMPLE] for text in texts if text and text.strip())
    return tuple(found)[:MAX_SAMPLES]
