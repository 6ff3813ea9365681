"""What is to be said of a file that is read through a view: columns passed over, values that say nothing for certain."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from app.catalogue.values import Reported
from app.errors import Finding
from app.intake.finding_codes import FINDING_CODES
from app.intake.grid import plain
from app.intake.quantities import CellFault
from app.intake.records import InputRow
from app.intake.spelling import folded
from app.intake.view_words import ViewWords
from app.mapping.reverse import ReversedField
from app.mapping.spec import Constant

_YES = frozenset({"是", "true", "√", "1", "y", "yes"})
_NO = frozenset({"否", "false", "×", "0", "n", "no"})

_COUNTED: dict[str, tuple[str, str]] = {
    "constant_differs": (
        "“{title}”（{name}）在该视图中恒为“{constant}”，有{count}格不同，已跳过",
        "{name} always is {constant} in this view; {count} cells differ and are passed over",
    ),
    "ambiguous_value": (
        "“{title}”（{name}）的“{default}”在该视图中也表示缺失，有{count}格无法判断，未改变已有数据",
        "in {name}, {default} stands for missing as well; {count} cells say nothing and change nothing",
    ),
    "blank_kept": (
        "“{title}”（{name}）有{count}格空白：视图中的空白可能是缺失，也可能是未获共享，未改变已有数据；确无数据请填“-”",
        "{count} blank cells of {name} change nothing: a blank may be missing or not covered; write - for missing",
    ),
}


@dataclass(slots=True)
class _Count:
    """How often something was seen in one column, and where first."""

    first: Finding
    number: int = 0


class ViewRemarks:
    """Findings about columns, each once for a sheet with the number of its cells and the first of them."""

    def __init__(self, words: ViewWords) -> None:
        self._words = words
        self._seen: dict[tuple[str | None, str], Finding] = {}
        self._counts: dict[tuple[str, str | None, str], _Count] = {}

    def copy(self) -> ViewRemarks:
        """The remarks so far; what is added to the copy is not added here."""
        other = copy(self)
        other._seen = dict(self._seen)  # noqa: SLF001 - its own kind
        other._counts = {key: copy(count) for key, count in self._counts.items()}  # noqa: SLF001
        return other

    def findings(self) -> list[Finding]:
        """The columns passed over, then what was counted."""
        return [*self._seen.values(), *(self._told(key[0], count) for key, count in self._counts.items())]

    def see(self, row: InputRow) -> None:
        """The columns of a row that are passed over."""
        for code in (*row.place.cells, *row.values):
            field = self._words.fields[code]
            if field.part != "none" or field.reason is None or (row.place.sheet, code) in self._seen:
                continue
            cell = row.place.cells.get(code)
            self._seen[row.place.sheet, code] = Finding(
                FINDING_CODES["not_reversible"].severity,
                "not_reversible",
                f"“{field.title}”（{field.name}）不能读回，已跳过：{field.reason[0]}",
                sheet=row.place.sheet,
                row=None if cell is not None else row.place.row,
                column=cell.rstrip("0123456789") if cell is not None else None,
                value=field.name,
                message_en=f"{field.name} does not read back and was passed over: {field.reason[1]}",
            )

    def count(self, kind: str, row: InputRow, code: str, reported: Reported) -> None:
        """One more cell of the column ``code`` of which ``kind`` is to be said."""
        self._add(kind, row, row.place.cells.get(code), self._words.fields[code], None, reported)

    def count_own(self, kind: str, row: InputRow, own: str, field: ReversedField, reported: Reported) -> None:
        """The same of a row that was read back already: ``own`` is an element of the dataset."""
        self._add(kind, row, reported.cell, field, own, reported)

    def _add(
        self, kind: str, row: InputRow, cell: str | None, field: ReversedField, own: str | None, reported: Reported
    ) -> None:
        key = (kind, row.place.sheet, field.name)
        if key not in self._counts:
            zh, en = _COUNTED[kind]
            words = {
                "title": field.title,
                "name": field.name,
                "constant": _text(field.constant),
                "default": _text(field.default),
                "count": "{count}",
            }
            accepted = _text(field.constant) if kind == "constant_differs" else None
            finding = _at(row, cell, kind, zh.format(**words), en.format(**words), own, reported, accepted)
            self._counts[key] = _Count(finding)
        self._counts[key].number += 1

    @staticmethod
    def _told(_: str, count: _Count) -> Finding:
        first, number = count.first, str(count.number)
        return Finding(
            first.severity, first.code, first.message.replace("{count}", number), first.sheet, first.row, first.column,
            first.cell, first.element, first.value, first.accepted, (first.message_en or "").replace("{count}", number),
        )  # fmt: skip

    def fault(self, row: InputRow, code: str, own: str, fault: CellFault, reported: Reported) -> Finding:
        """A value that the element may not have."""
        cell = row.place.cells.get(code)
        return _at(row, cell, fault.code, fault.message, fault.message_en, own, reported, fault.accepted)

    def disagreement(self, row: InputRow, code: str, own: str, other: ReversedField, reported: Reported) -> Finding:
        """Two columns of one element that do not say the same."""
        field = self._words.fields[code]
        return _at(
            row,
            row.place.cells.get(code),
            "columns_disagree",
            f"“{field.title}”（{field.name}）与“{other.title}”（{other.name}）是同一数据项，两列的值却不一致",
            f"{field.name} and {other.name} are one element, but their values differ",
            own,
            reported,
            None,
        )


def says_constant(reported: Reported, constant: Constant) -> bool:
    """Whether a cell read as text says the constant."""
    text = folded(reported.text or "")
    if isinstance(constant, bool):
        return text in (_YES if constant else _NO)
    if isinstance(constant, str):
        return text.removeprefix("'") == folded(constant).removeprefix("'")
    try:
        return Decimal(text.replace(",", "")) == constant
    except InvalidOperation:
        return False


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return "" if value is None else ("是" if value is True else "否" if value is False else str(value))


def _at(
    row: InputRow, cell: str | None, code: str, message: str, message_en: str, own: str | None, reported: Reported,
    accepted: str | None,
) -> Finding:  # fmt: skip
    value = plain(reported.number) if reported.number is not None else reported.text
    return Finding(
        severity=FINDING_CODES[code].severity,
        code=code,
        message=message,
        sheet=row.place.sheet,
        row=int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) if cell is not None else row.place.row,
        column=cell.rstrip("0123456789") if cell is not None else None,
        cell=cell,
        element=own,
        value=value,
        accepted=accepted,
        message_en=message_en,
    )
