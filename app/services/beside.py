"""Figures of other datasets beside records: fetched for those who may read them, as they are held or as they would be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from fractions import Fraction

from sqlalchemy import Connection

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.catalogue.values import Canonical, Reported, canonical
from app.intake import HeldRecord, RecordKey
from app.mapping.rules import Beyond
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import State
from app.store import records

Reads = Callable[[Dataset, int, Period], bool]
"""Whether a region's figures of a dataset in a period, and those below it, may be looked at."""


def read_by(state: State, caller: Caller, today: date) -> Reads:
    """What a caller may read of canonical records, as the gate says."""

    def reads(dataset: Dataset, region_id: int, period: Period) -> bool:
        if not gate.knows_dataset(caller, dataset):
            return False
        day = today if period.frequency == "once" else period.end
        place = {region_id, *state.regions.ancestors(region_id, day)}
        scope = gate.scope_of_dataset(caller, dataset)
        return any(grant.roots is None or grant.roots & place for grant in scope.grants)

    return reads


class Beside:
    """What is held of one other dataset at the places of records, and below them where ``items`` sum.

    ``over`` is laid over what is held, for what a submission would change.
    """

    def __init__(
        self,
        cx: Connection,
        state: State,
        other: Dataset,
        items: Iterable[Beyond],
        places: Iterable[tuple[int, Period]],
        reads: Reads,
        today: date,
        over: Mapping[RecordKey, HeldRecord] | None = None,
    ) -> None:
        self._state, self._other, self._today = state, other, today
        self._levels: dict[date, frozenset[int]] = {}
        self._below: dict[tuple[int, Period], list[int]] = {}
        summed = any(item.summed for item in items)
        wanted: set[RecordKey] = set()
        for region_id, period in places:
            when = period.containing(other.frequency)
            if reads(other, region_id, when):
                below = self._below[region_id, period] = self._regions(region_id, when) if summed else []
                wanted |= {(each, when.ordinal, ()) for each in (*below, region_id)}
        laid = over or {}
        self._held = {**records.held(cx, other.code, wanted), **{key: laid[key] for key in wanted if key in laid}}

    def figure(self, item: Beyond, region_id: int, period: Period) -> Canonical:
        """One figure; a sum only where every region below has reported, since part of a sum proves nothing."""
        units = self._state.catalogue.units
        reported = self._reported(item, region_id, period)
        found = [canonical(each, item.element, units) if each is not None else None for each in reported]
        if not item.summed:
            return found[0] if found else None
        numbers = [number for number in found if isinstance(number, Fraction)]
        return sum(numbers, Fraction(0)) if numbers and len(numbers) == len(found) else None

    def brought_by(self, item: Beyond, region_id: int, period: Period) -> set[str]:
        """The submissions that brought what a figure is made of."""
        found = self._reported(item, region_id, period)
        return {each.submission for each in found if each is not None and each.submission is not None}

    def _reported(self, item: Beyond, region_id: int, period: Period) -> list[Reported | None]:
        regions = self._below.get((region_id, period))
        if regions is None:
            return []
        ordinal = period.containing(self._other.frequency).ordinal
        held = (self._held.get((each, ordinal, ())) for each in (regions if item.summed else [region_id]))
        return [
            each.values.get(item.element.code) if each is not None and not each.withdrawn else None for each in held
        ]

    def _regions(self, region_id: int, when: Period) -> list[int]:
        day = self._today if when.frequency == "once" else when.end
        level = self._levels.get(day)
        if level is None:
            level = self._levels[day] = frozenset(self._state.regions.at_level(self._other.level, day))
        return sorted(self._state.regions.subtree(region_id, day) & level)


def by_dataset(named: Iterable[Beyond]) -> dict[str, list[Beyond]]:
    """Figures of other datasets, dataset by dataset, each once."""
    found: dict[str, dict[str, Beyond]] = {}
    for item in named:
        found.setdefault(item.element.dataset, {})[item.name] = item
    return {code: list(items.values()) for code, items in found.items()}
