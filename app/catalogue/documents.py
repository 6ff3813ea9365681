"""Documents of a schema folder, from YAML or JSON, as values of the catalogue, with every fault at its place.

``normal`` gives the form that is stored and exported. What a document refers to elsewhere (units, code lists,
departments) is looked at in ``app.catalogue.building``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from app.catalogue.calendar_documents import parse_calendar, read_calendar_year
from app.catalogue.dataset_documents import parse_dataset, read_dataset, unique
from app.catalogue.deadlines import parse_deadlines, read_deadline
from app.catalogue.document_reader import HYPHENED, IDENTIFIER, DocumentReader, plain_number
from app.catalogue.formula_documents import parse_formula_library, read_formula
from app.catalogue.model import Code, CodeList, Department
from app.catalogue.units import MAX_CODE_LENGTH, UnitDefinition, normal_unit_code, parse_factor
from app.errors import Fault

__all__ = [
    "KINDS",
    "Kind",
    "normal",
    "parse_calendar",
    "parse_codelist",
    "parse_dataset",
    "parse_deadlines",
    "parse_department",
    "parse_departments",
    "parse_formula_library",
    "parse_unit",
    "parse_units",
    "plain",
]

Kind = Literal["dataset", "codelist", "unit", "department", "view", "agreement", "calendar", "deadline", "formula"]
KINDS: tuple[Kind, ...] = (
    "unit",
    "department",
    "codelist",
    "dataset",
    "view",
    "agreement",
    "calendar",
    "deadline",
    "formula",
)  # what others rest on first

_UNIT_CODE = re.compile(r"\S+")


def parse_codelist(document: object, file: str) -> tuple[CodeList | None, list[Fault]]:
    """The code list that ``document`` defines, or None with every fault."""
    codelist, faults, _ = read_codelist(document, file)
    return (None if faults else codelist), faults


def read_codelist(document: object, file: str) -> tuple[CodeList, list[Fault], dict[str, Any]]:
    """The code list as far as it can be made out, every fault, and the normal form."""
    faults: list[Fault] = []
    reader = DocumentReader(document, file, faults)
    code = reader.text("code", required=True, form=IDENTIFIER) or ""
    title = reader.text("title", required=True, limit=200) or ""
    members: list[Code] = []
    for item in reader.items("codes", required=True):
        member = item.text("code", required=True, limit=64) or ""
        members.append(Code(member, item.text("label", required=True, limit=200) or "", item.texts("aliases")))
        item.done()
    reader.done()
    unique(reader, "codes", (member.code for member in members))
    owners: dict[str, int] = {member.code: i for i, member in reversed(list(enumerate(members)))}
    for i, listed in enumerate(members):
        for j, name in enumerate((listed.label, *listed.aliases)):
            first = owners.setdefault(name, i) if name else i
            if first != i:
                place = f"codes[{i}].label" if j == 0 else f"codes[{i}].aliases[{j - 1}]"
                reader.fault(place, f"“{name}”也指 codes[{first}]（also means another code）")
    return CodeList(code, title, tuple(members)), faults, reader.body


def parse_departments(document: object, file: str) -> tuple[list[Department], list[Fault]]:
    """The departments of a ``departments.yaml``; those at fault are left out."""
    faults: list[Fault] = []
    reader = DocumentReader(document, file, faults)
    departments = [_read_department(item) for item in reader.items("departments")]
    reader.done()
    unique(reader, "departments", (department.code for department in departments))
    return [department for department in departments if department.code], faults


def _read_department(reader: DocumentReader) -> Department:
    code = reader.text("code", required=True, form=HYPHENED) or ""
    name = reader.text("name", required=True, limit=200) or ""
    reader.done()
    return Department(code, name)


def parse_units(document: object, file: str) -> tuple[list[UnitDefinition], list[Fault]]:
    """The units of a ``units.yaml``; whether they fit the table is for ``UnitTable.faults``."""
    faults: list[Fault] = []
    reader = DocumentReader(document, file, faults)
    units = [_read_unit(item) for item in reader.items("units")]
    reader.done()
    unique(reader, "units", (unit.code for unit in units))
    return [unit for unit in units if unit.code], faults


def _read_unit(reader: DocumentReader) -> UnitDefinition:
    code = reader.text("code", required=True, limit=MAX_CODE_LENGTH, form=_UNIT_CODE) or ""
    of = reader.text("of", limit=MAX_CODE_LENGTH) or None
    factor = Fraction(1)
    text = reader.numeral("factor")
    if text is not None:
        try:
            factor = parse_factor(text)
        except ValueError:
            reader.fault("factor", f"“{text}”不是换算系数，应为正的小数或分数，如 1/15（not a factor above zero）")
    if (of is None) != (text is None):
        missing = "factor" if text is None else "of"
        reader.fault(missing, "of 与 factor 须同时给出（of and factor go together）")
    reader.done()
    return UnitDefinition(normal_unit_code(code), of, factor)


# -- the normal form -----------------------------------------------------------------------------------------------
_TOP_KEYS: Mapping[str, tuple[str, ...]] = {
    "view": ("code", "department", "title", "grain", "fields"),
    "agreement": (
        "code", "department", "title", "purpose", "legal_basis", "elements", "regions", "periods", "valid",
    ),
}  # fmt: skip


def normal(kind: Kind, document: object) -> dict[str, Any]:
    """The normal form of a document: defaults dropped, keys in order, plain JSON.

    Two documents that mean the same have the same. Of views and agreements only the order of the outer keys is settled
    here; the rest is for their own rooms.
    """
    faults: list[Fault] = []
    if kind == "dataset":
        return read_dataset(document, "")[2]
    if kind == "codelist":
        return read_codelist(document, "")[2]
    if kind in _READERS:
        reader = DocumentReader(document, "", faults)
        _READERS[kind](reader)
        return reader.body
    body = plain(document)
    if not isinstance(body, dict):
        return {}
    first = [key for key in _TOP_KEYS[kind] if key in body]
    return {key: body[key] for key in [*first, *(key for key in body if key not in first)]}


def plain(value: object) -> Any:
    """``value`` as JSON can hold it: keys are text, dates ISO texts, decimals numbers or text without loss."""
    if isinstance(value, Mapping):
        return {_plain_key(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    if isinstance(value, Decimal):
        return plain_number(value)
    return value.isoformat() if isinstance(value, date) else value


def _plain_key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


_READERS: Mapping[str, Callable[[DocumentReader], object]] = {
    "department": _read_department,
    "unit": _read_unit,
    "calendar": read_calendar_year,
    "deadline": read_deadline,
    "formula": read_formula,
}


def parse_department(document: object, file: str, place: str = "") -> tuple[Department | None, list[Fault]]:
    """One department, as an item of ``departments.yaml``."""
    faults: list[Fault] = []
    department = _read_department(DocumentReader(document, file, faults, place))
    return (None if faults else department), faults


def parse_unit(document: object, file: str, place: str = "") -> tuple[UnitDefinition | None, list[Fault]]:
    """One unit of measure, as an item of ``units.yaml``."""
    faults: list[Fault] = []
    unit = _read_unit(DocumentReader(document, file, faults, place))
    return (None if faults else unit), faults
