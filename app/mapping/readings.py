"""Looking up what the elements of a plan are at given points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import polars as pl

from app.catalogue.model import Dataset, Frequency
from app.catalogue.periods import convert_ordinals
from app.mapping.aggregation import Column, Wanted, aggregate
from app.mapping.exact import of_column
from app.mapping.members import Hierarchy
from app.mapping.plan import FromElements, Plan
from app.mapping.points import Points
from app.mapping.present import PresentHierarchy, carried
from app.mapping.records import Records, load
from app.mapping.sources import Coverage, Sources
from app.mapping.steps import coarser_in_time, finer_in_space, finer_in_time
from app.mapping.tree import Reading, readings


@dataclass(slots=True, eq=False)
class Table:
    """Values by region, period of ``frequency`` and, if ``keyed``, the key of a list."""

    keys: pl.DataFrame
    columns: dict[Wanted, Column]
    frequency: Frequency

    def index(self, points: Points, grain: Frequency) -> pl.Series | None:
        """For each point the row of its values here, null where there is none; None where rows are the points."""
        if self not in points.indexes:
            on = self.keys.columns
            probe = points.frame.with_columns(period=convert_ordinals(pl.col("period"), grain, self.frequency))
            numbered = self.keys.with_row_index("number")
            found = probe.select(on).join(numbered, on=on, how="left", maintain_order="left")
            points.indexes[self] = found["number"]
        return points.indexes[self]


@dataclass(slots=True)
class Readings:
    """The elements of a plan, each dataset asked of the sources once."""

    plan: Plan
    sources: Sources
    coverage: Coverage
    hierarchy: Hierarchy
    _records: dict[str, Records] = field(default_factory=dict)
    _tables: dict[tuple[str, int], Table] = field(default_factory=dict)
    _wanted: dict[str, list[Wanted]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.plan.fields:
            if isinstance(each.source, FromElements):
                for reading in readings(each.source.tree):
                    dataset, wanted = self._asked(reading)
                    known = self._wanted.setdefault(dataset.code, [])
                    if wanted not in known:
                        known.append(wanted)

    def records(self, dataset: Dataset) -> Records:
        """The loaded records of a dataset."""
        if dataset.code not in self._records:
            found = load(self.plan, dataset, self.sources, self.coverage)
            if isinstance(self.hierarchy, PresentHierarchy):
                found = carried(found, self.plan.units, self.hierarchy)
            self._records[dataset.code] = found
        return self._records[dataset.code]

    def is_aggregated(self, dataset: Dataset) -> bool:
        """Whether records of the dataset have to be grouped to come to the grain."""
        plan = self.plan
        coarser_place = finer_in_space(dataset, plan.level)
        vanishing_key = bool(dataset.key) and dataset is not plan.list_dataset
        return finer_in_time(dataset, plan.frequency) or coarser_place or vanishing_key

    def at(self, reading: Reading, points: Points) -> Column:
        """The element at each of the points."""
        dataset, wanted = self._asked(reading)
        table = self.table(dataset, points)
        column = self._column(table, dataset, wanted)
        index = table.index(points, self.plan.frequency)
        if index is None:
            return column
        if isinstance(column, list):
            return [None if number is None else column[number] for number in index]
        if isinstance(column, pl.Series):
            return column.gather(index)
        found = column.gathered(index)
        # Nothing reported is none counted.
        return replace(found, numerator=found.numerator.fill_null(0)) if wanted.steps.counts else found

    def remember_order(self, existing: pl.DataFrame, points: Points, order: pl.Series) -> None:
        """``points`` are the ``existing`` ones, each once, in another ``order``: what has its records at these very rows, in theirs,
        need not look for them.
        """
        for dataset in [self.plan.datasets[code] for code in self._records]:
            if dataset.frequency != self.plan.frequency or self.is_aggregated(dataset):
                continue
            table = self.table(dataset)
            same = table.keys.columns == existing.columns and table.keys.equals(existing)
            if same and not any(column.null_count() for column in table.keys):
                # Rows that stand where they stood need no fetching.
                counted = any(wanted.steps.counts for wanted in self._wanted.get(dataset.code, ()))
                points.indexes[table] = None if order.is_sorted() and not counted else order

    def table(self, dataset: Dataset, points: Points | None = None) -> Table:
        """The values of a dataset at the grain; ``points`` matter only where a coarser period has to be spread."""
        spread = self.is_aggregated(dataset) and coarser_in_time(dataset, self.plan.frequency)
        key = (dataset.code, id(points) if spread else 0)
        if key not in self._tables:
            self._tables[key] = self._made(dataset, points if spread else None)
        return self._tables[key]

    def _made(self, dataset: Dataset, points: Points | None) -> Table:
        records = self.records(dataset)
        if not self.is_aggregated(dataset):
            return Table(records.frame.select("region", "period", *records.keys), {}, dataset.frequency)
        periods: Iterable[int] | None = None if points is None else points.frame["period"].unique().to_list()
        plan = self.plan
        keys, columns = aggregate(
            records, self._wanted[dataset.code], plan.level, plan.frequency, self.hierarchy, periods
        )
        return Table(keys, columns, plan.frequency)

    def _asked(self, reading: Reading) -> tuple[Dataset, Wanted]:
        element = self.plan.element(reading.path)
        return self.plan.datasets[element.dataset], Wanted(element.code, reading.steps, element.numeric)

    def _column(self, table: Table, dataset: Dataset, wanted: Wanted) -> Column:
        found = table.columns.get(wanted)
        if found is None:
            records = self.records(dataset)
            values = records.frame[f"value:{wanted.code}"]
            found = of_column(values, records.scale[wanted.code]) if wanted.number else values
            table.columns[wanted] = found
        return found
