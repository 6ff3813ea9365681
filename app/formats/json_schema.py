"""The JSON Schema of one record of a view, as the caller sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from app.mapping.plan import OutputField

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Titled(Protocol):
    """A view by its code and title."""

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...


def json_schema(fields: Sequence[OutputField], view: Titled) -> dict[str, Any]:
    """The schema (2020-12) of one record of ``view`` with these fields: every one is there, missing values are null.

    ``x-unit`` is the unit of measure, ``x-decimals`` how many digits follow the point at most.
    """
    return {
        "$schema": DIALECT,
        "$id": f"urn:township:view:{view.code}",
        "title": view.title,
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


def _property(field: OutputField) -> dict[str, Any]:
    about: dict[str, Any] = {"title": field.title}
    if field.kind == "number":
        about["type"] = ["number" if field.decimals else "integer", "null"]
        about["x-decimals"] = field.decimals
    elif field.kind == "boolean":
        about["type"] = ["boolean", "null"]
    else:
        about["type"] = ["string", "null"]
    if field.kind == "date":
        about["format"] = "date"
    if field.unit is not None:
        about["x-unit"] = field.unit
    return about
