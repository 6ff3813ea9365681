"""Whether the regions of an agreement and those that a question names can meet in one cell, wherever places moved to.

A cell is covered under the regions of its own period, and its row is found under those of the row: on the last day of
the row's period, or today in a view under the present regions. A place that moved, or was handed on, in between
stands under the agreement on one day and under what is asked for on another. Nothing here looks at what is held.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from app.catalogue.regions import RegionIndex
from app.mapping.carrying import Carrying


def meet(
    roots: Collection[int],
    codes: Sequence[str],
    regions: RegionIndex,
    days: Sequence[date],
    present: date | None,
    moved: Collection[int],
) -> bool:
    """Whether a cell under ``roots`` on one of ``days`` may stand in a row under a region that holds one of ``codes``.

    ``present``: today, for a view under the regions of today; None where a row is found under those of its period.
    ``moved``: the regions that may bring cells from one place to another (``that_moved``).
    """
    asked_on = list(days) if present is None else [present]
    asked = {(holder, day) for day in asked_on for code in codes if (holder := regions.holder(code, day)) is not None}
    for holder, day in asked:
        if any(_related(root, holder, regions, day) for root in roots):
            return True
    if not moved:
        return False
    carrying = None if present is None else Carrying(regions, present)
    return any(_brings(each, roots, asked, regions, days, carrying) for each in moved)


def that_moved(regions: RegionIndex, present: date | None) -> frozenset[int]:
    """The regions that lay under another on different days, or (under the regions of today) were handed on."""
    moved = {state.region_id for state in regions.states() if _parents(regions, state.region_id) > 1}
    if present is not None:
        moved |= {edge.old_id for edge in regions.successions if edge.date <= present}
    return frozenset(moved)


def _parents(regions: RegionIndex, region: int) -> int:
    history = regions.history(region)
    return len({state.parent_id for state in history}) if len(history) > 1 else 1


def _brings(
    moved: int,
    roots: Collection[int],
    asked: Collection[tuple[int, date]],
    regions: RegionIndex,
    days: Sequence[date],
    carrying: Carrying | None,
) -> bool:
    """Whether a region that moved brings cells of ``roots`` to what is asked for."""
    below, above = False, False
    arrived = {moved}
    for day in days:
        lines = {moved, *regions.ancestors(moved, day)}
        here = any(root in lines for root in roots)
        there = any(moved in regions.ancestors(root, day) for root in roots if root != moved)
        below, above = below or here, above or there
        if carrying is not None and (here or there):
            arrived |= carrying.of(moved, day).targets
    if not below and not above:
        return False
    for holder, day in asked:
        if any(holder == region or holder in regions.ancestors(region, day) for region in arrived):
            return True
        # Where both lie below the place that moved, it moved with both of them and brings nothing from one to the other.
        if below and moved in regions.ancestors(holder, day):
            return True
    return False


def _related(root: int, holder: int, regions: RegionIndex, day: date) -> bool:
    return root == holder or root in regions.ancestors(holder, day) or holder in regions.ancestors(root, day)
