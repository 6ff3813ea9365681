"""A data sharing agreement as an executable document: parties, purpose, elements, regions, periods, dates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from app.catalogue.model import Catalogue, Element
from app.errors import Fault
from app.policy.cell_masks import CellMask, check_masks, masks_by_element
from app.policy.terms import Quota, Terms

EVERY_DATASET = "*"
"""In ``where``: the condition is on the records of every dataset that the agreement covers."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of an agreement. ``first``/``last`` bound the periods, ``valid_from``/``valid_until`` the calendar.

    ``regions`` are codes as they were written, or ``*``; they are resolved on the day the version was made. ``where``:
    (dataset or ``*``, expression) pairs, all of which a record has to meet. ``masks``: (pattern, mask) pairs.
    """

    code: str
    department: str
    purpose: str
    legal_basis: str
    elements: tuple[str, ...]
    regions: tuple[str, ...]
    first: date | None
    last: date | None
    valid_from: date
    valid_until: date
    where: tuple[tuple[str, str], ...] = ()
    masks: tuple[tuple[str, CellMask], ...] = ()
    terms: Terms = field(default_factory=Terms)

    @property
    def quota(self) -> Quota | None:
        return self.terms.quota

    @property
    def sensitive(self) -> bool:
        return self.terms.sensitive

    @property
    def readers_shown_as(self) -> str | None:
        """How its department is named to the sources of what it reads; None: by its own name."""
        return self.terms.readers_shown_as

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day <= self.valid_until

    def covered_elements(self, catalogue: Catalogue) -> frozenset[str]:
        """The paths it opens: named ones and those a ``*`` stands for, without any that is closed."""
        found: set[str] = set()
        for pattern in self.elements:
            for element in matching_elements(pattern, catalogue):
                if element.sharing != "closed":
                    found.add(element.path)
        return frozenset(found)

    def conditions(self, covered: frozenset[str]) -> tuple[tuple[str, str], ...]:
        """(dataset, expression) for every dataset of the ``covered`` paths that a condition of ``where`` limits."""
        datasets = sorted({path.partition(".")[0] for path in covered})
        return tuple(
            (dataset, text)
            for limited, text in self.where
            for dataset in datasets
            if limited in (dataset, EVERY_DATASET)
        )

    def cell_masks(self, covered: frozenset[str]) -> dict[str, CellMask]:
        """The mask of each of the ``covered`` paths that has one."""
        return masks_by_element(self.masks, covered, self.code)


def matching_elements(pattern: str, catalogue: Catalogue) -> list[Element]:
    """The elements that ``dataset.element``, ``dataset.*`` or ``*`` stands for."""
    if pattern == "*":
        return [element for dataset in catalogue.datasets.values() for element in dataset.elements]
    dataset, _, code = pattern.partition(".")
    found = catalogue.datasets.get(dataset)
    if found is None:
        return []
    if code == "*":
        return list(found.elements)
    element = found.by_code.get(code)
    return [] if element is None else [element]


def check_agreement(
    agreement: Agreement, catalogue: Catalogue, known_regions: frozenset[str], file: str
) -> list[Fault]:
    """Faults of what the agreement refers to: unknown department, elements, regions; closed elements named."""
    faults: list[Fault] = []
    if agreement.department not in catalogue.departments:
        faults.append(Fault(file, "department", f"没有部门 {agreement.department} (unknown department)"))
    for index, pattern in enumerate(agreement.elements):
        found = matching_elements(pattern, catalogue)
        if not found and pattern != "*":
            faults.append(Fault(file, f"elements[{index}]", f"没有数据项 {pattern} (unknown element)"))
        if len(found) == 1 and not pattern.endswith("*") and found[0].sharing == "closed":
            faults.append(
                Fault(
                    file, f"elements[{index}]", f"{pattern} 属不予共享，不得列入协议 (a closed element is never shared)"
                )
            )
    faults += [
        Fault(file, f"regions[{index}]", f"没有行政区划 {code} (unknown region)")
        for index, code in enumerate(agreement.regions)
        if code != "*" and code not in known_regions
    ]
    covered = agreement.covered_elements(catalogue)
    datasets = {path.partition(".")[0] for path in covered}
    faults += [
        Fault(file, f"where.{dataset}", "协议不含这个数据集的数据项（the agreement covers nothing of it）")
        for dataset, _ in agreement.where
        if dataset not in datasets and dataset != EVERY_DATASET
    ]
    return faults + check_masks(agreement.masks, covered, catalogue, file)
