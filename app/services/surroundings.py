"""What stands around the records of a submission, fetched for the one who submits: only what that source may read itself."""

from __future__ import annotations

from sqlalchemy import Connection

from app.catalogue.values import Canonical
from app.intake import Context, Reading
from app.intake.changes import compiled
from app.intake.surroundings import NOTHING_AROUND, Surroundings, neighbours_of, places_around, plausibles_of
from app.policy.scopes import Permit
from app.services.beside import Beside, by_dataset, read_by
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
    reads = read_by(state, permit.caller, context.today)
    for code, items in by_dataset(named.values()).items():
        found = Beside(cx, state, state.catalogue.datasets[code], items, places, reads, context.today)
        figures |= {(item.name, r, p.ordinal): found.figure(item, r, p) for r, p in places for item in items}
    return Surroundings(figures, earlier, beside)
