"""The catalogue as values: what a dataset and its elements are, after checking.

These are made by ``app.catalogue.documents`` from YAML or JSON and are immutable; everything else reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from app.catalogue.formula_documents import CatalogueFormula
from app.catalogue.units import UnitTable

Frequency = Literal["once", "year", "half", "quarter", "month", "event"]
Level = Literal["province", "prefecture", "county", "township", "village"]
Sharing = Literal["open", "conditional", "closed"]
Measure = Literal["stock", "flow", "cumulative", "ratio", "attribute"]
ElementType = Literal["integer", "decimal", "text", "date", "boolean", "code"]
Confirmation = Literal["none", "second_person"]

LEVELS: tuple[Level, ...] = ("province", "prefecture", "county", "township", "village")  # coarsest first
FREQUENCIES: tuple[Frequency, ...] = ("once", "year", "half", "quarter", "month", "event")  # coarsest first
NUMERIC_TYPES: frozenset[str] = frozenset({"integer", "decimal"})


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    label: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeList:
    code: str
    title: str
    codes: tuple[Code, ...]

    def find(self, text: str) -> Code | None:
        """The code meant by ``text``: by code, then label, then alias; None if there is none."""
        for member in self.codes:
            if text == member.code:
                return member
        for member in self.codes:
            if text == member.label or text in member.aliases:
                return member
        return None


@dataclass(frozen=True, slots=True)
class Plausible:
    """What is odd for a figure beside its own past and its neighbours; each leads to a warning, never to a refusal.

    ``change``: share by which it may differ from the period before; ``last_year``: from the same period a year before;
    ``median``: factor by which it may be off the median of the last periods; ``zero``: 0 is odd after at least this much;
    ``sign``: another sign than before is odd; ``neighbours``: share by which its growth may differ from theirs.
    """

    change: Decimal | None = None
    last_year: Decimal | None = None
    median: Decimal | None = None
    zero: Decimal | None = None
    sign: bool = False
    neighbours: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """By when a period is reported: so many days, or working days, after its last one.

    ``since`` is the first period that is asked for; without it, a region is asked from the first it has reported.
    """

    days: int
    working: bool = False
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: so many months, or so many days."""

    months: int = 0
    days: int = 0


FacetMeasure = Literal[
    "persons", "households", "visits", "household visits", "count", "batches", "pairs", "buildings", "rooms", "suites",
    "beds", "plants", "heads", "area", "length", "volume", "mass", "money", "days", "energy", "power", "rate", "rank",
    "standard", "name", "number", "contact", "kind", "level", "whether", "date", "place", "person", "text",
]  # fmt: skip
FacetTime = Literal["year", "endpoint", "period", "month", "ytd", "lastyear", "previous", "opening", "new"]


@dataclass(frozen=True, slots=True)
class SetFacets:
    """What an element is said to mean, in the place of what its names say; None where nothing is set.

    ``object``: what is counted; ``qualifiers``: what restricts it; ``measure``: the kind of figure; ``time``: when it
    holds; ``counting``: the way of counting (户籍, 常住, 同口径). An empty tuple: none, whatever the names say.
    """

    object: str | None = None
    qualifiers: tuple[str, ...] | None = None
    measure: FacetMeasure | None = None
    time: tuple[FacetTime, ...] | None = None
    counting: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """One figure or fact of a dataset. ``unit`` is a code of the unit table or None; ``sharing`` is resolved."""

    dataset: str
    code: str
    title: str
    type: ElementType
    measure: Measure
    sharing: Sharing
    aliases: tuple[str, ...] = ()
    definition: str = ""
    unit: str | None = None
    decimals: int = 0
    required: bool = False
    min: Decimal | None = None
    max: Decimal | None = None
    pattern: str | None = None
    codes: str | None = None
    sharing_basis: str | None = None
    plausible: Plausible | None = None
    fresh_for: Span | None = None
    facets: SetFacets | None = None

    @property
    def path(self) -> str:
        """``dataset.element``, the name by which mappings and agreements know it."""
        return f"{self.dataset}.{self.code}"

    @property
    def numeric(self) -> bool:
        return self.type in NUMERIC_TYPES


@dataclass(frozen=True, slots=True)
class Check:
    """A rule over the elements of one record; ``rule`` is in the expression language of ``app.mapping``.

    It may also name elements of other datasets, of the same region and period. ``tolerance`` is what two numbers that are
    compared may differ by: ``"0.5%"`` of the greater one, or a number in the unit of the left side.
    """

    code: str
    rule: str
    severity: Literal["error", "warning"] = "error"
    message: str = ""
    tolerance: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    code: str
    title: str
    frequency: Frequency
    level: Level
    key: tuple[str, ...]
    source: str  # "region" or "department:CODE"
    sharing: Sharing
    sharing_basis: str | None
    confirmation: Confirmation
    elements: tuple[Element, ...]
    checks: tuple[Check, ...] = ()
    definition: str = ""
    due: Due | None = None
    fresh_for: Span | None = None
    by_code: Mapping[str, Element] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_code", {e.code: e for e in self.elements})

    @property
    def source_department(self) -> str | None:
        return self.source.removeprefix("department:") if self.source.startswith("department:") else None


@dataclass(frozen=True, slots=True)
class Department:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Datasets, code lists, departments and units of one revision. Regions live in ``RegionIndex``."""

    datasets: Mapping[str, Dataset]
    codelists: Mapping[str, CodeList]
    departments: Mapping[str, Department]
    units: UnitTable
    formulas: Mapping[str, CatalogueFormula] = field(default_factory=dict)  # over those the form gate comes with

    def element(self, path: str) -> Element | None:
        """The element ``dataset.element`` names, or None."""
        dataset, _, code = path.partition(".")
        found = self.datasets.get(dataset)
        return found.by_code.get(code) if found else None
