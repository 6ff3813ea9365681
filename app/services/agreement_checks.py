"""Everything an agreement refers to, held against the catalogue when it is saved: every fault at once, at its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from app.catalogue.building import Definition
from app.catalogue.model import Catalogue
from app.catalogue.region_files import RegionRow
from app.catalogue.regions import RegionIndex
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


def unheld_regions(item: Definition, index: RegionIndex, given: Sequence[RegionRow], today: date) -> list[Fault]:
    """What to tell of an agreement made today: its region codes that no region holds today cover nothing.

    A code stands for the region that holds it when the agreement is made (contract, section 2), so this stays so
    until the agreement is saved again. ``given``: regions that are saved together with it.
    """
    arriving = {row.code for row in given if (row.valid_from or date.min) <= today <= (row.valid_to or date.max)}
    return [
        Fault(
            item.file,
            f"regions[{number}]",
            f"今天没有区划使用代码 {code}（可能已撤销或尚未启用），协议中的这一项不覆盖任何数据"
            f"（no region holds {code} today, so this covers nothing）",
        )
        for number, code in enumerate(item.body.get("regions", ()))
        if code != "*" and code not in arriving and index.holder(code, today) is None
    ]
