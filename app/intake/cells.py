"""From one cell to one reported value, by the element's type: read exactly, or refused with what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from app.catalogue.model import Catalogue, CodeList, Element
from app.catalogue.values import Reported
from app.intake.dates import ACCEPTED_DATES, day_of, read_date_number, read_date_text
from app.intake.grid import Cell, CellError, exact, plain, shown_value
from app.intake.markers import MissingMark, missing_mark
from app.intake.numerals import SCALE_WORDS, NumberFault, read_number
from app.intake.quantities import EXACT, CellFault, Quantities
from app.intake.spelling import folded

SPREADSHEET_DIGITS = 15  # what a double keeps of a whole number for certain
_HUNDRED = Decimal(100)

_YES = frozenset(folded(word) for word in "√ ✓ ✔ ☑ 是 有 对 真 y yes true t 1".split())  # noqa: SIM905
_NO = frozenset(folded(word) for word in "× ✗ ✘ x 否 无 没有 不是 错 假 n no false f 0".split())  # noqa: SIM905


class CellReader:
    """Reads the cells of one column into values of one element.

    ``unit`` is what numbers of the column are in, a code of the catalogue's units that converts into the element's unit
    (the caller has made sure of it); None means the element's own. ``missing`` values have neither number nor text.
    """

    def __init__(
        self,
        element: Element,
        catalogue: Catalogue,
        unit: str | None = None,
        *,
        sheet: str | None = None,
        epoch_1904: bool = False,
    ) -> None:
        self.element = element
        self.unit = unit or element.unit
        self._units = catalogue.units
        self._sheet = sheet
        self._epoch_1904 = epoch_1904
        self._codes = catalogue.codelists.get(element.codes) if element.codes is not None else None
        self._pattern = re.compile(element.pattern) if element.pattern is not None else None
        self._quantities = Quantities(element, catalogue.units)
        self._reading: Mapping[str, Callable[[Cell], str | bool | CellFault | MissingMark | None]] = {
            "text": self._text,
            "code": self._code,
            "date": self._date,
            "boolean": self._boolean,
        }

    def read(self, cell: Cell, name: str | None = None, *, percent: bool = False) -> Reported | CellFault:
        """The value of one cell; ``name`` is the cell's, kept with the value, ``percent`` that it is shown with a %."""
        if cell is None:
            return Reported(sheet=self._sheet, cell=name)
        if self.element.numeric and isinstance(cell, float) and not percent:
            return self._stored_number(cell, name)  # most cells of most sheets
        if isinstance(cell, CellError):
            return CellFault(
                "error_value",
                f"单元格的值是“{cell.text}”，无法读取",
                f"The cell holds {cell.text}, which is no value",
                "填写数值，或留空",
            )
        kind = self.element.type
        if isinstance(cell, str) and kind != "boolean":
            mark = missing_mark(cell, in_text=kind == "text")
            if mark is not None and not (kind == "code" and self._codes is not None and self._codes.find(cell.strip())):
                return Reported(missing=mark.reason, sheet=self._sheet, cell=name)
        if kind in ("integer", "decimal"):
            return self._number(cell, name, percent=percent)
        return self._as_reported(self._reading[kind](cell), name)

    def number(self, number: Decimal, unit: str | None, name: str | None = None) -> Reported | CellFault:
        """A number in ``unit`` (None: the column's), checked for size, unit, wholeness and range."""
        unit = unit or self.unit
        fault = self._quantities.fault(number, unit)
        return fault if fault is not None else Reported(number=number, unit=unit, sheet=self._sheet, cell=name)

    def _stored_number(self, stored: float, name: str | None) -> Reported | CellFault:
        number = exact(stored)
        if number.adjusted() >= SPREADSHEET_DIGITS:
            return self._digits_lost(number)
        fault = self._quantities.fault(number, self.unit, short=True)
        return fault if fault is not None else Reported(number, self.unit, None, None, None, None, self._sheet, name)

    # -- numbers ---------------------------------------------------------------------------------------------------
    def _number(self, cell: Cell, name: str | None, *, percent: bool) -> Reported | CellFault:
        if isinstance(cell, str):
            return self._written_number(cell, name)
        if isinstance(cell, bool | date):
            return self._quantities.not_a_number(shown_value(cell) or "")
        number = exact(_numeric(cell))
        if isinstance(cell, float) and number.adjusted() >= SPREADSHEET_DIGITS:
            return self._digits_lost(number)
        return self._percentage(EXACT.multiply(number, _HUNDRED), name) if percent else self.number(number, None, name)

    def _percentage(self, number: Decimal, name: str | None) -> Reported | CellFault:
        if self.element.unit is None:
            return self.number(EXACT.scaleb(number, -2), None, name)
        return self.number(number, "%", name)

    def _written_number(self, text: str, name: str | None) -> Reported | CellFault:
        written = read_number(text)
        if isinstance(written, str):
            return self._unread(text, written)
        number, suffix = written
        scale = SCALE_WORDS.get(suffix)
        if scale is not None:
            return self.number(Decimal(plain(EXACT.multiply(number, scale))), None, name)
        if not suffix:
            return self.number(number, None, name)
        if suffix in ("%", "％"):
            return self._percentage(number, name)
        if self._units.get(suffix) is None:
            return self._quantities.not_a_number(text)
        if self.element.unit is None:
            return CellFault(
                "unit_mismatch",
                f"{self.element.title}没有计量单位，“{text.strip()}”却带有“{suffix}”",
                f"{self.element.code} has no unit, but {text.strip()!r} has {suffix}",
                "只填数字",
            )
        return self.number(number, suffix, name)

    def _unread(self, text: str, fault: NumberFault) -> CellFault:
        if fault == "approximate":
            return CellFault(
                "approximate",
                f"“{text.strip()}”是约数，不能作为数值",
                f"{text.strip()!r} is an approximation, not a figure",
                "确切的数；没有确切数时填“不详”",
            )
        if fault == "scientific":
            return CellFault(
                "scientific",
                f"“{text.strip()}”是科学计数法，位数可能已经丢失",
                f"{text.strip()!r} is in scientific notation and may have lost digits",
                "完整的数字",
            )
        return self._quantities.not_a_number(text)

    # -- other types -----------------------------------------------------------------------------------------------
    def _as_reported(self, read: str | bool | CellFault | MissingMark | None, name: str | None) -> Reported | CellFault:
        if isinstance(read, CellFault):
            return read
        if isinstance(read, bool):
            return Reported(flag=read, sheet=self._sheet, cell=name)
        if read is None or isinstance(read, MissingMark):
            return Reported(missing=read.reason if read is not None else None, sheet=self._sheet, cell=name)
        if self._pattern is not None and self._pattern.fullmatch(read) is None:
            return self._off_pattern(read)
        return Reported(text=read, sheet=self._sheet, cell=name)

    def _text(self, cell: Cell) -> str | CellFault | None:
        if isinstance(cell, str):
            return cell.strip() or None
        if isinstance(cell, bool):
            return "是" if cell else "否"
        if isinstance(cell, date):
            return cell.isoformat()
        number = exact(_numeric(cell))
        if isinstance(cell, float) and number.adjusted() >= SPREADSHEET_DIGITS:
            return self._digits_lost(number)
        return plain(number)

    @staticmethod
    def _digits_lost(number: Decimal) -> CellFault:
        return CellFault(
            "digits_lost",
            f"“{plain(number)}”按数值保存，超过{SPREADSHEET_DIGITS}位的末位已经丢失；请把单元格设为文本格式后重新填写",
            f"{plain(number)} was stored as a number; digits beyond {SPREADSHEET_DIGITS} are lost. Format the cell as text",
            "文本格式的完整数字",
        )

    def _code(self, cell: Cell) -> str | CellFault | None:
        codes = self._codes
        text = self._text(cell)
        if text is None or isinstance(text, CellFault) or codes is None:
            return text
        found = codes.find(text) or codes.find(folded(text)) or _folded_codes(codes).get(folded(text))
        if found is None and not isinstance(cell, str):
            # 01 typed into a number cell comes as 1: the zeros come back where all codes are of one length.
            lengths = {len(code.code) for code in codes.codes}
            found = codes.find(text.zfill(lengths.pop())) if len(lengths) == 1 else None
        if isinstance(found, str):
            found = codes.find(found)
        if found is None:
            return CellFault(
                "unknown_code",
                f"“{text}”不在代码表“{codes.title}”中",
                f"{text!r} is not in the code list {codes.code}",
                "、".join(f"{code.code} {code.label}" for code in codes.codes[:20]),
            )
        return found.code

    def _date(self, cell: Cell) -> str | CellFault | None:
        found: date | None
        if isinstance(cell, str):
            found = read_date_text(cell)
        elif isinstance(cell, bool):
            found = None
        elif isinstance(cell, date):
            found = day_of(cell)
        else:
            found = read_date_number(exact(_numeric(cell)), epoch_1904=self._epoch_1904)
        if found is None:
            text = shown_value(cell) or ""
            return CellFault(
                "not_a_date",
                f"“{text.strip()}”不是可以确定到日的日期",
                f"{text.strip()!r} is not a date that names one day",
                ACCEPTED_DATES,
            )
        return found.isoformat()

    def _boolean(self, cell: Cell) -> bool | CellFault | MissingMark | None:
        if isinstance(cell, bool):
            return cell
        text = folded(shown_value(cell) or "")
        if not text:
            return None
        if self._codes is not None:
            code = self._codes.find((shown_value(cell) or "").strip()) or self._codes.find(text)
            if code is not None:
                text = folded(code.label)
        if text in _YES:
            return True
        if text in _NO:
            return False
        mark = missing_mark(text)
        if mark is not None:
            return mark
        return CellFault(
            "not_a_boolean",
            f"“{shown_value(cell)}”不能确定是“是”还是“否”",
            f"{shown_value(cell)!r} is neither yes nor no",
            "是、否、√、×、有、无、Y、N、1、0",
        )

    def _off_pattern(self, text: str) -> CellFault:
        return CellFault(
            "pattern",
            f"“{text}”不符合{self.element.title}的格式",
            f"{text!r} is not of the form required of {self.element.code}",
            self.element.pattern,
        )


def _numeric(cell: Cell) -> float | Decimal:
    """The cell as a number, once every other kind has been dealt with."""
    if not isinstance(cell, float | int | Decimal):
        raise TypeError(f"no number: {cell!r}")
    return cell


def _folded_codes(codes: CodeList) -> Mapping[str, str]:
    """Labels and aliases in one spelling, and «code label» as drop-downs write it, each with its code if it has only one."""
    found: dict[str, set[str]] = {}
    for code in codes.codes:
        for name in (code.code, code.label, *code.aliases, f"{code.code}{code.label}", f"{code.code}-{code.label}"):
            found.setdefault(folded(name), set()).add(code.code)
    return {name: next(iter(members)) for name, members in found.items() if len(members) == 1}
