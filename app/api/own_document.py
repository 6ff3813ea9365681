"""A department's own OpenAPI: the operations it has, its views as addresses of their own, its fields as their schemas.

Made of the whole document and of what the department may see today, and of nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from app.formats.json_schema import json_schema
from app.formats.writing import FORMATS
from app.mapping.plan import OutputField
from app.services.visible_views import VisibleView

_VIEW = "/v1/views/{view}"
# What only administrators, auditors and reporting regions have.
_NOT_ITS_OWN = ("/v1/admin", "/v1/audit")
_FOR_SOURCES = ("/v1/submissions", "/v1/datasets/{dataset}/records", "/v1/datasets/{dataset}/template")
_REFERENCE = re.compile(r"^#/components/([^/]+)/(.+)$")
_METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})


def own_document(
    whole: Mapping[str, Any], department: str, views: Sequence[VisibleView], *, is_source: bool
) -> dict[str, Any]:
    """The OpenAPI 3.1 document for one department. ``whole`` stays as it is."""
    schemas = {f"{_component(view)}_record": _record(view) for view in views}
    paths: dict[str, Any] = {}
    for path, operations in whole["paths"].items():
        if path.startswith(_NOT_ITS_OWN) or (not is_source and path.startswith(_FOR_SOURCES)):
            continue
        if not path.startswith(_VIEW):
            paths[path] = deepcopy(operations)
            continue
        for view in views:
            own = path.replace(_VIEW, f"/v1/views/{view.spec.code}", 1)
            paths[own] = {
                method: _of_view(view, path, operations[method]) for method in operations if method in _METHODS
            }
    document = {
        **{key: deepcopy(value) for key, value in whole.items() if key not in ("paths", "components")},
        "info": {**whole["info"], "title": f"{whole['info']['title']} · {department}"},
        "paths": paths,
    }
    components = {**whole.get("components", {})}
    components["schemas"] = {**components.get("schemas", {}), **schemas}
    document["components"] = _needed(document, components)
    return document


def _component(view: VisibleView) -> str:
    return f"view_{view.spec.code}"


def _record(view: VisibleView) -> dict[str, Any]:
    schema = json_schema(_fields(view), view.spec)
    # Inside a document the identity would be a base of its own for references.
    return {key: value for key, value in schema.items() if key not in ("$schema", "$id")}


def _fields(view: VisibleView) -> list[OutputField]:
    return [field.output for field in view.plan.fields]


def _of_view(view: VisibleView, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    own = deepcopy(dict(operation))
    own["operationId"] = f"{operation['operationId']}_{view.spec.code}"
    own["summary"] = f"{view.spec.title or view.spec.code}: {operation.get('summary', '')}".rstrip(": ")
    parameters = [_parameter(view, each) for each in own.get("parameters", ()) if each["name"] != "view"]
    if parameters:
        own["parameters"] = parameters
    else:
        own.pop("parameters", None)
    record = {"$ref": f"#/components/schemas/{_component(view)}_record"}
    answer = own["responses"].get("200", {}).get("content", {}).get("application/json")
    if answer is not None and path == f"{_VIEW}/records":
        answer["schema"] = _page(record)
    elif answer is not None and path == f"{_VIEW}/changes":
        answer["schema"] = _changes(record)
    return own


def _parameter(view: VisibleView, parameter: dict[str, Any]) -> dict[str, Any]:
    """The parameter with what this view has for it: its own fields, the formats there are."""
    names = [field.name for field in _fields(view)]
    match parameter["name"]:
        case "fields":
            return _listed(parameter, names)
        case "sort":
            return _listed(parameter, [sign + name for name in names for sign in ("", "-")])
        case "field":
            return {**parameter, "schema": {"type": "string", "enum": names}}
        case "format" if ", ".join(FORMATS) == parameter.get("description"):
            return {**parameter, "schema": {"type": "string", "enum": list(FORMATS)}}
        case "filter":
            pattern = f"^({'|'.join(re.escape(name) for name in names)}):[a-z]+:"
            return {**parameter, "schema": {"type": "array", "items": {"type": "string", "pattern": pattern}}}
    return parameter


def _listed(parameter: dict[str, Any], choices: Iterable[str]) -> dict[str, Any]:
    items = {"type": "string", "enum": list(choices)}
    return {**parameter, "style": "form", "explode": False, "schema": {"type": "array", "items": items}}


def _page(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "view": {"type": "string"},
            "version": {"type": "integer"},
            "snapshot": {"type": "string"},
            "records": {"type": "array", "items": _partly(record)},
            "next": {"type": ["string", "null"]},
            "count": {"type": "integer"},
        },
        "required": ["view", "version", "snapshot", "records", "next"],
    }


def _partly(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it comes without ``fields``; with it, or with notes, it has other members."""
    return {"anyOf": [record, {"type": "object"}]}


def _changes(record: Mapping[str, Any]) -> dict[str, Any]:
    key = {"type": "object"}
    upsert = {"type": "object", "properties": {"op": {"const": "upsert"}, "key": key, "record": record}}
    remove = {"type": "object", "properties": {"op": {"const": "remove"}, "key": key}}
    return {
        "type": "object",
        "properties": {
            "view": {"type": "string"},
            "version": {"type": "integer"},
            "changes": {
                "type": "array",
                "items": {
                    "oneOf": [
                        {**upsert, "required": ["op", "key", "record"]},
                        {**remove, "required": ["op", "key"]},
                    ]
                },
            },
            "next": {"type": "string"},
            "more": {"type": "boolean"},
        },
        "required": ["view", "version", "changes", "next", "more"],
    }


def _needed(document: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """The components that something in the document refers to, and the ways to authenticate."""
    wanted = _references(document)
    found: set[tuple[str, str]] = set()
    while wanted:
        each = wanted.pop()
        if each not in found:
            found.add(each)
            wanted |= _references(components.get(each[0], {}).get(each[1]))
    kept: dict[str, Any] = {}
    for kind, members in components.items():
        chosen = (
            members if kind == "securitySchemes" else {n: members[n] for n in sorted(members) if (kind, n) in found}
        )
        if chosen:
            kept[kind] = deepcopy(chosen)
    return kept


def _references(value: Any) -> set[tuple[str, str]]:
    if isinstance(value, Mapping):
        own = {(match[1], match[2])} if (match := _REFERENCE.match(str(value.get("$ref", "")))) else set()
        return own.union(*(_references(member) for member in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(member) for member in value))
    return set()
