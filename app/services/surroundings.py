"""What stands around the records of a submission, fetched for the one who submits: only what that source may read itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction

from sqlalchemy import Connection

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.catalogue.values import Canonical, canonical
from app.intake import Context, HeldRecord, Reading, RecordKey
from app.intake.changes import compiled
from app.intake.surroundings import NOTHING_AROUND, Surroundings, neighbours_of, places_around, plausibles_of
from app.mapping.rules import Beyond
from app.policy import gate
from app.policy.scopes import Permit, Scope
from app.services.registry import State
from app.store import records


def surroundings(cx: Connection, state: State, permit: Permit, reading: Reading, context: Context) -> Surroundings:
    """What the checks and plausibilities of the context's dataset hold against the records of ``reading``.

    Costs nothing where the dataset asks for none of it.
    """
    dataset = context.dataset
    asked = plausibles_of(dataset)
    named = {
        item.name: item
        for check in dataset.checks
        if (rule := compiled(check, context)) is not None
        for item in rule.beyond
    }
    if not asked and not named:
        return NOTHING_AROUND
    beside = neighbours_of(reading, context) if any(item.neighbours is not None for item in asked) else {}
    earlier = records.held(cx, dataset.code, places_around(reading, context, beside)) if asked else {}
    places = {(row.region_id, row.period) for row in reading.rows}
    figures: dict[tuple[str, int, int], Canonical] = {}
    for other, items in _by_dataset(named.values()).items():
        figures.update(_figures(cx, state, permit, state.catalogue.datasets[other], items, places, context.today))
    return Surroundings(figures, earlier, beside)


def _by_dataset(named: Iterable[Beyond]) -> dict[str, list[Beyond]]:
    found: dict[str, list[Beyond]] = {}
    for item in named:
        found.setdefault(item.element.dataset, []).append(item)
    return found


def _figures(
    cx: Connection,
    state: State,
    permit: Permit,
    other: Dataset,
    items: Iterable[Beyond],
    places: Iterable[tuple[int, Period]],
    today: date,
) -> dict[tuple[str, int, int], Canonical]:
    """The figures of one other dataset at the records' places; none where the source may not read them."""
    if not gate.knows_dataset(permit.caller, other):
        return {}
    scope = gate.scope_of_dataset(permit.caller, other)
    listed = list(items)
    summed = any(item.summed for item in listed)
    levels: dict[date, frozenset[int]] = {}
    below: dict[tuple[int, Period], list[int]] = {}
    wanted: set[RecordKey] = set()
    for region_id, period in places:
        when = period.containing(other.frequency)
        if not _reads(scope, state, region_id, when, today):
            continue
        day = today if when.frequency == "once" else when.end
        regions: list[int] = []
        if summed:
            level = levels.get(day)
            if level is None:
                level = levels[day] = frozenset(state.regions.at_level(other.level, day))
            regions = sorted(state.regions.subtree(region_id, day) & level)
        below[region_id, period] = regions
        wanted |= {(each, when.ordinal, ()) for each in (*regions, region_id)}
    held = records.held(cx, other.code, wanted)
    return {
        (item.name, region_id, period.ordinal): _figure(item, region_id, regions, period, held, state, other)
        for (region_id, period), regions in below.items()
        for item in listed
    }


def _figure(
    item: Beyond,
    region_id: int,
    below: list[int],
    period: Period,
    held: Mapping[RecordKey, HeldRecord],
    state: State,
    other: Dataset,
) -> Canonical:
    """One figure; a sum only where every region below has reported, since part of a sum proves nothing."""
    ordinal = period.containing(other.frequency).ordinal

    def value(of: int) -> Canonical:
        record = held.get((of, ordinal, ()))
        reported = record.values.get(item.element.code) if record is not None and not record.withdrawn else None
        return canonical(reported, item.element, state.catalogue.units) if reported is not None else None

    if not item.summed:
        return value(region_id)
    found = [value(each) for each in below]
    numbers = [number for number in found if isinstance(number, Fraction)]
    return sum(numbers, Fraction(0)) if numbers and len(numbers) == len(found) else None


def _reads(scope: Scope, state: State, region_id: int, period: Period, today: date) -> bool:
    """Whether a region, and so all below it, lies within the scope in the hierarchy of that period."""
    day = today if period.frequency == "once" else period.end
    place = {region_id, *state.regions.ancestors(region_id, day)}
    return any(grant.roots is None or grant.roots & place for grant in scope.grants)
