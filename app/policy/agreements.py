"""A data sharing agreement as an executable document: parties, purpose, elements, regions, periods, dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.catalogue.model import Catalogue
from app.catalogue.periods import Period
from app.errors import Fault

_TEXTS = ("code", "department", "purpose", "legal_basis")
_KEYS = {"code", "department", "purpose", "legal_basis", "elements", "regions", "periods", "valid"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of an agreement. ``first``/``last`` bound the periods, ``valid_from``/``valid_until`` the calendar.

    ``regions`` are codes as they were written, or ``*``; they are resolved on the day the version was made.
    """

    code: str
    department: str
    purpose: str
    legal_basis: str
    elements: tuple[str, ...]
    regions: tuple[str, ...]
    first: date | None
    last: date | None
    valid_from: date
    valid_until: date

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day <= self.valid_until

    def covered_elements(self, catalogue: Catalogue) -> frozenset[str]:
        """The paths it opens: named ones and those a ``*`` stands for, without any that is closed."""
        found: set[str] = set()
        for pattern in self.elements:
            for element in _matching(pattern, catalogue):
                if element.sharing != "closed":
                    found.add(element.path)
        return frozenset(found)


def _matching(pattern: str, catalogue: Catalogue) -> list[Any]:
    if pattern == "*":
        return [element for dataset in catalogue.datasets.values() for element in dataset.elements]
    dataset, _, code = pattern.partition(".")
    found = catalogue.datasets.get(dataset)
    if found is None:
        return []
    if code == "*":
        return list(found.elements)
    element = found.by_code.get(code)
    return [] if element is None else [element]


def parse_agreement(document: Any, file: str) -> tuple[Agreement | None, list[Fault]]:
    """An agreement from its document; every fault of its form at once. What it refers to is checked apart."""
    if not isinstance(document, Mapping):
        return None, [Fault(file, "", "协议应为一个对象 (an agreement is a mapping)")]
    reader = _Reader(document, file)
    texts = {key: reader.text(key, needed=key != "legal_basis") for key in _TEXTS}
    elements, regions = reader.elements(), reader.regions()
    first, last = reader.periods()
    days = reader.validity()
    if reader.faults:
        return None, reader.faults
    return Agreement(
        **texts, elements=elements, regions=regions, first=first, last=last, valid_from=days[0], valid_until=days[1]
    ), []


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


def check_agreement(
    agreement: Agreement, catalogue: Catalogue, known_regions: frozenset[str], file: str
) -> list[Fault]:
    """Faults of what the agreement refers to: unknown department, elements, regions; closed elements named."""
    faults: list[Fault] = []
    if agreement.department not in catalogue.departments:
        faults.append(Fault(file, "department", f"没有部门 {agreement.department} (unknown department)"))
    for index, pattern in enumerate(agreement.elements):
        found = _matching(pattern, catalogue)
        if not found and pattern != "*":
            faults.append(Fault(file, f"elements[{index}]", f"没有数据项 {pattern} (unknown element)"))
        if len(found) == 1 and not pattern.endswith("*") and found[0].sharing == "closed":
            faults.append(
                Fault(
                    file, f"elements[{index}]", f"{pattern} 属不予共享，不得列入协议 (a closed element is never shared)"
                )
            )
    faults += [
        Fault(file, f"regions[{index}]", f"没有行政区划 {code} (unknown region)")
        for index, code in enumerate(agreement.regions)
        if code != "*" and code not in known_regions
    ]
    return faults


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
    return body


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
