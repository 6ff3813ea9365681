"""Working days as the registry has them: the years that are built in, and those an administrator added."""

from __future__ import annotations

from typing import cast

from app.catalogue.calendar_documents import calendar_of
from app.catalogue.working_days import WorkingDays
from app.services.registry import State


def working_days(state: State) -> WorkingDays:
    """The calendar of a state."""
    key = ("working-days",)
    if key not in state.derived:
        state.derived[key] = calendar_of(item.body for (kind, _), item in state.stored.items() if kind == "calendar")
    return cast("WorkingDays", state.derived[key])
