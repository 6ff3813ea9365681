"""Whatever is held at one state, covered or not: what the registry itself reads. Nothing of it is answered as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

from app.catalogue.model import Dataset
from app.mapping.run import Rows
from app.services.registry import Registry, State
from app.snapshots.building import PartChanges
from app.snapshots.gathering import gather
from app.snapshots.part_files import Part
from app.store import records
from app.store.records import PartRow
from app.store.replica import ReplicaFault


class HeldRecords:
    """Implements ``mapping.Sources`` without looking at any agreement."""

    def __init__(self, registry: Registry, state: State) -> None:
        self._registry = registry
        self._state = state

    def rows(self, dataset: str, elements: Sequence[str], only: Collection[int] | None = None) -> Rows:
        """As ``mapping.Sources`` has it; of the regions ``only``, where they are given."""
        found = self._state.catalogue.datasets[dataset]
        return gather(self._parts(found), found, elements, only)

    def count(self, dataset: str) -> int:
        """How many records are held."""
        return sum(part.frame.height for part in self._parts(self._state.catalogue.datasets[dataset]))

    def _parts(self, dataset: Dataset) -> list[Part]:
        state = self._state
        return [
            self._part(dataset, year, revision)
            for (code, year), revision in sorted(state.part_revisions.items())
            if code == dataset.code
        ]

    def _part(self, dataset: Dataset, year: int, revision: int, *, primary: bool = False) -> Part:
        place = (dataset.code, year, revision)
        load, changes = partial(self._load, *place, primary=primary), partial(self._changes, *place, primary=primary)
        try:
            return self._registry.parts.open(dataset, self._state.catalogue.units, year, revision, load, changes)
        except ReplicaFault:  # it may end a reading that is in the way of what it has to replay
            return self._part(dataset, year, revision, primary=True)

    def _load(self, dataset: str, year: int, revision: int, *, primary: bool) -> Iterator[PartRow]:
        with self._registry.database.read_replayed(revision, primary=primary) as cx:
            yield from records.part_rows(cx, dataset, year, revision)

    def _changes(self, dataset: str, year: int, revision: int, since: int, *, primary: bool) -> PartChanges:
        with self._registry.database.read_replayed(revision, primary=primary) as cx:
            return PartChanges(*records.part_changes(cx, dataset, year, since, revision))
