"""What an agreement's conditions and masks say of single records: which meet a condition, and which a mask hides."""

from __future__ import annotations

from datetime import date
from typing import cast

import polars as pl

from app.catalogue.model import Dataset, Frequency
from app.mapping.conditions import Condition, ConditionReader, compile_condition
from app.mapping.sources import Sources
from app.policy.cell_masks import CellMask
from app.policy.scopes import Scope
from app.services.registry import State
from app.services.shown_cells import hidden


def compiled(state: State, dataset: str, text: str) -> Condition | None:
    """The condition under this state's catalogue; None where that knows no such condition: then nothing meets it."""
    key = ("condition", dataset, text)
    if key not in state.derived:
        found = state.catalogue.datasets.get(dataset)
        state.derived[key] = None if found is None else compile_condition(text, found, state.catalogue)[0]
    return cast("Condition | None", state.derived[key])


def conditions_on(state: State, scope: Scope, datasets: set[str]) -> list[Condition]:
    """Every condition of a scope on the records of these datasets."""
    texts = sorted({each for grant in scope.grants for each in grant.where if each[0] in datasets})
    return [condition for each in texts if (condition := compiled(state, *each)) is not None]


class Refinements:
    """Asks what is held, covered or not, at one state. Each question about the same table of places is asked once."""

    def __init__(self, state: State, held: Sources, today: date) -> None:
        self._state = state
        self._held = held
        self._today = today
        self._readers: dict[tuple[str, str], ConditionReader] = {}
        self._answers: dict[tuple[str, str, int], tuple[pl.DataFrame, pl.Series]] = {}
        self._hidden: dict[tuple[str, CellMask], pl.DataFrame] = {}

    def dataset(self, path: str) -> Dataset:
        return self._state.catalogue.datasets[path.partition(".")[0]]

    def frequency(self, path: str) -> Frequency:
        return self.dataset(path).frequency

    def by_record(self, dataset: str, text: str) -> bool:
        """Whether a condition may differ between the records of a list in one region and period."""
        condition = compiled(self._state, dataset, text)
        return condition is not None and condition.by_record

    def holds(self, dataset: str, text: str, places: pl.DataFrame) -> pl.Series:
        """At which places (region, period, ``key:`` columns) a condition is true; false wherever that is not known."""
        condition = compiled(self._state, dataset, text)
        if condition is None:
            return pl.repeat(value=False, n=places.height, dtype=pl.Boolean, eager=True)
        key = (dataset, text, id(places))
        known = self._answers.get(key)
        if known is None or known[0] is not places:
            reader = self._readers.get((dataset, text))
            if reader is None:
                reader = ConditionReader(condition, self._held, self._state.regions, self._today)
                self._readers[dataset, text] = reader
            known = self._answers[key] = (places, reader.holds(places))
        return known[1]

    def hides(self, path: str, mask: CellMask, places: pl.DataFrame) -> pl.Series:
        """At which places the mask hides a value: of a place without ``key:`` columns, that of any of its records."""
        on = [name for name in places.columns if name in ("region", "period") or name.startswith("key:")]
        marked = self._hidden_places(path, mask).select(on).unique().with_columns(hidden=pl.lit(value=True))
        return places.select(on).join(marked, on=on, how="left", maintain_order="left")["hidden"].is_not_null()

    def _hidden_places(self, path: str, mask: CellMask) -> pl.DataFrame:
        if (path, mask) not in self._hidden:
            dataset, code = self.dataset(path), path.partition(".")[2]
            rows = self._held.rows(dataset.code, [code])
            frame = places_of(rows.frame, dataset)
            self._hidden[path, mask] = frame.filter(hidden(rows.frame[code], rows.scale.get(code, 1), mask))
        return self._hidden[path, mask]


def places_of(frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The places of records: region, period and the ``key:`` columns."""
    return frame.select("region", "period", *(pl.col(code).alias(f"key:{code}") for code in dataset.key))
