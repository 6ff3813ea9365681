"""Views under the regions of today: records of former regions carried to those that succeeded them.

A figure of a period belongs to what the region was on the last day of the period, or, if it ceased before, on its own
last day within it. Of a place that ceased within the period only a flow counts beside its successor: what it held
before was handed on. Sums are of what adds up; a ratio, an attribute or a value per head stays where one whole region
became one, and is missing where several were put together or one was divided. A record of a list moves as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from math import lcm

import polars as pl

from app.catalogue.model import Dataset, Element, Frequency, Level
from app.catalogue.regions import RegionIndex
from app.catalogue.units import UnitTable
from app.mapping.carrying import Carrying
from app.mapping.exact import LIMIT, TooLarge, fitting, largest
from app.mapping.members import MEMBERS_SCHEMA, Hierarchy, Members
from app.mapping.plan import Plan
from app.mapping.records import Records
from app.mapping.sources import Coverage
from app.mapping.steps import adds_up

_ORIGINS_SCHEMA = {
    "signature": pl.Int32,
    "origin": pl.Int32,
    "region": pl.Int32,
    "above": pl.Int128,
    "below": pl.Int128,
    "at_end": pl.Boolean,
}
_PLACE = ["region", "period"]


@dataclass(frozen=True, slots=True)
class Origins:
    """``by_period``: period → signature. ``origins``: signature, origin → region that has ``above``/``below`` of it.

    ``above`` is null where the share is unknown; ``at_end``: the origin was in force at the end of the period.
    """

    by_period: pl.DataFrame
    origins: pl.DataFrame


@dataclass(slots=True)
class PresentHierarchy(Hierarchy):
    """The hierarchy of today for every period, with what the regions of that period became."""

    carrying: Carrying = field(init=False)
    _targets: dict[tuple[Level, int, int], list[tuple[int, int, int | None, int, bool]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.carrying = Carrying(self.regions, self.today)

    def origins(self, level: Level, frequency: Frequency, periods: Iterable[int]) -> Origins:
        """What each region of ``level`` in force within each period became."""
        signatures: dict[tuple[int, int], int] = {}
        numbers: list[tuple[int, int]] = []
        rows: list[tuple[int, int, int, int | None, int, bool]] = []
        for ordinal in periods:
            first, last = self._span(frequency, ordinal)
            span = (self.regions.edition(first), self.regions.edition(last))
            if span not in signatures:
                signatures[span] = len(signatures)
                rows.extend((signatures[span], *origin) for origin in self._became(level, first, last))
            numbers.append((ordinal, signatures[span]))
        by_period = pl.DataFrame(numbers, schema={"period": pl.Int32, "signature": pl.Int32}, orient="row")
        return Origins(by_period, pl.DataFrame(rows, schema=_ORIGINS_SCHEMA, orient="row"))

    def members(self, level: Level, above: Level, frequency: Frequency, periods: Iterable[int]) -> Members:
        ordinals = list(periods)
        steady = Hierarchy.members(self, level, above, frequency, ordinals)
        found = self.origins(level, frequency, ordinals)
        ancestors = self.regions.ancestor_at(above, self.today)
        targets = found.origins.select("signature", "region").unique(maintain_order=True).rows()
        rows = [(signature, region, ancestors[region], True) for signature, region in targets if region in ancestors]
        # Signatures are numbered by the same spans in the same order there and here.
        return Members(found.by_period, pl.DataFrame(rows, schema=MEMBERS_SCHEMA, orient="row"), steady.steady)

    def present(self, level: Level, frequency: Frequency, ordinal: int) -> frozenset[int]:
        """The regions of today that something in force within the period became."""
        first, last = self._span(frequency, ordinal)
        return frozenset(region for _, region, *_ in self._became(level, first, last))

    def _became(self, level: Level, first: date, last: date) -> list[tuple[int, int, int | None, int, bool]]:
        """(origin, region, share above, below, at the end) of the regions in force from ``first`` to ``last``."""
        key = (level, self.regions.edition(first), self.regions.edition(last))
        if key not in self._targets:
            found: list[tuple[int, int, int | None, int, bool]] = []
            seen: set[int] = set()
            for day in self._days(first, last):
                for origin in self.regions.at_level(level, day):
                    if origin not in seen:
                        seen.add(origin)
                        found += self._parts(origin, day, at_end=day == last)
            self._targets[key] = found
        return self._targets[key]

    def _parts(self, origin: int, day: date, *, at_end: bool) -> list[tuple[int, int, int | None, int, bool]]:
        """(origin, region, share above, below, at the end) of one region as it was on a day."""
        carried = self.carrying.of(origin, day)
        known = [(origin, to, part.numerator, part.denominator, at_end) for to, part in carried.shares.items()]
        return [*known, *((origin, to, None, 1, at_end) for to in sorted(carried.unknown))]


def hierarchy_of(plan: Plan, regions: RegionIndex, today: date) -> Hierarchy:
    """The hierarchy that the plan's rows stand under."""
    return PresentHierarchy(regions, today) if plan.spec.regions == "present" else Hierarchy(regions, today)


@dataclass(frozen=True, slots=True)
class CarriedCoverage:
    """A present region's cell is covered where every cell that was carried into it is, whether or not it is held."""

    inner: Coverage
    plan: Plan
    hierarchy: PresentHierarchy

    def everywhere(self, path: str) -> bool:
        return self.inner.everywhere(path)

    def by_record(self, path: str) -> bool:
        return self.inner.by_record(path)

    def covered(self, path: str, pairs: pl.DataFrame, frequency: Frequency) -> pl.Series:
        dataset, element = self.plan.datasets[path.partition(".")[0]], self.plan.element(path)
        found = self.hierarchy.origins(dataset.level, frequency, pairs["period"].unique().to_list())
        origins = found.origins if element.measure == "flow" else found.origins.filter(pl.col("at_end"))
        keys = [name for name in pairs.columns if name.startswith("key:")]
        cell = [*_PLACE, *keys]
        asked = pairs.select(cell).with_row_index("row").join(found.by_period, on="period")
        asked = asked.join(origins.select("signature", "region", "origin"), on=["signature", "region"], how="left")
        # Where nothing was carried, it is the region's own cell that is asked about.
        asked = asked.select("row", "period", *keys, region=pl.coalesce("origin", "region"))
        distinct = asked.select(cell).unique(maintain_order=True)
        answer = distinct.with_columns(covered=self.inner.covered(path, distinct, frequency))
        whole = asked.join(answer, on=cell).group_by("row").agg(pl.col("covered").all()).sort("row")
        return whole["covered"]


def carried(records: Records, units: UnitTable, hierarchy: PresentHierarchy) -> Records:
    """The records under the regions of today. Raises TooLarge where shares lead beyond 128 bits."""
    dataset, frame = records.dataset, records.frame
    moved, combined = _moved(records, hierarchy)
    steady = moved.height == frame.height and (moved["origin"] == moved["region"]).all() and moved["at_end"].all()
    if steady and (moved["above"] == moved["below"]).fill_null(value=False).all() and combined["single"].all():
        return records
    moved = moved.join(combined, on=["signature", "region"], how="left", maintain_order="left")
    common = lcm(*moved["below"].unique().to_list())
    moved = moved.with_columns(weight=pl.col("above") * (pl.lit(common, dtype=pl.Int128) // pl.col("below")))
    scale, behind, sums = dict(records.scale), [], []
    for name in records.values:
        element = dataset.by_code[name.removeprefix("value:")]
        counted = _counted(dataset, element, summed=adds_up(element, units))
        if not element.numeric:
            behind.append(pl.when(counted).then(pl.col(name)).alias(name))
            sums.append(pl.when(counted).then(pl.col(name)).alias(f"carried:{name}"))
            continue
        largest_sum = largest(moved[name]) * common * max(moved.height, 1)
        if max(largest_sum, common) > LIMIT:
            raise TooLarge
        scale[element.code] *= common
        wide = pl.col(name).cast(pl.Int128)
        behind.append(pl.when(counted).then(wide * pl.lit(common, dtype=pl.Int128)).alias(name))
        sums.append(pl.when(counted).then(wide * pl.col("weight")).alias(f"carried:{name}"))
    moved = moved.with_columns(*behind, *sums)
    keys = [*_PLACE, *records.keys]
    grouped = moved.group_by(keys, maintain_order=True).agg(_together(dataset, name, units) for name in records.values)
    narrow = [fitting(grouped[n], largest(grouped[n])) for n in records.values if grouped[n].dtype == pl.Int128]
    return Records(dataset, grouped.with_columns(narrow), scale, moved.select("origin", *keys, *records.values))


def _moved(records: Records, hierarchy: PresentHierarchy) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records with what each became, and of each (signature, region) whether it is ``single`` or ``divided``.

    ``single``: all of just one region at the end of the period. ``divided``: some of it is a part of unknown size.
    """
    dataset, frame = records.dataset, records.frame
    periods = frame["period"].unique(maintain_order=True).to_list()
    found = hierarchy.origins(dataset.level, dataset.frequency, periods)
    placed = frame.rename({"region": "origin"}).join(found.by_period, on="period", maintain_order="left")
    # A record of a region that was not in force within its period stays its own, unless others lead there: which
    # must not depend on the records, or a missing ratio would tell that one is held.
    pairs = placed.select("signature", "origin").unique(maintain_order=True)
    stray = pairs.join(found.origins, on=["signature", "origin"], how="anti").with_columns(region="origin")
    stray = stray.join(found.origins, on=["signature", "region"], how="anti")
    extra = [(*row, 1, 1, True) for row in stray.rows() if hierarchy.regions.exists(row[1], hierarchy.today)]
    origins = pl.concat([found.origins, pl.DataFrame(extra, schema=_ORIGINS_SCHEMA, orient="row")])
    divided = pl.col("above").is_null()
    whole = (pl.col("above") == pl.col("below")).fill_null(value=False)
    combined = origins.group_by("signature", "region").agg(
        single=(pl.col("at_end").sum() == 1) & whole.filter(pl.col("at_end")).all(),
        divided=divided.any(),
    )
    return placed.join(origins, on=["signature", "origin"], maintain_order="left"), combined


def _counted(dataset: Dataset, element: Element, *, summed: bool) -> pl.Expr:
    """Whether the value of one origin counts where it was carried."""
    current = pl.lit(value=True) if element.measure == "flow" else pl.col("at_end")
    whole = (pl.col("above") == pl.col("below")).fill_null(value=False)
    if dataset.key:
        return whole & current
    return current & ~pl.col("divided") if summed else pl.col("at_end") & whole & pl.col("single")


def _together(dataset: Dataset, name: str, units: UnitTable) -> pl.Expr:
    """What was carried to one place: the sum of what adds up, else the one value there is."""
    element = dataset.by_code[name.removeprefix("value:")]
    value = pl.col(f"carried:{name}")
    if element.code in dataset.key:
        return value.drop_nulls().first().alias(name)
    if adds_up(element, units):
        return pl.when(value.count() > 0).then(value.sum()).alias(name)
    return pl.when(value.count() == 1).then(value.drop_nulls().first()).alias(name)
