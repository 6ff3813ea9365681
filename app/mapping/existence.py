"""Which rows a view has: those behind which a covered value that is not missing stands, at the grain or finer."""

from __future__ import annotations

import polars as pl

from app.catalogue.model import Dataset
from app.catalogue.periods import convert_ordinals
from app.mapping.aggregation import placed
from app.mapping.readings import Readings
from app.mapping.records import Records
from app.mapping.steps import coarser_in_time

_CELL = ["region", "period"]


def existing_points(readings: Readings) -> pl.DataFrame:
    """The rows of the plan (region, period, key), in no promised order.

    A row needs a value at its own period (or, with ``whole_records``, only a record that the sources give): what
    ``previous`` reaches makes none, nor does a dataset that is coarser in frequency. Where a list keeps its key, rows
    come from its records alone; of a list that is coarser in frequency, from its records at the regions and periods
    that another dataset gives.
    """
    plan = readings.plan
    keyed = plan.list_dataset
    others = [
        dataset
        for dataset in plan.datasets.values()
        if dataset is not keyed and not coarser_in_time(dataset, plan.frequency) and _is_used(readings, dataset)
    ]
    if keyed is not None:
        return _of_list(readings, keyed, others)
    if others:
        return _cells(readings, others)
    return pl.DataFrame(schema={"region": pl.Int32, "period": pl.Int32})


def _is_used(readings: Readings, dataset: Dataset) -> bool:
    return any(path.partition(".")[0] == dataset.code for path in readings.plan.elements)


def _shown(readings: Readings, records: Records) -> pl.DataFrame:
    return records.frame if readings.plan.spec.whole_records else records.reporting()


def _cells(readings: Readings, datasets: list[Dataset]) -> pl.DataFrame:
    found = [_cells_of(readings, dataset) for dataset in datasets]
    return found[0] if len(found) == 1 else pl.concat(found).unique(maintain_order=True)


def _cells_of(readings: Readings, dataset: Dataset) -> pl.DataFrame:
    records = readings.records(dataset)
    if not readings.is_aggregated(dataset):
        return _shown(readings, records).select(_CELL)
    plan = readings.plan
    rows = placed(records, plan.level, plan.frequency, readings.hierarchy, None).filter(records.is_reporting())
    return rows.select(region="row", period="grain").unique(maintain_order=True)


def _of_list(readings: Readings, dataset: Dataset, others: list[Dataset]) -> pl.DataFrame:
    records = readings.records(dataset)
    columns = [*_CELL, *records.keys]
    reporting = _shown(readings, records).select(columns)
    frequency = readings.plan.frequency
    if not coarser_in_time(dataset, frequency):
        return reporting
    if not others:
        return reporting.clear()
    own = convert_ordinals(pl.col("period"), frequency, dataset.frequency)
    cells = _cells(readings, others).with_columns(own=own)
    return cells.join(reporting.rename({"period": "own"}), on=["region", "own"]).select(columns)
