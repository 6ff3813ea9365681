"""How fresh a held figure is, told only where the department's agreements in force cover it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from app.catalogue.periods import Period
from app.policy.scopes import Scope
from app.services.form_matching import as_department
from app.services.registry import CHINA, Registry, State
from app.services.snapshot_sources import SnapshotSources
from app.services.visible_views import department_scope
from app.store.reports import last_reported

Freshness = Mapping[str, Any]


def freshness(registry: Registry, state: State, department: str, paths: Iterable[str]) -> dict[str, Freshness]:
    """For each element that is covered and has been reported: its latest period, and the day it was reported on.

    Nothing is told of cells outside the agreements in force today, not even whether there are any.
    """
    today = registry.today()
    scope = department_scope(state, as_department(department), today)
    sources = SnapshotSources(registry, state, scope, today)
    by_dataset: dict[str, list[str]] = {}
    for path in sorted(set(paths)):
        if state.catalogue.element(path) is not None and scope.sees(path):
            by_dataset.setdefault(path.partition(".")[0], []).append(path.partition(".")[2])
    found: dict[str, Freshness] = {}
    for dataset, elements in by_dataset.items():
        found.update(_of_dataset(registry, state, scope, sources, dataset, elements))
    return found


def _of_dataset(
    registry: Registry, state: State, scope: Scope, sources: SnapshotSources, dataset: str, elements: Sequence[str]
) -> dict[str, Freshness]:
    frame = sources.rows(dataset, elements).frame
    latest: dict[tuple[int, frozenset[int]], list[str]] = {}
    for code in elements:
        if code not in frame.columns:
            continue
        held = frame.filter(pl.col(code).is_not_null())
        if held.height:
            period = int(held["period"].max())  # type: ignore[arg-type]
            where = frozenset(held.filter(pl.col("period") == period)["region"].to_list())
            latest.setdefault((period, where), []).append(code)
    found: dict[str, Freshness] = {}
    frequency = state.catalogue.datasets[dataset].frequency
    with registry.database.read() as cx:
        for (period, regions), codes in latest.items():
            reported = last_reported(cx, dataset, period, codes, sorted(regions))
            for code in codes:
                # Where records are hidden or masked, the day would tell of a report that may not be seen.
                day = None if scope.refined(f"{dataset}.{code}") else reported.get(code)
                found[f"{dataset}.{code}"] = {
                    "period": str(Period(frequency, period)) or None,
                    "reported_on": day.astimezone(CHINA).date().isoformat() if day else None,
                }
    return found


def of_column(column: Mapping[str, Any], known: Mapping[str, Freshness], state: State) -> Freshness | None:
    """The freshness of a held column, or of the stalest input of a derived one; None unless all of it is known."""
    paths = [column["element"]] if column.get("element") else list(column.get("inputs") or ())
    if not paths or not all(path in known for path in paths):
        return None

    def end(path: str) -> str:
        dataset = state.catalogue.datasets[path.partition(".")[0]]
        period = known[path]["period"]
        return Period.parse(period, dataset.frequency).end.isoformat() if period else "9999"

    return known[min(paths, key=end)]
