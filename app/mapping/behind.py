"""What stands behind the values of a view: the records that went into each cell, and how many could have.

Everything here is read from the same records as the values themselves, where an uncovered cell already is missing; and
it is only asked at points where ``Masks`` says that all a field reaches for is covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from app.catalogue.model import Dataset
from app.catalogue.periods import Period, convert_ordinals
from app.mapping.aggregation import placed
from app.mapping.plan import Plan
from app.mapping.points import Points
from app.mapping.present import PresentHierarchy
from app.mapping.readings import Readings
from app.mapping.steps import coarser_in_time, finer_in_space, finer_in_time
from app.mapping.tree import Node, Reading, Shifted, YearToDate, children, readings

CELL = ("row", "region", "period", "key")
_KEY = pl.List(pl.String)


@dataclass(frozen=True, slots=True)
class Reached:
    """One element as a tree reads it: ``reading`` at ``points``, and which ``row`` of the asked reaches each ``point``.

    ``links`` None: row number n is point number n.
    """

    reading: Reading
    points: Points
    links: pl.DataFrame | None


@dataclass(frozen=True, slots=True)
class Behind:
    """Looks up the records behind values. ``readings`` are those of the plan whose values are asked about."""

    readings: Readings

    @property
    def plan(self) -> Plan:
        return self.readings.plan

    def dataset(self, reading: Reading) -> Dataset:
        return self.plan.datasets[reading.path.partition(".")[0]]

    def records(self, reading: Reading, points: Points, *, missing: bool = False) -> pl.DataFrame:
        """The records that the reading takes at each point, missing values left out.

        Columns: row (number of the point), region, period (the dataset's own), key (its key values), value (of a
        number an integer over the scale of the records). ``missing``: the place of the row's own record is given also
        where the value is missing, whether or not there is a record: one may be there for what may not be seen.
        """
        dataset = self.dataset(reading)
        records = self.readings.records(dataset)
        grain = self.plan.frequency
        value = pl.col(f"value:{dataset_code(reading)}")
        asked = points.frame.with_row_index("row")
        key = (pl.concat_list(*records.keys) if records.keys else pl.lit([], dtype=_KEY)).alias("key")
        region = pl.coalesce("origin", "region").alias("region")
        columns = ["row", region, pl.col("own").alias("period"), key, value.alias("value")]
        sources = replace(records, frame=records.sources)
        if not self.readings.is_aggregated(dataset):
            asked = asked.with_columns(own=convert_ordinals(pl.col("period"), grain, dataset.frequency))
            frame = sources.frame.filter(value.is_not_null()).rename({"period": "own"})
            on = ["region", "own", *records.keys]
            return asked.select("row", *on).join(frame, on=on, how="left" if missing else "inner").select(columns)
        spread: Iterable[int] | None = None
        if coarser_in_time(dataset, grain):
            spread = points.frame["period"].unique().to_list()
        frame = placed(sources, self.plan.level, grain, self.readings.hierarchy, spread).filter(value.is_not_null())
        if reading.steps.latest_only:
            frame = frame.filter(pl.col("at_end"))
        asked = asked.select("row", group="region", grain="period")
        frame = frame.rename({"row": "group", "period": "own"})
        return asked.join(frame, on=["group", "grain"]).select(columns)

    def due(self, reading: Reading, points: Points) -> pl.DataFrame:
        """The regions and periods that could stand behind each point: row, region, period.

        ``period`` is null where nothing says how many there are: the days of a dataset of events.
        """
        found, hierarchy, dataset = self._due(reading, points), self.readings.hierarchy, self.dataset(reading)
        if not isinstance(hierarchy, PresentHierarchy):
            return found
        became = hierarchy.origins(dataset.level, dataset.frequency, found["period"].drop_nulls().unique().to_list())
        flows = self.plan.element(reading.path).measure == "flow"
        origins = became.origins if flows else became.origins.filter(pl.col("at_end"))
        found = found.join(became.by_period, on="period", how="left", maintain_order="left")
        found = found.join(origins, on=["signature", "region"], how="left", maintain_order="left")
        return found.select("row", pl.coalesce("origin", "region").alias("region"), "period")

    def _due(self, reading: Reading, points: Points) -> pl.DataFrame:
        dataset, grain = self.dataset(reading), self.plan.frequency
        asked = points.frame.select("region", "period").with_row_index("row")
        if finer_in_space(dataset, self.plan.level):
            hierarchy = self.readings.hierarchy
            periods = asked["period"].unique().to_list()
            members = hierarchy.members(dataset.level, self.plan.level, grain, periods)
            groups = members.groups.filter(pl.col("at_end")) if reading.steps.latest_only else members.groups
            groups = groups.select("signature", member="region", region="row")
            asked = asked.join(members.by_period, on="period").join(groups, on=["signature", "region"])
            asked = asked.select("row", "period", region="member")
        if not finer_in_time(dataset, grain):
            own = convert_ordinals(pl.col("period"), grain, dataset.frequency)
            return asked.select("row", "region", period=own)
        if dataset.frequency == "event":
            return asked.select("row", "region", period=pl.lit(None, dtype=pl.Int32)).unique(maintain_order=True)
        inside = self._inside(dataset, asked["period"].unique().to_list())
        return asked.join(inside, on=["period", "region"]).select("row", "region", period="own")

    def _inside(self, dataset: Dataset, periods: Iterable[int]) -> pl.DataFrame:
        """Each period of the grain with every (own) period of the dataset in it and the regions that exist then."""
        grain, own = self.plan.frequency, dataset.frequency
        rows = [
            (ordinal, inner, region)
            for ordinal, period in ((ordinal, Period(grain, ordinal)) for ordinal in periods)
            for inner in range(Period.of(period.start, own).ordinal, Period.of(period.end, own).ordinal + 1)
            for region in sorted(self.readings.hierarchy.present(dataset.level, own, inner))
        ]
        schema = {"period": pl.Int32, "own": pl.Int32, "region": pl.Int32}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def went_in(self, tree: Node, points: Points) -> dict[str, pl.DataFrame]:
        """By element path the distinct records (row, region, period, key) behind the tree at each point."""
        found: dict[str, list[pl.DataFrame]] = {}
        for each in reached(tree, points):
            # That a value is missing may have been reported too.
            records = self.records(each.reading, each.points, missing=True)
            found.setdefault(each.reading.path, []).append(_linked(records, each.links).select(CELL))
        return {path: pl.concat(frames).unique(maintain_order=True) for path, frames in found.items()}

    def counts(self, tree: Node, points: Points) -> pl.DataFrame | None:
        """How much stands behind each point of a tree that aggregates; None for one that does not.

        Columns ``values regions periods``: how many base values, and regions and periods with one, there are;
        ``values:of regions:of periods:of``: how many there could be, null where nothing says so (a list has any
        number of records, events happen on any day).
        """
        if not any(reading.steps.aggregated for reading in readings(tree)):
            return None
        have: list[pl.DataFrame] = []
        due: list[pl.DataFrame] = []
        for each in reached(tree, points):
            path = pl.lit(each.reading.path).alias("path")
            records = _linked(self.records(each.reading, each.points), each.links)
            endless = bool(self.dataset(each.reading).key) and not each.reading.steps.keyed
            cells = _linked(self.due(each.reading, each.points), each.links)
            cells = cells.with_columns(countable=pl.lit(value=not endless))
            have.append(records.select(*CELL, path))
            due.append(cells.select("row", "region", "period", "countable", path))
        return _counted(pl.concat(have).unique(), pl.concat(due).unique(), len(points))


def dataset_code(reading: Reading) -> str:
    """The code of the element within its dataset."""
    return reading.path.partition(".")[2]


def reached(tree: Node, points: Points, links: pl.DataFrame | None = None) -> Iterator[Reached]:
    """Every element that the tree reads, with the points at which it does."""
    match tree:
        case Reading():
            yield Reached(tree, points, links)
        case Shifted(operand=operand, periods=periods):
            yield from reached(operand, points.shifted(periods), links)
        case YearToDate(operand=operand):
            to_date = points.to_date()
            inner = to_date.links
            if links is not None:
                between = inner.rename({"row": "between"})
                inner = links.rename({"point": "between"}).join(between, on="between").select("row", "point")
            yield from reached(operand, to_date.points, inner)
        case _:
            for child in children(tree):
                yield from reached(child, points, links)


def _linked(found: pl.DataFrame, links: pl.DataFrame | None) -> pl.DataFrame:
    """What was found at points, told by the rows that reach them."""
    if links is None:
        return found
    return links.join(found.rename({"row": "point"}), on="point").drop("point")


def _counted(have: pl.DataFrame, due: pl.DataFrame, rows: int) -> pl.DataFrame:
    places = ["row", "path", "region", "period"]
    # A record at a place where none was due (a region that had ceased) counts on both sides.
    could = pl.concat([due.select(places), have.select(places)]).unique()
    sizes = {"values": pl.len(), "regions": pl.col("region").n_unique(), "periods": pl.col("period").n_unique()}
    of = {f"{name}:of": size for name, size in sizes.items()}
    undated = due.filter(pl.col("period").is_null()).select("row").unique()
    endless = due.filter(pl.col("period").is_null() | ~pl.col("countable")).select("row").unique()
    every = pl.DataFrame({"row": range(rows)}, schema={"row": pl.get_index_type()})
    counted = (
        every.join(have.group_by("row").agg(**sizes), on="row", how="left")
        .join(could.group_by("row").agg(**of), on="row", how="left")
        .join(undated.with_columns(undated=True), on="row", how="left")
        .join(endless.with_columns(endless=True), on="row", how="left")
        .sort("row")
    )
    known = {
        "values:of": pl.when(pl.col("endless").is_null()).then(pl.col("values:of")),
        "periods:of": pl.when(pl.col("undated").is_null()).then(pl.col("periods:of")),
    }
    counted = counted.with_columns(pl.col(*sizes, *of).fill_null(0)).with_columns(**known)
    return counted.select(*sizes, *of)
