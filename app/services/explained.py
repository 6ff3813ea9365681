"""The parts of an explanation as they are answered: inputs down to the reported cell, steps, submissions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection

from app.catalogue.model import Dataset, Element
from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.mapping.plan import CompiledField, FromElements
from app.mapping.trace import Cell, Counts, Input, Trace
from app.mapping.tree import Scaled, Value
from app.mapping.written import decimal_text
from app.services.coverage import ScopeCoverage
from app.services.registry import CHINA, State
from app.services.visible_views import VisibleView
from app.store.origins import Origin, origins, values_at
from app.store.records import key_text

MOST_CELLS = 500
"""Cells told of one explanation; how many there are is always said."""


def exact(value: Value) -> Any:
    """A number as its fraction and its decimal digits (``complete``: all of them); anything else as it is in JSON."""
    if isinstance(value, Fraction):
        digits, complete = decimal_text(value)
        return {"fraction": str(value), "decimal": digits, "complete": complete}
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, slots=True)
class Explained:
    """Words for what a trace found of one field."""

    view: VisibleView
    state: State
    field: CompiledField
    coverage: ScopeCoverage
    today: date

    def steps(self, traced: Trace) -> list[dict[str, Any]]:
        """Every part of the expression, the innermost first; ``factor`` where it converts, as a fraction."""
        root = self.field.source.tree if isinstance(self.field.source, FromElements) else None
        last = len(traced.steps) - 1
        return [
            {
                "expression": step.text,
                "period": str(Period(self.view.spec.frequency, step.period)) or None,
                "value": exact(step.value),
                "factor": None if step.factor is None else str(step.factor),
                "unit": self.field.output.unit if number == last and isinstance(root, Scaled) else None,
            }
            for number, step in enumerate(traced.steps)
        ]

    def inputs(self, cx: Connection, traced: Trace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Each element with its cells, and the submissions that those cells came with, each once."""
        found: list[dict[str, Any]] = []
        room = MOST_CELLS
        for each in traced.inputs:
            cells = sorted(self._cells(cx, each), key=_order)
            found.append(self._input(each, cells, room))
            room = max(0, room - len(cells))
        ids = {cell["submission"] for each in found for cell in each["cells"] if cell["submission"] is not None}
        known = origins(cx, ids)
        return found, [self._submission(known[identity]) for identity in sorted(known)]

    def _dataset(self, each: Input) -> Dataset:
        return self.view.plan.datasets[each.reading.path.partition(".")[0]]

    def _region(self, cell: Cell, dataset: Dataset) -> dict[str, str | None]:
        day = self.today if dataset.frequency == "once" else Period(dataset.frequency, cell.period).end
        said = self.state.regions.state(cell.region, day)
        return {"code": said.code if said else None, "name": said.name if said else None}

    def _cells(self, cx: Connection, each: Input) -> list[dict[str, Any]]:
        dataset = self._dataset(each)
        element = self.view.plan.element(each.reading.path)
        places = {
            (cell.region, cell.period, key_text(self.coverage.held_key(dataset, cell.key))): cell for cell in each.cells
        }
        held = dict(values_at(cx, dataset.code, list(places), self.state.epoch))
        keys = self._keys(dataset, each)
        # Of all that a record holds, this one element's value alone is looked at.
        exact = self._told_exactly(each, dataset)
        documents = (
            (cell, held.get(place, {}).get(element.code, {}) if exact[cell] else {}) for place, cell in places.items()
        )
        return [
            self._cell(cell, dataset, element, document, keys)
            for cell, document in documents
            if document or cell.value is not None
        ]

    def _told_exactly(self, each: Input, dataset: Dataset) -> dict[Cell, bool]:
        """Of which cells it may be told what was reported and with which submission: not of those under a mask."""
        keys = [f"key:{code}" for code in dataset.key]
        rows = [(cell.region, cell.period, *cell.key) for cell in each.cells]
        schema = {"region": pl.Int32, "period": pl.Int32, **dict.fromkeys(keys, pl.String)}
        cells = pl.DataFrame(rows, schema=schema, orient="row")
        return dict(zip(each.cells, self.coverage.told_exactly(each.reading.path, cells), strict=True))

    def _keys(self, dataset: Dataset, each: Input) -> frozenset[str]:
        """The key elements that may be told. A row's own key is the reader's already; of the records behind an
        aggregate one is told only where all of it is covered, lest the reader learn it from here.
        """
        if each.reading.steps.keyed:
            return frozenset(dataset.key)
        return frozenset(code for code in dataset.key if self.coverage.everywhere(f"{dataset.code}.{code}"))

    def _input(self, each: Input, cells: list[dict[str, Any]], room: int) -> dict[str, Any]:
        element = self.view.plan.element(each.reading.path)
        steps = each.reading.steps
        return {
            "element": element.path,
            "title": element.title,
            "unit": None if steps.counts else element.unit,
            "period": str(Period(self.view.spec.frequency, each.period)) or None,
            "value": exact(each.value),
            "over_time": steps.over_time,
            "over_regions": steps.over_regions,
            "counts": None if each.counts is None else _counts(each.counts),
            "cells_in_all": len(cells),
            "cells": cells[:room],
        }

    def _cell(
        self, cell: Cell, dataset: Dataset, element: Element, document: Mapping[str, Any], told: Collection[str]
    ) -> dict[str, Any]:
        given = Reported.from_document(document)
        factor = self._factor(given, element)
        return {
            "region": self._region(cell, dataset),
            "period": str(Period(dataset.frequency, cell.period)) or None,
            "key": {code: text for code, text in zip(dataset.key, cell.key, strict=True) if code in told},
            "value": exact(cell.value),
            "reported": {
                "number": None if given.number is None else str(given.number),
                "unit": None if given.number is None else given.unit or element.unit,
                "text": given.text,
                "flag": given.flag,
                "missing": given.missing,
            },
            "factor": None if factor is None else str(factor),
            "submission": given.submission,
            "sheet": given.sheet,
            "cell": given.cell,
        }

    def _factor(self, given: Reported, element: Element) -> Fraction | None:
        """What the reported number was multiplied by to be in the element's unit; None where it was in that already."""
        if given.number is None or given.unit is None or element.unit is None or given.unit == element.unit:
            return None
        return self.state.catalogue.units.factor(given.unit, element.unit)

    def _submission(self, origin: Origin) -> dict[str, Any]:
        made = origin.created_at.astimezone(CHINA).date()
        by = self.state.regions.state(origin.by_region_id, made) if origin.by_region_id is not None else None
        return {
            "id": origin.id,
            "channel": origin.channel,
            "filename": origin.filename,
            "submitted_at": origin.created_at.isoformat(),
            "confirmed_at": origin.confirmed_at.isoformat() if origin.confirmed_at else None,
            "by": {
                "region": {"code": by.code, "name": by.name} if by else None,
                "department": origin.by_department,
            },
        }


def _order(cell: Mapping[str, Any]) -> tuple[str, str, bytes]:
    """By region and period, and within these by nothing but what is told."""
    return cell["region"]["code"] or "", cell["period"] or "", orjson.dumps(cell)


def _counts(counts: Counts) -> dict[str, list[int | None]]:
    return {"values": [*counts.values], "regions": [*counts.regions], "periods": [*counts.periods]}
