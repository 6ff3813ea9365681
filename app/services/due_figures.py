"""What of a dataset is missing, stale or questioned today, region by region. Tells of nothing but the regions asked about.

A period is asked for once it is over: the last four at most, from ``since`` or from the first that the region itself has
reported (the last one where it has reported none). A period that is still running is asked for where the region has begun to
report it. An element is missing where the record is not there or has no answer for it; a reason why there is no figure is an
answer, a blank is none. Lists and events miss nothing, for nobody knows how many there should be. Stale is told of the
last period held: what was reported, or found still true, longer ago than ``fresh_for``. Questioned is what somebody asked about, and
what a check no longer lets stand beside figures of another dataset that came after it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection

from app.catalogue.care_documents import due_day, fresh_until
from app.catalogue.model import Dataset, Due, Element, Span
from app.catalogue.periods import Period
from app.errors import Problem
from app.intake.records import RecordKey
from app.services.rechecks import Broken, brought_later, questioned_by_checks
from app.services.record_places import day_of
from app.services.registry import CHINA, Registry, State
from app.services.work_calendar import working_days
from app.store import corrections
from app.store import still_true as kept
from app.store.still_true import HeldFigures

DueState = Literal["missing", "stale", "questioned"]
STATES: tuple[DueState, ...] = ("missing", "stale", "questioned")
MOST_PERIODS = 4
_ANSWERS = ("n", "t", "b", "m")  # what a document of ``Reported`` has where something was said


@dataclass(frozen=True, slots=True)
class DueItem:
    """Elements of one record that need someone. ``due_on`` is the last day in time; None where no day is set.

    Questioned: by ``corrections``, their ids; by ``checks``, in words, that failed when figures beside the record came after it.
    """

    dataset: Dataset
    region_id: int
    period: Period
    key: tuple[str, ...]
    state: DueState
    elements: tuple[str, ...]
    due_on: date | None
    corrections: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


class DueFigures:
    """One dataset as of today, within ``roots`` (None: everywhere); with ``only``, one period of it."""

    def __init__(
        self,
        registry: Registry,
        cx: Connection,
        state: State,
        dataset: Dataset,
        roots: Collection[int] | None,
        only: Period | None = None,
    ) -> None:
        self._cx, self._state, self._dataset, self._roots, self._only = cx, state, dataset, roots, only
        self._today = registry.today()
        self._answer_days = registry.settings.correction_working_days
        self._calendar = working_days(state)
        self._elements = [each for each in dataset.elements if each.code not in dataset.key]

    def items(self) -> list[DueItem]:
        """Everything that needs someone, in no promised order."""
        asked = {period.ordinal: self._regions(period) for period in self._asked_periods()}
        now = self._regions(None)
        everyone = now.union(*asked.values())
        if not everyone:
            return []
        spans = kept.reported_periods(self._cx, self._dataset.code, everyone)
        newest = {region: last for region, (_, last) in spans.items()}
        periods = set(asked) | set(newest.values())
        held: dict[RecordKey, HeldFigures] = {
            each.place: each for each in kept.held_figures(self._cx, self._dataset.code, everyone, periods)
        }
        found = self._missing(asked, spans, held)
        found += self._stale(newest, held)
        return found + _together([*self._questioned(everyone), *self._disagreeing(held)])

    def _asked_periods(self) -> list[Period]:
        dataset = self._dataset
        if dataset.key or dataset.frequency == "event":
            return []
        if dataset.frequency == "once":
            return [Period("once", 0)] if self._span_of(None) else []
        if dataset.due is None:
            return []
        running = Period.of(self._today, dataset.frequency)
        if self._only is not None:
            return [self._only] if self._only.ordinal <= running.ordinal else []
        first = running.ordinal - MOST_PERIODS
        return [Period(dataset.frequency, ordinal) for ordinal in range(first, running.ordinal + 1)]

    def _span_of(self, element: Element | None) -> Span | None:
        return (element.fresh_for if element is not None else None) or self._dataset.fresh_for

    def _regions(self, period: Period | None) -> set[int]:
        day = self._today if period is None else day_of(period, self._today)
        level = self._state.regions.at_level(self._dataset.level, day)
        if self._roots is None:
            return set(level)
        below = {each for root in self._roots for each in self._state.regions.subtree(root, day)}
        return below.intersection(level)

    def _missing(
        self, asked: Mapping[int, set[int]], spans: Mapping[int, tuple[int, int]], held: Mapping[RecordKey, HeldFigures]
    ) -> list[DueItem]:
        dataset, found = self._dataset, []
        since = (
            Period.parse(dataset.due.since, dataset.frequency).ordinal if dataset.due and dataset.due.since else None
        )
        running = Period.of(self._today, dataset.frequency).ordinal if dataset.due else None
        for ordinal, regions in asked.items():
            period = Period(dataset.frequency, ordinal)
            due_on = self._due_on(dataset.due, period)
            for region in regions:
                record = held.get((region, ordinal, ()))
                begun = spans[region][0] if region in spans else None
                last = running - 1 if running is not None else 0
                first = since if since is not None else last if begun is None else min(begun, last)
                if ordinal < first or (ordinal == running and record is None):
                    continue
                lacking = tuple(each.code for each in self._elements if not _answered(record, each))
                if lacking:
                    found.append(DueItem(dataset, region, period, (), "missing", lacking, due_on))
        return found

    def _due_on(self, due: Due | None, period: Period) -> date | None:
        """The due day; None also where the calendar of working days does not reach: no day is made up."""
        try:
            return due_day(due, period, self._calendar.after) if due is not None else None
        except Problem as problem:
            if problem.code != "calendar_ends":
                raise
            return None

    def _stale(self, newest: Mapping[int, int], held: Mapping[RecordKey, HeldFigures]) -> list[DueItem]:
        dataset = self._dataset
        spans = {each.code: span for each in self._elements if (span := self._span_of(each)) is not None}
        if not spans or dataset.frequency == "event":
            return []
        latest = [each for place, each in held.items() if newest.get(place[0]) == place[1] and self._wanted(place[1])]
        brought = {str(value["s"]) for each in latest for value in each.values.values() if value.get("s")}
        reported = kept.reported_at(self._cx, brought)
        renewed = kept.renewals(self._cx, dataset.code, newest)
        found = []
        for each in latest:
            ends: dict[str, date] = {}
            for code, span in spans.items():
                value = each.values.get(code)
                day = _last_said(code, value, reported, renewed.get(each.place, ())) if value else None
                if day is not None and (end := fresh_until(span, day)) < self._today:
                    ends[code] = end
            if ends:
                region, ordinal, key = each.place
                period = Period(dataset.frequency, ordinal)
                found.append(DueItem(dataset, region, period, key, "stale", tuple(ends), min(ends.values())))
        return found

    def _questioned(self, regions: set[int]) -> list[DueItem]:
        open_ones: dict[RecordKey, list[corrections.StoredCorrection]] = {}
        for one in corrections.open_on(self._cx, self._dataset.code, regions):
            if self._wanted(one.period):
                open_ones.setdefault((one.region_id, one.period, one.key), []).append(one)
        order = [each.code for each in self._dataset.elements]
        return [
            DueItem(
                self._dataset, region, Period(self._dataset.frequency, ordinal), key, "questioned",
                tuple(sorted({each.element for each in ones}, key=order.index)),
                min(each.due_on for each in ones), tuple(each.id for each in ones),
            )
            for (region, ordinal, key), ones in open_ones.items()
        ]  # fmt: skip

    def _disagreeing(self, held: Mapping[RecordKey, HeldFigures]) -> list[DueItem]:
        """Records that fail a check since figures of another dataset came, and that their source has not looked at again."""
        dataset, cx = self._dataset, self._cx
        where = [(place[0], Period(dataset.frequency, place[1])) for place in held if self._wanted(place[1])]
        broken = questioned_by_checks(cx, self._state, dataset, where, self._today)
        if not broken:
            return []
        said = {id(each): _brought(each) for each in broken}
        reported = kept.reported_at(
            cx, {one for each in broken for one in (*each.brought_by, *said[id(each)].values())}
        )
        renewed = kept.renewals(cx, dataset.code, {each.region_id for each in broken})
        found = []
        for each in broken:
            codes = each.resting.rule.elements
            renewals = renewed.get((each.region_id, each.period.ordinal, ()), ())
            looked = [at for at, of in renewals if of is None or not of.isdisjoint(codes)]
            looked += [reported[one] for one in said[id(each)].values() if one in reported]
            later = brought_later(each, reported, max(looked, default=None))
            if later is not None:
                due_on = self._after(later.astimezone(CHINA).date())
                found.append(
                    DueItem(dataset, each.region_id, each.period, (), "questioned", codes, due_on, checks=(each.words,))
                )
        return found

    def _after(self, day: date) -> date | None:
        """The day by which a question asked on this day is answered; None where the calendar does not reach."""
        try:
            return self._calendar.after(day, self._answer_days)
        except Problem as problem:
            if problem.code != "calendar_ends":
                raise
            return None

    def _wanted(self, ordinal: int) -> bool:
        return self._only is None or self._only.ordinal == ordinal


def _brought(broken: Broken) -> dict[str, str]:
    """By which submission each figure of the record's own came that the check names."""
    found = ((code, broken.record.values.get(code)) for code in broken.resting.rule.elements)
    return {code: value.submission for code, value in found if value is not None and value.submission is not None}


def _together(items: Sequence[DueItem]) -> list[DueItem]:
    """One item for each record, by whatever it is questioned."""
    found: dict[tuple[int, int, tuple[str, ...]], DueItem] = {}
    for item in items:
        place = (item.region_id, item.period.ordinal, item.key)
        other = found.get(place)
        if other is not None:
            order = [each.code for each in item.dataset.elements]
            item = replace(  # noqa: PLW2901 - the two are one
                other,
                elements=tuple(sorted({*other.elements, *item.elements}, key=order.index)),
                due_on=min((day for day in (other.due_on, item.due_on) if day is not None), default=None),
                corrections=other.corrections + item.corrections,
                checks=other.checks + item.checks,
            )
        found[place] = item
    return list(found.values())


def _answered(record: HeldFigures | None, element: Element) -> bool:
    value = record.values.get(element.code) if record is not None else None
    return value is not None and any(name in value for name in _ANSWERS)


def _last_said(
    code: str,
    value: Mapping[str, Any],
    reported: Mapping[str, datetime],
    renewed: Sequence[tuple[datetime, frozenset[str] | None]],
) -> date | None:
    """The day on which the value was brought or last found still true."""
    said = [at for at, codes in renewed if codes is None or code in codes]
    if (brought := reported.get(str(value.get("s")))) is not None:
        said.append(brought)
    return max(said).astimezone(CHINA).date() if said else None
