"""Which dataset a workbook is of, when its sender does not say: the one whose columns it has, if there is only one."""

from __future__ import annotations

from app.catalogue.model import Dataset
from app.errors import Finding, Problem
from app.formats.reading import read_workbook
from app.intake import Context, read_workbook_rows
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State

_NOT_ITS_HEADINGS = frozenset({"unknown_column", "no_table", "no_element_column"})


def recognise(registry: Registry, state: State, caller: Caller, data: bytes | None, filename: str | None) -> Dataset:
    """The one dataset the caller reports to whose elements the headings name; a 422 when it is not exactly one."""
    if data is None:
        raise Problem("bad_request", "须给出 dataset (a dataset is needed)")
    workbook = read_workbook(data, filename or "")
    scored: list[tuple[int, str]] = []
    for code, dataset in sorted(state.catalogue.datasets.items()):
        if not gate.reports_to(caller, dataset):
            continue
        context = Context(dataset, state.catalogue, state.regions, registry.today(), root=caller.region_id)
        reading = read_workbook_rows(workbook, context)
        named = {element for row in reading.rows for element in row.place.cells}
        strange = sum(1 for finding in reading.findings if finding.code in _NOT_ITS_HEADINGS)
        if named and not strange:
            scored.append((len(named), code))
    scored.sort(reverse=True)
    if scored and (len(scored) == 1 or scored[0][0] > scored[1][0]):
        return state.catalogue.datasets[scored[0][1]]
    candidates = "、".join(code for _, code in scored) or "（无）"
    message = f"无法从表头判断属于哪个数据集，请给出 dataset；可能是: {candidates}"
    finding = Finding("error", "dataset_not_recognised", message, message_en="say which dataset it is")
    raise Problem("invalid_submission", f"{message} (say which dataset it is)", [finding])
