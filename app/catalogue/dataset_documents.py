"""The document of one dataset: strict, all faults at once, each at its place (``elements[3].unit``)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, get_args

from app.catalogue.care_documents import read_due, read_fresh_for
from app.catalogue.check_documents import TOLERANCE, read_plausible
from app.catalogue.document_reader import IDENTIFIER, DocumentReader
from app.catalogue.facet_documents import OF_WORDS, read_facets
from app.catalogue.model import (
    FREQUENCIES,
    LEVELS,
    NUMERIC_TYPES,
    Check,
    Confirmation,
    Dataset,
    Element,
    ElementType,
    Frequency,
    Level,
    Measure,
    Sharing,
)
from app.catalogue.patterns import pattern_fault
from app.catalogue.units import MAX_CODE_LENGTH
from app.errors import Fault

# JSON rows name the region and the period by these keys, and views read region.code.
RESERVED_CODES = frozenset({"region", "period"})
KEY_TYPES = frozenset({"text", "code", "integer", "date"})
MAX_DECIMALS = 12
# Shown by default where a decimal element does not say; what was reported is kept exactly in any case.
DEFAULT_DECIMALS = 2
_SOURCE = re.compile(r"region|department:[a-z0-9][a-z0-9_-]{0,62}")
_SHARINGS: tuple[Sharing, ...] = get_args(Sharing)
_TYPES: tuple[ElementType, ...] = get_args(ElementType)
_MEASURES: tuple[Measure, ...] = get_args(Measure)
_CONFIRMATIONS: tuple[Confirmation, ...] = get_args(Confirmation)


def name_key(text: str) -> str:
    """A title or alias as it is compared: without width, case and space."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def parse_dataset(document: object, file: str) -> tuple[Dataset | None, list[Fault]]:
    """The dataset that ``document`` defines, or None with every fault."""
    dataset, faults, _ = read_dataset(document, file)
    return (None if faults else dataset), faults


def read_dataset(document: object, file: str) -> tuple[Dataset | None, list[Fault], dict[str, Any]]:
    """The dataset as far as it can be made out, every fault, and the normal form.

    With faults it is a sketch: good for telling what other documents say of it, never for keeping.
    """
    faults: list[Fault] = []
    reader = DocumentReader(document, file, faults)
    code = reader.text("code", required=True, form=IDENTIFIER) or ""
    if code in RESERVED_CODES:
        reader.fault("code", f"“{code}”是保留字（is reserved）")
    title = reader.text("title", required=True, limit=200) or ""
    definition = reader.text("definition") or ""
    frequency: Frequency | None = reader.choice("frequency", FREQUENCIES, required=True)
    level: Level | None = reader.choice("level", LEVELS, required=True)
    key = reader.texts("key")
    source = reader.text("source", form=_SOURCE) or "region"
    if source == "region":
        reader.body.pop("source", None)
    sharing: Sharing | None = reader.choice("sharing", _SHARINGS, required=True)
    basis = reader.text("sharing_basis")
    confirmation: Confirmation = reader.choice("confirmation", _CONFIRMATIONS, "none") or "none"
    due, fresh_for = read_due(reader, frequency), read_fresh_for(reader)
    if sharing is not None:
        _require_basis(reader, sharing, basis)
    items = reader.items("elements", required=True)
    elements = [_read_element(item, code, sharing or "open", basis, key) for item in items]
    _check_plausible(reader, elements, frequency)
    checks = [_read_check(item) for item in reader.items("checks")]
    reader.done()
    _check_key(reader, key, elements)
    _check_names(reader, elements)
    unique(reader, "checks", (check.code for check in checks))
    if frequency is None or level is None or sharing is None:
        return None, faults, reader.body
    dataset = Dataset(
        code=code,
        title=title,
        frequency=frequency,
        level=level,
        key=key,
        source=source,
        sharing=sharing,
        sharing_basis=basis or None,
        confirmation=confirmation,
        elements=tuple(elements),
        checks=tuple(checks),
        definition=definition,
        due=due,
        fresh_for=fresh_for,
    )
    return dataset, faults, reader.body


def _require_basis(reader: DocumentReader, sharing: str, basis: str | None) -> None:
    if sharing == "conditional" and not basis:
        reader.fault(
            "sharing_basis", "有条件共享须写明理由和条件（conditional sharing needs its reason and conditions）"
        )
    if sharing == "closed" and not basis:
        reader.fault("sharing_basis", "不予共享须写明法律依据（closed sharing needs the law it rests on）")


def _read_element(
    reader: DocumentReader, dataset: str, class_of_all: Sharing, basis_of_all: str | None, key: tuple[str, ...]
) -> Element:
    code = reader.text("code", required=True, form=IDENTIFIER) or ""
    if code in RESERVED_CODES:
        reader.fault("code", f"“{code}”是保留字（is reserved）")
    title = reader.text("title", required=True, limit=200) or ""
    aliases = reader.texts("aliases")
    definition = reader.text("definition") or ""
    kind: ElementType | None = reader.choice("type", _TYPES, required=True)
    numeric = kind in NUMERIC_TYPES
    codes = reader.text("codes", form=IDENTIFIER)
    unit = reader.text("unit", limit=MAX_CODE_LENGTH) or None
    decimals_given = reader.has("decimals")
    decimals = reader.whole("decimals", DEFAULT_DECIMALS if kind == "decimal" else 0, 0, MAX_DECIMALS)
    measure: Measure = reader.choice("measure", _MEASURES, "attribute") or "attribute"
    required = reader.flag("required")
    low, high = reader.number("min"), reader.number("max")
    pattern = reader.text("pattern", limit=1000) or None
    own_class: Sharing | None = reader.choice("sharing", _SHARINGS)
    own_basis = reader.text("sharing_basis")
    plausible = read_plausible(reader)
    fresh_for = read_fresh_for(reader)
    facets = read_facets(reader)
    reader.done()
    if facets is not None and facets.measure is not None and numeric == (facets.measure in OF_WORDS):
        what = "数值" if numeric else "文字"
        reader.fault("facets.measure", f"{what}不能按 {facets.measure} 计（does not fit the type {kind}）")
    if kind is not None:
        given = {"unit": unit, "codes": codes, "pattern": pattern, "min": low, "max": high}
        _check_type(reader, kind, numeric=numeric, given=given)
        if not numeric and measure != "attribute":
            reader.fault("measure", "只有数值才有统计口径（only numbers have a measure other than attribute）")
        if decimals_given and kind != "decimal" and decimals:
            reader.fault("decimals", "只有 decimal 才有小数位（only decimal has decimals）")
    if low is not None and high is not None and low > high:
        reader.fault("min", f"下限 {low} 大于上限 {high}（min is above max）")
    if pattern is not None and (fault := pattern_fault(pattern)):
        reader.fault("pattern", fault)
    if own_class is not None and own_class != class_of_all:
        _require_basis(reader, own_class, own_basis)
    sharing = own_class or class_of_all
    inherited = basis_of_all if sharing == class_of_all else None
    return Element(
        dataset=dataset,
        code=code,
        title=title,
        type=kind or "text",
        measure=measure,
        sharing=sharing,
        aliases=aliases,
        definition=definition,
        unit=unit,
        decimals=decimals,
        required=required or code in key,
        min=low,
        max=high,
        pattern=pattern,
        codes=codes or None,
        sharing_basis=own_basis or inherited or None,
        plausible=plausible,
        fresh_for=fresh_for,
        facets=facets,
    )


def _check_type(reader: DocumentReader, kind: str, *, numeric: bool, given: Mapping[str, str | Decimal | None]) -> None:
    if given["unit"] is not None and not numeric:
        reader.fault("unit", f"{kind} 没有计量单位（{kind} takes no unit）")
    if kind == "code" and given["codes"] is None and not reader.has("codes"):
        reader.fault("codes", "类型 code 须指明代码表（type code needs codes）")
    if kind != "code" and given["codes"] is not None:
        reader.fault("codes", "只有类型 code 才有代码表（only type code takes codes）")
    if kind != "text" and given["pattern"] is not None:
        reader.fault("pattern", "只有类型 text 才有正则表达式（only type text takes a pattern）")
    for bound in ("min", "max"):
        if given[bound] is not None and not numeric:
            reader.fault(bound, f"只有数值才有上下限（only numbers take {bound}）")


def _read_check(reader: DocumentReader) -> Check:
    code = reader.text("code", required=True, form=IDENTIFIER) or ""
    rule = reader.text("rule", required=True, limit=1000) or ""
    severity: Literal["error", "warning"] = reader.choice("severity", ("error", "warning"), "error") or "error"
    message = reader.text("message", limit=500) or ""
    tolerance = reader.text("tolerance", form=TOLERANCE) or None
    reader.done()
    return Check(code, rule, severity, message, tolerance)


def _check_plausible(reader: DocumentReader, elements: list[Element], frequency: Frequency | None) -> None:
    for i, element in enumerate(elements):
        if element.plausible is None:
            continue
        if not element.numeric:
            reader.fault(f"elements[{i}].plausible", "只有数值才能与以往比较（only numbers have a plausible change）")
        if frequency in ("once", "event"):
            reader.fault(f"elements[{i}].plausible", f"频度 {frequency} 没有上一期可比（has no period before）")


def _check_key(reader: DocumentReader, key: tuple[str, ...], elements: list[Element]) -> None:
    by_code = {element.code: element for element in elements}
    for i, code in enumerate(key):
        element = by_code.get(code)
        if element is None:
            reader.fault(f"key[{i}]", f"没有元素“{code}”（there is no such element）")
        elif element.type not in KEY_TYPES:
            reader.fault(f"key[{i}]", f"键须为 {'、'.join(sorted(KEY_TYPES))}（a key may not be {element.type}）")


def _check_names(reader: DocumentReader, elements: list[Element]) -> None:
    """No code and no title twice. An alias may serve two elements: the headings above it tell them apart, or a finding."""
    unique(reader, "elements", (element.code for element in elements))
    owners: dict[str, int] = {}
    for i, element in enumerate(elements):
        first = owners.setdefault(name_key(element.title), i) if element.title else i
        if first != i:
            message = f"“{element.title}”也是 elements[{first}] 的名称，读表时分不清（also names another element）"
            reader.fault(f"elements[{i}].title", message)


def unique(reader: DocumentReader, key: str, codes: Iterable[str]) -> None:
    """Notes every code of the list ``key`` that stands there a second time."""
    seen: dict[str, int] = {}
    for i, code in enumerate(codes):
        if code and seen.setdefault(code, i) != i:
            reader.fault(f"{key}[{i}].code", f"“{code}”与 {key}[{seen[code]}] 重复（defined twice）")
