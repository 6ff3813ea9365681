"""Whatever is held at one state, covered or not: what the registry itself reads. Nothing of it is answered as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial

from app.catalogue.model import Dataset
from app.mapping.run import Rows
from app.services.registry import Registry, State
from app.snapshots.building import PartChanges
from app.snapshots.exact_columns import NotRepresentableError
from app.snapshots.few_regions import FEW
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
        if only is not None and len(only) <= FEW:
            with suppress(NotRepresentableError):  # of all rows together it may be
                return gather(self._parts(found, only), found, elements, only)
        return gather(self._parts(found), found, elements, only)

    def count(self, dataset: str) -> int:
        """How many records are held."""
        return sum(part.frame.height for part in self._parts(self._state.catalogue.datasets[dataset]))

    def _parts(self, dataset: Dataset, only: Collection[int] | None = None) -> list[Part]:
        state = self._state
        return [
            self._part(dataset, year, revision, only)
            for (code, year), revision in sorted(state.part_revisions.items())
            if code == dataset.code
        ]

    def _part(
        self, dataset: Dataset, year: int, revision: int, only: Collection[int] | None = None, *, primary: bool = False
    ) -> Part:
        """The part; where only a few regions are asked for, perhaps with their rows alone."""
        place = (dataset.code, year, revision)
        parts, units = self._registry.parts, self._state.catalogue.units
        load, changes = partial(self._load, *place, primary=primary), partial(self._changes, *place, primary=primary)
        try:
            few = None
            if only is not None:
                few = parts.of_regions(dataset, units, year, revision, only, partial(changes, only=only))
            return few if few is not None else parts.open(dataset, units, year, revision, load, changes)
        except ReplicaFault:  # it may end a reading that is in the way of what it has to replay
            return self._part(dataset, year, revision, only, primary=True)

    def _load(self, dataset: str, year: int, revision: int, *, primary: bool) -> Iterator[PartRow]:
        with self._registry.database.read_replayed(revision, primary=primary) as cx:
            yield from records.part_rows(cx, dataset, year, revision)

    def _changes(
        self,
        dataset: str,
        year: int,
        revision: int,
        since: int,
        *,
        primary: bool,
        only: Collection[int] | None = None,
    ) -> PartChanges:
        with self._registry.database.read_replayed(revision, primary=primary) as cx:
            return PartChanges(*records.part_changes(cx, dataset, year, since, revision, only))
