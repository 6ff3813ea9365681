"""A schema folder as ``{name: bytes}``: what it defines, every fault in it, and back.

Views and agreements are passed on as plain JSON values; their own rooms read them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.catalogue.building import Definition, build_catalogue, describe_changes, forbidden_changes
from app.catalogue.document_reader import HYPHENED
from app.catalogue.documents import (
    Kind,
    normal,
    parse_calendar,
    parse_codelist,
    parse_dataset,
    parse_deadlines,
    parse_departments,
    parse_formula_library,
    parse_units,
    plain,
)
from app.catalogue.region_files import (
    REGIONS_FILE,
    SUCCESSIONS_FILE,
    RegionRow,
    SuccessionRow,
    read_regions,
    read_successions,
    write_regions,
    write_successions,
)
from app.catalogue.regions import RegionIndex
from app.catalogue.yaml_documents import read_yaml, write_yaml
from app.errors import Fault

__all__ = [
    "Definition",
    "Folder",
    "RegionRow",
    "SuccessionRow",
    "belongs",
    "build_catalogue",
    "describe_changes",
    "forbidden_changes",
    "read_folder",
    "write_folder",
]

_FOLDERS: Mapping[str, Kind] = {
    "codelists": "codelist",
    "datasets": "dataset",
    "views": "view",
    "agreements": "agreement",
}
_LISTS: Mapping[str, Kind] = {
    "units.yaml": "unit",
    "departments.yaml": "department",
    "calendar.yaml": "calendar",
    "deadlines.yaml": "deadline",
    "formulas.yaml": "formula",
}
_LIST_KEYS: Mapping[Kind, str] = {
    "unit": "units",
    "department": "departments",
    "calendar": "calendar",
    "deadline": "deadlines",
    "formula": "formulas",
}
_LIST_READERS: Mapping[Kind, Callable[[object, str], tuple[Sequence[object], list[Fault]]]] = {
    "unit": parse_units,
    "department": parse_departments,
    "calendar": parse_calendar,
    "deadline": parse_deadlines,
    "formula": parse_formula_library,
}
_SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class Folder:
    """What a schema folder says: definitions in normal form, region rows, and every fault that a file has in itself.

    ``unsound`` are definitions whose own faults are among ``faults``: they are never kept, but what they refer to, and
    what refers to them, can be checked in the same go.
    """

    definitions: list[Definition] = field(default_factory=list)
    unsound: list[Definition] = field(default_factory=list)
    regions: list[RegionRow] = field(default_factory=list)
    successions: list[SuccessionRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def belongs(name: str) -> bool:
    """Whether a file of this relative name is part of a schema folder or a note beside it (hidden, or a .md file)."""
    return _kind(name) is not None or _is_note(name)


def read_folder(files: Mapping[str, bytes]) -> Folder:
    """Reads every file; names are relative, with ``/``. Faults of all files are reported together.

    What documents say of each other, and of what is already held, is for ``build_catalogue`` and ``plan_regions``.
    """
    folder = Folder()
    for name in sorted(files):
        kind = _kind(name)
        if kind is None:
            if not _is_note(name):
                folder.faults.append(
                    Fault(name, "", "方案文件夹里没有这样的文件（does not belong in a schema folder）")
                )
        elif kind == "regions":
            folder.regions, faults = read_regions(files[name], name)
            folder.faults += faults
        elif kind == "successions":
            folder.successions, faults = read_successions(files[name], name)
            folder.faults += faults
        else:
            document, faults = read_yaml(files[name], name)
            if faults:
                folder.faults += faults
            elif kind in _LIST_KEYS:
                _read_list(kind, document, name, folder)
            else:
                _read_one(kind, document, name, folder)
    _name_doubles(folder)
    return folder


def _kind(name: str) -> Any:
    if name in (REGIONS_FILE, SUCCESSIONS_FILE):
        return name.removesuffix(".csv")
    if name in _LISTS:
        return _LISTS[name]
    directory, file = posixpath.split(name)
    if file.startswith(".") or not file.endswith(_SUFFIXES):
        return None
    return _FOLDERS.get(directory)


def _is_note(name: str) -> bool:
    return name.endswith(".md") or any(part.startswith(".") for part in name.split("/"))


def _read_one(kind: Kind, document: object, file: str, folder: Folder) -> None:
    faults: Sequence[Fault] = ()
    if kind == "dataset":
        faults = parse_dataset(document, file)[1]
    elif kind == "codelist":
        faults = parse_codelist(document, file)[1]
    elif not isinstance(document, Mapping):
        faults = [Fault(file, "", "应为键值对（must be a mapping）")]
    elif not isinstance(document.get("code"), str) or not HYPHENED.fullmatch(document["code"]):
        faults = [Fault(file, "code", f"须有代码，应匹配 {HYPHENED.pattern}（a code is needed）")]
    folder.faults += faults
    if not faults:
        body = normal(kind, document)
        folder.definitions.append(Definition(kind, body["code"], body, file))
    elif isinstance(document, Mapping):
        folder.unsound.append(Definition(kind, str(document.get("code")), plain(document), file))


def _read_list(kind: Kind, document: object, file: str, folder: Folder) -> None:
    key = _LIST_KEYS[kind]
    faults = _LIST_READERS[kind](document, file)[1]
    folder.faults += faults
    items = document.get(key) if isinstance(document, Mapping) else None
    for i, item in enumerate(items if isinstance(items, list) else ()):
        body = normal(kind, plain(item))
        code = body.get("year" if kind == "calendar" else "code")
        if code is not None:
            target = folder.unsound if faults else folder.definitions
            target.append(Definition(kind, str(code), body, file, f"{key}[{i}]"))


def _name_doubles(folder: Folder) -> None:
    first: dict[tuple[Kind, str], str] = {}
    for definition in folder.definitions:
        owner = first.setdefault((definition.kind, definition.code), definition.file)
        if owner != definition.file:
            message = f"“{definition.code}”已在 {owner} 中定义（already defined there）"
            folder.faults.append(Fault(definition.file, "code", message))


def write_folder(definitions: Iterable[Definition], regions: RegionIndex) -> dict[str, bytes]:
    """The files that ``read_folder`` reads back to the same; one a dataset, code list, view and agreement."""
    files: dict[str, bytes] = {}
    lists: dict[Kind, list[dict[str, Any]]] = {}
    directories = {kind: directory for directory, kind in _FOLDERS.items()}
    for definition in sorted(definitions, key=lambda d: (d.kind, d.code)):
        if definition.kind in _LIST_KEYS:
            lists.setdefault(definition.kind, []).append(definition.body)
        else:
            files[f"{directories[definition.kind]}/{definition.code}.yaml"] = write_yaml(definition.body)
    for name, kind in _LISTS.items():
        if kind in lists:
            files[name] = write_yaml({_LIST_KEYS[kind]: lists[kind]})
    if len(regions):
        files[REGIONS_FILE] = write_regions(regions)
        successions = write_successions(regions)
        if successions is not None:
            files[SUCCESSIONS_FILE] = successions
    return files
