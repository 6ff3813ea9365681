"""Reminders: what is coming due, overdue, stale or unanswered, told once at each stage to those who report it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from app.services.due_figures import DueFigures, DueItem
from app.services.record_places import day_of, shown_place
from app.services.registry import Registry, State
from app.services.source_audiences import SourceAudiences
from app.store import reminders
from app.store.events import Event, announce
from app.store.reminders import Reminder

KIND = "due.reminder"
STAGES = ("coming", "overdue", "long_overdue")
LONG_OVERDUE_DAYS = 30


def remind(registry: Registry) -> int:
    """Look at every dataset and announce what has come to a stage that was not told yet; gives how many things were told.

    To be run every day. Running it again, or twice at once, tells nothing twice.
    """
    state, today = registry.state(), registry.today()
    with registry.database.read() as cx:
        found: list[DueItem] = []
        for _, dataset in sorted(state.catalogue.datasets.items()):
            found += DueFigures(registry, cx, state, dataset, None).items()
    told = 0
    with registry.database.write() as write:
        known = reminders.told(write.connection)
        audiences = SourceAudiences(write.connection, state, write.now)
        for item in _by_place(found):
            stage = stage_of(item, today, registry.settings.remind_days_before)
            if stage is None or item.due_on is None:
                continue
            one = Reminder(item.dataset.code, item.region_id, item.period.ordinal, item.state, stage, item.due_on)
            if one in known:
                continue
            reminders.remember(write, one)
            whom = audiences.of(item.dataset, item.region_id, day_of(item.period, today))
            subject, data = item.dataset.code, _document(registry, state, item, stage)
            announce(write, *(Event(KIND, subject, each, data) for each in whom))
            told += 1
    return told


def stage_of(item: DueItem, today: date, days_before: int) -> str | None:
    """How far a thing has come; None where it is too early to say anything, or no day is set."""
    if item.due_on is None:
        return None
    left = (item.due_on - today).days
    if left > days_before:
        return None
    if left >= 0:
        return "coming"
    return "overdue" if left >= -LONG_OVERDUE_DAYS else "long_overdue"


def _by_place(items: Iterable[DueItem]) -> list[DueItem]:
    """One thing for all records of a list in a region and period, with the earliest day."""
    found: dict[tuple[str, int, int, str], DueItem] = {}
    for item in items:
        place = (item.dataset.code, item.region_id, item.period.ordinal, item.state)
        other = found.get(place)
        if other is None:
            found[place] = item
        else:
            days = [day for day in (other.due_on, item.due_on) if day is not None]
            codes = dict.fromkeys([*other.elements, *item.elements])
            found[place] = replace(other, elements=tuple(codes), due_on=min(days, default=None))
    return [found[place] for place in sorted(found)]


def _document(registry: Registry, state: State, item: DueItem, stage: str) -> dict[str, object]:
    return {
        "stage": stage,
        "state": item.state,
        "dataset": item.dataset.code,
        "title": item.dataset.title,
        **shown_place(state, item.region_id, item.period, registry.today()),
        "elements": list(item.elements),
        "due": item.due_on.isoformat() if item.due_on else None,
    }
