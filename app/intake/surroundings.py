"""What stands around the records of a submission and may be held against them: their past, their neighbours, other datasets.

Only what the one who submits may read belongs here: a check must tell nobody what no reading would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.catalogue.model import Dataset, Plausible
from app.catalogue.periods import Period
from app.catalogue.values import Canonical
from app.intake.records import Context, HeldRecord, Reading, RecordKey

EARLIER_PERIODS = 8
"""So many periods back the median looks."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``figures``: of other datasets, by name in the rule, region id and ordinal of the record's own period;

    ``records``: of the same dataset, of earlier periods and of neighbours; ``neighbours``: region ids beside a region
    in a period (by region id and ordinal) that the caller may report for as well.
    """

    figures: Mapping[tuple[str, int, int], Canonical] = field(default_factory=dict)
    records: Mapping[RecordKey, HeldRecord] = field(default_factory=dict)
    neighbours: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)


NOTHING_AROUND = Surroundings()


def periods_back(period: Period, asked: Sequence[Plausible]) -> list[Period]:
    """The earlier periods that ``asked`` compares with, newest first."""
    back: set[int] = set()
    for plausible in asked:
        if plausible.median is not None:
            back |= {period.ordinal - step for step in range(1, EARLIER_PERIODS + 1)}
        if plausible.last_year is not None:
            back.add(period.last_year().ordinal)
        if plausible.change or plausible.zero or plausible.sign or plausible.neighbours:
            back.add(period.ordinal - 1)
    return [Period(period.frequency, ordinal) for ordinal in sorted(back, reverse=True) if ordinal > 0]


def plausibles_of(dataset: Dataset) -> list[Plausible]:
    """What is said of the dataset's elements; empty where nothing is."""
    return [element.plausible for element in dataset.elements if element.plausible is not None]


def neighbours_of(reading: Reading, context: Context) -> dict[tuple[int, int], tuple[int, ...]]:
    """The regions under the same parent as each record's, of its level, that the caller may report for as well."""
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    for row in reading.rows:
        place = (row.region_id, row.period.ordinal)
        if place in found:
            continue
        state = context.regions.state(row.region_id, row.period.end)
        beside = context.regions.children(state.parent_id, row.period.end) if state is not None else []
        found[place] = tuple(
            sorted(
                region_id
                for region_id in beside
                if region_id != row.region_id
                and (other := context.regions.state(region_id, row.period.end)) is not None
                and other.level == context.dataset.level
                and context.may_write(region_id, row.period)
            )
        )
    return found


def places_around(
    reading: Reading, context: Context, neighbours: Mapping[tuple[int, int], tuple[int, ...]]
) -> set[RecordKey]:
    """Where in the same dataset there may be something to hold against the records: keys of earlier and of neighbours'."""
    asked = plausibles_of(context.dataset)
    places: set[RecordKey] = set()
    for row in reading.rows:
        for period in periods_back(row.period, asked):
            if context.may_write(row.region_id, period):
                places.add((row.region_id, period.ordinal, row.key))
        for region_id in neighbours.get((row.region_id, row.period.ordinal), ()):
            places.add((region_id, row.period.ordinal, row.key))
            if context.may_write(region_id, row.period.previous()):
                places.add((region_id, row.period.ordinal - 1, row.key))
    return places
