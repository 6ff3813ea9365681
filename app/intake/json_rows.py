"""Records as JSON objects, keyed by element code, with ``region`` and ``period`` where the request does not give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.intake.cells import CellReader
from app.intake.grid import Cell, plain
from app.intake.json_packing import JsonPacker
from app.intake.key_text import key_text
from app.intake.markers import MISSING_REASONS
from app.intake.period_words import EXAMPLES, read_period
from app.intake.placing import Placing, RowPlace, Seen
from app.intake.quantities import CellFault
from app.intake.records import Context, InputRow, Place, Reading
from app.intake.region_lookup import RegionLookup
from app.intake.remarks import Remarks

_OBJECT_KEYS = frozenset({"value", "unit", "missing"})


def read_json_rows(rows: Sequence[Any], context: Context) -> Reading:
    """Every record of a list of JSON objects, and every fault with the row's index from 0.

    A value is a JSON number (int, Decimal, or float, which stands for its shortest decimal), a text, a boolean, null for
    missing, ``{"value": 1.2, "unit": "万人"}`` or ``{"missing": "too_small"}``. Keys that are no element are errors.
    """
    reader = JsonRowReader(context)
    for index, row in enumerate(rows):
        reader.read(index, row)
    return reader.taken()


class JsonRowReader:
    """Reads rows one after the other; ``taken`` gives what was read since it was last asked, and forgets it.

    ``seen``: where to remember which records were given, for lists too long for memory.
    """

    def __init__(self, context: Context, seen: Seen | None = None) -> None:
        self.context = context
        self.remarks = Remarks(None)
        self.rows: list[InputRow] = []
        self.refused = 0
        self._placing = Placing(context, RegionLookup(context), {} if seen is None else seen)
        self._packer = JsonPacker(context, self._placing)
        self._readers: dict[tuple[str, str | None], CellReader] = {}

    def taken(self) -> Reading:
        """What was read since the last time."""
        reading = Reading(self.rows, self.remarks.findings, 0, self.refused)
        self.rows, self.remarks, self.refused = [], Remarks(None), 0
        self._packer.begin()
        return reading

    def refuse(self, index: int, text: str) -> None:
        """Counts a row that is no JSON, or none that can be read."""
        self.remarks.add(
            "bad_row", "该行不是合法的 JSON 对象", "The row is not a JSON object", row=index, value=_text(text)
        )
        self.refused += 1

    def read(self, index: int, row: Any) -> None:
        """Reads one row of this index, from 0."""
        if not isinstance(row, Mapping):
            self.remarks.add(
                "bad_row",
                "每一行应为对象（键为数据项代码）",
                "A row must be an object keyed by element code",
                row=index,
            )
            self.refused += 1
            return
        packed = self._packer.packed(index, row, f"第{index}行（从0起）")
        if packed is not None:
            self.rows.append(packed)
            return
        values: dict[str, Reported] = {}
        faulty: set[str] = set()
        key: dict[str, str | None] = {}
        period = self._period(index, row)
        region_id = self._region(index, row, period)
        for code, given in row.items():
            if code in ("region", "period"):
                continue
            element = self.context.dataset.by_code.get(code)
            if element is None:
                self.remarks.add(
                    "unknown_element",
                    f"数据集“{self.context.dataset.title}”没有数据项“{code}”",
                    f"{self.context.dataset.code} has no element {code!r}",
                    row=index,
                    element=code,
                    value=_text(given),
                )
                continue
            read = self._value(code, given)
            if isinstance(read, CellFault):
                faulty.add(code)
                self.remarks.add(
                    read.code, read.message, read.message_en,
                    row=index, element=code, value=_text(given), accepted=read.accepted,
                )  # fmt: skip
            elif code in self.context.dataset.key:
                key[code] = key_text(read)
            else:
                values[code] = read
        texts = [key.get(code) for code in self.context.dataset.key]
        for code, text in zip(self.context.dataset.key, texts, strict=True):
            if text is None and code not in faulty:
                self.remarks.add(
                    "missing_key",
                    f"缺少{self.context.dataset.by_code[code].title}，无法确定是哪一条记录",
                    f"{code} is missing, so it is not clear which record this is",
                    row=index,
                    element=code,
                )
        own_key = tuple(text for text in texts if text is not None)
        place = RowPlace(index, value=_text(row.get("region")))
        if (
            period is None
            or region_id is None
            or len(own_key) != len(texts)
            or not self._placing.fits_region(region_id, period, place, self.remarks)
            or not self._placing.is_first(
                (region_id, period.ordinal, own_key), place, self.remarks, f"第{index}行（从0起）"
            )
        ):
            self.refused += 1
        else:
            self.rows.append(InputRow(region_id, period, own_key, values, Place(None, index), frozenset(faulty)))

    def _value(self, code: str, given: Any) -> Reported | CellFault:
        unit: str | None = None
        if isinstance(given, Mapping):
            element = self.context.dataset.by_code[code]
            odd = sorted(str(key) for key in given if key not in _OBJECT_KEYS)
            reason = given.get("missing")
            if odd or (reason is not None and (reason not in MISSING_REASONS or given.get("value") is not None)):
                return CellFault(
                    "bad_row",
                    f"“{code}”的写法有误：{'、'.join(odd) or reason}",
                    f"{code} is not of the right form: {', '.join(odd) or reason}",
                    '{"value": …, "unit": …} 或 {"missing": "' + " | ".join(MISSING_REASONS) + '"}',
                )
            if reason is not None:
                return Reported(missing=reason)
            unit, given = given.get("unit"), given.get("value")
            if unit is not None and (not isinstance(unit, str) or not element.numeric or element.unit is None):
                return CellFault("unit_mismatch", f"{element.title}没有计量单位", f"{code} has no unit", element.unit)
            if unit is not None and self.context.catalogue.units.get(unit) is None:
                return CellFault(
                    "unknown_unit", f"不认识的计量单位“{unit}”", f"The unit {unit!r} is not known", element.unit
                )
        if not isinstance(given, bool | int | float | Decimal | str | None):
            return CellFault("bad_row", f"“{code}”应为一个值", f"{code} must be a single value")
        reader = self._readers.get((code, unit))
        if reader is None:
            reader = CellReader(self.context.dataset.by_code[code], self.context.catalogue, unit)
            self._readers[code, unit] = reader
        # An integer of JSON is exact whatever its length; only a spreadsheet's double loses digits.
        cell: Cell = Decimal(repr(given)) if isinstance(given, float) else given
        if isinstance(cell, Decimal) and cell.is_finite():
            cell = Decimal(plain(cell))
        return reader.read(cell)

    def _period(self, index: int, row: Mapping[str, Any]) -> Period | None:
        own = self._placing.own_period()
        given = row.get("period")
        if self.context.dataset.frequency == "once" and given in (None, ""):
            return own
        if given is None:
            if own is None:
                self.remarks.add(
                    "missing_period",
                    "没有期间：请求和该行都没有给出",
                    "Neither the request nor the row gives the period",
                    row=index,
                    accepted=EXAMPLES[self.context.dataset.frequency],
                )
            return own
        text = plain(Decimal(given)) if isinstance(given, int) and not isinstance(given, bool) else given
        period = read_period(text) if isinstance(text, str) else None
        if period is None:
            self.remarks.add(
                "bad_period",
                f"“{_text(given)}”不是期间",
                f"{_text(given)!r} is not a period",
                row=index,
                value=_text(given),
                accepted=EXAMPLES[self.context.dataset.frequency],
            )
            return None
        return period if self._placing.fits_period(period, RowPlace(index), self.remarks) else None

    def _region(self, index: int, row: Mapping[str, Any], period: Period | None) -> int | None:
        given = row.get("region")
        if given is None or given == "":
            own = self._placing.own_region()
            if own is None:
                self.remarks.add(
                    "missing_region",
                    "该行没有给出区划（region）",
                    "The row names no region",
                    row=index,
                    accepted="区划代码，如 430682001",
                )
            return own
        text = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else None
        on = period.end if period is not None else self.context.today
        found = self._placing.lookup.find(text.strip(), "", on) if text is not None else None
        if found is not None and found.region_id is not None and not found.coarser:
            return found.region_id
        if found is not None and found.coarser and found.region_id is not None:
            self.remarks.add(
                "wrong_level",
                f"{self._placing.lookup.name(found.region_id, on)}不是本数据集的填报层级",
                f"{self._placing.lookup.name(found.region_id, on)} is not of the dataset's level",
                row=index,
                value=_text(given),
            )
            return None
        for fault in found.faults if found is not None else ():
            self.remarks.add(
                fault.code, fault.message, fault.message_en, row=index, value=_text(given), accepted=fault.accepted
            )
        if found is None:
            self.remarks.add(
                "unknown_region", "region 应为区划代码", "region must be a region code", row=index, value=_text(given)
            )
        return None


def _text(given: Any) -> str | None:
    """A JSON value as a finding quotes it, cut where it is long."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        given = " ".join(str(part) for part in given.values())  # such as 1.5 万人
    text = given if isinstance(given, str) else ("true" if given is True else "false" if given is False else str(given))
    return text if len(text) <= 200 else text[:200] + "…"
