"""A Scope laid over regions and periods: which cells of an element it covers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from app.catalogue.model import Frequency
from app.catalogue.periods import end_dates, ordinals_between
from app.catalogue.regions import RegionIndex
from app.policy.scopes import Grant, Scope


class ScopeCoverage:
    """Implements ``mapping.Coverage`` for one Scope and one state of the regions."""

    def __init__(self, scope: Scope, regions: RegionIndex, today: date) -> None:
        self._scope = scope
        self._regions = regions
        self._today = today
        self._masks: dict[tuple[int, int, Frequency], tuple[pl.DataFrame, pl.Series]] = {}

    def everywhere(self, path: str) -> bool:
        """Whether every region and period of the element is covered."""
        return any(grant.unbounded for grant in self._scope.by_element.get(path, ()))

    def covered(self, path: str, pairs: pl.DataFrame, frequency: Frequency) -> pl.Series:
        """For each (region, period) of ``pairs``, with periods as ordinals of ``frequency``: is the cell covered."""
        grants = self._scope.by_element.get(path, ())
        if any(grant.unbounded for grant in grants):
            return pl.repeat(value=True, n=pairs.height, dtype=pl.Boolean, eager=True)
        # Elements of one agreement share their grants, and a dataset's columns share their pairs.
        key = (hash(grants), id(pairs), frequency)
        known = self._masks.get(key)
        if known is not None and known[0] is pairs:
            return known[1]
        # By ``with_columns``: an expression without a column in it is then as long as the pairs are.
        marked = pairs.with_columns(mask_expression(grants, pairs, frequency, self._regions, self._today))
        mask = marked["covered"]
        self._masks[key] = (pairs, mask)
        return mask


def mask_expression(
    grants: Sequence[Grant], pairs: pl.DataFrame, frequency: Frequency, regions: RegionIndex, today: date
) -> pl.Expr:
    """A Boolean expression over columns ``region`` and ``period``: inside at least one of the grants."""
    inside = pl.lit(value=False)
    for grant in grants:
        inside = inside | (_in_time(grant, frequency) & _in_space(grant.roots, pairs, frequency, regions, today))
    return inside.fill_null(value=False).alias("covered")


def region_expression(
    codes: Sequence[str], pairs: pl.DataFrame, frequency: Frequency, regions: RegionIndex, today: date
) -> pl.Expr:
    """Rows whose region is, or lies below, a region that holds one of ``codes`` at the row's period."""
    inside = pl.lit(value=False)
    for ordinals, day in _editions(pairs, frequency, regions, today):
        ids: set[int] = set()
        for code in codes:
            holder = regions.holder(code, day)
            if holder is not None:
                ids |= regions.subtree(holder, day)
        inside = inside | (_among(ordinals) & pl.col("region").is_in(sorted(ids)))
    return inside.fill_null(value=False)


def _in_time(grant: Grant, frequency: Frequency) -> pl.Expr:
    if frequency == "once":
        return pl.lit(value=True)
    low, high = ordinals_between(grant.first, grant.last, frequency)
    expression = pl.lit(value=True)
    if low is not None:
        expression = expression & (pl.col("period") >= low)
    if high is not None:
        expression = expression & (pl.col("period") <= high)
    return expression


def _in_space(
    roots: frozenset[int] | None, pairs: pl.DataFrame, frequency: Frequency, regions: RegionIndex, today: date
) -> pl.Expr:
    if roots is None:
        return pl.lit(value=True)
    inside = pl.lit(value=False)
    for ordinals, day in _editions(pairs, frequency, regions, today):
        ids: set[int] = set()
        for root in roots:
            ids |= regions.subtree(root, day)
        inside = inside | (_among(ordinals) & pl.col("region").is_in(sorted(ids)))
    return inside


def _among(ordinals: list[int] | None) -> pl.Expr:
    return pl.lit(value=True) if ordinals is None else pl.col("period").is_in(ordinals)


def _editions(
    pairs: pl.DataFrame, frequency: Frequency, regions: RegionIndex, today: date
) -> list[tuple[list[int] | None, date]]:
    """The periods of ``pairs`` grouped by the edition of the regions they fall in, each with a day of it."""
    if frequency == "once":
        return [(None, today)]
    groups: dict[int, tuple[list[int], date]] = {}
    for ordinal in pairs["period"].unique().drop_nulls().to_list():
        day = end_dates(frequency, ordinal)
        groups.setdefault(regions.edition(day), ([], day))[0].append(ordinal)
    if not groups:
        return []
    if len(groups) == 1:
        return [(None, next(iter(groups.values()))[1])]
    return list(groups.values())
