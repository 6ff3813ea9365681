"""Reporting through a view: a file in a department's own layout, read back into the one dataset that it is about.

Who may not report to anything that a view reads back into is not told whether the view is there: both give the same 404.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.catalogue.model import Dataset
from app.errors import Finding, Problem
from app.formats.reading import read_workbook
from app.intake import Context, HeldRecord, Reading, RecordKey, Workbook
from app.intake.row_list import RowList
from app.intake.view_reading import ReadBack, fields_named, read_json_back, read_workbook_back
from app.intake.view_words import ViewWords, view_words
from app.mapping.reverse import Reversal, ReversedField, reverse
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State, StoredView


@dataclass(frozen=True)
class ThroughView:
    """One dataset as it is reported to through a view."""

    dataset: Dataset
    words: ViewWords
    workbook: Workbook | None
    rows: list[Any] | None

    def read(self, context: Context) -> ReadBack:
        """What was handed in; ``context`` is the dataset's own."""
        if self.rows is not None:
            return read_json_back(self.rows, self.words, context)
        return read_workbook_back(self.workbook or Workbook(()), self.words, context)


@dataclass(frozen=True)
class Plain:
    """A file in the dataset's own words: what it says does not depend on what is held."""

    reading: Reading

    @property
    def findings(self) -> Sequence[Finding]:
        return self.reading.findings

    @property
    def keys(self) -> list[RecordKey]:
        rows = self.reading.rows
        return rows.record_keys() if isinstance(rows, RowList) else [row.record_key for row in rows]

    def settled(self, _: Mapping[RecordKey, HeldRecord]) -> Reading:
        return self.reading


def through_view(
    registry: Registry,
    state: State,
    caller: Caller,
    view: str,
    dataset: str | None,
    rows: Iterable[Any] | None,
    file: tuple[bytes, str] | None,
) -> ThroughView:
    """How the caller's file in the layout of ``view`` is read. Raises Problem: 404, or 422 where it is of no one dataset."""
    reversal = _reversal(state, caller, view)
    into = [code for code in reversal.datasets if gate.reports_to(caller, state.catalogue.datasets[code])]
    if dataset is not None:
        into = [code for code in into if code == dataset]
        if not into:
            raise Problem(
                "not_found", f"视图 {view} 没有可读回到 {dataset} 的字段 (nothing of the view reads back there)"
            )
    given = list(rows) if rows is not None else None
    workbook = read_workbook(*file) if file is not None else None
    lenses = [_lens(state, caller, reversal, code, workbook, given) for code in into]
    chosen = lenses[0] if len(lenses) == 1 else _only(registry, state, caller, lenses)
    absent = reversal.missing_key(chosen.dataset)
    if absent:
        titles = "、".join(chosen.dataset.by_code[code].title for code in absent)
        raise _refusal(
            "view_without_key", f"视图 {view} 没有关键项：{titles}，不能读回", "the view lacks a key element"
        )
    return chosen


def _reversal(state: State, caller: Caller, view: str) -> Reversal:
    stored = state.views.get(view)
    reversal = reversal_of(state, stored) if stored is not None else Reversal(())
    own = stored is not None and (caller.kind == "region" or stored.spec.department == caller.department)
    if not own or not any(gate.reports_to(caller, state.catalogue.datasets[code]) for code in reversal.datasets):
        raise Problem(
            "not_found",
            f"没有视图 {view}，或其中没有可读回到本人所填报数据集的字段"
            f" (no such view, or nothing of it reads back into a dataset that the caller reports to)",
        )
    return reversal


def reversal_of(state: State, stored: StoredView) -> Reversal:
    """The view read the other way, once for each state."""
    key = ("reversal", stored.stored.code, stored.stored.version)
    found = state.derived.get(key)
    if not isinstance(found, Reversal):
        found = state.derived[key] = reverse(stored.plan, state.catalogue)
    return found


def _lens(
    state: State, caller: Caller, reversal: Reversal, code: str, workbook: Workbook | None, rows: list[Any] | None
) -> ThroughView:
    dataset = state.catalogue.datasets[code]

    def may_know(field: ReversedField) -> bool:
        for path in field.elements:
            element = state.catalogue.element(path)
            if element is None:
                return False
            if not gate.knows_element(caller, state.catalogue.datasets[element.dataset], element):
                return False
        return True

    return ThroughView(dataset, view_words(reversal, dataset, state.catalogue, may_know), workbook, rows)


def _only(registry: Registry, state: State, caller: Caller, lenses: list[ThroughView]) -> ThroughView:
    """The one dataset that the file's fields rest on; a finding that names them where there are several or none."""
    today = registry.today()
    named: dict[str, list[str]] = {}
    for lens in lenses:
        context = Context(lens.dataset, state.catalogue, state.regions, today, root=caller.region_id)
        found = _fields_given(lens) if lens.workbook is None else fields_named(lens.workbook, lens.words, context)
        if found:
            named[lens.dataset.code] = sorted(found)
    if len(named) == 1:
        return next(lens for lens in lenses if lens.dataset.code in named)
    listed = "；".join(f"{code}（{'、'.join(fields)}）" for code, fields in named.items())
    candidates = listed or "、".join(lens.dataset.code for lens in lenses)
    raise _refusal(
        "several_datasets",
        f"文件中的字段不止属于一个数据集，或无法判断，请给出 dataset 分别上报: {candidates}",
        "the fields do not rest on one dataset; name the dataset and send the file once for each",
    )


def _fields_given(lens: ThroughView) -> frozenset[str]:
    names = {field.name for field in lens.words.fields.values() if field.path is not None}
    return frozenset(name for row in lens.rows or () if isinstance(row, Mapping) for name in row if name in names)


def _refusal(code: str, message: str, english: str) -> Problem:
    finding = Finding("error", code, message, message_en=english)
    return Problem("invalid_submission", f"{message} ({english})", [finding])


def described_reversal(registry: Registry, caller: Caller, view: str) -> dict[str, Any]:
    """For an administrator: field by field what reads back, where to, and why the others do not. Raises 403, 404."""
    gate.permit_administration(caller)
    state = registry.state()
    stored = state.views.get(view)
    if stored is None:
        raise Problem("not_found", f"没有视图 {view} (there is no such view)")
    reversal = reversal_of(state, stored)
    return {
        "view": view,
        "version": stored.stored.version,
        "datasets": [
            {"dataset": code, "missing_key": list(reversal.missing_key(state.catalogue.datasets[code]))}
            for code in reversal.datasets
        ],
        "fields": [field.document() for field in reversal.fields],
    }
