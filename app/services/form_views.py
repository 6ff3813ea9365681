"""The view that answers a form: one field a column that is held or can be worked out, in the form's own names and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from app.catalogue.model import FREQUENCIES, Catalogue, Frequency
from app.catalogue.units import UnitTable
from app.matching.memory import elements_of
from app.services.form_reading import AskedForm

_MOST_DECIMALS = 8
_SAID_DECIMALS = 4  # for a factor without an end (1/15) and for quotients whose samples say nothing
_RATE_DECIMALS = 2
_TRUTH = (("是", "否"), ("有", "无"), ("Y", "N"), ("y", "n"), ("1", "0"), ("√", "×"))
_FRAME_FIELDS = (("region.code", "行政区划代码"), ("period", "报告期"))


def view_document(
    code: str, department: str, title: str, form: AskedForm, fields: Sequence[Mapping[str, Any]], catalogue: Catalogue
) -> dict[str, Any]:
    """The view in the document's form. Its rows say whose they are and of when, also where the form forgot to ask."""
    given = {field.get("from") for field in fields}
    framed = [{"name": name, "from": source} for source, name in _FRAME_FIELDS if source not in given]
    return {
        "code": code,
        "department": department,
        "title": title,
        "grain": {"level": form.level_code or "township", "frequency": _frequency(form, fields, catalogue)},
        "fields": _named_apart([*framed, *fields]),
    }


def field_of(
    column: Mapping[str, Any],
    element: str | None,
    expr: str | None,
    catalogue: Catalogue,
    samples: Sequence[str],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """One field: the element in the form's unit and codes, or the formula. ``options`` are the administrator's own."""
    name = "/".join((*column["path"], column["name"]))
    field: dict[str, Any] = {"name": column["name"], "path": name}
    if expr is not None:
        field |= {"expr": expr, "decimals": _decimals_of(samples, _RATE_DECIMALS)}
    elif element is not None:
        field["from"] = element
        found = catalogue.element(element)
        if found is not None and found.numeric:
            field |= _measured(column, element, catalogue, samples)
        elif column.get("code_map") and found is not None and found.codes:
            field["codes"] = _codes(column["code_map"])
        elif found is not None and found.type == "boolean":
            field |= _words_for_truth(samples)
    return {**field, **options}


def _measured(column: Mapping[str, Any], element: str, catalogue: Catalogue, samples: Sequence[str]) -> dict[str, Any]:
    """The form's unit where it is another one of the same dimension, with as many decimals as the factor brings."""
    found = catalogue.element(element)
    asked = (column.get("conversion") or {}).get("to")
    if found is None or found.unit is None or asked is None:
        return {}
    units: UnitTable = catalogue.units
    own, other = units.get(found.unit), units.get(asked)
    if own is None or other is None or own.dimension != other.dimension or own.factor == other.factor:
        return {}
    factor = units.factor(found.unit, asked)
    return {"unit": asked, "decimals": _decimals_of(samples, min(found.decimals + _places(factor), _MOST_DECIMALS))}


def _places(factor: Fraction) -> int:
    below, twos, fives = factor.denominator, 0, 0
    while below % 2 == 0:
        below, twos = below // 2, twos + 1
    while below % 5 == 0:
        below, fives = below // 5, fives + 1
    return max(twos, fives) if below == 1 else _SAID_DECIMALS


def _decimals_of(samples: Sequence[str], otherwise: int) -> int:
    """The most decimals any sample has, where the samples have any; never fewer than are needed otherwise."""
    places = [otherwise]
    for sample in samples:
        try:
            exponent = Decimal(sample.replace(",", "").rstrip("%")).as_tuple().exponent
        except InvalidOperation:
            continue
        if isinstance(exponent, int):
            places.append(-exponent)
    return min(max(places), _MOST_DECIMALS)


def _words_for_truth(samples: Sequence[str]) -> dict[str, Any]:
    """The form's own words for yes and no, where its samples show them."""
    for yes, no in _TRUTH:
        if {yes, no} & set(samples) and set(samples) <= {yes, no}:
            return {"codes": {"true": yes, "false": no}}
    return {}


def _codes(code_map: Mapping[str, str]) -> dict[str, str]:
    """The form's texts by canonical code; of several texts for one code the first."""
    turned: dict[str, str] = {}
    for text, code in code_map.items():
        turned.setdefault(code, text)
    return turned


def _frequency(form: AskedForm, fields: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> Frequency:
    """As often as the form asks; where it does not say, as the coarsest dataset behind it reports."""
    said = form.frequency_code
    for frequency in FREQUENCIES:
        if frequency == said:
            return frequency
    paths = {path for field in fields for path in elements_of(str(field.get("expr") or field.get("from") or ""))}
    used = {catalogue.datasets[path.partition(".")[0]].frequency for path in paths if catalogue.element(path)}
    periodic = [frequency for frequency in FREQUENCIES if frequency in used - {"once", "event"}]
    return periodic[0] if periodic else "once" if used == {"once"} else "year"


def _named_apart(fields: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fields by the column's own name; where two share it, by all their headings; then by number."""
    names = [str(field["name"]) for field in fields]
    taken: set[str] = set()
    named = []
    for field in fields:
        name = str(field["name"])
        if names.count(name) > 1 and field.get("path"):
            name = str(field["path"])
        base, number = name, 2
        while name in taken:
            name, number = f"{base} {number}", number + 1
        taken.add(name)
        named.append({"name": name, **{key: value for key, value in field.items() if key not in ("name", "path")}})
    return named
