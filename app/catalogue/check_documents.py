"""What a dataset's document says of its checks beyond the rule itself: tolerances, and what is plausible of a figure."""

from __future__ import annotations

import re
from decimal import Decimal

from app.catalogue.document_reader import DocumentReader
from app.catalogue.model import Plausible

TOLERANCE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?%?")
_NUMBERS = ("change", "last_year", "median", "zero", "neighbours")


def read_plausible(element: DocumentReader) -> Plausible | None:
    """``plausible: {change: "0.5", last_year: "0.5", median: "3", zero: "100", sign: true, neighbours: "0.3"}``."""
    reader = element.mapping("plausible")
    if reader is None:
        return None
    before = len(reader.faults)
    numbers = {key: _positive(reader, key) for key in _NUMBERS}
    if (median := numbers["median"]) is not None and median <= 1:
        reader.fault("median", "倍数须大于 1（the factor must be above 1）")
    sign = reader.flag("sign")
    reader.done()
    if not sign and all(number is None for number in numbers.values()) and len(reader.faults) == before:
        reader.fault("", f"须写明其中之一：{'、'.join(numbers)}、sign（must say at least one of these）")
        return None
    return Plausible(sign=sign, **numbers)


def _positive(reader: DocumentReader, key: str) -> Decimal | None:
    number = reader.number(key)
    if number is not None and number <= 0:
        reader.fault(key, "应大于 0（must be above 0）")
        return None
    return number
