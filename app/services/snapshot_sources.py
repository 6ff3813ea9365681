"""What a mapping reads: the records of a dataset at one state, cut to what the Scope covers, under its masks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from functools import partial

import polars as pl

from app.catalogue.model import Dataset
from app.mapping.exact import where
from app.mapping.run import Rows
from app.policy.scopes import Scope
from app.services.agreement_keys import agreement_key
from app.services.coverage import ScopeCoverage
from app.services.held_records import HeldRecords
from app.services.refinements import Refinements, places_of
from app.services.registry import Registry, State
from app.services.shown_cells import Cover, any_inside, hashed, shown_numbers, shown_texts
from app.services.stops import stopping
from app.snapshots.gathering import restrict

Mask = Callable[[pl.DataFrame], pl.Series]


class SnapshotSources:
    """Implements ``mapping.Sources``: opens only the columns the Scope covers, and only its cells.

    With ``only``, the records of these regions alone.
    """

    def __init__(
        self,
        registry: Registry,
        state: State,
        scope: Scope,
        today: date,
        *,
        whole_records: bool = False,
        only: Collection[int] | None = None,
    ) -> None:
        self._registry = registry
        self._state = state
        self._scope = scope
        self._whole_records = whole_records
        self._only = only
        self._held = HeldRecords(registry, state)
        self.coverage = ScopeCoverage(scope, state.regions, today, Refinements(state, self._held, today))

    @stopping("snapshot")
    def rows(self, dataset: str, elements: Sequence[str]) -> Rows:
        found = self._state.catalogue.datasets[dataset]
        # The key is a value of its row too, where it is covered.
        wanted = dict.fromkeys([*elements, *found.key])
        open_elements = [code for code in wanted if self._scope.sees(f"{dataset}.{code}")]
        rows = self._held.rows(dataset, open_elements, self._only)
        columns: dict[str, Mask | None] = {
            code: None if self.coverage.everywhere(f"{dataset}.{code}") else self._mask(found, code)
            for code in open_elements
        }
        refined = [code for code in open_elements if self._scope.refined(f"{dataset}.{code}")]
        if refined:
            rows, columns = self._refined(rows, found, refined, columns)
        return restrict(rows, found, columns, whole_records=self._whole_records)

    def _mask(self, dataset: Dataset, code: str) -> Mask:
        return partial(self._covered, f"{dataset.code}.{code}", dataset)

    def _covered(self, path: str, dataset: Dataset, pairs: pl.DataFrame) -> pl.Series:
        return self.coverage.covered(path, pairs, dataset.frequency)

    def _refined(
        self, rows: Rows, dataset: Dataset, refined: Sequence[str], columns: Mapping[str, Mask | None]
    ) -> tuple[Rows, dict[str, Mask | None]]:
        """The rows with what is shown of the elements on whose records there are conditions or masks."""
        places = places_of(rows.frame, dataset)
        changed: list[pl.Series] = []
        scale, cut = dict(rows.scale), dict(columns)
        for code in refined:
            covers = self.coverage.covers(f"{dataset.code}.{code}", places)
            values, element = rows.frame[code], dataset.by_code[code]
            if code in dataset.key:
                cut[code] = _given(any_inside(covers, len(values)))
                changed.append(self._keys(dataset, code, values, covers).alias(code))
                continue
            cut[code] = None
            if element.numeric:
                shown, scale[code] = shown_numbers(values, rows.scale.get(code, 1), covers)
            elif values.dtype == pl.String:
                shown = shown_texts(values, covers, self._key_of)
            else:
                shown = where(any_inside(covers, len(values)), values)
            changed.append(shown.alias(code))
        return Rows(rows.frame.with_columns(changed), scale), cut

    def _keys(self, dataset: Dataset, code: str, values: pl.Series, covers: Sequence[Cover]) -> pl.Series:
        """A key says which row it is, covered or not; where an agreement hashes it, it is told by its hash, unless
        another shows it.
        """
        hashing = sorted(cover.mask.keyed for cover in covers if cover.mask is not None)
        told = shown_texts(values, covers, self._key_of)
        rest = values if not hashing else hashed(values, self._key_of(hashing[0]))
        told = told.fill_null(rest)
        self.coverage.remember_keys(dataset, code, told, values)
        return told

    def _key_of(self, agreement: str) -> bytes:
        return agreement_key(self._registry.sealing_key, agreement)


def _given(mask: pl.Series) -> Mask:
    """A cover that is known already, for the very rows it was worked out for."""
    return lambda _: mask
