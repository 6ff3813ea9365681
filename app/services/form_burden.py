"""What a form would cost those who fill it: cells, regions, times a year; and how much of it is held already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.catalogue.model import Level
from app.services.form_reading import AskedForm
from app.services.registry import Registry, State

_TIMES = {"month": 12, "quarter": 4, "half": 2, "year": 1, "once": 1, "event": 1}
_LEVEL: Level = "township"
_FREQUENCY = "year"


def is_frame(column: Mapping[str, Any]) -> bool:
    """Whether a column only says whose row it is and of when: nobody has to collect that."""
    element = column.get("element") or ""
    return column["verdict"] == "held" and (element == "period" or element.startswith("region."))


def asked_for(columns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The columns that someone would have had to fill."""
    return [column for column in columns if column["verdict"] != "bookkeeping" and not is_frame(column)]


def estimate(registry: Registry, state: State, form: AskedForm, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The yearly cost of the form in cells. ``assumed`` names what the form did not say.

    It counts columns, regions and times, and knows nothing of what values are held for which region.
    """
    level = form.level_code or _LEVEL
    frequency = form.frequency_code or _FREQUENCY
    regions = len(state.regions.at_level(level, registry.today()))
    times = _TIMES[frequency]
    asked = asked_for(columns)
    held = [column for column in asked if column["verdict"] in ("held", "derivable")]
    each = regions * times
    said = {"level": form.level_code, "frequency": form.frequency_code}
    return {
        "level": level,
        "frequency": frequency,
        "assumed": [name for name, value in said.items() if value is None],
        "regions": regions,
        "times_a_year": times,
        "columns": len(asked),
        "columns_held": len(held),
        "cells": len(asked) * each,
        "cells_held": len(held) * each,
        "cells_left": (len(asked) - len(held)) * each,
    }
