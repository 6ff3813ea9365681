"""Everything an agreement refers to, held against the catalogue when it is saved: every fault at once, at its place."""

from __future__ import annotations

from app.catalogue.model import Catalogue
from app.errors import Fault
from app.mapping.conditions import compile_condition
from app.policy.agreements import EVERY_DATASET, Agreement, check_agreement


def agreement_faults(agreement: Agreement, catalogue: Catalogue, regions: frozenset[str], file: str) -> list[Fault]:
    """Faults of what the agreement names, its conditions and its masks. ``regions``: every known region code."""
    return check_agreement(agreement, catalogue, regions, file) + condition_faults(agreement, catalogue, file)


def condition_faults(agreement: Agreement, catalogue: Catalogue, file: str) -> list[Fault]:
    """Faults of ``where``: a condition has to mean something for every dataset whose records it limits."""
    faults: list[Fault] = []
    covered = sorted({path.partition(".")[0] for path in agreement.covered_elements(catalogue)})
    for limited, text in agreement.where:
        place = "where" if limited == EVERY_DATASET else f"where.{limited}"
        for code in covered if limited == EVERY_DATASET else [limited] if limited in covered else []:
            dataset = catalogue.datasets[code]
            _, found = compile_condition(text, dataset, catalogue, file, place)
            named = f"（对 {dataset.title} {code}）" if limited == EVERY_DATASET else ""
            faults += [Fault(fault.file, fault.place, fault.message + named) for fault in found]
    return faults
