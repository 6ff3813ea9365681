"""Which dataset a workbook is of, when its sender does not say: the one whose columns it has, if there is only one."""

from __future__ import annotations

from dataclasses import replace

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.errors import Finding, Problem
from app.formats.reading import read_workbook
from app.intake import Context, Workbook, read_workbook_rows
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State

_OTHERS = frozenset({"unknown_column", "no_table", "other_dataset", "ambiguous_column"})
_ENOUGH_ROWS = 60  # headings stand at the top; the figures below them say nothing of the dataset


def recognise(
    registry: Registry, state: State, caller: Caller, data: bytes | None, filename: str | None, period: str | None
) -> Dataset:
    """The one dataset the caller reports to whose elements the headings name best; a 422 when there is not just one."""
    if data is None:
        raise Problem("bad_request", "须给出 dataset (a dataset is needed)")
    workbook = _top(read_workbook(data, filename or ""))
    stamped = state.catalogue.datasets.get(workbook.stamp.get("dataset", ""))
    if stamped is not None and gate.reports_to(caller, stamped):
        return stamped
    scored: list[tuple[int, str]] = []
    for code, dataset in sorted(state.catalogue.datasets.items()):
        assumed = _period(registry, dataset, period)
        if assumed is None or not gate.reports_to(caller, dataset):
            continue
        context = Context(
            dataset, state.catalogue, state.regions, registry.today(), root=caller.region_id, period=assumed
        )
        reading = read_workbook_rows(workbook, context)
        named = {element for row in reading.rows for element in row.place.cells}
        strange = sum(1 for finding in reading.findings if finding.code in _OTHERS)
        if named:
            scored.append((len(named) - strange, code))
    scored.sort(reverse=True)
    if scored and (len(scored) == 1 or scored[0][0] > scored[1][0]):
        return state.catalogue.datasets[scored[0][1]]
    candidates = "、".join(code for score, code in scored if score == scored[0][0]) or "（无）"
    message = f"无法从表头判断属于哪个数据集，请给出 dataset；可能是: {candidates}"
    finding = Finding("error", "dataset_not_recognised", message, message_en="say which dataset it is")
    raise Problem("invalid_submission", f"{message} (say which dataset it is)", [finding])


def _top(workbook: Workbook) -> Workbook:
    return replace(workbook, grids=tuple(replace(grid, rows=grid.rows[:_ENOUGH_ROWS]) for grid in workbook.grids))


def _period(registry: Registry, dataset: Dataset, given: str | None) -> Period | None:
    """The period to read by: what was given, if it is one of the dataset's; where nothing was, any will do."""
    if given is None:
        return Period.of(registry.today(), dataset.frequency)
    try:
        return Period.parse(given, dataset.frequency)
    except ValueError:
        return None
