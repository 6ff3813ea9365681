"""Who is told that a figure changed, and what: those who received the old value, each what it may see today.

Who received it is read from the audit: a department's answered readings of the states in which the old value was the one
held, through a view whose fields rest on it, of that region and period. It is told old and new only where one of its
agreements in force shows both exactly as they are held; to everybody else it is as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

import polars as pl

from app.catalogue.model import Dataset, Element
from app.catalogue.periods import Period
from app.catalogue.values import Reported, canonical
from app.errors import Problem
from app.intake.records import RecordKey
from app.mapping.written import decimal_text
from app.policy.audiences import Audience
from app.policy.callers import Caller
from app.policy.scopes import Scope
from app.services.coverage import ScopeCoverage
from app.services.form_matching import as_department
from app.services.held_records import HeldRecords
from app.services.questions import read_periods
from app.services.record_places import day_of, shown_place
from app.services.refinements import Refinements
from app.services.registry import Registry, State, StoredView
from app.services.visible_views import department_scope
from app.store import corrections, origins
from app.store.corrections import FigureChange
from app.store.database import Write
from app.store.events import Event, KeptEvent, announce
from app.store.ids import new_id
from app.store.readings import AnsweredReading, answered_readings
from app.store.records import RecordVersion, key_text

READINGS = ("read", "changes", "form", "explain")
KINDS: Mapping[str, str] = {"corrected": "figure.corrected", "withdrawn": "figure.withdrawn"}


def received(
    registry: Registry,
    state: State,
    change: FigureChange,
    history: Sequence[RecordVersion],
    since: datetime | None = None,
) -> dict[str, set[str]]:
    """Departments that were answered with an old value: department → element codes.

    ``history``: of the record, newest first. ``since``: only readings begun since then.
    """
    last = next((each for each in history if each.epoch < change.new_epoch), None)
    if last is None:
        return {}
    held = {code: _held_since(history, last, code) for code in change.elements}
    instants = [each.at for each in held.values() if each.at is not None]
    begin = since or min(instants, default=registry.now())
    found: dict[str, set[str]] = {}
    with registry.database.read_journal() as journal:
        for reading in answered_readings(journal, READINGS, since=begin):
            view = state.views.get(reading.target)
            if view is None or reading.caller_kind != "department" or reading.department is None or not reading.rows:
                continue
            epoch = reading.epoch if reading.epoch is not None else -1
            codes = {code for code, first in held.items() if first.epoch <= epoch < change.new_epoch}
            codes &= _elements_read(view, reading, change)
            if codes and _reached(registry, state, view, reading, change):
                found.setdefault(reading.department, set()).update(codes)
    return found


def said(value: Reported | None) -> tuple[object, ...] | None:
    """What a value says, without where it came from."""
    return (value.number, value.unit, value.text, value.flag, value.missing) if value is not None else None


def _held_since(history: Sequence[RecordVersion], last: RecordVersion, element: str) -> RecordVersion:
    """The version that brought the value that ``last`` has: those between say the same of this element."""
    first, value = last, said(last.values.get(element))
    for each in sorted((one for one in history if one.epoch < last.epoch), key=lambda one: one.epoch, reverse=True):
        if each.withdrawn or each.superseded_epoch != first.epoch or said(each.values.get(element)) != value:
            break
        first = each
    return first


def _elements_read(view: StoredView, reading: AnsweredReading, change: FigureChange) -> set[str]:
    asked = reading.question.get("fields") or reading.question.get("field")
    chosen = set(str(asked).split(",")) if asked else None
    paths = {path for each in view.plan.fields if chosen is None or each.name in chosen for path in each.elements}
    return {code for code in change.elements if f"{change.dataset}.{code}" in paths}


def _reached(
    registry: Registry, state: State, view: StoredView, reading: AnsweredReading, change: FigureChange
) -> bool:
    """Whether the regions and years that were asked for reach the record."""
    dataset, today = state.catalogue.datasets[change.dataset], registry.today()
    period = Period(dataset.frequency, change.period)
    regions = reading.question.get("region")
    if regions:
        above = {change.region_id, *state.regions.ancestors(change.region_id, day_of(period, today))}
        # Codes may have been handed on: any holder there ever was counts as asked for.
        holders = {held.region_id for code in str(regions).split(",") for held in state.regions.holders(code.strip())}
        above |= {each for one in above for each in state.regions.ancestors(one, today)}
        if not holders & above:
            return False
    asked = reading.question.get("period")
    if asked and dataset.frequency != "once":
        try:
            spans = read_periods(str(asked), view.spec.frequency) or ()
        except Problem:
            return True
        years = frozenset(year for span in spans for year in range(span.start.year, span.end.year + 1))
        needed = view.plan.years(years)
        return needed is None or period.year in needed
    return True


def shown_change(registry: Registry, state: State, department: str, change: FigureChange) -> list[dict[str, Any]]:
    """What the department may be told today of each figure: element, title, unit, old and new exactly; else nothing."""
    dataset = state.catalogue.datasets.get(change.dataset)
    if dataset is None:
        return []
    scope = department_scope(state, as_department(department), registry.today())
    codes = [code for code in change.elements if code in dataset.by_code and scope.sees(f"{dataset.code}.{code}")]
    if not codes:
        return []
    before, after = registry.state_at(change.old_epoch), registry.state_at(change.new_epoch)
    told = {code for code in codes if shown_exactly(registry, before, scope, dataset.code, code, change.place)}
    if change.cause != "withdrawn":
        told = {code for code in told if shown_exactly(registry, after, scope, dataset.code, code, change.place)}
    if not told:
        return []
    place = (change.region_id, change.period, key_text(change.key))
    with registry.database.read() as cx:
        old = dict(origins.values_at(cx, dataset.code, [place], change.old_epoch)).get(place, {})
        new = dict(origins.values_at(cx, dataset.code, [place], change.new_epoch)).get(place, {})
    return [
        {
            "element": code,
            "title": dataset.by_code[code].title,
            "unit": dataset.by_code[code].unit,
            "old": value_text(old.get(code), dataset.by_code[code], state),
            "new": value_text(new.get(code), dataset.by_code[code], state),
        }
        for code in codes
        if code in told
    ]


def shown_exactly(registry: Registry, state: State, scope: Scope, dataset: str, code: str, place: RecordKey) -> bool:
    """Whether the scope shows this very cell, with its key, as it is held in that state."""
    found, today = state.catalogue.datasets.get(dataset), registry.today()
    path = f"{dataset}.{code}"
    if found is None or code not in found.by_code or not scope.sees(path) or len(found.key) != len(place[2]):
        return False
    coverage = ScopeCoverage(scope, state.regions, today, Refinements(state, HeldRecords(registry, state), today))
    keys = {f"key:{name}": [value] for name, value in zip(found.key, place[2], strict=True)}
    schema = {"region": pl.Int32, "period": pl.Int32, **dict.fromkeys(keys, pl.String)}
    cell = pl.DataFrame({"region": [place[0]], "period": [place[1]], **keys}, schema=schema)
    if not coverage.everywhere(path) and not coverage.covered(path, cell, found.frequency)[0]:
        return False
    seen = [path, *(key for name in found.key if scope.sees(key := f"{dataset}.{name}"))]
    return all(bool(coverage.told_exactly(each, cell)[0]) for each in seen)


def value_text(document: Mapping[str, Any] | None, element: Element, state: State) -> str | bool | None:
    """A value in the element's unit, exactly: digits (a fraction where they do not end), text, day or flag."""
    if not document:
        return None
    value = canonical(Reported.from_document(document), element, state.catalogue.units)
    if isinstance(value, Fraction):
        digits, complete = decimal_text(value)
        return digits if complete else str(value)
    if value is None or isinstance(value, str | bool):
        return value
    return value.isoformat()


def of_withdrawal(dataset: Dataset, place: RecordKey, present: RecordVersion, epoch: int) -> FigureChange:
    """The change that a withdrawal at ``epoch`` makes of every figure that the record has a value for."""
    region_id, period, key = place
    codes = tuple(code for code, value in present.values.items() if value.missing is None and code in dataset.by_code)
    return FigureChange("", dataset.code, codes, region_id, period, key, epoch - 1, epoch, "withdrawn")


def tell(registry: Registry, write: Write, state: State, change: FigureChange, who: Mapping[str, set[str]]) -> int:
    """Announce the change to those who received it, in the transaction it belongs to; gives how many are told."""
    told = 0
    for department, codes in sorted(who.items()):
        own = replace(change, id=new_id(), elements=tuple(code for code in change.elements if code in codes))
        corrections.put_change(write, own)
        announce(
            write, Event(KINDS[change.cause], own.id, Audience.department(department), _document(registry, state, own))
        )
        told += 1
    return told


def _document(registry: Registry, state: State, change: FigureChange) -> dict[str, Any]:
    """The event's data as far as it is the same whenever it is read: the place; figures are laid over at each reading."""
    dataset = state.catalogue.datasets[change.dataset]
    return {
        "dataset": dataset.code,
        "title": dataset.title,
        **shown_place(state, change.region_id, Period(dataset.frequency, change.period), registry.today()),
        "key": dict(zip(dataset.key, change.key, strict=True)) if change.key else {},
    }


def readable(registry: Registry, caller: Caller, found: Sequence[KeptEvent]) -> list[KeptEvent]:
    """Events as the caller may read them today: of changed figures only those that it may still see."""
    subjects = [one.event.subject for one in found if one.event.kind in KINDS.values()]
    if not subjects:
        return list(found)
    state = registry.state()
    with registry.database.read() as cx:
        changes = corrections.changes(cx, subjects)
    kept = (_laid_over(registry, state, caller, one, changes) for one in found)
    return [one for one in kept if one is not None]


def _laid_over(
    registry: Registry, state: State, caller: Caller, one: KeptEvent, changes: Mapping[str, FigureChange]
) -> KeptEvent | None:
    if one.event.kind not in KINDS.values():
        return one
    change = changes.get(one.event.subject)
    if change is None or caller.department is None:
        return None
    figures = shown_change(registry, state, caller.department, change)
    return replace(one, event=replace(one.event, data={**one.event.data, "figures": figures})) if figures else None
