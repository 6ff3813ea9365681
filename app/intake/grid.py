"""What a sheet is before anything is understood of it: a grid of values with their places.

A grid keeps what the file says and nothing else. Numbers of binary spreadsheets stay the doubles they are stored as;
``exact`` gives the decimal that a person sees, so that no arithmetic is ever done on the double itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

STAMP_SHEET = "_township"
"""The hidden sheet in which a template says what it was made for: two columns, name and value."""

RESULT_SHEET = "核对结果"
RESULT_TITLE = "核对结果：由登记库生成，再次上传时不读取"
"""The sheet in which a workbook comes back with its findings, and how its first cell begins; it is never read."""

_WHOLE_DOUBLES = 1e15
_PLAIN_DIGITS = 60


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell without a usable value: an error such as ``#DIV/0!``, or a formula that was never calculated."""

    text: str


Cell = None | str | float | int | Decimal | bool | date | CellError
"""One value as the file holds it. ``datetime`` may stand where ``date`` does; blank cells are None."""


@dataclass(frozen=True, slots=True)
class Span:
    """A merged range, in sheet coordinates from 1, both ends inclusive."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet. ``rows[0][0]`` is the cell at row ``top`` and column ``left`` of the sheet, both from 1.

    ``hidden_rows`` are sheet row numbers; ``percent`` are (row, column) of numbers that are shown with a % sign.
    Rows may be of different lengths.
    """

    name: str
    rows: Sequence[Sequence[Cell]]
    top: int = 1
    left: int = 1
    merged: tuple[Span, ...] = ()
    hidden_rows: frozenset[int] = frozenset()
    percent: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Workbook:
    """The visible sheets of a file, in order; ``hidden_sheets`` were not read.

    ``epoch_1904`` says how bare day numbers count. ``stamp`` is what the template was made for (``dataset period region
    catalogue``), empty for a file that was not made from one.
    """

    grids: tuple[Grid, ...]
    hidden_sheets: tuple[str, ...] = ()
    epoch_1904: bool = False
    stamp: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=20_000)
def column_letter(column: int) -> str:
    """``1`` is ``A``, ``27`` is ``AA``."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def exact(number: float | Decimal) -> Decimal:
    """The decimal a spreadsheet's number stands for, to the fifteen digits that spreadsheets keep and show.

    0.8731 as a double is 0.8731, not its binary neighbour, and what a formula left as 0.30000000000000004 is 0.3.
    """
    if isinstance(number, Decimal):
        return number
    if isinstance(number, int):
        return Decimal(number)
    if number.is_integer() and -_WHOLE_DOUBLES < number < _WHOLE_DOUBLES:
        return Decimal(int(number))
    return Decimal(f"{number:.15g}" if abs(number) < _WHOLE_DOUBLES else repr(number))


def plain(number: Decimal) -> str:
    """The number in plain digits: ``430682001``, not ``430682001.0`` and not ``4.3E+8``; as it is where that is too long."""
    if abs(number.adjusted()) > _PLAIN_DIGITS:
        return str(number)
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown_value(cell: Cell) -> str | None:
    """A cell's value as a finding quotes it; None for a blank."""
    if cell is None:
        return None
    if isinstance(cell, CellError):
        return cell.text
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float | int | Decimal):
        return plain(exact(cell))
    if isinstance(cell, date):
        return cell.isoformat()
    return cell


def blank(cell: Cell) -> bool:
    """Whether there is nothing to see in the cell."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
