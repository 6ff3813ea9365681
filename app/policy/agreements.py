"""A data sharing agreement as an executable document: parties, purpose, elements, regions, periods, dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.catalogue.model import Catalogue
from app.catalogue.periods import Period
from app.errors import Fault

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


def parse_agreement(document: Any, file: str) -> tuple[Agreement | None, list[Fault]]:  # noqa: C901, PLR0912 - one fault a key
    """An agreement from its document; every fault of its form at once. What it refers to is checked apart."""
    faults: list[Fault] = []

    def fault(place: str, message: str) -> None:
        faults.append(Fault(file, place, message))

    if not isinstance(document, Mapping):
        return None, [Fault(file, "", "协议应为一个对象 (an agreement is a mapping)")]
    for key in document:
        if key not in _KEYS:
            fault(str(key), f"不认识的键 {key} (unknown key)")
    texts: dict[str, str] = {}
    for key, needed in (("code", True), ("department", True), ("purpose", True), ("legal_basis", False)):
        value = document.get(key)
        if value is None and not needed:
            texts[key] = ""
        elif isinstance(value, str) and value.strip():
            texts[key] = value.strip()
        else:
            fault(key, f"缺少 {key} (a text is needed)")
    elements = _strings(document.get("elements"))
    if not elements:
        fault("elements", "须列出至少一个数据项，如 population.* (elements are needed)")
    for index, pattern in enumerate(elements or ()):
        if pattern != "*" and pattern.count(".") != 1:
            fault(f"elements[{index}]", f"{pattern} 应写作 数据集.数据项 或 数据集.* (dataset.element or dataset.*)")
    regions = _strings(document.get("regions"))
    if not regions:
        fault("regions", '须列出至少一个区划代码，或 ["*"] (regions are needed)')
    first = last = None
    periods = document.get("periods") or {}
    if not isinstance(periods, Mapping) or set(periods) - {"from", "to"}:
        fault("periods", "应写作 {from, to} (a mapping with from and to)")
        periods = {}
    try:
        first = _bound(periods.get("from"), first=True)
    except ValueError as problem:
        fault("periods.from", str(problem))
    try:
        last = _bound(periods.get("to"), first=False)
    except ValueError as problem:
        fault("periods.to", str(problem))
    if first and last and last < first:
        fault("periods", "期间的止早于起 (the periods end before they begin)")
    valid = document.get("valid")
    days: dict[str, date] = {}
    if not isinstance(valid, Mapping) or set(valid) - {"from", "until"}:
        fault("valid", "应写作 {from, until}，按北京时间，首尾均含 (a mapping with from and until)")
    else:
        for key in ("from", "until"):
            try:
                days[key] = _day(valid.get(key))
            except ValueError as problem:
                fault(f"valid.{key}", str(problem))
        if len(days) == 2 and days["until"] < days["from"]:
            fault("valid", "有效期的止早于起 (it ends before it begins)")
    if faults:
        return None, faults
    agreement = Agreement(
        code=texts["code"],
        department=texts["department"],
        purpose=texts["purpose"],
        legal_basis=texts["legal_basis"],
        elements=tuple(elements or ()),
        regions=tuple(regions or ()),
        first=first,
        last=last,
        valid_from=days["from"],
        valid_until=days["until"],
    )
    return agreement, []


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


def _strings(value: Any) -> Sequence[str] | None:
    if not isinstance(value, list) or not value:
        return None
    texts = [str(item).strip() for item in value if isinstance(item, str | int) and not isinstance(item, bool)]
    return texts if len(texts) == len(value) and all(texts) else None


def _bound(value: Any, *, first: bool) -> date | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | date):
        raise ValueError("期间应写作 2024、2024-Q1、2024-03 等 (a period)")
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
