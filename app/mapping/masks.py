"""Coverage by cell: at which points everything that a field reaches for is covered, whether or not it is held.

For an aggregate that is every region and every period of the group; a group is asked first as a whole period of each
region (one grant that spans it covers all inside it), and only where that is not enough, or regions changed within it,
period by period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import and_

import polars as pl

from app.catalogue.model import Dataset, Frequency
from app.catalogue.periods import Period, convert_ordinals
from app.mapping.members import Hierarchy
from app.mapping.plan import Plan
from app.mapping.points import Points
from app.mapping.present import CarriedCoverage, PresentHierarchy
from app.mapping.sources import Coverage
from app.mapping.steps import Steps, finer_in_space, finer_in_time
from app.mapping.tree import Node, Reading, Shifted, YearToDate, children

_CELL = ["region", "period"]


@dataclass(slots=True)
class Masks:
    """Asks the coverage for the points of a plan, each question once."""

    plan: Plan
    coverage: Coverage
    hierarchy: Hierarchy
    _asked: dict[tuple[str, bool, int], pl.Series | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.hierarchy, PresentHierarchy):
            self.coverage = CarriedCoverage(self.coverage, self.plan, self.hierarchy)

    def of(self, node: Node, points: Points) -> pl.Series | None:
        """Boolean column: whether all that ``node`` reaches for at each point is covered; None if everywhere."""
        match node:
            case Reading():
                return self._reading(node, points)
            case Shifted(operand=operand, periods=periods):
                return self.of(operand, points.shifted(periods))
            case YearToDate(operand=operand):
                to_date = points.to_date()
                below = self.of(operand, to_date.points)
                return None if below is None else to_date.summed(where_true(below))[1]
            case _:
                found = [mask for child in children(node) if (mask := self.of(child, points)) is not None]
                return reduce(and_, found) if found else None

    def _reading(self, reading: Reading, points: Points) -> pl.Series | None:
        key = (reading.path, reading.steps.latest_only, id(points))
        if key not in self._asked:
            everywhere = self.coverage.everywhere(reading.path)
            self._asked[key] = None if everywhere else self._covered(reading.path, reading.steps, points)
        return self._asked[key]

    def _covered(self, path: str, steps: Steps, points: Points) -> pl.Series:
        dataset = self.plan.datasets[path.partition(".")[0]]
        if steps.keyed and self.coverage.by_record(path):
            return self._covered_records(path, dataset, points)
        cells = points.cells()
        if finer_in_space(dataset, self.plan.level):
            groups = self._groups(dataset, steps, cells)
        else:
            groups = cells.with_columns(member=pl.col("region"), steady=self._steady_column(cells))
        uncovered = self._uncovered(path, dataset, groups)
        marked = uncovered.select(_CELL).unique().with_columns(missing=pl.lit(value=True))
        found = points.frame.select(_CELL).join(marked, on=_CELL, how="left", maintain_order="left")
        return found["missing"].is_null()

    def _covered_records(self, path: str, dataset: Dataset, points: Points) -> pl.Series:
        """Of a list whose records are the rows: asked for each of them."""
        own = convert_ordinals(pl.col("period"), self.plan.frequency, dataset.frequency)
        asked = points.frame.with_columns(period=own)
        distinct = asked.unique(maintain_order=True)
        answer = distinct.with_columns(covered=self.coverage.covered(path, distinct, dataset.frequency))
        return asked.join(answer, on=asked.columns, how="left", maintain_order="left")["covered"]

    def _groups(self, dataset: Dataset, steps: Steps, cells: pl.DataFrame) -> pl.DataFrame:
        """For each cell every region behind it: region, period, member, steady (nothing changes within the period)."""
        plan = self.plan
        members = self.hierarchy.members(dataset.level, plan.level, plan.frequency, cells["period"].unique().to_list())
        groups = members.groups.filter(pl.col("at_end")) if steps.latest_only else members.groups
        groups = groups.select("signature", region="row", member="region")
        return (
            cells.join(members.by_period, on="period")
            .join(groups, on=["signature", "region"])
            .with_columns(steady=pl.col("signature").is_in(list(members.steady)))
        )

    def _steady_column(self, cells: pl.DataFrame) -> pl.Series:
        periods = cells["period"].unique().to_list()
        members = self.hierarchy.members(self.plan.level, self.plan.level, self.plan.frequency, periods)
        steady = members.by_period.with_columns(steady=pl.col("signature").is_in(list(members.steady)))
        return cells.join(steady, on="period", how="left", maintain_order="left")["steady"]

    def _uncovered(self, path: str, dataset: Dataset, groups: pl.DataFrame) -> pl.DataFrame:
        """The groups with a cell that is not covered, perhaps more than once each."""
        grain = self.plan.frequency
        if not finer_in_time(dataset, grain):
            own = convert_ordinals(pl.col("period"), grain, dataset.frequency)
            return groups.filter(~self._ask(path, groups.with_columns(asked=own), dataset.frequency))
        whole = self._ask(path, groups.with_columns(asked=pl.col("period")), grain)
        left = groups.filter(~(whole & groups["steady"]))
        inside = left.join(self._inside(dataset, left["period"].unique().to_list()), on="period")
        inside = inside.join(self._present(dataset, inside["asked"].unique().to_list()), on=["asked", "member"])
        return inside.filter(~self._ask(path, inside, dataset.frequency))

    def _ask(self, path: str, groups: pl.DataFrame, frequency: Frequency) -> pl.Series:
        """Whether each (member, asked) is covered, each distinct pair asked once."""
        pair = ["member", "asked"]
        distinct = groups.select(pair).unique(maintain_order=True)
        answer = self.coverage.covered(path, distinct.rename({"member": "region", "asked": "period"}), frequency)
        answered = distinct.with_columns(covered=answer.alias("covered"))
        return groups.select(pair).join(answered, on=pair, how="left", maintain_order="left")["covered"]

    def _inside(self, dataset: Dataset, periods: Iterable[int]) -> pl.DataFrame:
        """Each period of the grain with every period of the dataset inside it (``asked``)."""
        grain, own = self.plan.frequency, dataset.frequency
        spans = [(ordinal, Period(grain, ordinal)) for ordinal in periods]
        rows = [
            (ordinal, inner)
            for ordinal, period in spans
            for inner in range(Period.of(period.start, own).ordinal, Period.of(period.end, own).ordinal + 1)
        ]
        return pl.DataFrame(rows, schema={"period": pl.Int32, "asked": pl.Int32}, orient="row")

    def _present(self, dataset: Dataset, asked: Iterable[int]) -> pl.DataFrame:
        """The regions that exist in each of the dataset's periods: of others nothing can be reported."""
        rows = [
            (ordinal, region)
            for ordinal in asked
            for region in self.hierarchy.present(dataset.level, dataset.frequency, ordinal)
        ]
        return pl.DataFrame(rows, schema={"asked": pl.Int32, "member": pl.Int32}, orient="row")


def where_true(mask: pl.Series) -> pl.Series:
    """1 where the mask is true, null elsewhere."""
    return pl.select(pl.when(mask).then(pl.lit(1, dtype=pl.Int64))).to_series()
