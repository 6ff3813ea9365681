"""Values of many plain rows, kept packed: what a row says is unfolded only where somebody looks at it.

A hundred thousand rows of twenty-four figures are two and a half million values. As objects of their own they would take
gigabytes and most of the time; packed they are columns of text, from which the stored document is made in one step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import polars as pl

from app.catalogue.values import Reported

Contents = tuple[str | None, ...]
"""What a row says in each column: a number's digits, of other elements the inside of a JSON document; None is a blank."""

_CONTENT, _NUMBER = "\0", "\1"  # stand for what differs from row to row; no JSON text has these characters
_PIECES = re.compile(f"([{_CONTENT}{_NUMBER}])")
_FEW = 50  # rows of which each is made by itself sooner


class PackedColumn(NamedTuple):
    """One element column: ``unit`` is what its numbers are in; ``letter`` is the sheet's column, None for JSON rows."""

    element: str
    numeric: bool
    unit: str | None
    letter: str | None


class PackedTable:
    """Packed rows of one sheet or list. ``contents`` gives those of a row by its index; ``frame`` has them all by column."""

    def __init__(
        self,
        columns: Sequence[PackedColumn],
        contents: Callable[[int], Contents],
        *,
        sheet: str | None,
        key_letters: Mapping[str, str] | None = None,
        frame: pl.DataFrame | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.elements = frozenset(column.element for column in columns)
        self.contents = contents
        self.sheet = sheet
        self.position = {column.element: at for at, column in enumerate(columns)}
        self.letters = {c.element: c.letter for c in columns if c.letter is not None} | dict(key_letters or {})
        self._frame = frame
        self._templates: dict[str | None, tuple[str, tuple[str, ...]]] = {}

    def reported(self, at: int, content: str, number: int | None, submission: str | None) -> Reported:
        """One value, unfolded; ``number`` is the sheet's row number."""
        column = self.columns[at]
        cell = f"{column.letter}{number}" if column.letter is not None else None
        if column.numeric:
            return Reported(Decimal(content), column.unit, None, None, None, submission, self.sheet, cell)
        said = said_in(content)
        return Reported(None, None, said.get("t"), said.get("b"), said.get("m"), submission, self.sheet, cell)

    def document(self, row: int, number: int | None, submission: str | None) -> str:
        """The JSON text under which a row's values are stored, byte for byte that of its unfolded values."""
        whole, parts = self._template(submission)
        contents = self.contents(row)
        if None not in contents:
            if number is None:
                return whole % contents
            given: list[Any] = [number] * (2 * len(contents))
            given[::2] = contents
            return whole % tuple(given)
        if number is None:
            said = [part % content for part, content in zip(parts, contents, strict=True) if content is not None]
        else:
            said = [
                part % (content, number) for part, content in zip(parts, contents, strict=True) if content is not None
            ]
        return "{" + ",".join(said) + "}"

    def documents(self, rows: Sequence[int], numbers: Sequence[int], submission: str | None) -> list[str]:
        """``document`` of some rows, made a column at a time where the table is kept so."""
        if self._frame is None or len(rows) < _FEW:
            return [self.document(row, number, submission) for row, number in zip(rows, numbers, strict=True)]
        number = pl.lit(pl.Series("number", numbers, pl.Int64).cast(pl.String))
        parts = []
        for at, (column, part) in enumerate(zip(self.columns, self._template(submission)[1], strict=True)):
            text = part % (_CONTENT if column.letter is None else (_CONTENT, _NUMBER))
            varying = {_CONTENT: pl.nth(at), _NUMBER: number}
            parts.append(pl.concat_str([varying.get(piece, pl.lit(piece)) for piece in _PIECES.split(text) if piece]))
        said = pl.concat_str(parts, separator=",", ignore_nulls=True)
        frame = self._frame[list(rows)].select(pl.concat_str(pl.lit("{"), said, pl.lit("}")).alias("document"))
        found: list[str] = frame["document"].to_list()
        return found

    def _template(self, submission: str | None) -> tuple[str, tuple[str, ...]]:
        found = self._templates.get(submission)
        if found is None:
            parts = tuple(self._part(column, submission) for column in self.columns)
            found = self._templates[submission] = ("{" + ",".join(parts) + "}", parts)
        return found

    def _part(self, column: PackedColumn, submission: str | None) -> str:
        def text(value: str) -> str:
            return orjson.dumps(value).decode().replace("%", "%%")

        said = '"n":"%s"' if column.numeric else "%s"
        if column.numeric and column.unit is not None:
            said += f',"u":{text(column.unit)}'
        if submission is not None:
            said += f',"s":{text(submission)}'
        if column.letter is not None:
            said += f',"h":{text(self.sheet or "")},"c":"{column.letter}%s"'
        return f"{text(column.element)}:{{{said}}}"


class PackedValues(Mapping[str, Reported]):
    """The values of one packed row, as a mapping. ``blanks``: a blank column is an entry too, of nothing."""

    __slots__ = ("blanks", "number", "row", "submission", "table")

    def __init__(
        self, table: PackedTable, row: int, number: int | None, *, blanks: bool = True, submission: str | None = None
    ) -> None:
        self.table, self.row, self.number = table, row, number
        self.blanks, self.submission = blanks, submission

    def __getitem__(self, element: str) -> Reported:
        at = self.table.position[element]
        content = self.table.contents(self.row)[at]
        if content is not None:
            return self.table.reported(at, content, self.number, self.submission)
        if not self.blanks:
            raise KeyError(element)
        letter = self.table.columns[at].letter
        return Reported(sheet=self.table.sheet, cell=f"{letter}{self.number}" if letter is not None else None)

    def __contains__(self, element: object) -> bool:
        at = self.table.position.get(element) if isinstance(element, str) else None
        return at is not None and (self.blanks or self.table.contents(self.row)[at] is not None)

    def __iter__(self) -> Iterator[str]:
        if self.blanks:
            return iter(self.table.position)
        contents = self.table.contents(self.row)
        return (column.element for column, content in zip(self.table.columns, contents, strict=True) if content)

    def __len__(self) -> int:
        contents = self.table.contents(self.row)
        return len(contents) if self.blanks else len(contents) - contents.count(None)

    @property
    def said(self) -> frozenset[str]:
        """The elements that are not blank."""
        contents = self.table.contents(self.row)
        if None not in contents:
            return self.table.elements
        return frozenset(c.element for c, content in zip(self.table.columns, contents, strict=True) if content)

    def kept(self, submission: str | None = None) -> PackedValues:
        """What a new record keeps of the row, its blanks left out; with ``submission`` as the one that brought it."""
        return PackedValues(self.table, self.row, self.number, blanks=False, submission=submission or self.submission)

    def document(self) -> str:
        """The JSON text under which the values are stored."""
        return self.table.document(self.row, self.number, self.submission)


class PackedCells(Mapping[str, str]):
    """The cell names of one packed row: C7 for every element the sheet has."""

    __slots__ = ("_number", "_table")

    def __init__(self, table: PackedTable, number: int) -> None:
        self._table, self._number = table, number

    def __getitem__(self, element: str) -> str:
        return f"{self._table.letters[element]}{self._number}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.letters)

    def __len__(self) -> int:
        return len(self._table.letters)


class HeldValues(Mapping[str, Reported]):
    """The values of a held record, parsed when they are looked at."""

    __slots__ = ("_text", "_values")

    def __init__(self, text: str) -> None:
        self._text = text
        self._values: dict[str, Reported] | None = None

    @property
    def documents(self) -> Mapping[str, Mapping[str, Any]]:
        """The stored documents by element; parsed anew each time, for it is looked at once."""
        found: Mapping[str, Mapping[str, Any]] = orjson.loads(self._text)
        return found

    @property
    def _parsed(self) -> dict[str, Reported]:
        if self._values is None:
            self._values = {code: Reported.from_document(said) for code, said in self.documents.items()}
        return self._values

    def __getitem__(self, element: str) -> Reported:
        return self._parsed[element]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parsed)

    def __len__(self) -> int:
        return len(self._parsed)


def packed_content(reported: Reported) -> str | None:
    """The content of a value that is no number; None for a blank."""
    document = Reported(text=reported.text, flag=reported.flag, missing=reported.missing).document()
    return orjson.dumps(document).decode()[1:-1] if document else None


@lru_cache(maxsize=10_000)
def said_in(content: str) -> Mapping[str, Any]:
    """What the content of a value that is no number says, as a document does."""
    found: Mapping[str, Any] = orjson.loads("{" + content + "}")
    return found
