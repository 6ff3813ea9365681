"""What the sample workbooks must lead to, worked out with fractions from their figures and nothing of the app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from importlib.resources.abc import Traversable
from math import floor
from typing import Any

MU_IN_A_HECTARE = 15
PERSONS_IN_A_WAN = 10_000

Figures = Mapping[str, Mapping[str, Fraction | None]]  # region → element → exact value in the canonical unit


def samples() -> Traversable:
    """The folder of sample workbooks that comes with the product."""
    return resources.files("app.demo") / "data"


@dataclass(frozen=True, slots=True)
class Sample:
    """One workbook: what it is sent as, and what must become of it."""

    file: str
    dataset: str
    period: str
    applied: bool
    figures: Figures
    faulty_cells: frozenset[str]

    def content(self) -> bytes:
        return (samples() / self.file).read_bytes()


def read_samples() -> tuple[Sample, ...]:
    """The samples in the order in which they are sent."""
    listed = json.loads((samples() / "expected.json").read_text(encoding="utf-8"))
    return tuple(_sample(one) for one in listed)


def _sample(document: Mapping[str, Any]) -> Sample:
    figures = {
        record["region"]: {
            element: None if value is None else Fraction(value)
            for element, value in record.items()
            if element != "region"
        }
        for record in document.get("records", ())
    }
    return Sample(
        document["file"],
        document["dataset"],
        document["period"],
        document["outcome"] == "applied",
        figures,
        frozenset(document.get("cells", ())),
    )


def held_after(samples: tuple[Sample, ...], dataset: str) -> dict[str, dict[str, Fraction | None]]:
    """What a dataset holds after all applied samples: a later file replaces only the elements it has."""
    held: dict[str, dict[str, Fraction | None]] = {}
    for sample in samples:
        if sample.applied and sample.dataset == dataset:
            for region, values in sample.figures.items():
                held.setdefault(region, {}).update(values)
    return held


def rounded(value: Fraction, decimals: int) -> Fraction:
    """Half up, as a person rounds; for values that are not negative."""
    power = 10**decimals
    return Fraction(floor(value * power + Fraction(1, 2)), power)


def persons_in_wan(persons: Fraction) -> Fraction:
    return rounded(persons / PERSONS_IN_A_WAN, 4)


def hectares_in_mu(hectares: Fraction) -> Fraction:
    return rounded(hectares * MU_IN_A_HECTARE, 1)


def mu_per_person(hectares: Fraction, persons: Fraction) -> Fraction:
    return rounded(hectares * MU_IN_A_HECTARE / persons, 3)
