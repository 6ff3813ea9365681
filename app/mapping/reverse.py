"""A mapping read the other way: what each field of a view says of the element it rests on, or why it says nothing.

A field is reversible where one cell of it is one value of one record: an element of the view's own grain, perhaps in
another unit, perhaps through codes of which no two have the same target. The number itself is never converted: it is kept
as reported, with the view's unit, so that nothing is lost on the way back. Regions and periods give the row its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Literal

from app.catalogue.model import Catalogue, Dataset
from app.catalogue.units import UnitMismatch
from app.mapping.plan import CompiledField, FromConstant, FromElements, FromPeriod, FromRegion, Plan
from app.mapping.spec import Constant, Rounding
from app.mapping.steps import coarser_in_time
from app.mapping.tree import Kind, Reading, Scaled

Part = Literal["element", "region.code", "region.name", "period", "constant", "none"]
Reason = tuple[str, str]

_ONE = Fraction(1)
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_EXPRESSION: Reason = ("由表达式算出，不能倒推各个数据项", "it is computed by an expression")
_AGGREGATED: Reason = ("由多条记录汇总而来，不能拆回各条记录", "it is an aggregate of several records")
_COARSER: Reason = (
    "取自期间更长的数据集，同一个数在多行重复，不知以哪一行为准",
    "its dataset has longer periods: the same value stands in several rows",
)
_OF_THE_REGION: Reason = ("由区划自身决定，不由填报给出", "it follows from the region")
_NO_PERIODS: Reason = ("该视图不分期间", "the view has no periods")
_CODED_PLACE: Reason = ("区划或期间另有代码对照", "a region or period that is told through codes")
_OTHERWISE: Reason = ("有 otherwise：几个代码归为一个目标", "its otherwise stands for several codes")
_CARRIED: Reason = (
    "视图按今天的区划归并（regions: present），不能拆回各期的区划",
    "the view carries figures to the regions of today",
)
_UNIT: Reason = ("单位换算不能原样倒回", "its conversion of units has no exact inverse")


@dataclass(frozen=True, slots=True)
class ReversedField:
    """What one field says when a file is read through the view.

    ``part`` is what its cells are about; ``none`` is said with a ``reason`` (Chinese, English). Of an ``element``,
    ``path`` is where its values belong, ``unit`` what its numbers are in, and the value in the element's unit times
    ``factor`` is the view's. ``codes`` maps each target back to its code. A cell equal to ``default`` may stand for a
    missing value, so it says nothing. ``elements`` are the paths that the field rests on, whether it is reversible or not.
    """

    name: str
    title: str
    kind: Kind
    part: Part
    elements: frozenset[str] = frozenset()
    path: str | None = None
    unit: str | None = None
    factor: Fraction = _ONE
    decimals: int = 0
    rounding: Rounding = "half_up"
    codes: Mapping[str, str] | None = None
    default: Constant | date | None = None
    constant: Constant | None = None
    reason: Reason | None = None

    def document(self) -> dict[str, Any]:
        """The field as an administrator is told of it."""
        return {
            "name": self.name,
            "title": self.title,
            "reversible": self.part != "none",
            "part": None if self.part == "none" else self.part,
            "element": self.path,
            "unit": self.unit,
            "codes": dict(self.codes) if self.codes is not None else None,
            "ambiguous": None if self.default is None else str(self.default),
            "reason": self.reason[0] if self.reason else None,
            "reason_en": self.reason[1] if self.reason else None,
        }


@dataclass(frozen=True, slots=True)
class Reversal:
    """A whole view read the other way. ``fields`` are all of the view's, in its order."""

    fields: tuple[ReversedField, ...]

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets into which something of the view reads back, by code."""
        return tuple(sorted({field.path.partition(".")[0] for field in self.fields if field.path is not None}))

    def missing_key(self, dataset: Dataset) -> tuple[str, ...]:
        """The key elements of ``dataset`` that no field gives: without them no record can be told."""
        given = {field.path for field in self.fields}
        return tuple(code for code in dataset.key if f"{dataset.code}.{code}" not in given)


def reverse(plan: Plan, catalogue: Catalogue) -> Reversal:
    """Every field of ``plan`` read the other way."""
    return Reversal(tuple(_reversed(plan, field, catalogue) for field in plan.fields))


def _reversed(plan: Plan, field: CompiledField, catalogue: Catalogue) -> ReversedField:
    source = field.source
    if isinstance(source, FromElements):
        return _element(plan, field, source, catalogue)
    if isinstance(source, FromConstant):
        return _field(field, "constant", constant=source.value)
    if field.codes is not None:
        return _field(field, "none", reason=_CODED_PLACE)
    if isinstance(source, FromPeriod):
        return _field(field, "none", reason=_NO_PERIODS) if plan.frequency == "once" else _field(field, "period")
    return _attribute(field, source)


def _attribute(field: CompiledField, source: FromRegion) -> ReversedField:
    if source.attribute == "code":
        return _field(field, "region.code")
    if source.attribute == "name":
        return _field(field, "region.name")
    return _field(field, "none", reason=_OF_THE_REGION)


def _element(plan: Plan, field: CompiledField, source: FromElements, catalogue: Catalogue) -> ReversedField:
    if field.spec.source is None:
        return _field(field, "none", reason=_EXPRESSION)
    tree = source.tree
    factor = tree.factor if isinstance(tree, Scaled) else _ONE
    reading = tree.operand if isinstance(tree, Scaled) else tree
    if not isinstance(reading, Reading):
        return _field(field, "none", reason=_EXPRESSION)
    dataset = plan.datasets[reading.path.partition(".")[0]]
    several = _several(plan, field, reading, dataset)
    if several is not None:
        return _field(field, "none", reason=several)
    element = plan.element(reading.path)
    inverse: dict[str, str] | None = None
    unit = None
    if field.codes is not None:
        twice = _shared_targets(field.codes)
        if twice:
            return _field(field, "none", reason=twice)
        # A whole number never is a code that is not written as one.
        possible = {
            code: target for code, target in field.codes.items() if not element.numeric or _WHOLE.fullmatch(code)
        }
        inverse = {target: code for code, target in possible.items()}
    elif element.numeric:
        unit = field.output.unit if element.unit is not None else None
        if not _converts_back(unit, element.unit, factor, catalogue):
            return _field(field, "none", reason=_UNIT)
        if factor != 1 and element.code in dataset.key:
            return _field(field, "none", reason=_UNIT)
    return _field(
        field, "element", path=reading.path, unit=unit, factor=factor, codes=inverse, default=field.default,
    )  # fmt: skip


def _several(plan: Plan, field: CompiledField, reading: Reading, dataset: Dataset) -> Reason | None:
    """Why one cell is not one value of one record, or does not say which."""
    if reading.steps.aggregated:
        return _AGGREGATED
    if plan.spec.regions == "present":
        return _CARRIED
    if coarser_in_time(dataset, plan.frequency):
        return _COARSER
    return _OTHERWISE if field.otherwise is not None else None


def _converts_back(unit: str | None, own: str | None, factor: Fraction, catalogue: Catalogue) -> bool:
    """Whether a number in ``unit`` means in the element's unit what the mapping made it of."""
    if unit is None or own is None:
        return factor == 1
    try:
        return catalogue.units.factor(unit, own) * factor == 1
    except UnitMismatch:
        return False


def _shared_targets(codes: Mapping[str, str]) -> Reason | None:
    sources: dict[str, list[str]] = {}
    for code, target in codes.items():
        sources.setdefault(target, []).append(code)
    shared = {target: found for target, found in sources.items() if len(found) > 1}
    if not shared:
        return None
    words = "；".join(f"{'、'.join(found)} 都对应“{target}”" for target, found in shared.items())
    words_en = "; ".join(f"{', '.join(found)} all become {target!r}" for target, found in shared.items())
    return f"代码对照不是一一对应：{words}", f"its codes are not one to one: {words_en}"


def _field(
    field: CompiledField,
    part: Part,
    *,
    path: str | None = None,
    unit: str | None = None,
    factor: Fraction = _ONE,
    codes: Mapping[str, str] | None = None,
    default: Constant | date | None = None,
    constant: Constant | None = None,
    reason: Reason | None = None,
) -> ReversedField:
    output = field.output
    return ReversedField(
        output.name, output.title, output.kind, part, field.elements, path, unit, factor,
        output.decimals, field.rounding, codes, default, constant, reason,
    )  # fmt: skip
