"""A file laid out as a view, read back into records of a dataset.

Numbers are kept as reported, with the view's unit. What a cell cannot say (a blank, which in a view stands for missing and
for not covered alike; a value equal to the field's default) leaves what is held as it is, and so does a number that is
what the view shows of the held one: a form that was filled from the registry reads back as unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.catalogue.model import Element
from app.catalogue.units import UnitTable
from app.catalogue.values import Reported, canonical, rounded
from app.errors import Finding
from app.intake.cells import CellReader
from app.intake.grid import Grid, Workbook, blank
from app.intake.headings import cell_at
from app.intake.json_rows import read_json_rows
from app.intake.quantities import CellFault
from app.intake.records import Context, HeldRecord, InputRow, Reading, RecordKey
from app.intake.roles import Role
from app.intake.sheets import elements_named, read_workbook_rows
from app.intake.view_remarks import ViewRemarks, says_constant
from app.intake.view_words import ViewWords
from app.mapping.reverse import ReversedField

IsBlank = Callable[[InputRow, str], bool]
_PLACES: tuple[tuple[str, Role], ...] = (("region", "name"), ("region", "code"), ("period", "period"))
Held = Mapping[RecordKey, HeldRecord]

# What the writers put before a text that a spreadsheet would run.
_GUARDED = re.compile("'[\\x00-\\x20\u00a0\ufeff\u200b\u3000]*[=+\\-@＝＋－＠]")
_CELL = re.compile(r"([A-Z]+)([0-9]+)")


@dataclass(slots=True)
class _Row:
    """One record read back, with the field behind each value and the values that a cell cannot be sure to say."""

    row: InputRow
    values: dict[str, Reported]
    sources: dict[str, ReversedField]
    faulty: set[str]
    blank: set[str]
    ambiguous: set[str]


class ReadBack:
    """What a file says, before it is known what is held."""

    def __init__(self, reading: Reading, words: ViewWords, context: Context, is_blank: IsBlank) -> None:
        self._words, self._context, self._is_blank = words, context, is_blank
        self._units = context.catalogue.units
        self._readers = {e.code: CellReader(e, context.catalogue) for e in words.own.elements}
        self._remarks = ViewRemarks(words)
        self._rows: list[_Row] = []
        self._findings = [own for finding in reading.findings if (own := self._own_finding(finding)) is not None]
        self._refused, self._passed_over = reading.refused, reading.passed_over
        for row in reading.rows:
            self._remarks.see(row)
            self._read(row)

    @property
    def findings(self) -> list[Finding]:
        """The findings that do not depend on what is held."""
        return self._findings

    @property
    def keys(self) -> list[RecordKey]:
        """The records that are spoken of."""
        return [each.row.record_key for each in self._rows]

    def settled(self, held: Held) -> Reading:
        """The reading as it is laid over what is ``held``: with every doubt resolved in favour of that."""
        remarks = self._remarks.copy()
        rows = [self._settled(each, held.get(each.row.record_key), remarks) for each in self._rows]
        return Reading(rows, [*self._findings, *remarks.findings()], self._passed_over, self._refused)

    # -- one row -------------------------------------------------------------------------------------------------------
    def _read(self, row: InputRow) -> None:
        cells = {own: cell for code, cell in row.place.cells.items() if (own := self._words.target(code)) is not None}
        faulty = {own for code in row.faulty if (own := self._words.target(code)) is not None}
        key = self._key(row)
        here = replace(row, key=key, place=replace(row.place, cells=cells), values={}, faulty=frozenset(faulty))
        found = _Row(here, {}, {}, faulty, set(), set())
        for code, reported in row.values.items():
            field = self._words.fields[code]
            if field.part == "constant" and field.constant is not None:
                if not self._is_blank(row, code) and not says_constant(reported, field.constant):
                    self._remarks.count("constant_differs", row, code, reported)
            elif field.part == "element":
                self._take(found, row, code, field, reported)
        if found.values or found.faulty or key:
            self._rows.append(found)
        else:
            self._passed_over += 1

    def _key(self, row: InputRow) -> tuple[str, ...]:
        texts = []
        for code, text in zip(self._words.shown.key, row.key, strict=True):
            codes = self._words.fields[code].codes
            texts.append(codes.get(text, text) if codes is not None else _unguarded(text))
        return tuple(texts)

    def _take(self, found: _Row, row: InputRow, code: str, field: ReversedField, reported: Reported) -> None:
        """Lays one cell into the record, beside what another column of the same element may have said."""
        own = self._words.own.by_code[self._words.target(code) or ""]
        ambiguous = _is_default(field, reported, self._units)
        is_blank = self._is_blank(row, code)
        value = self._value(field, own, reported)
        if isinstance(value, CellFault):
            found.faulty.add(own.code)
            found.row = replace(found.row, faulty=frozenset(found.faulty))
            self._findings.append(self._remarks.fault(row, code, own.code, value, reported))
            return
        before = found.values.get(own.code)
        if before is not None and _missing(value):
            return
        if before is not None and not _missing(before):
            exact = self._more_exact(own, before, found.sources[own.code], value, field)
            if exact is None:
                found.faulty.add(own.code)
                found.row = replace(found.row, faulty=frozenset(found.faulty))
                self._findings.append(
                    self._remarks.disagreement(row, code, own.code, found.sources[own.code], reported)
                )
                return
            if exact is before:
                return
        found.values[own.code], found.sources[own.code] = value, field
        for marked, is_so in ((found.blank, is_blank), (found.ambiguous, ambiguous)):
            marked.discard(own.code)
            if is_so:
                marked.add(own.code)

    def _value(self, field: ReversedField, own: Element, reported: Reported) -> Reported | CellFault:
        """What the element's own value is; a fault where it is not one that the element may have."""
        if field.codes is not None:
            if reported.text is None:
                return reported
            source = field.codes.get(reported.text)
            bare = Reported(sheet=reported.sheet, cell=reported.cell)
            if source is None:
                return bare
            if own.type == "boolean":
                return replace(bare, flag=source == "true")
            if own.numeric:
                return replace(bare, number=Decimal(source), unit=own.unit)
            return replace(bare, text=source)
        if reported.number is not None:
            judged = self._readers[own.code].number(reported.number, reported.unit)
            return judged if isinstance(judged, CellFault) else reported
        if reported.text is not None and own.type == "text":
            return replace(reported, text=_unguarded(reported.text))
        return reported

    def _more_exact(
        self, own: Element, one: Reported, of_one: ReversedField, other: Reported, of_other: ReversedField
    ) -> Reported | None:
        """Of two columns of one element, the one whose digits say more; None where they disagree."""
        units = self._units
        if canonical(one, own, units) == canonical(other, own, units) or _shows(of_other, one, other, own, units):
            return one
        return other if _shows(of_one, other, one, own, units) else None

    def _settled(self, each: _Row, before: HeldRecord | None, remarks: ViewRemarks) -> InputRow:
        held = before.values if before is not None and not before.withdrawn else {}
        values = dict(each.values)
        for code, given in each.values.items():
            present = held.get(code)
            is_held = present is not None and not _missing(present)
            field = each.sources[code]
            if code in each.ambiguous:
                remarks.count_own("ambiguous_value", each.row, code, field, given)
                if is_held:
                    del values[code]
                else:
                    values[code] = Reported(sheet=given.sheet, cell=given.cell)
            elif present is None or not is_held:
                continue
            elif code in each.blank:
                remarks.count_own("blank_kept", each.row, code, field, given)
                del values[code]
            elif _shows(field, present, given, self._words.own.by_code[code], self._units):
                del values[code]
        return replace(each.row, values=values)

    def _own_finding(self, finding: Finding) -> Finding | None:
        """The finding about the dataset's own element; None where it is about a column that is passed over."""
        if finding.element is None or finding.element not in self._words.fields:
            return finding
        own = self._words.target(finding.element)
        return replace(finding, element=own) if own is not None else None


def read_workbook_back(workbook: Workbook, words: ViewWords, context: Context) -> ReadBack:
    """A workbook in the layout of a view. ``context`` is the dataset's own."""
    reading = read_workbook_rows(workbook, words.context(context))
    grids = {grid.name: grid for grid in workbook.grids}

    def is_blank(row: InputRow, code: str) -> bool:
        match = _CELL.fullmatch(row.place.cells.get(code, ""))
        grid = grids.get(row.place.sheet or "")
        return match is not None and grid is not None and _is_blank(grid, match[1], int(match[2]))

    return ReadBack(reading, words, context, is_blank)


def read_json_back(rows: Sequence[Any], words: ViewWords, context: Context) -> ReadBack:
    """JSON rows keyed by the view's field names; ``region`` and ``period`` where the view has no fields of them."""
    named = {field.name: code for code, field in words.fields.items()}
    own_rows = [_own_row(row, words, named) if isinstance(row, Mapping) else row for row in rows]
    reading = read_json_rows(own_rows, words.context(context))

    def is_blank(row: InputRow, code: str) -> bool:
        return own_rows[row.place.row or 0].get(code) in (None, "")

    return ReadBack(reading, words, context, is_blank)


def fields_named(workbook: Workbook, words: ViewWords, context: Context) -> frozenset[str]:
    """The fields that a workbook has columns of and that read back into this dataset."""
    found = elements_named(workbook, words.context(context))
    # A form with one indicator a row has its names in the rows.
    for row in read_workbook_rows(workbook, words.context(context)).rows:
        found |= row.place.cells.keys()
    return frozenset(words.fields[code].name for code in found if words.target(code) is not None)


def _own_row(row: Mapping[str, Any], words: ViewWords, named: Mapping[str, str]) -> dict[str, Any]:
    """A row as the reader of JSON takes it. A region's code goes before its name."""
    placing = {name for names in words.places.values() for name in names}
    found = {named.get(key, key): value for key, value in row.items() if key not in placing}
    for key, role in _PLACES:
        for name in words.places.get(role, ()):
            if row.get(name) not in (None, ""):
                found[key] = row[name]
    return found


def _is_blank(grid: Grid, letters: str, row: int) -> bool:
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return blank(cell_at(grid, row - grid.top, column - grid.left))


def _unguarded(text: str) -> str:
    return text[1:] if _GUARDED.match(text) else text


def _missing(reported: Reported) -> bool:
    return reported.number is None and reported.text is None and reported.flag is None


def _is_default(field: ReversedField, reported: Reported, units: UnitTable) -> bool:
    """Whether the cell says what the field says of a missing value too."""
    default = field.default
    if default is None:
        return False
    if isinstance(default, bool):
        return reported.flag is default
    if isinstance(default, date):
        return reported.text == default.isoformat()
    if isinstance(default, str):
        return reported.text == default
    if reported.number is None:
        return False
    factor = units.factor(reported.unit, field.unit) if reported.unit and field.unit else Fraction(1)
    return Fraction(reported.number) * factor == Fraction(default)


def _shows(field: ReversedField, exact: Reported, given: Reported, own: Element, units: UnitTable) -> bool:
    """Whether ``given`` is what the field shows of ``exact``."""
    if not own.numeric or field.codes is not None:
        return False
    one, other = canonical(exact, own, units), canonical(given, own, units)
    if not isinstance(one, Fraction) or not isinstance(other, Fraction):
        return False
    shown = rounded(one * field.factor, field.decimals, field.rounding)
    return Fraction(shown, 10**field.decimals) == other * field.factor
