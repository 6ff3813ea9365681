"""References to cells of a form whose rows of data become more or fewer: as a spreadsheet itself would move them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token

_REFERENCE = re.compile(
    r"(?:(?P<sheet>'(?:[^']|'')+'|[^'!:]+)!)?"
    r"(?P<from>\$?[A-Z]{1,3}\$?)(?P<first>[0-9]+)(?::(?P<to>\$?[A-Z]{1,3}\$?)(?P<last>[0-9]+))?"
)


@dataclass(frozen=True, slots=True)
class RowShift:
    """The rows ``first`` to ``below`` − 1 of ``sheet`` held data; now ``below`` and what follows stand ``by`` rows lower."""

    sheet: str
    first: int
    below: int
    by: int

    def row(self, row: int) -> int:
        """Where a row outside of the data is now."""
        return row + self.by if row >= self.below else row

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Where a range is now: one that reaches to the last row of data still does."""
        end = max(self.below - 1 + self.by, self.first)
        if first >= self.below:
            return first + self.by, last + self.by
        start = min(first, end) if first >= self.first else first
        if last >= self.below - 1:
            return start, last + self.by
        return start, max(start, min(last, end) if last >= self.first else last)

    def formula(self, text: str, own_sheet: str) -> str:
        """A formula of the sheet ``own_sheet`` with its references moved."""
        tokens = Tokenizer(text)
        for token in tokens.items:
            if token.type == Token.OPERAND and token.subtype == Token.RANGE:
                token.value = self.reference(token.value, own_sheet)
        return str(tokens.render())  # type: ignore[no-untyped-call]

    def reference(self, text: str, own_sheet: str) -> str:
        """One reference such as ``C5``, ``$C$5:$C$9`` or ``'甲 乙'!A1``; whatever else stands there is left as it is."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            return text
        sheet = match["sheet"]
        if (sheet.strip("'").replace("''", "'") if sheet is not None else own_sheet) != self.sheet:
            return text
        prefix = f"{sheet}!" if sheet is not None else ""
        if match["last"] is None:
            return f"{prefix}{match['from']}{self.row(int(match['first']))}"
        first, last = self.span(int(match["first"]), int(match["last"]))
        return f"{prefix}{match['from']}{first}:{match['to']}{last}"
