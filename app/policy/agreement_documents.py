"""An agreement's document: read with every fault named at its place, and written back in its normal form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.catalogue.document_reader import DocumentReader
from app.catalogue.periods import Period
from app.errors import Fault
from app.policy.agreements import EVERY_DATASET, Agreement
from app.policy.cell_masks import CellMask, read_masks
from app.policy.terms import TERM_KEYS, Terms, read_terms

_TEXTS = ("code", "department", "purpose", "legal_basis")
_FURTHER = (*TERM_KEYS, "where", "masks")
_KEYS = {"code", "department", "purpose", "legal_basis", "elements", "regions", "periods", "valid", *_FURTHER}


def parse_agreement(document: Any, file: str) -> tuple[Agreement | None, list[Fault]]:
    """An agreement from its document; every fault of its form at once. What it refers to is checked apart."""
    if not isinstance(document, Mapping):
        return None, [Fault(file, "", "协议应为一个对象 (an agreement is a mapping)")]
    reader = _Reader(document, file)
    texts = {key: reader.text(key, needed=key != "legal_basis") for key in _TEXTS}
    elements, regions = reader.elements(), reader.regions()
    first, last = reader.periods()
    days = reader.validity()
    further = _Further(document, file)
    faults = reader.faults + further.faults
    if faults:
        return None, faults
    return Agreement(
        **texts, elements=elements, regions=regions, first=first, last=last, valid_from=days[0], valid_until=days[1],
        where=further.where, masks=further.masks, terms=further.terms,
    ), []  # fmt: skip


class _Further:
    """The keys of a document beyond what it opens, each read once, with their normal form in ``body``."""

    def __init__(self, document: Mapping[str, Any], file: str) -> None:
        self.faults: list[Fault] = []
        given = {key: document[key] for key in _FURTHER if key in document}
        reader = DocumentReader(given, file, self.faults)
        self.terms: Terms = read_terms(reader)
        self.where = _conditions(reader, given.get("where"))
        masks = given.get("masks")
        patterns = [str(key) for key in masks] if isinstance(masks, Mapping) else []
        self.masks: tuple[tuple[str, CellMask], ...] = read_masks(reader.mapping("masks"), patterns)
        self.body = reader.body


def _conditions(reader: DocumentReader, given: object) -> tuple[tuple[str, str], ...]:
    """(dataset or ``*``, expression). A text alone is a condition on the records of every dataset covered."""
    if not isinstance(given, Mapping):
        text = reader.text("where", limit=4000)
        if given is not None and text == "":
            reader.fault("where", "不能为空（must not be empty）")
        return ((EVERY_DATASET, text),) if text else ()
    inner = reader.mapping("where")
    found: list[tuple[str, str]] = []
    for dataset in given:
        text = inner.text(str(dataset), required=True, limit=4000) if inner is not None else None
        if text:
            found.append((str(dataset), text))
    if not given:
        reader.fault("where", "不能为空（must not be empty）")
    if tuple(dataset for dataset, _ in found) == (EVERY_DATASET,):
        reader.body["where"] = found[0][1]
    return tuple(found)


class _Reader:
    """Reads one document and remembers every fault."""

    def __init__(self, document: Mapping[str, Any], file: str) -> None:
        self._document = document
        self._file = file
        self.faults: list[Fault] = []
        for key in document:
            if key not in _KEYS:
                self._fault(str(key), f"不认识的键 {key} (unknown key)")

    def _fault(self, place: str, message: str) -> None:
        self.faults.append(Fault(self._file, place, message))

    def text(self, key: str, *, needed: bool) -> str:
        value = self._document.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None or needed:
            self._fault(key, f"缺少 {key} (a text is needed)")
        return ""

    def elements(self) -> tuple[str, ...]:
        patterns = _strings(self._document.get("elements"))
        if not patterns:
            self._fault("elements", "须列出至少一个数据项，如 population.* (elements are needed)")
        for index, pattern in enumerate(patterns):
            if pattern != "*" and pattern.count(".") != 1:
                message = f"{pattern} 应写作 数据集.数据项 或 数据集.* (dataset.element or dataset.*)"
                self._fault(f"elements[{index}]", message)
        return patterns

    def regions(self) -> tuple[str, ...]:
        codes = _strings(self._document.get("regions"))
        if not codes:
            self._fault("regions", '须列出至少一个区划代码，或 ["*"] (regions are needed)')
        return codes

    def periods(self) -> tuple[date | None, date | None]:
        periods = self._document.get("periods") or {}
        if not isinstance(periods, Mapping) or set(periods) - {"from", "to"}:
            self._fault("periods", "应写作 {from, to} (a mapping with from and to)")
            return None, None
        bounds: list[date | None] = []
        for key, begins in (("from", True), ("to", False)):
            try:
                bounds.append(_bound(periods.get(key), first=begins))
            except ValueError as problem:
                self._fault(f"periods.{key}", str(problem))
                bounds.append(None)
        first, last = bounds
        if first and last and last < first:
            self._fault("periods", "期间的止早于起 (the periods end before they begin)")
        return first, last

    def validity(self) -> tuple[date, date]:
        valid = self._document.get("valid")
        days = [date.min, date.max]
        if not isinstance(valid, Mapping) or set(valid) - {"from", "until"}:
            self._fault("valid", "应写作 {from, until}，按北京时间，首尾均含 (a mapping with from and until)")
            return date.min, date.max
        for index, key in enumerate(("from", "until")):
            try:
                days[index] = _day(valid.get(key))
            except ValueError as problem:
                self._fault(f"valid.{key}", str(problem))
        if days[1] < days[0]:
            self._fault("valid", "有效期的止早于起 (it ends before it begins)")
        return days[0], days[1]


def normal_agreement(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it is kept: keys in order, periods and dates as text."""
    periods = document.get("periods") or {}
    valid = document["valid"]
    body: dict[str, Any] = {key: document[key] for key in ("code", "department", "purpose") if key in document}
    if document.get("legal_basis"):
        body["legal_basis"] = document["legal_basis"]
    body["elements"] = [str(item) for item in document["elements"]]
    body["regions"] = [str(item) for item in document["regions"]]
    if periods:
        body["periods"] = {key: str(periods[key]) for key in ("from", "to") if periods.get(key) is not None}
    body["valid"] = {key: _day(valid[key]).isoformat() for key in ("from", "until")}
    return {**body, **_Further(document, "").body}


def _strings(value: Any) -> tuple[str, ...]:
    """A list of texts; nothing at all where it is anything else."""
    if not isinstance(value, list):
        return ()
    texts = [str(item).strip() for item in value if isinstance(item, str | int) and not isinstance(item, bool)]
    return tuple(texts) if len(texts) == len(value) and all(texts) else ()


def _bound(value: Any, *, first: bool) -> date | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | date):
        raise ValueError("期间应写作 2024、2024-Q1、2024-03 等 (a period)")  # noqa: TRY004 - a fault of form
    period = Period.parse(str(value))
    return period.start if first else period.end


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        raise ValueError("日期应写作 2026-01-01 (a day, without a time)")  # noqa: TRY004 - a fault of form
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("日期应写作 2026-01-01 (a day is needed)")
