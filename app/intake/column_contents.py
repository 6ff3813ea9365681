"""What only the cells below a heading tell of a column: whether 单位 is a region or a measure, and whose a blank heading is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.intake.columns import Column
from app.intake.element_names import ElementNames
from app.intake.grid import Grid, blank, shown_value
from app.intake.headings import HeadingBlock, cell_at
from app.intake.placing import Placing
from app.intake.region_lookup import region_text
from app.intake.roles import is_note, is_total
from app.intake.spelling import half_width

_LOOKED_AT = 200


def by_contents(
    columns: Sequence[Column], block: HeadingBlock, grid: Grid, names: ElementNames, placing: Placing
) -> list[Column]:
    """``columns`` with the roles that their contents give or take.

    A column of units of measure is no column of regions: it stays unknown, for the figures beside it may be in other
    units than they seem. Where nothing names the region, a column without heading that holds only regions does.
    """
    settled = [
        replace(column, role=None)
        if column.role in ("name", "above") and _holds_units(column, block, grid, names)
        else column
        for column in columns
    ]
    if any(column.role in ("code", "name") for column in settled):
        return settled
    first = min((column.index for column in settled if column.element is not None), default=0)
    for at, column in enumerate(settled):
        nameless = column.role is None and column.element is None and not column.heading.path
        if nameless and column.index < first and _holds_regions(column, block, grid, placing):
            settled[at] = replace(column, role="name")
            break
    return settled


def _texts(column: Column, block: HeadingBlock, grid: Grid) -> list[str]:
    cells = (cell_at(grid, row, column.index) for row in range(block.last + 1, block.last + 1 + _LOOKED_AT))
    return [shown_value(cell) or "" for cell in cells if not blank(cell)]


def _holds_units(column: Column, block: HeadingBlock, grid: Grid, names: ElementNames) -> bool:
    texts = [text for text in _texts(column, block, grid) if not is_note(text)]
    return bool(texts) and all(names.is_unit(half_width(text)) for text in texts)


def _holds_regions(column: Column, block: HeadingBlock, grid: Grid, placing: Placing) -> bool:
    on = placing.context.period.end if placing.context.period is not None else placing.context.today
    found = 0
    for text in _texts(column, block, grid):
        if is_total(text) or is_note(text):
            continue
        if placing.lookup.find("", region_text(text), on).region_id is None:
            return False
        found += 1
    return found > 0
