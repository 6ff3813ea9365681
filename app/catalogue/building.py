"""From definitions to a catalogue: what documents say of each other, and what may change while data is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from app.catalogue.dataset_documents import read_dataset
from app.catalogue.documents import Kind, parse_codelist, parse_dataset, parse_department, parse_unit, read_codelist
from app.catalogue.formula_documents import CatalogueFormula, parse_formula
from app.catalogue.model import Catalogue, CodeList, Dataset, Department, Element
from app.catalogue.units import BUILTIN_UNITS, UnitDefinition, UnitTable
from app.errors import Fault

Value = TypeVar("Value", Dataset, CodeList, Department, UnitDefinition, CatalogueFormula)


@dataclass(frozen=True, slots=True)
class Definition:
    """One defined thing: its normal form and where it came from (``place`` where the file holds several)."""

    kind: Kind
    code: str
    body: dict[str, Any] = field(hash=False)
    file: str = ""
    place: str = ""


def build_catalogue(
    definitions: Iterable[Definition], unsound: Iterable[Definition] = ()
) -> tuple[Catalogue, list[Fault]]:
    """The catalogue that ``definitions`` make together, and every fault of one or of what one says of another.

    Views and agreements are passed over. Where there are faults the catalogue holds what is sound. Of ``unsound`` ones,
    whose own faults are told elsewhere, it holds as much as can be made out.
    """
    faults: list[Fault] = []
    by_kind: dict[str, dict[str, Definition]] = {}
    for definition in definitions:
        same = by_kind.setdefault(definition.kind, {})
        if definition.code in same:
            first = same[definition.code].file
            faults.append(
                Fault(definition.file, definition.place, f"“{definition.code}”已在 {first} 中定义（defined twice）")
            )
        else:
            same[definition.code] = definition

    def read(kind: Kind, parse: Callable[[Definition], tuple[Value | None, list[Fault]]]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for definition in by_kind.get(kind, {}).values():
            value, own = parse(definition)
            faults.extend(own)
            if value is not None:
                found[definition.code] = value
        return found

    sketches = [definition for definition in unsound if definition.code not in by_kind.get(definition.kind, {})]
    for sketch in sketches:
        # Of a faulty list of units the sound ones are known; the others' faults have been told.
        if sketch.kind == "unit" and not parse_unit(sketch.body, sketch.file, sketch.place)[1]:
            by_kind.setdefault("unit", {})[sketch.code] = sketch
    units = read("unit", lambda d: parse_unit(d.body, d.file, d.place))
    departments = read("department", lambda d: parse_department(d.body, d.file, d.place))
    codelists = read("codelist", lambda d: parse_codelist(d.body, d.file))
    datasets = read("dataset", lambda d: parse_dataset(d.body, d.file))
    formulas = read("formula", lambda d: parse_formula(d.body, d.file, d.place))
    files = {code: definition.file for code, definition in by_kind.get("dataset", {}).items()}
    for sketch in sketches:
        _add_sketch(sketch, datasets, codelists, departments)
        files.setdefault(sketch.code, sketch.file)
    table = _unit_table(list(units.items()), by_kind.get("unit", {}), faults)
    catalogue = Catalogue(datasets, codelists, departments, table, formulas)
    for code, dataset in datasets.items():
        faults.extend(_reference_faults(dataset, catalogue, files[code]))
    return catalogue, faults


def _add_sketch(
    definition: Definition,
    datasets: dict[str, Dataset],
    codelists: dict[str, CodeList],
    departments: dict[str, Department],
) -> None:
    """Adds what can be made out of a faulty definition, so that what others say of it can be judged."""
    if definition.kind == "dataset":
        dataset = read_dataset(definition.body, definition.file)[0]
        if dataset is not None:
            datasets[definition.code] = dataset
    elif definition.kind == "codelist":
        codelists[definition.code] = read_codelist(definition.body, definition.file)[0]
    elif definition.kind == "department":
        departments[definition.code] = Department(definition.code, definition.code)


def _unit_table(
    units: Sequence[tuple[str, UnitDefinition]], documents: dict[str, Definition], faults: list[Fault]
) -> UnitTable:
    wrong = BUILTIN_UNITS.faults([unit for _, unit in units])
    for i, message in wrong:
        document = documents[units[i][0]]
        faults.append(Fault(document.file, document.place, message))
    bad = {i for i, _ in wrong}
    return BUILTIN_UNITS.extended([unit for i, (_, unit) in enumerate(units) if i not in bad])


def _reference_faults(dataset: Dataset, catalogue: Catalogue, file: str) -> list[Fault]:
    faults: list[Fault] = []
    department = dataset.source_department
    if department is not None and department not in catalogue.departments:
        faults.append(Fault(file, "source", f"没有部门“{department}”（there is no such department）"))
    for i, element in enumerate(dataset.elements):
        if element.unit is not None and element.unit not in catalogue.units:
            message = f"没有计量单位“{element.unit}”，可在 units.yaml 中定义（there is no such unit of measure）"
            faults.append(Fault(file, f"elements[{i}].unit", message))
        if element.codes is not None and element.codes not in catalogue.codelists:
            faults.append(
                Fault(file, f"elements[{i}].codes", f"没有代码表“{element.codes}”（there is no such code list）")
            )
    return faults


class ForbiddenChange(NamedTuple):
    """One change that held data stands against; ``element`` is the code whose values do, None for every record."""

    place: str
    message: str
    element: str | None = None


def forbidden_changes(old: Dataset, new: Dataset, units: UnitTable = BUILTIN_UNITS) -> list[ForbiddenChange]:
    """What ``new`` changes that records of ``old`` would not survive.

    That is the type, unit, measure or key of an element, an element taken away, and the dataset's frequency and level.
    Another spelling of the same unit is no change.
    """
    found: list[ForbiddenChange] = []

    def compare(place: str, what: str, before: object, after: object, element: str | None = None) -> None:
        if before != after:
            message = f"{what}由 {before} 变为 {after}（may not change while data is held）"
            found.append(ForbiddenChange(place, message, element))

    compare("frequency", "频度", old.frequency, new.frequency)
    compare("level", "级别", old.level, new.level)
    compare("key", "键", list(old.key), list(new.key))
    places = {element.code: f"elements[{i}]" for i, element in enumerate(new.elements)}
    for element in old.elements:
        now: Element | None = new.by_code.get(element.code)
        if now is None:
            message = f"删去了元素 {element.code} {element.title}（an element may not be taken away）"
            found.append(ForbiddenChange("elements", message, element.code))
            continue
        place = places[element.code]
        compare(f"{place}.type", f"{element.code} 的类型", element.type, now.type, element.code)
        if not units.same(element.unit, now.unit):
            compare(f"{place}.unit", f"{element.code} 的计量单位", element.unit, now.unit, element.code)
        compare(f"{place}.measure", f"{element.code} 的口径", element.measure, now.measure, element.code)
    return found


def describe_changes(kind: Kind, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between two normal forms, one readable line each, for the plan of ``apply``."""
    lines: list[str] = []
    _differences("", old, new, lines)
    return lines or ([] if old == new else [f"{kind}: 顺序变化（only the order changed）"])


def _differences(place: str, old: object, new: object, lines: list[str]) -> None:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            _differences(f"{place}.{key}" if place else key, old.get(key), new.get(key), lines)
        return
    olds, news = _named(old), _named(new)
    if olds is not None and news is not None:
        for name, member in olds.items():
            if name not in news:
                lines.append(f"- {place}[{name}]")
            else:
                _differences(f"{place}[{name}]", member, news[name], lines)
        lines.extend(f"+ {place}[{name}]{_title(member)}" for name, member in news.items() if name not in olds)
        return
    if old is None:
        lines.append(f"+ {place}: {_short(new)}")
    elif new is None:
        lines.append(f"- {place}: {_short(old)}")
    else:
        lines.append(f"~ {place}: {_short(old)} → {_short(new)}")


def _named(value: object) -> dict[str, dict[str, Any]] | None:
    """A list of mappings by their code or name; None if it is not such a list."""
    if value is None:
        return {}
    if not isinstance(value, list) or not all(isinstance(member, dict) for member in value):
        return None
    names = [str(member.get("code", member.get("name"))) for member in value]
    return dict(zip(names, value, strict=True)) if len(set(names)) == len(names) else None


def _title(member: dict[str, Any]) -> str:
    title = member.get("title") or member.get("label") or member.get("name")
    return f" {title}" if title else ""


def _short(value: object) -> str:
    text = "、".join(str(member) for member in value) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
