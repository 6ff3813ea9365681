"""Finding where the fields of a view go in a department's own form, by the texts of its headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.catalogue.model import Catalogue, Dataset, Element
from app.formats.form_workbook import SERIAL, FormBinding
from app.intake.columns import caption_units
from app.intake.element_names import ElementNames
from app.intake.grid import Grid, Workbook, blank, column_letter
from app.intake.headings import HeadingBlock, Spans, find_headings
from app.intake.roles import is_note, is_total, roles_of
from app.mapping.plan import OutputField


@dataclass(slots=True)
class FoundBinding:
    """What the headings say: a binding, None where no field was found, and remarks on headings that were left alone."""

    binding: FormBinding | None = None
    remarks: list[str] = field(default_factory=list)


def find_binding(
    workbook: Workbook, fields: Sequence[OutputField], catalogue: Catalogue, sheet: str | None, first_row: int | None
) -> FoundBinding:
    """Binds the columns whose headings are titles or names of fields, on ``sheet`` or the first sheet that has some.

    A heading that gives another unit than its field is left alone and remarked upon. The rows of data begin below the
    headings, or at ``first_row``; the first line of totals or notes after that stays below them.
    """
    found = FoundBinding()
    names = _names(fields, catalogue)
    for grid in workbook.grids:
        if sheet is not None and grid.name != sheet:
            continue
        spans = Spans(grid)
        block = find_headings(grid, spans, lambda text: _weight(text, names), names.is_unit) if grid.rows else None
        columns = _columns(block, fields, names, catalogue, found.remarks) if block is not None else {}
        if block is None or not set(columns) - {SERIAL}:
            continue
        first = first_row if first_row is not None else grid.top + block.last + 1
        bound = frozenset(columns.values())
        found.binding = FormBinding(grid.name, columns, first, total_row(grid, first, bound))
        break
    return found


def total_row(grid: Grid, first_row: int, bound: frozenset[str]) -> int | None:
    """The first row below the first row of data that stays there: totals, notes, signatures; None where there is none.

    A row with a single text outside of the bound columns is such a line too; all other rows are samples.
    """
    for index in range(max(first_row + 1 - grid.top, 0), len(grid.rows)):
        filled = [(at, cell) for at, cell in enumerate(grid.rows[index]) if not blank(cell)]
        if not filled:
            continue
        texts = [cell for _, cell in filled if isinstance(cell, str)]
        if any(is_total(text) for text in texts[:2]) or (texts and is_note(texts[0])):
            return grid.top + index
        if len(filled) == 1 and texts and column_letter(grid.left + filled[0][0]) not in bound:
            return grid.top + index
    return None


def _names(fields: Sequence[OutputField], catalogue: Catalogue) -> ElementNames:
    elements = tuple(Element("view", f.name, f.title or f.name, "text", "attribute", "open") for f in fields)
    view = Dataset("view", "view", "once", "township", (), "region", "open", None, "none", elements)
    return ElementNames(view, catalogue)


def _weight(text: str, names: ElementNames) -> int:
    if names.named(text)[0]:
        return 2
    return 1 if roles_of(text, "once") else 0


def _columns(
    block: HeadingBlock,
    fields: Sequence[OutputField],
    names: ElementNames,
    catalogue: Catalogue,
    remarks: list[str],
) -> dict[str, str]:
    by_name = {each.name: each for each in fields}
    captions = [unit for text in caption_units(block.above, names) if (unit := names.unit(text)) is not None]
    columns: dict[str, str] = {}
    for heading in block.headings:
        letters = column_letter(heading.column)
        path = list(heading.path)
        notes: list[str] = []
        while len(path) > 1 and names.is_unit(path[-1].strip("()（） ")):
            notes.append(path.pop().strip("()（） "))
        resolved = names.resolve(path)
        if resolved is None:
            if path and "serial" in roles_of(path[-1], "once"):
                columns.setdefault(SERIAL, letters)
            continue
        if len(resolved.codes) > 1:
            remarks.append(
                f"{letters} 列“{heading.text}”可指多个字段：{'、'.join(sorted(resolved.codes))}（may mean several）"
            )
            continue
        name = next(iter(resolved.codes))
        said = [unit for note in (*notes, *resolved.notes) if (unit := names.unit(note)) is not None]
        wrong = _other_unit(by_name[name], said or captions, catalogue, certain=bool(said))
        if wrong is not None:
            remarks.append(
                f"{letters} 列“{heading.text}”的计量单位是“{wrong}”，字段“{name}”却是“{by_name[name].unit}”，未绑定"
                f"（the heading has another unit than the field: not bound）"
            )
        elif name in columns:
            remarks.append(f"{letters} 列“{heading.text}”与 {columns[name]} 列都是“{name}”，未绑定（bound already）")
        else:
            columns[name] = letters
    return columns


def _other_unit(field: OutputField, said: Sequence[str], catalogue: Catalogue, *, certain: bool) -> str | None:
    """A unit that the form gives to the column and that is not the field's; of captions only one that could be meant."""
    own = catalogue.units.get(field.unit) if field.unit is not None else None
    if own is None:
        return None
    meant = [
        unit for unit in said if (other := catalogue.units.get(unit)) and (certain or other.dimension == own.dimension)
    ]
    if not meant or any(catalogue.units.same(unit, own.code) for unit in meant):
        return None
    return meant[0]
