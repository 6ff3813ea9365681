"""Who is told of something that concerns the source of a record."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection

from app.catalogue.model import Dataset
from app.policy.audiences import Audience
from app.services.registry import State
from app.store import credentials


class SourceAudiences:
    """As of one moment: which regions have a key in use."""

    def __init__(self, cx: Connection, state: State, now: datetime) -> None:
        self._state = state
        self._acting = {
            each.region_id for each in credentials.every(cx) if each.region_id is not None and each.valid(now)
        }

    def of(self, dataset: Dataset, region_id: int, day: date) -> list[Audience]:
        """The department that leads the dataset; else the region itself and those above it that have a key in use."""
        if dataset.source_department is not None:
            return [Audience.department(dataset.source_department)]
        above = [region_id, *self._state.regions.ancestors(region_id, day)]
        return [Audience.region(each) for each in above if each == region_id or each in self._acting]
