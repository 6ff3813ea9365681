"""A dataset of every type of element, made by hand, with rows of the truth as the store hands them over."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from app.catalogue.model import Dataset, Element, ElementType
from app.catalogue.units import BUILTIN_UNITS
from app.snapshots.building import PartRow

UNITS = BUILTIN_UNITS


def element(code: str, kind: ElementType, unit: str | None = None) -> Element:
    return Element("land", code, code, kind, "stock", "open", unit=unit)


def dataset(*elements: Element, key: tuple[str, ...] = ()) -> Dataset:
    return Dataset("land", "土地", "year", "township", key, "region", "open", None, "none", elements)


LAND = dataset(
    element("area", "decimal", "公顷"),
    element("people", "integer", "人"),
    element("name", "text"),
    element("kind", "code"),
    element("since", "date"),
    element("hilly", "boolean"),
)


def row(version: int, region: int, period: int, key: tuple[str, ...] = (), **values: Any) -> PartRow:
    return version, region, period, json.dumps(list(key)), json.dumps(values, ensure_ascii=False)


def values(frame: Any, scale: dict[str, int], code: str) -> list[Fraction | None]:
    """A numeric column as exact values."""
    return [None if v is None else Fraction(int(v), scale[code]) for v in frame.get_column(code).to_list()]
