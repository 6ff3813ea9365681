"""What a mapping reads: the records of a dataset at one state, cut to what the Scope covers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial

import polars as pl

from app.catalogue.model import Dataset
from app.mapping.run import Rows
from app.policy.scopes import Scope
from app.services.coverage import ScopeCoverage
from app.services.registry import Registry, State
from app.snapshots.gathering import gather, restrict
from app.snapshots.part_files import Part
from app.store import records
from app.store.records import PartRow

Mask = Callable[[pl.DataFrame], pl.Series]


class SnapshotSources:
    """Implements ``mapping.Sources``: opens only the columns the Scope covers, and only its cells."""

    def __init__(self, registry: Registry, state: State, scope: Scope, today: date) -> None:
        self._registry = registry
        self._state = state
        self._scope = scope
        self.coverage = ScopeCoverage(scope, state.regions, today)

    def rows(self, dataset: str, elements: Sequence[str]) -> Rows:
        found = self._state.catalogue.datasets[dataset]
        # The key is a value of its row too, where it is covered.
        wanted = dict.fromkeys([*elements, *found.key])
        open_elements = [code for code in wanted if self._scope.sees(f"{dataset}.{code}")]
        rows = gather(self._parts(found), found, open_elements)
        columns: Mapping[str, Mask | None] = {
            code: None if self.coverage.everywhere(f"{dataset}.{code}") else self._mask(found, code)
            for code in open_elements
        }
        return restrict(rows, found, columns)

    def _mask(self, dataset: Dataset, code: str) -> Mask:
        return partial(self._covered, f"{dataset.code}.{code}", dataset)

    def _covered(self, path: str, dataset: Dataset, pairs: pl.DataFrame) -> pl.Series:
        return self.coverage.covered(path, pairs, dataset.frequency)

    def _parts(self, dataset: Dataset) -> list[Part]:
        state = self._state
        return [
            self._registry.parts.open(
                dataset, state.catalogue.units, year, revision, partial(self._load, dataset.code, year, revision)
            )
            for (code, year), revision in sorted(state.part_revisions.items())
            if code == dataset.code
        ]

    def _load(self, dataset: str, year: int, revision: int) -> Iterator[PartRow]:
        with self._registry.database.read() as cx:
            yield from records.part_rows(cx, dataset, year, revision)
