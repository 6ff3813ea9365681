"""A packed row laid over what is held: compared and merged as stored documents, without a value of its own for each cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson

from app.catalogue.model import Element
from app.catalogue.values import Reported
from app.intake.packed import Contents, HeldValues, PackedColumn, PackedTable, PackedValues, said_in
from app.intake.records import Context
from app.intake.same_values import same_value

Documents = Mapping[str, Mapping[str, Any]]
"""What is stored of a record: by element, the compact form of ``Reported.document``."""

_Same = Callable[[Mapping[str, Any], str | None], bool]
_NOTHING: Mapping[str, Any] = {}
_DAY = len("2025-01-31")
_NO_ELEMENT: frozenset[str] = frozenset()


class Comparison:
    """Compares the rows of one packed table with what is held: each element says the same as ``same_value`` does."""

    def __init__(self, table: PackedTable, context: Context) -> None:
        self._table, self._units = table, context.catalogue.units
        self._codes = [column.element for column in table.columns]
        by_code = context.dataset.by_code
        self._same: list[_Same] = [
            self._number(at, column, by_code[column.element])
            if column.numeric
            else self._other(at, by_code[column.element])
            for at, column in enumerate(table.columns)
        ]
        self._sets: dict[tuple[str, ...], frozenset[str]] = {}

    def differing(self, contents: Contents, held: Documents) -> frozenset[str]:
        """The elements of which a row says something else than is held. Silence over silence is no change."""
        found = tuple(
            [
                code
                for code, same, content in zip(self._codes, self._same, contents, strict=True)
                if (
                    not same(document, content)
                    if (document := held.get(code)) is not None
                    else content is not None and not same(_NOTHING, content)
                )
            ]
        )
        if not found:
            return _NO_ELEMENT
        known = self._sets.get(found)
        if known is None:
            known = frozenset(found)
            if len(self._sets) < 1_000:
                self._sets[found] = known
        return known

    def replaces(self, contents: Contents, held: Documents, differing: frozenset[str]) -> bool:
        """Whether the record laid over what is held is the row itself: the same elements in their order, all others' words."""
        if None not in contents:
            return len(differing) == len(contents) and list(held) == self._codes
        said = [code for code, content in zip(self._codes, contents, strict=True) if content is not None]
        return len(differing) == len(said) and list(held) == said

    def _careful(self, at: int, element: Element) -> _Same:
        def same(document: Mapping[str, Any], content: str | None) -> bool:
            given = Reported() if content is None else self._table.reported(at, content, None, None)
            return same_value(Reported.from_document(document), given, element, self._units)

        return same

    def _number(self, at: int, column: PackedColumn, element: Element) -> _Same:
        careful = self._careful(at, element)
        unit, decimals = column.unit, element.decimals
        own_unit = element.unit
        in_own = unit is None or own_unit is None or unit == own_unit

        def same(document: Mapping[str, Any], content: str | None) -> bool:
            number = document.get("n")
            if number is None:
                return content is None and careful(document, None)
            if content is None or "m" in document:
                return careful(document, content)
            held_in = document.get("u")
            if number == content and held_in == unit:
                return True
            if not in_own or (held_in != own_unit and held_in is not None and own_unit is not None):
                return careful(document, content)
            if number.isdigit() and content.isdigit():
                return bool(number == content)  # both as ``str`` writes a whole number, so that no zeros lead
            if Decimal(number) == Decimal(content):
                return True
            places = len(number) - number.find(".") - 1 if "." in number else 0
            # With no more digits than are shown it is shown as it is, so that nothing else is what is shown of it.
            return False if places <= decimals and "E" not in number else careful(document, content)

        return same

    def _other(self, at: int, element: Element) -> _Same:
        careful = self._careful(at, element)
        day, flag = element.type == "date", element.type == "boolean"

        def same(document: Mapping[str, Any], content: str | None) -> bool:
            if content is None or flag:
                return careful(document, content)
            text, said = document.get("t"), said_in(content)
            given = said.get("t")
            if text is None or given is None or "m" in document or "m" in said:
                return careful(document, content)
            if text == given:
                return True
            # Of two days written as 2025-01-31 each is another; of other forms one day has several.
            if day and not (len(text) == len(given) == _DAY and "W" not in text + given):
                return careful(document, content)
            return False

        return same


class LaidOver(Mapping[str, Reported]):
    """What a record would hold: what a packed row says differently (``differing``), and of the rest what is held.

    Kept as the two texts; ``forget`` lets go of what was parsed of them.
    """

    __slots__ = ("_documents", "_held", "_row", "differing")

    def __init__(
        self, row: PackedValues, held: HeldValues, differing: frozenset[str], documents: Documents | None = None
    ) -> None:
        self._row, self._held, self.differing, self._documents = row, held, differing, documents

    def forget(self) -> None:
        """What is held is parsed again when it is asked for."""
        self._documents = None

    def stamped(self, submission: str) -> LaidOver:
        """The same, with ``submission`` as the one that brought what differs."""
        row = PackedValues(self._row.table, self._row.row, self._row.number, submission=submission)
        return LaidOver(row, self._held, self.differing)

    def document(self) -> str:
        """The JSON text under which the values are stored, as that of its unfolded values: those held first, in their order."""
        whole = dict(self._present)
        table, number, submission = self._row.table, self._row.number, self._row.submission
        for column, content in zip(table.columns, table.contents(self._row.row), strict=True):
            if column.element not in self.differing:
                continue
            said: dict[str, Any] = {}
            if content is not None and column.numeric:
                said["n"] = content
                if column.unit is not None:
                    said["u"] = column.unit
            elif content is not None:
                said |= said_in(content)
            if submission is not None:
                said["s"] = submission
            if table.sheet is not None:
                said["h"] = table.sheet
            if column.letter is not None:
                said["c"] = f"{column.letter}{number}"
            whole[column.element] = said
        return orjson.dumps(whole).decode()

    @property
    def _present(self) -> Documents:
        return self._documents if self._documents is not None else self._held.documents

    def __getitem__(self, element: str) -> Reported:
        if element not in self.differing:
            return Reported.from_document(self._present[element])
        given, submission = self._row[element], self._row.submission
        if given.submission == submission:
            return given
        return Reported(given.number, given.unit, given.text, given.flag, given.missing, submission, given.sheet, given.cell)  # fmt: skip

    def __contains__(self, element: object) -> bool:
        return element in self.differing or element in self._present

    def __iter__(self) -> Iterator[str]:
        present = self._present
        yield from present
        yield from (
            c.element for c in self._row.table.columns if c.element in self.differing and c.element not in present
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)
