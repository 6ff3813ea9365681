"""Conditions on the records of a dataset, as an agreement's ``where`` writes them.

A condition is an expression of the mapping language over ``dataset.element``, read at the grain of the dataset that it
limits: another dataset's figure is that of the same region and of the period that contains the record's; of a finer
dataset it is aggregated as in a view. A record meets it only where it is true: a missing operand means that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import cast

import polars as pl

from app.catalogue.model import Catalogue, Dataset, Frequency
from app.catalogue.periods import PER_YEAR
from app.catalogue.regions import RegionIndex
from app.errors import Fault
from app.mapping.columns import ColumnEvaluator
from app.mapping.compile import compile_view
from app.mapping.exact import TooLarge
from app.mapping.lists import ListEvaluator
from app.mapping.plan import FromElements, Plan
from app.mapping.points import Points
from app.mapping.present import hierarchy_of
from app.mapping.readings import Readings
from app.mapping.sources import Sources
from app.mapping.spec import FieldSpec, ViewSpec
from app.mapping.tree import Node

_HOLDS = "holds"
_OTHER_LIST = "条件用到另一个名单，它的记录与此数据集不成一行（the condition rests on another list）"


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition on the records of ``dataset``. ``text`` is as it was written."""

    text: str
    dataset: Dataset
    plan: Plan
    tree: Node

    @property
    def elements(self) -> frozenset[str]:
        """The paths it rests on."""
        return self.plan.elements

    @property
    def by_record(self) -> bool:
        """Whether it may differ between the records of one region and period: those of a list, by their own figures."""
        return self.plan.list_dataset is not None

    @property
    def undated(self) -> bool:
        """Whether it rests on data without periods, which is shown under the regions of today."""
        return "once" in {self.dataset.frequency, *(dataset.frequency for dataset in self.plan.datasets.values())}


def compile_condition(
    text: str, dataset: Dataset, catalogue: Catalogue, file: str = "", place: str = "where"
) -> tuple[Condition | None, list[Fault]]:
    """The condition that ``text`` writes on the records of ``dataset``, or None and every fault of it at ``place``.

    A closed element may not be named: whether a record is there would tell of it.
    """
    spec = ViewSpec("where", "", "", dataset.level, dataset.frequency, (FieldSpec(_HOLDS, expr=text),))
    plan, found = compile_view(spec, catalogue, file)
    faults = [Fault(file, place, fault.message) for fault in found]
    if plan is None:
        return None, faults
    (field,) = plan.fields
    if field.output.kind != "boolean" or not isinstance(field.source, FromElements):
        return None, [Fault(file, place, "条件须得出成立或不成立，如 a <= b（a condition is true or false）")]
    if not field.elements:
        faults.append(Fault(file, place, "条件没有用到任何数据项（the condition names no element）"))
    faults += [
        Fault(file, place, f"{path} 属不予共享，不得用作条件（a closed element is never told of）")
        for path in sorted(field.elements)
        if plan.element(path).sharing == "closed"
    ]
    if plan.list_dataset is not None and plan.list_dataset.code != dataset.code:
        faults.append(Fault(file, place, _OTHER_LIST))
    return (None, faults) if faults else (Condition(text, dataset, plan, field.source.tree), [])


class ConditionReader:
    """Evaluates one condition over records of ``sources``, which have to give every cell, covered or not."""

    def __init__(self, condition: Condition, sources: Sources, regions: RegionIndex, today: date) -> None:
        self._condition = condition
        hierarchy = hierarchy_of(condition.plan, regions, today)
        self._readings = Readings(condition.plan, sources, _Everywhere(), hierarchy)

    def holds(self, places: pl.DataFrame) -> pl.Series:
        """For each place whether the condition is true there. Boolean without nulls.

        ``places``: ``region``, ``period`` (the dataset's own) and, where it differs by record, the ``key:`` columns;
        without these it is not known to hold for all records of a place, and so it does not.
        """
        condition = self._condition
        keys = [f"key:{code}" for code in condition.plan.key]
        if not set(keys) <= set(places.columns):
            return pl.repeat(value=False, n=places.height, dtype=pl.Boolean, eager=True)
        columns = ["region", "period", *keys]
        distinct = places.select(columns).unique(maintain_order=True)
        points = Points(distinct, PER_YEAR.get(condition.dataset.frequency, 1))
        answered = distinct.with_columns(holds=self._values(points).fill_null(value=False))
        return places.join(answered, on=columns, how="left", maintain_order="left")["holds"].fill_null(value=False)

    def _values(self, points: Points) -> pl.Series:
        try:
            return ColumnEvaluator(self._readings).column(self._condition.tree, points)
        except TooLarge:
            found = ListEvaluator(self._readings).values(self._condition.tree, points)
            return pl.Series(cast("list[bool | None]", found), dtype=pl.Boolean)


class _Everywhere:
    """A condition is the registry's own question: it reads whatever is held."""

    def everywhere(self, path: str) -> bool:  # noqa: ARG002 - of the protocol
        return True

    def by_record(self, path: str) -> bool:  # noqa: ARG002 - of the protocol
        return False

    def covered(self, path: str, pairs: pl.DataFrame, frequency: Frequency) -> pl.Series:  # noqa: ARG002
        return pl.repeat(value=True, n=pairs.height, dtype=pl.Boolean, eager=True)
