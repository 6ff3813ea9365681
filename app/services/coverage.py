"""A Scope laid over regions and periods: which cells of an element it covers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from app.catalogue.model import Dataset, Frequency
from app.catalogue.periods import end_dates, ordinals_between
from app.catalogue.regions import RegionIndex
from app.policy.scopes import Grant, Scope
from app.services.refinements import Refinements
from app.services.shown_cells import Cover


class ScopeCoverage:
    """Implements ``mapping.Coverage`` for one Scope and one state. ``refinements`` tell of conditions and masks what
    the rectangles of the grants do not.
    """

    def __init__(self, scope: Scope, regions: RegionIndex, today: date, refinements: Refinements) -> None:
        self._scope = scope
        self._regions = regions
        self._today = today
        self._refinements = refinements
        self._masks: dict[tuple[int, int, Frequency], tuple[pl.DataFrame, pl.Series]] = {}
        self._held_keys: dict[tuple[str, str], dict[str, str]] = {}

    def everywhere(self, path: str) -> bool:
        """Whether every region and period of the element is covered."""
        return any(grant.unbounded and grant.whole(path) for grant in self._grants(path))

    def by_record(self, path: str) -> bool:
        """Whether records of one region and period may be covered apart: by a condition on a list's own figures, or
        a mask that hides values of a list.
        """
        rest = [grant for grant in self._grants(path) if not grant.whole(path)]
        if not rest or not self._refinements.dataset(path).key:
            return False
        dataset = path.partition(".")[0]
        return any(
            ((mask := grant.mask(path)) is not None and mask.may_hide)
            or any(self._refinements.by_record(dataset, text) for text in grant.conditions(dataset))
            for grant in rest
        )

    def covered(self, path: str, pairs: pl.DataFrame, frequency: Frequency) -> pl.Series:
        """For each (region, period) of ``pairs``, with periods as ordinals of ``frequency``: is the cell covered.

        With ``key:`` columns it is the cell of that record; without them, of a list, the cells of all records that
        could be there. A grant with a condition, or with a mask that hides values, covers no span of periods as a
        whole.
        """
        grants = self._grants(path)
        whole = tuple(grant for grant in grants if grant.whole(path))
        found = self._inside(whole, pairs, frequency)
        rest = [grant for grant in grants if not grant.whole(path)]
        if not rest or frequency != self._refinements.frequency(path):
            return found
        places = self._with_held_keys(path, pairs)
        for grant in rest:
            inside = self._meeting(grant, path, pairs, places, frequency)
            mask = grant.mask(path)
            if mask is not None and mask.may_hide:
                inside = inside & ~self._refinements.hides(path, mask, places)
            found = found | inside
        return found

    def covers(self, path: str, places: pl.DataFrame) -> list[Cover]:
        """What each grant covers of the records at ``places`` (with the ``key:`` columns as they are held)."""
        frequency = self._refinements.frequency(path)
        return [
            Cover(self._meeting(grant, path, places, places, frequency), grant.mask(path))
            for grant in self._grants(path)
        ]

    def told_exactly(self, path: str, cells: pl.DataFrame) -> pl.Series:
        """Which cells are shown as they are held: what came with them may be told only of these.

        ``cells``: region, period, and the ``key:`` columns as they are shown.
        """
        if not any(grant.mask(path) for grant in self._grants(path)):
            return pl.repeat(value=True, n=cells.height, dtype=pl.Boolean, eager=True)
        places, frequency = self._with_held_keys(path, cells), self._refinements.frequency(path)
        exact = pl.repeat(value=False, n=cells.height, dtype=pl.Boolean, eager=True)
        for grant in self._grants(path):
            mask = grant.mask(path)
            if mask is None:
                exact = exact | self._meeting(grant, path, cells, places, frequency)
            elif mask.kind == "suppress_below":
                shown = ~self._refinements.hides(path, mask, places)
                exact = exact | (self._meeting(grant, path, cells, places, frequency) & shown)
        return exact

    def remember_keys(self, dataset: Dataset, code: str, shown: pl.Series, held: pl.Series) -> None:
        """Which held key stands behind each that is shown, where a hash is shown."""
        known = self._held_keys.setdefault((dataset.code, code), {})
        known.update(zip(shown.to_list(), held.to_list(), strict=True))

    def held_key(self, dataset: Dataset, key: Sequence[str]) -> tuple[str, ...]:
        """The key that a record is held by, from the one it is shown by."""
        return tuple(
            self._held_keys.get((dataset.code, code), {}).get(text, text)
            for code, text in zip(dataset.key, key, strict=True)
        )

    def _grants(self, path: str) -> tuple[Grant, ...]:
        return self._scope.by_element.get(path, ())

    def _meeting(
        self, grant: Grant, path: str, pairs: pl.DataFrame, places: pl.DataFrame, frequency: Frequency
    ) -> pl.Series:
        """Where a grant's rectangle and all its conditions are met."""
        dataset = path.partition(".")[0]
        inside = self._inside((grant,), pairs, frequency)
        for text in grant.conditions(dataset):
            inside = inside & self._refinements.holds(dataset, text, places)
        return inside

    def _with_held_keys(self, path: str, pairs: pl.DataFrame) -> pl.DataFrame:
        dataset = path.partition(".")[0]
        changed = [
            pl.col(name).replace(self._held_keys[dataset, name.removeprefix("key:")])
            for name in pairs.columns
            if (dataset, name.removeprefix("key:")) in self._held_keys
        ]
        return pairs.with_columns(changed) if changed else pairs

    def _inside(self, grants: tuple[Grant, ...], pairs: pl.DataFrame, frequency: Frequency) -> pl.Series:
        """Which pairs lie in the rectangle of one of the grants."""
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
    for ordinals, day in editions_of(pairs, frequency, regions, today):
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
    for ordinals, day in editions_of(pairs, frequency, regions, today):
        ids: set[int] = set()
        for root in roots:
            ids |= regions.subtree(root, day)
        inside = inside | (_among(ordinals) & pl.col("region").is_in(sorted(ids)))
    return inside


def _among(ordinals: list[int] | None) -> pl.Expr:
    return pl.lit(value=True) if ordinals is None else pl.col("period").is_in(ordinals)


def editions_of(
    pairs: pl.DataFrame, frequency: Frequency, regions: RegionIndex, today: date
) -> list[tuple[list[int] | None, date]]:
    """The periods of ``pairs`` grouped by the edition of the regions they fall in, each with a day of it.

    None stands for all of them.
    """
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
