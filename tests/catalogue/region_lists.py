"""A cut of two real editions of the statistical codes (2021 and 2023), and what became of the one in the other."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

from app.catalogue.region_files import RegionRow, SuccessionRow, read_regions, read_successions
from app.catalogue.region_plan import RegionPlan, plan_regions
from app.catalogue.regions import RegionIndex, RegionState, Succession

DATA = Path(__file__).parent / "data"
CHANGE = date(2023, 6, 30)
BEFORE, AFTER = date(2022, 12, 31), date(2023, 12, 31)


def listed(year: int) -> list[RegionRow]:
    rows, faults = read_regions((DATA / f"regions-{year}.csv").read_bytes())
    assert not faults
    return rows


def successions() -> list[SuccessionRow]:
    rows, faults = read_successions((DATA / "successions.csv").read_bytes())
    assert not faults
    return rows


def names(year: int) -> dict[str, str]:
    """Code → name as the list has it, read apart from the code under test."""
    with (DATA / f"regions-{year}.csv").open(encoding="utf-8") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file)}


def stored(index: RegionIndex) -> RegionIndex:
    """The index as a store would give it back: temporary ids replaced by new ones above all others."""
    top = max([*index.ids(), 0])
    ids: dict[int | None, int] = {region: region if region > 0 else top - region for region in index.ids()}

    def own(region: int | None) -> int | None:
        return None if region is None else ids[region]

    states = [
        RegionState(ids[s.region_id], s.code, s.name, s.level, own(s.parent_id), s.valid_from, s.valid_to)
        for s in index.states()
    ]
    edges = [Succession(e.date, e.kind, ids[e.old_id], ids[e.new_id], e.share, e.document) for e in index.successions]
    return RegionIndex(states, edges)


def applied(
    present: RegionIndex, rows: list[RegionRow], edges: list[SuccessionRow] | None = None
) -> tuple[RegionIndex, RegionPlan]:
    """What is held after applying, which must be without fault and, done again, without effect."""
    plan = plan_regions(present, rows, edges or [])
    assert plan.faults == ()
    after = stored(plan.applied(present))
    again = plan_regions(after, rows, edges or [])
    assert again.empty, again.changes
    assert again.faults == ()
    assert (again.created, again.changed) == (0, 0)
    return after, plan
