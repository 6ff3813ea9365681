"""A compiled view: what each field is made of and what it needs. Immutable, cheap to restrict, ready to run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Literal

from app.catalogue.model import Dataset, Element, Frequency, Level
from app.catalogue.periods import PER_YEAR
from app.catalogue.units import UnitTable
from app.errors import Fault
from app.mapping.spec import Constant, FieldSpec, Rounding, ViewSpec
from app.mapping.steps import keeps_key
from app.mapping.tree import Kind, Node, Shifted, YearToDate, children

RegionAttribute = Literal["code", "name", "level", "parent"]
REGION_ATTRIBUTES: tuple[RegionAttribute, ...] = ("code", "name", "level", "parent")


@dataclass(frozen=True, slots=True)
class OutputField:
    """How a field looks from outside: ``decimals`` is 0 and ``unit`` None for all but numbers."""

    name: str
    title: str
    kind: Kind
    decimals: int = 0
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class FromRegion:
    attribute: RegionAttribute


@dataclass(frozen=True, slots=True)
class FromPeriod:
    """The period as it is written; missing in a view without periods."""


@dataclass(frozen=True, slots=True)
class FromConstant:
    value: Constant


@dataclass(frozen=True, slots=True)
class FromElements:
    """``tree`` gives the value in ``output.unit``, before rounding and codes.

    ``plain``: it is one element of the record itself, perhaps converted. ``absorbs``: it may have a value although
    one of its elements is missing, so that coverage has to be asked apart from the values.
    """

    tree: Node
    plain: bool
    absorbs: bool


@dataclass(frozen=True, slots=True)
class CompiledField:
    """One field of a plan. ``elements`` are the paths it rests on; empty for region, period and constants."""

    output: OutputField
    source: FromRegion | FromPeriod | FromConstant | FromElements
    elements: frozenset[str]
    spec: FieldSpec
    index: int
    rounding: Rounding = "half_up"
    codes: Mapping[str, str] | None = None
    default: Constant | date | None = None
    otherwise: str | None = None
    complete: bool = False

    @property
    def name(self) -> str:
        return self.output.name


@dataclass(frozen=True)
class Plan:
    """A view that can be run. ``warnings`` are remarks that did not keep it from being compiled."""

    spec: ViewSpec
    fields: tuple[CompiledField, ...]
    datasets: Mapping[str, Dataset]
    units: UnitTable
    warnings: tuple[Fault, ...] = field(default=())

    @property
    def level(self) -> Level:
        return self.spec.level

    @property
    def frequency(self) -> Frequency:
        return self.spec.frequency

    @cached_property
    def outputs(self) -> tuple[OutputField, ...]:
        """The fields as they are written."""
        return tuple(each.output for each in self.fields)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(each.name for each in self.fields)

    @cached_property
    def sources(self) -> frozenset[str]:
        """The codes of the datasets that a field rests on."""
        return frozenset(path.partition(".")[0] for path in self.elements)

    @cached_property
    def elements(self) -> frozenset[str]:
        """The paths of every element that a field rests on: nothing else is ever asked of the sources."""
        return frozenset().union(*(each.elements for each in self.fields))

    @cached_property
    def list_dataset(self) -> Dataset | None:
        """The one list dataset whose key is part of the row's key."""
        for path in sorted(self.elements):
            dataset = self.datasets[path.partition(".")[0]]
            if keeps_key(dataset, self.level, self.frequency):
                return dataset
        return None

    @property
    def key(self) -> tuple[str, ...]:
        """The key elements of the one list dataset, or nothing."""
        return self.list_dataset.key if self.list_dataset else ()

    def element(self, path: str) -> Element:
        """The element of one of ``elements``."""
        dataset, _, code = path.partition(".")
        return self.datasets[dataset].by_code[code]

    def restricted(self, names: Collection[str]) -> Plan:
        """The plan with only these fields, in its own order. KeyError for a name it does not have."""
        wanted = set(names)
        unknown = wanted - {each.name for each in self.fields}
        if unknown:
            raise KeyError(min(unknown))
        return replace(self, fields=tuple(each for each in self.fields if each.name in wanted))

    def years(self, asked: frozenset[int] | None) -> frozenset[int] | None:
        """The years of data that rows of the ``asked`` years are made of; None stands for all.

        Rows of other years that come of the surplus are the caller's to drop. Data without periods has no year and
        is always needed.
        """
        if asked is None or self.frequency == "once":
            return None
        trees = [each.source.tree for each in self.fields if isinstance(each.source, FromElements)]
        back = max((_years_back(tree, PER_YEAR.get(self.frequency, 1)) for tree in trees), default=0)
        return frozenset(year - step for year in asked for step in range(back + 1))


def _years_back(node: Node, per_year: int, position: int = 0) -> int:
    """How many years before the row's year the tree reaches at most.

    ``position`` counts periods from the first period of the row's year, from where the reach is longest.
    """
    if isinstance(node, Shifted):
        position -= node.periods
    elif isinstance(node, YearToDate):
        position = position // per_year * per_year
    below = max((_years_back(child, per_year, position) for child in children(node)), default=0)
    return max(below, -(position // per_year))
