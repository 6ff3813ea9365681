"""What each column of a table is for: a region, a period, an element in some unit, or only for the reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.catalogue.model import Element, Level
from app.catalogue.periods import Period
from app.catalogue.units import UnitTable
from app.intake.element_names import ElementNames
from app.intake.headings import Heading, HeadingBlock
from app.intake.period_words import read_period
from app.intake.records import Context
from app.intake.remarks import Remarks
from app.intake.roles import Role, caption_unit, level_of_heading, roles_of, speaks_of_another_figure
from app.intake.spelling import brackets_off, folded, undecorated

_HINT = re.compile(
    r"(?:必填|选填|可选|保留.*位小数|.*小数|下拉.*|单选|多选|年末|期末|年底|当年|本年|本期|当期|当月|时点|时期|数量|个数|是/否|是否|y/n|有/无|1/0|√|打√|打勾|"
    r".*格式.*|年月日|yyyy.*|\d+|含.*|不含.*|按.*|以.*)"
)
_UNIT_LABEL = re.compile(r"^(?:计量)?单位[:]?")

# The other roles are those of forms with one indicator a row; in a table of records such a column is not known.
_ROW_ROLES: tuple[Role, ...] = ("code", "name", "period", "year", "part", "serial", "remark")

_AT_FAULT = "?"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. ``role`` is set for columns about the row itself, ``element`` for figures.

    ``unit`` is what its numbers are in (None: the element's own), ``period`` the period its headings name, if they do. A
    column with neither role nor element is not known.
    """

    index: int
    heading: Heading
    role: Role | None = None
    element: Element | None = None
    unit: str | None = None
    period: Period | None = None
    level: Level | None = None

    @property
    def number(self) -> int:
        """The column's number in the sheet, from 1."""
        return self.heading.column


def caption_units(above: Sequence[str], names: ElementNames) -> tuple[str, ...]:
    """The units that captions over a table give: «单位：万元、人» gives both, «财政收支情况（万元）» its own."""
    found: list[str] = []
    for text in above:
        unit = caption_unit(text)
        if unit is not None:
            whole = [unit] if names.is_unit(unit) else re.split(r"[、,;/和]+", unit)
            found += [known for part in whole if (known := names.unit(part)) is not None]
        else:
            rest = brackets_off(folded(text))
            known = names.unit(rest[1]) if rest is not None else None
            found += [known] if known is not None else []
    return tuple(found)


def resolve_columns(block: HeadingBlock, names: ElementNames, context: Context, remarks: Remarks) -> list[Column]:
    """Every column of a heading block with what it is for; faults of headings go to ``remarks``.

    A column whose heading is at fault is left without element, so that its cells are not read.
    """
    captions = caption_units(block.above, names)
    columns = [
        _column(index, heading, names, context, captions, remarks) for index, heading in enumerate(block.headings)
    ]
    columns = _one_region_column(columns, context)
    _name_duplicates(columns, remarks)
    return columns


def _column(
    index: int, heading: Heading, names: ElementNames, context: Context, captions: Sequence[str], remarks: Remarks
) -> Column:
    path, unit_row, period = _without_units_and_periods(heading.path, names)
    if not path:
        return Column(index, heading, period=period)
    own_role = context.roles.get(undecorated(path[-1]))
    if own_role is not None:
        return Column(index, heading, role=own_role, level=level_of_heading(path[-1]))
    roles = roles_of(path[-1], context.dataset.frequency)
    # By its name with a unit behind it too: 增长率（%） is an element's own heading.
    if any(speaks_of_another_figure(part) for part in path) and not names.named(path[-1])[0]:
        return Column(index, heading)
    if any(speaks_of_another_figure(part) for part in path[:-1]):
        return Column(index, heading)
    resolved = names.resolve(path)
    if resolved is not None and not (roles & {"code", "name"} and len(resolved.codes) > 1):
        if len(resolved.codes) > 1:
            choices = "、".join(f"{context.dataset.by_code[c].title}（{c}）" for c in sorted(resolved.codes))
            remarks.add(
                "ambiguous_column",
                f"表头“{heading.text}”可指多个数据项",
                f"The heading {heading.text!r} may mean several elements",
                row=heading.row,
                column=heading.column,
                value=heading.text,
                accepted=choices,
            )
            return Column(index, heading, role="faulty")
        element = context.dataset.by_code[next(iter(resolved.codes))]
        if resolved.alone:
            _warn_of_context(path, element, heading, names, context, remarks)
        notes = (*((unit_row,) if unit_row is not None else ()), *resolved.notes, *_group_notes(path[:-1]))
        unit = _unit(element, notes, captions, heading, names, context.catalogue.units, remarks)
        if unit == _AT_FAULT:
            return Column(index, heading, role="faulty")
        return Column(index, heading, element=element, unit=unit, period=period)
    role = next((role for role in _ROW_ROLES if role in roles), None)
    return Column(index, heading, role=role, level=level_of_heading(path[-1]))


def _without_units_and_periods(
    parts: Sequence[str], names: ElementNames
) -> tuple[list[str], str | None, Period | None]:
    """The path without parts that are only a unit (a row of units below the headings) or only a period (2025年)."""
    path: list[str] = []
    unit: str | None = None
    period: Period | None = None
    for at, part in enumerate(parts):
        bare = folded(part).strip("()")
        named = names.exact(undecorated(part))
        if at > 0 and not named and names.is_unit(bare):
            unit = bare  # looked up again, with the brackets of the other headings
        elif not named and (found := read_period(part)) is not None:
            period = found
        else:
            path.append(part)
    return path, unit, period


def _group_notes(path: Sequence[str]) -> list[str]:
    return [note[1] for part in reversed(path) if (note := re.search(r"\(([^()]*)\)$", folded(part))) is not None]


def _warn_of_context(
    path: Sequence[str], element: Element, heading: Heading, names: ElementNames, context: Context, remarks: Remarks
) -> None:
    """A leaf found by its own name below another element's: 户籍人口/男 read as 男. Fine where a check ties the two."""
    for part in path[:-1]:
        codes, _ = names.named(part)
        others = codes - {element.code}
        for other in others:
            tied = any(other in check.rule and element.code in check.rule for check in context.dataset.checks)
            if not tied and context.dataset.by_code[other].numeric:
                remarks.add(
                    "heading_context",
                    f"“{heading.text}”按“{element.title}”读取，请核对是否为同一口径",
                    f"{heading.text!r} is read as {element.code}; please check that it is the same figure",
                    row=heading.row,
                    column=heading.column,
                    element=element.code,
                    value=heading.text,
                )


def _unit(
    element: Element,
    notes: Sequence[str],
    captions: Sequence[str],
    heading: Heading,
    names: ElementNames,
    units: UnitTable,
    remarks: Remarks,
) -> str | None:
    """The unit of a column: from its headings, else from a caption that fits; _AT_FAULT, and a finding, where wrong."""
    if not element.numeric:
        return None
    for note in notes:
        for part in (note, *re.split(r"[,;、:]", note)):
            text = _UNIT_LABEL.sub("", part)
            if not text or (element.unit is None and not names.is_unit(text)):
                continue
            known = names.unit(text)
            if known is not None:
                if element.unit is not None and _converts(known, element.unit, units):
                    return known
                remarks.add(
                    "unit_mismatch",
                    f"“{heading.text}”的计量单位“{text}”不能换算为{element.unit or '不带单位的数'}",
                    f"The unit {text} of {heading.text!r} does not convert into {element.unit or 'a plain number'}",
                    row=heading.row,
                    column=heading.column,
                    element=element.code,
                    value=heading.text,
                    accepted=element.unit,
                )
                return _AT_FAULT
        if element.unit is not None and not all(_HINT.fullmatch(part) for part in re.split(r"[,;、]", note) if part):
            remarks.add(
                "unknown_unit",
                f"不认识“{heading.text}”的计量单位“{note}”",
                f"The unit {note!r} of {heading.text!r} is not known",
                row=heading.row,
                column=heading.column,
                element=element.code,
                value=heading.text,
                accepted=f"{element.unit} 或可换算的单位",
            )
            return _AT_FAULT
    if element.unit is not None:
        fitting = [
            caption for caption in captions if names.is_unit(caption) and _converts(caption, element.unit, units)
        ]
        if len(set(fitting)) == 1:
            return fitting[0]
    return None


def _converts(source: str, target: str, units: UnitTable) -> bool:
    one, other = units.get(source), units.get(target)
    return one is not None and other is not None and one.dimension == other.dimension


def _one_region_column(columns: list[Column], context: Context) -> list[Column]:
    """Of several name columns, the one of the dataset's level names the region; the others say what lies above it.

    单位名称 is a unit's name in one form and a region's in another: a word for the reader is preferred for neither.
    """
    named = [column for column in columns if column.role == "name"]
    if len(named) < 2:
        return columns
    own = [column for column in named if column.level == context.dataset.level]
    chosen = (own or [column for column in named if column.level is None] or named)[-1]
    return [replace(c, role="above") if c.role == "name" and c is not chosen else c for c in columns]


def _name_duplicates(columns: list[Column], remarks: Remarks) -> None:
    seen: dict[tuple[str, str], Column] = {}
    for at, column in enumerate(columns):
        if column.element is not None:
            key = (column.element.code, str(column.period or ""))
        elif column.role in ("code", "period", "year", "part"):
            key = (f":{column.role}", "")
        else:
            continue
        first = seen.setdefault(key, column)
        if first is column:
            continue
        what = column.element.title if column.element is not None else column.heading.text
        remarks.add(
            "duplicate_column",
            f"“{column.heading.text}”与“{first.heading.text}”都是{what}，只能有一列",
            f"{column.heading.text!r} and {first.heading.text!r} are both {column.element.code if column.element else column.role}",
            row=column.heading.row,
            column=column.heading.column,
            element=column.element.code if column.element is not None else None,
            value=column.heading.text,
        )
        columns[at] = replace(column, role="faulty", element=None)
