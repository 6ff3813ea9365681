"""What may be said beside a record: the submissions behind its covered cells, and how much stands behind its aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from app.catalogue.model import Dataset
from app.catalogue.periods import PER_YEAR
from app.errors import Problem
from app.mapping.behind import Behind
from app.mapping.masks import Masks
from app.mapping.plan import FromElements, OutputField
from app.mapping.points import Points
from app.mapping.present import hierarchy_of
from app.mapping.readings import Readings
from app.mapping.tree import Node
from app.services.coverage import ScopeCoverage
from app.services.questions import Question
from app.services.registry import Registry, State
from app.services.snapshot_sources import SnapshotSources
from app.services.visible_views import VisibleView
from app.store.bulk import RecordPlace
from app.store.origins import values_at
from app.store.records import key_text

PROVENANCE = "_provenance"
COUNTS = "_counts"
MOST_ROWS = 50_000
Note = dict[str, Any]
Places = dict[RecordPlace, list[tuple[int, str, str]]]
"""Place of a record → (row of the answer, field, element) that rests on it."""


def check_annotated(question: Question, fields: Sequence[OutputField]) -> None:
    """Refuses notes where the format has no place for them, or a field has their name."""
    if question.format not in {"json", "ndjson"}:
        raise Problem("bad_request", "provenance 和 counts 只用于 json 和 ndjson (only in json and ndjson)")
    taken = {field.name for field in fields} & {PROVENANCE, COUNTS}
    if taken:
        raise Problem("bad_request", f"视图有同名的字段: {', '.join(sorted(taken))} (a field has the same name)")


def notes_of(
    registry: Registry,
    state: State,
    view: VisibleView,
    today: date,
    question: Question,
    fields: Sequence[OutputField],
    frame: pl.DataFrame,
) -> list[Note]:
    """For each row of a mapped ``frame`` what is added to its record: ``_provenance`` and ``_counts`` by field name.

    ``_provenance``: the submission ids behind each field that rests on elements, sorted. ``_counts``: of each field
    that aggregates, ``values``, ``regions`` and ``periods`` as [have, of]. Where anything that a field reaches for is
    not covered there are no ids and the counts are null, whatever is held.
    """
    if frame.height > MOST_ROWS:
        raise Problem(
            "bad_request", f"有注记的记录一次最多 {MOST_ROWS} 条，请给出 limit (too many at once; give a limit)"
        )
    names = {field.name for field in fields}
    plan = view.plan.restricted([each.name for each in view.plan.fields if each.name in names and each.elements])
    sources = SnapshotSources(registry, state, view.scope, today)
    hierarchy = hierarchy_of(plan, state.regions, today)
    behind = Behind(Readings(plan, sources, sources.coverage, hierarchy))
    masks = Masks(plan, sources.coverage, hierarchy)
    keys = [name for name in frame.columns if name.startswith("key:")]
    points = Points(frame.select("region", "period", *keys), PER_YEAR.get(plan.frequency, 1))
    trees = {each.name: each.source.tree for each in plan.fields if isinstance(each.source, FromElements)}
    covered = {name: masks.of(tree, points) for name, tree in trees.items()}
    notes: list[Note] = [{} for _ in range(len(points))]
    if question.provenance:
        found = _provenance(registry, state, sources.coverage, behind, trees, covered, points)
        for note, origin in zip(notes, found, strict=True):
            note[PROVENANCE] = origin
    if question.counts:
        for note in notes:
            note[COUNTS] = {}
        for name, tree in trees.items():
            for note, count in zip(notes, _counts(behind, tree, covered[name], points), strict=False):
                note[COUNTS][name] = count
    return notes


def _exact(coverage: ScopeCoverage, path: str, dataset: Dataset, frame: pl.DataFrame) -> pl.Series:
    """Which of the records (region, period, key) behind a field show their value as it is held."""
    keys = [pl.col("key").list.get(number).alias(f"key:{code}") for number, code in enumerate(dataset.key)]
    return coverage.told_exactly(path, frame.select("region", "period", *keys))


def _provenance(
    registry: Registry,
    state: State,
    coverage: ScopeCoverage,
    behind: Behind,
    trees: Mapping[str, Node],
    covered: Mapping[str, pl.Series | None],
    points: Points,
) -> list[dict[str, list[str]]]:
    asked: dict[str, Places] = {}
    for name, tree in trees.items():
        mask = covered[name]
        for path, frame in behind.went_in(tree, points).items():
            dataset, _, code = path.partition(".")
            places = asked.setdefault(dataset, {})
            keyed = behind.plan.datasets[dataset]
            for (row, region, period, key), exact in zip(
                frame.rows(), _exact(coverage, path, keyed, frame), strict=True
            ):
                # Under a mask the submission would tell that the value behind it changed.
                if exact and (mask is None or mask[row]):
                    place = (region, period, key_text(coverage.held_key(keyed, key)))
                    places.setdefault(place, []).append((row, name, code))
    found: list[dict[str, set[str]]] = [{name: set() for name in trees} for _ in range(len(points))]
    with registry.database.read() as cx:
        for dataset, places in asked.items():
            for place, values in values_at(cx, dataset, list(places), state.epoch):
                for row, name, code in places[place]:
                    # The submission of this very value: the record's own would tell of what else was reported.
                    submission = values.get(code, {}).get("s")
                    if submission is not None:
                        found[row][name].add(submission)
    return [{name: sorted(ids) for name, ids in each.items()} for each in found]


def _counts(behind: Behind, tree: Node, covered: pl.Series | None, points: Points) -> list[dict[str, Any] | None]:
    counted = behind.counts(tree, points)
    if counted is None:
        return []
    rows = [
        {name: [row[name], row[f"{name}:of"]] for name in ("values", "regions", "periods")}
        for row in counted.iter_rows(named=True)
    ]
    return [
        row if may else None
        for row, may in zip(rows, covered if covered is not None else [True] * len(rows), strict=True)
    ]
