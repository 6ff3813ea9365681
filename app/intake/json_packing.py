"""JSON rows of the plain kind, packed: every value a number, a text or null that its element takes as it stands.

What is plain is decided here; what any other row means, and what is wrong with it, is for ``json_rows`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.catalogue.model import Element
from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.intake.cells import CellReader
from app.intake.grid import plain
from app.intake.key_text import key_text
from app.intake.packed import Contents, PackedColumn, PackedTable, PackedValues, packed_content
from app.intake.period_words import read_period
from app.intake.placing import Placing, RowPlace
from app.intake.records import Context, InputRow, Place
from app.intake.remarks import Remarks

_LARGEST = 10**15
_LONGEST = 17
_REMEMBERED = 50_000
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]{0,8})\.[0-9]{0,5}[1-9]", re.ASCII)
_NOT_PLAIN: str = "\x00"
_NO_FAULT: frozenset[str] = frozenset()

_Judge = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How rows with one sequence of keys are packed: a judge for each element column and for each key element."""

    table: PackedTable
    rows: list[Contents]
    columns: tuple[tuple[str, _Judge], ...]
    keys: tuple[tuple[str, _Judge], ...]


class JsonPacker:
    """Packs the plain rows of one list."""

    def __init__(self, context: Context, placing: Placing) -> None:
        self._context, self._placing = context, placing
        self._layouts: dict[tuple[Any, ...], _Layout | None] = {}
        self._places: dict[tuple[Any, Any], tuple[int, Period] | None] = {}

    def begin(self) -> None:
        """A new list begins: what was packed belongs to those who hold it."""
        self._layouts.clear()

    def packed(self, index: int, row: Mapping[str, Any], where: str) -> InputRow | None:
        """The row where it is plain and is to be taken; None where it needs a careful look, and nothing is noted of it."""
        keys = tuple(row)
        layout = self._layouts.get(keys)
        if layout is None:
            if keys in self._layouts:
                return None
            layout = self._layouts[keys] = self._layout(keys)
            if layout is None:
                return None
        contents = []
        for code, judge in layout.columns:
            content = judge(row[code])
            if content is _NOT_PLAIN:
                return None
            contents.append(content)
        key = []
        for code, judge in layout.keys:
            text = judge(row[code])
            if text is _NOT_PLAIN or text is None:
                return None
            key.append(text)
        placed = self._placed(row.get("region"), row.get("period"))
        if placed is None:
            return None
        region_id, period = placed
        own = tuple(key)
        if not self._placing.takes((region_id, period.ordinal, own), where):
            return None
        layout.rows.append(tuple(contents))
        values = PackedValues(layout.table, len(layout.rows) - 1, None)
        return InputRow(region_id, period, own, values, Place(None, index), _NO_FAULT)

    def _layout(self, keys: tuple[Any, ...]) -> _Layout | None:
        dataset = self._context.dataset
        codes = [code for code in keys if code not in ("region", "period")]
        if not all(isinstance(code, str) and code in dataset.by_code for code in codes):
            return None
        if not set(dataset.key) <= set(codes):
            return None
        own = [dataset.by_code[code] for code in codes if code not in dataset.key]
        rows: list[Contents] = []
        packed = [PackedColumn(e.code, e.numeric, e.unit if e.numeric else None, None) for e in own]
        table = PackedTable(packed, rows.__getitem__, sheet=None)
        columns = tuple((element.code, self._judge(element)) for element in own)
        return _Layout(
            table, rows, columns, tuple((code, self._key_judge(dataset.by_code[code])) for code in dataset.key)
        )

    def _judge(self, element: Element) -> _Judge:
        if not element.numeric:
            return self._other(element)
        low, high = element.min, element.max
        required, whole = element.required, element.type == "integer"
        written = _WHOLE if whole else _DECIMAL

        def number(given: Any) -> str | None:
            if type(given) is int:
                if not -_LARGEST < given < _LARGEST:
                    return _NOT_PLAIN
                text = str(given)
            elif type(given) is Decimal and not whole:
                text = str(given)
                if len(text) > _LONGEST or "E" in text or "N" in text or "I" in text:
                    return _NOT_PLAIN
                if "." in text and text[-1] == "0":
                    text = plain(given)
                if text[0] == "-" and not given:
                    return _NOT_PLAIN
            elif given is None and not required:
                return None
            elif type(given) is str and written.fullmatch(given) is not None:
                # As ``plain`` writes it: no zeros that say nothing, no marks, no other digits than these.
                text, given = given, 0 if low is None and high is None else Decimal(given)
            else:
                return _NOT_PLAIN
            if (low is not None and given < low) or (high is not None and given > high):
                return _NOT_PLAIN
            return text

        return number

    def _other(self, element: Element) -> _Judge:
        reader = CellReader(element, self._context.catalogue)
        known: dict[tuple[type, Any], str | None] = {}

        def read(given: Any) -> str | None:
            if given is None:
                return _NOT_PLAIN if element.required else None
            if type(given) not in (str, bool):
                return _NOT_PLAIN
            place = (type(given), given)
            if place not in known:
                value = reader.read(given)
                content = packed_content(value) if isinstance(value, Reported) else None
                missing = isinstance(value, Reported) and value.missing is not None and element.required
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[place] = _NOT_PLAIN if content is None or missing else content
            return known[place]

        return read

    def _key_judge(self, element: Element) -> _Judge:
        reader = CellReader(element, self._context.catalogue)
        simple = element.type == "text" and element.pattern is None

        def read(given: Any) -> str | None:
            if type(given) is not str:
                return _NOT_PLAIN
            if simple and given.isascii() and given.isalnum():
                return given
            value = reader.read(given)
            return key_text(value) if isinstance(value, Reported) else _NOT_PLAIN

        return read

    def _placed(self, region: Any, period: Any) -> tuple[int, Period] | None:
        """The region and period of all rows that give them so; None where there is anything to say about either."""
        if not (region is None or type(region) is str) or not (period is None or type(period) is str):
            return None
        place = (region, period)
        if place not in self._places:
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            self._places[place] = self._place(region, period)
        return self._places[place]

    def _place(self, region: str | None, text: str | None) -> tuple[int, Period] | None:
        period = self._placing.own_period() if text is None else read_period(text)
        if period is None:
            return None
        place, remarks = RowPlace(0), Remarks(None)
        if text is not None and not self._placing.fits_period(period, place, remarks):
            return None
        if region is None or region == "":
            region_id = self._placing.own_region()
        else:
            found = self._placing.lookup.find(region.strip(), "", period.end)
            region_id = None if found.coarser or found.faults else found.region_id
        if region_id is None or not self._placing.fits_region(region_id, period, place, remarks):
            return None
        return region_id, period
