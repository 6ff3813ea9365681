"""How an element comes to the grain of a view, and when it must not: the rules of aggregation.

Over time first, then over regions. Without ``aggregate`` a flow is summed over time, stock and cumulative take each
region's latest value, and all three are summed over regions. ``aggregate`` replaces the step over time; ``mean min max
count`` also the step over regions. ``count`` counts the values that are not missing: over both steps it is the number
of values behind the group, whichever way it is divided.

A list (a dataset with a key) keeps its key in the row where the grain is neither coarser in level nor in frequency.
Where it is coarser, all records of all keys in the group are taken together, as if the key were one more step of the
region; ``latest`` is then meant for each region and key. Two lists that both keep their key cannot share a row.

``last`` and the latest of a stock look at the regions that exist on the last day of the row's period: what a merged
place held before was handed on to its successor. The others look at every region that existed within it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from app.catalogue.model import FREQUENCIES, LEVELS, Dataset, Element, Frequency, Level
from app.catalogue.units import Unit, UnitTable
from app.mapping.spec import Aggregate

# A capacity per day adds up over places; a yield per hectare or an income per head does not.
TIME_BASES: frozenset[str] = frozenset({"天", "月"})


@dataclass(frozen=True, slots=True)
class Steps:
    """The way of one element to the grain. Both steps None: its records are the view's rows as they are.

    ``over_time``: what is done with the dataset's periods inside one of the grain, None where there is at most one.
    ``over_regions``: what is done with the regions (and keys) of a row, None where there is just the row's own.
    ``keyed``: the dataset's key is part of the row's key. ``latest_only``: only the regions in force at the end of the
    row's period are looked at, since what others held before was handed on.
    """

    over_time: Aggregate | None = None
    over_regions: Aggregate | None = None
    keyed: bool = False
    latest_only: bool = False

    @property
    def aggregated(self) -> bool:
        return self.over_time is not None or self.over_regions is not None

    @property
    def counts(self) -> bool:
        return "count" in (self.over_time, self.over_regions)


DIRECT = Steps()


class Refused(Exception):
    """This element cannot come to this grain; the text says why, Chinese first."""


def finer_in_time(dataset: Dataset, frequency: Frequency) -> bool:
    """Whether several periods of the dataset lie in one of ``frequency``."""
    return FREQUENCIES.index(dataset.frequency) > FREQUENCIES.index(frequency)


def coarser_in_time(dataset: Dataset, frequency: Frequency) -> bool:
    """Whether one period of the dataset spans several of ``frequency``."""
    return FREQUENCIES.index(dataset.frequency) < FREQUENCIES.index(frequency)


def finer_in_space(dataset: Dataset, level: Level) -> bool:
    """Whether the dataset's regions lie below ``level``."""
    return LEVELS.index(dataset.level) > LEVELS.index(level)


def keeps_key(dataset: Dataset, level: Level, frequency: Frequency) -> bool:
    """Whether the dataset is a list whose key becomes part of the row's key."""
    return bool(dataset.key) and not finer_in_time(dataset, frequency) and not finer_in_space(dataset, level)


def steps_to_grain(
    dataset: Dataset,
    element: Element,
    level: Level,
    frequency: Frequency,
    aggregate: Aggregate | None,
    units: UnitTable,
) -> Steps:
    """The steps that bring ``element`` to the grain; raises Refused with the reason where there are none."""
    if LEVELS.index(dataset.level) < LEVELS.index(level):
        raise Refused(
            f"“{element.title}”按 {dataset.level} 上报，比视图的 {level} 粗，不能分摊到下级"
            f"（{element.path} is reported by {dataset.level}; it cannot be divided among the regions below）"
        )
    if frequency == "once" and dataset.frequency != "once":
        raise Refused(
            f"“{element.title}”有期间（{dataset.frequency}），而视图没有期间，不知取哪一期"
            f"（{element.path} has periods, the view has none）"
        )
    in_time = finer_in_time(dataset, frequency)
    keyed = keeps_key(dataset, level, frequency)
    in_space = finer_in_space(dataset, level) or (bool(dataset.key) and not keyed)
    if not in_time and not in_space:
        return Steps(keyed=keyed)
    if element.numeric:
        over_time, over_regions = _number_steps(element, aggregate, units, in_time=in_time, in_space=in_space)
    else:
        over_time, over_regions = _other_steps(element, aggregate, in_space=in_space)
    return Steps(
        over_time if in_time else None,
        over_regions if in_space else None,
        keyed=keyed,
        latest_only=in_space and over_time == "last",
    )


def _number_steps(
    element: Element, aggregate: Aggregate | None, units: UnitTable, *, in_time: bool, in_space: bool
) -> tuple[Aggregate, Aggregate]:
    if aggregate in ("mean", "min", "max", "count"):
        return aggregate, aggregate
    over_time: Aggregate = aggregate or ("sum" if element.measure == "flow" else "last")
    summed = in_space or (in_time and over_time == "sum")
    hint = "请写 aggregate: last、mean、min、max 或 count，或由分子分母求得"
    if not in_space:
        hint = "请写 aggregate: last、mean、min、max 或 count"
    if element.measure in ("ratio", "attribute") and (summed or aggregate is None):
        kind = "比率" if element.measure == "ratio" else "属性"
        raise Refused(
            f"“{element.title}”是{kind}，不能随粒度汇总；{hint}"
            f"（{element.path} is a {element.measure}: it has no sum; name another aggregate）"
        )
    if summed and _is_rate(units.get(element.unit) if element.unit else None):
        raise Refused(
            f"“{element.title}”的单位“{element.unit}”是人均、单产一类的值，不能相加；{hint}"
            f"（{element.path} is a value per unit: it has no sum; name another aggregate）"
        )
    return over_time, "sum"


def _other_steps(element: Element, aggregate: Aggregate | None, *, in_space: bool) -> tuple[Aggregate, Aggregate]:
    if aggregate == "count":
        return "count", "count"
    if aggregate in ("min", "max") and element.type == "date":
        return aggregate, aggregate
    if aggregate == "last" and not in_space:
        return "last", "last"
    allowed: Collection[str] = ("count",) if in_space else ("last", "count")
    if element.type == "date":
        allowed = (*allowed, "min", "max")
    raise Refused(
        f"“{element.title}”不是数值，粒度更粗时只能写 aggregate: {'、'.join(allowed)}"
        f"（{element.path} is not a number: at a coarser grain only these aggregates have a meaning）"
    )


def adds_up(element: Element, units: UnitTable) -> bool:
    """Whether the element's values of several regions may be summed."""
    sums = element.numeric and element.measure in ("stock", "flow", "cumulative")
    return sums and not _is_rate(units.get(element.unit) if element.unit else None)


def _is_rate(unit: Unit | None) -> bool:
    return unit is not None and any(power < 0 and base not in TIME_BASES for base, power in unit.dimension)
