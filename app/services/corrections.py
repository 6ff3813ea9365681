"""校核: a department or an auditor questions a figure, its source answers, and those who had the old value are told.

Nobody but the source ever changes a value: to correct is to report anew, in the ordinary way, and to name that submission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import polars as pl

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.errors import Problem
from app.policy import gate
from app.policy.audiences import Audience
from app.policy.callers import Caller
from app.services import figure_notices
from app.services.evidence_access import attach_to_question
from app.services.record_places import day_of, given_reason, read_key, read_period, read_region, shown_place, within
from app.services.registry import Registry, State
from app.services.snapshot_sources import SnapshotSources
from app.services.source_audiences import SourceAudiences
from app.services.submissions import visible_submission
from app.services.visible_views import department_scope
from app.services.work_calendar import working_days
from app.store import corrections as kept
from app.store import epochs, records
from app.store.corrections import FigureChange, Seat, StoredCorrection
from app.store.events import Event, announce
from app.store.ids import new_id
from app.store.records import RecordVersion

Stage = Literal["open", "overdue", "corrected", "upheld"]
_PAGE = 100
_LARGEST_PAGE = 1_000
_NO_FIGURE = "没有可校核的这一数据 (there is no such figure to question)"
_NONE = "没有这个校核申请 (there is no such correction)"


def ask(registry: Registry, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Question one figure. A department questions what it may see now; all else is the 404 of what is not there.

    An auditor sees no figures and may question any that is not closed; it is not told whether one is held.
    """
    permit = gate.permit_question(caller)
    state, today = registry.state(), registry.today()
    dataset = state.catalogue.datasets.get(asked["dataset"])
    if dataset is None or not gate.knows_dataset(caller, dataset):
        raise Problem("not_found", _NO_FIGURE)
    element = dataset.by_code.get(asked["element"])
    if element is None or not gate.knows_element(caller, dataset, element):
        raise Problem("not_found", _NO_FIGURE)
    when = read_period(dataset, asked.get("period"))
    region_id = read_region(state, asked.get("region"), when, today)
    reason, seen = given_reason(asked.get("reason")), _seen(asked.get("value"))
    shown_key = read_key(state, dataset, asked.get("key") or {})
    key = _held_key(registry, state, caller, dataset, element.code, (region_id, when, shown_key))
    with registry.database.write() as write:
        due_on = working_days(state).after(today, registry.settings.correction_working_days)
        made = StoredCorrection(
            id=new_id(), dataset=dataset.code, element=element.code, region_id=region_id, period=when.ordinal, key=key,
            shown_key=shown_key, seen=seen, reason=reason, evidence=tuple(asked.get("evidence") or ()),
            epoch=epochs.current(write.connection), due_on=due_on, asked_by=caller.credential_id,
            by_department=caller.department, asked_at=write.now,
        )  # fmt: skip
        attach_to_question(write, caller, made)
        kept.insert(write, permit, made)
        data = {"dataset": dataset.code, "element": element.code, **shown_place(state, region_id, when, today)}
        audiences = SourceAudiences(write.connection, state, registry.now()).of(dataset, region_id, day_of(when, today))
        told = [Event("correction.asked", made.id, each, {**data, "due": due_on.isoformat()}) for each in audiences]
        announce(write, *told)
    return _document(registry, state, caller, made)


def _held_key(
    registry: Registry,
    state: State,
    caller: Caller,
    dataset: Dataset,
    element: str,
    place: tuple[int, Period, tuple[str, ...]],
) -> tuple[str, ...]:
    """The key as it is held, where the caller may see the figure. Raises 404 for what it does not see."""
    region_id, when, shown_key = place
    if caller.kind == "auditor":
        return shown_key
    sources = SnapshotSources(registry, state, department_scope(state, caller, registry.today()), registry.today())
    frame = sources.rows(dataset.code, [element]).frame
    wanted = (pl.col("region") == region_id) & (pl.col("period") == when.ordinal)
    for name, value in zip(dataset.key, shown_key, strict=True):
        wanted = wanted & (pl.col(name) == value)
    if element not in frame.columns or frame.filter(wanted & pl.col(element).is_not_null()).is_empty():
        raise Problem("not_found", _NO_FIGURE)
    return sources.coverage.held_key(dataset, shown_key)


def _seen(value: Any) -> Any:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return str(value)
    if value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= 400):
        return value
    raise Problem("bad_request", "value 应为所见的值：数、文字或是否 (the value as it was seen)")


def answer(
    registry: Registry, caller: Caller, identity: str, decision: str, submission: str | None, reason: Any
) -> dict[str, Any]:
    """The source answers: ``corrected`` by a submission made since that changed this very cell, or ``upheld`` with a reason."""
    state, today = registry.state(), registry.today()
    who: dict[str, set[str]] = {}
    with registry.database.read() as cx:
        found = kept.get(cx, identity, seat(registry, state, caller))
        if found is None or found.dataset not in state.catalogue.datasets:
            raise Problem("not_found", _NONE)
        dataset = state.catalogue.datasets[found.dataset]
        permit = gate.permit_submission(caller, dataset)
        period = Period(dataset.frequency, found.period)
        if not within(state, permit.roots, found.region_id, period, today):
            raise Problem("forbidden", "该行政区划不在本人范围之内 (the region is not the caller's)")
        change: FigureChange | None = None
        if decision == "corrected":
            if not submission:
                raise Problem("bad_request", "须给出更正所用的填报编号 submission (the submission that corrects it)")
            one = visible_submission(registry, state, caller, submission, cx)
            if one.dataset != found.dataset or one.status != "applied":
                raise Problem("conflict", "该填报未入库，或不属于这个数据集 (not applied, or of another dataset)")
            history = records.history(cx, dataset.code, found.region_id, period, found.key)
            change = _changed_by(history, found, one.id)
            # What was changed is past, so that who had the old value is settled by now.
            who = figure_notices.received(registry, state, change, history)
        words = given_reason(reason) if decision == "upheld" or reason else None
    with registry.database.write() as write:
        linked = submission if decision == "corrected" else None
        if not kept.answer(write, permit, found.id, decision, words, linked):
            raise Problem("conflict", "已经答复过 (it has been answered)")
        if change is not None:
            figure_notices.tell(registry, write, state, change, who)
        announce(write, _answered(registry, state, found, decision))
        answered = kept.get(write.connection, found.id, Seat(everything=True)) or found
    return _document(registry, state, caller, answered)


def _changed_by(history: Sequence[RecordVersion], found: StoredCorrection, submission: str) -> FigureChange:
    """The change that the submission made of the cell that was questioned. Raises 409 if it made none since."""
    after = next((each for each in history if each.submission_id == submission and each.epoch > found.epoch), None)
    before = next((each for each in history if after is not None and each.superseded_epoch == after.epoch), None)
    if after is not None and before is not None:
        old, new = (figure_notices.said(each.values.get(found.element)) for each in (before, after))
        if old != new:
            return FigureChange(
                "", found.dataset, (found.element,), found.region_id, found.period, found.key,
                after.epoch - 1, after.epoch, "corrected",
            )  # fmt: skip
    raise Problem(
        "conflict", "该填报没有在申请之后改动这一数据 (it did not change this figure since it was questioned)"
    )


def _answered(registry: Registry, state: State, found: StoredCorrection, decision: str) -> Event:
    dataset = state.catalogue.datasets[found.dataset]
    place = shown_place(state, found.region_id, Period(dataset.frequency, found.period), registry.today())
    audience = Audience.department(found.by_department) if found.by_department else Audience.credential(found.asked_by)
    data = {"dataset": found.dataset, "element": found.element, **place, "decision": decision}
    return Event("correction.answered", found.id, audience, data)


def seat(registry: Registry, state: State, caller: Caller) -> Seat:
    """Which questions a caller sees: those it asked; those to what it reports; an administrator all."""
    if caller.administers:
        return Seat(everything=True)
    mine = [code for code, each in state.catalogue.datasets.items() if gate.cares_for(caller, each)]
    regions = state.regions.subtree(caller.region_id, registry.today()) if caller.region_id is not None else None
    credential = caller.credential_id if caller.department is None else None
    return Seat(department=caller.department, credential=credential, datasets=mine, regions=regions)


def one(registry: Registry, caller: Caller, identity: str) -> dict[str, Any]:
    """One question. Raises 404 also for one that the caller may not see."""
    state = registry.state()
    with registry.database.read() as cx:
        found = kept.get(cx, identity, seat(registry, state, caller))
    if found is None or found.dataset not in state.catalogue.datasets:
        raise Problem("not_found", _NONE)
    return _document(registry, state, caller, found)


def listed(
    registry: Registry, caller: Caller, dataset: str | None, stage: str | None, limit: int | None, cursor: str | None
) -> dict[str, Any]:
    """The questions a caller sees, newest first; ``overdue`` are open ones past their day."""
    state, today = registry.state(), registry.today()
    size = _PAGE if limit is None else limit
    if not 1 <= size <= _LARGEST_PAGE:
        raise Problem("bad_request", f"limit 应为 1 至 {_LARGEST_PAGE} (limit is from 1 to {_LARGEST_PAGE})")
    if stage not in {None, *get_args(Stage)}:
        raise Problem("bad_request", f"status 应为 {', '.join(get_args(Stage))} 之一 (not a status)")
    after = None
    if cursor is not None:
        at, identity = registry.sealer.open("corrections", cursor)
        after = (datetime.fromisoformat(at), identity)
    overdue = stage == "overdue"
    with registry.database.read() as cx:
        found = kept.visible(
            cx,
            seat(registry, state, caller),
            dataset=dataset,
            status=None if overdue else stage,
            overdue_on=today if overdue else None,
            after=after,
            limit=size + 1,
        )
    page, following = found[:size], None
    if len(found) > size and page[-1].asked_at is not None:
        following = registry.sealer.seal("corrections", [page[-1].asked_at.isoformat(), page[-1].id])
    known = [each for each in page if each.dataset in state.catalogue.datasets]
    return {"corrections": [_document(registry, state, caller, each) for each in known], "next": following}


def _document(registry: Registry, state: State, caller: Caller, one: StoredCorrection) -> dict[str, Any]:
    dataset, today = state.catalogue.datasets[one.dataset], registry.today()
    asker = not caller.administers and not gate.cares_for(caller, dataset)
    key = one.shown_key if asker else one.key
    element = dataset.by_code.get(one.element)
    return {
        "id": one.id,
        "status": one.status,
        "dataset": one.dataset,
        "element": one.element,
        "title": element.title if element is not None else None,
        **shown_place(state, one.region_id, Period(dataset.frequency, one.period), today),
        "key": dict(zip(dataset.key, key, strict=True)),
        "value": one.seen,
        "reason": one.reason,
        "evidence": list(one.evidence),
        "asked_at": one.asked_at.isoformat() if one.asked_at else None,
        "asked_by": one.by_department or "auditor",
        "due": one.due_on.isoformat(),
        "overdue": one.status == "open" and one.due_on < today,
        "answered_at": one.answered_at.isoformat() if one.answered_at else None,
        "answer": one.answer,
        "submission": one.submission_id,
    }
