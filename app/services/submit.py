"""A clerk or a source department reports: gate, reading, checks, and one transaction that stores all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, Protocol

import orjson

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.errors import Finding, Problem
from app.formats.reading import read_workbook
from app.intake import ChangeSet, Context, Reading, RecordChange, compare, read_json_rows, read_workbook_rows
from app.intake.change_list import ChangeList
from app.intake.laid_over import LaidOver
from app.intake.packed import PackedValues
from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import Permit
from app.services.pending import document_of_reading
from app.services.rechecks import Elsewhere
from app.services.recognise import recognise
from app.services.registry import Registry, State
from app.services.renewal_by_report import renew_reported
from app.services.revisions import sealed_revision
from app.services.surroundings import surroundings
from app.services.view_submission import Plain, ThroughView, through_view
from app.store import idempotency, records, submissions
from app.store.database import Write
from app.store.ids import new_id
from app.store.submissions import StoredSubmission

Mode = Literal["apply", "check"]
_FEW = 200  # records that are written in milliseconds: such a submission may share its commit with others


@dataclass(frozen=True, slots=True)
class SubmissionRequest:
    """What was handed in: a workbook (``data`` and ``filename``) or JSON ``rows``, and what is said about it.

    ``view``: it is laid out as this view, and is read back through it. ``file_digest``: of a stream of rows that is read
    from a file piece by piece, its SHA-256.
    """

    dataset: str | None
    period: str | None
    region: str | None
    mode: Mode
    filename: str | None = None
    data: bytes | None = None
    rows: Sequence[Any] | None = None
    idempotency_key: str | None = None
    view: str | None = None
    file_digest: str | None = None

    def digest(self) -> str:
        said = [self.dataset, self.period, self.region, self.mode, self.filename, self.rows]
        digest = hashlib.sha256(orjson.dumps([*said, self.view] if self.view is not None else said, default=str))
        digest.update(self.data or (self.file_digest or "").encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a submission. ``replayed`` says that it was given before, under the same idempotency key."""

    status: int
    body: Mapping[str, Any]
    replayed: bool = False


class Verdict(Protocol):
    """What a submission came to: every finding that is told, and the counts of its rows."""

    @property
    def findings(self) -> Sequence[Finding]: ...

    @property
    def ledger(self) -> dict[str, int]: ...


def submit(registry: Registry, caller: Caller, request: SubmissionRequest) -> Outcome:
    """Take in a submission. Raises Problem: 403, 404, 413, 415, or 422 with every fault of what was handed in."""
    state = registry.state()
    known = replay(registry, caller, request)
    if known is not None:
        return known
    lens = _through_view(registry, state, caller, request)
    dataset = lens.dataset if lens is not None else dataset_of(registry, state, caller, request)
    permit = gate.permit_submission(caller, dataset)
    identity = new_id()
    try:
        context = context_of(registry, state, permit, dataset, request)
    except Problem as fault:
        if fault.code != "invalid_submission":
            raise
        # What is said about the whole is wrong, so nothing below it can be judged; it was tried all the same.
        nothing = ChangeSet([], [], [], list(fault.findings), 0, 0)
        return keep_attempt(registry, state, permit, dataset, request, identity, nothing)
    read = lens.read(context) if lens is not None else Plain(_read(request, context))
    refuse_foreign_regions(read.findings)
    if request.mode == "check":
        with registry.database.read() as cx:
            held = records.held(cx, dataset.code, read.keys)
            reading = read.settled(held)
            changes = compare(reading, held, context, surroundings(cx, state, permit, reading, context))
            changes = Elsewhere(state, permit, context).told(cx, changes)
    else:
        keys = read.keys
        with registry.database.write(shared=len(keys) <= _FEW) as write:
            again = recorded(write, caller, request)
            if again is not None:
                return again
            held = records.held(write.connection, dataset.code, keys)
            reading = read.settled(held)
            changes = compare(reading, held, context, surroundings(write.connection, state, permit, reading, context))
            changes = Elsewhere(state, permit, context).told(write.connection, changes)
            if changes.acceptable:
                new = not held
                return _store(registry, state, write, permit, dataset, request, identity, reading, changes, new=new)
    return keep_attempt(registry, state, permit, dataset, request, identity, changes)


def _store(  # noqa: PLR0913 - all that the check has found out
    registry: Registry,
    state: State,
    write: Write,
    permit: Permit,
    dataset: Dataset,
    request: SubmissionRequest,
    identity: str,
    reading: Reading,
    changes: ChangeSet,
    *,
    new: bool,
) -> Outcome:
    pending = dataset.confirmation == "second_person" and bool(changes.new or changes.changed)
    stored = submission_of(
        state, permit, dataset, request, identity, changes, "pending" if pending else "applied", registry.today()
    )
    if pending:
        stored = replace(stored, pending=document_of_reading(reading))
    elif changes.new or changes.changed:
        stored = replace(stored, epoch=records.epoch_of(write, identity))
    submissions.insert(write, permit, stored)
    if not pending:
        records.apply(write, permit, identity, dataset.code, stamped(changes, identity), none_held=new)
        renew_reported(write, permit, dataset, reading, identity)
    revision = sealed_revision(registry, write.connection, state, dataset, permit)
    outcome = Outcome(202 if pending else 201, body_of(stored, revision))
    record(write, permit.caller, request, outcome)
    return outcome


def keep_attempt(
    registry: Registry,
    state: State,
    permit: Permit,
    dataset: Dataset,
    request: SubmissionRequest,
    identity: str,
    changes: Verdict,
) -> Outcome:
    """Keep that it was tried, and nothing else; a check is answered whatever it found."""
    status = "checked" if request.mode == "check" else "rejected"
    stored = submission_of(state, permit, dataset, request, identity, changes, status, registry.today())
    with registry.database.write(shared=True) as write:
        submissions.insert(write, permit, stored)
        revision = sealed_revision(registry, write.connection, state, dataset, permit)
        body = body_of(stored, revision)
        outcome = (
            Outcome(200, body) if status == "checked" else Outcome(422, _refusal(body, changes.findings).document())
        )
        record(write, permit.caller, request, outcome)
    if status == "rejected":
        raise _refusal(body, changes.findings)
    return outcome


def _refusal(body: Mapping[str, Any], findings: Sequence[Finding]) -> Problem:
    errors = sum(1 for finding in findings if finding.severity == "error")
    told = ("id", "dataset", "period", "mode", "counts", "passed_over", "refused", "findings_total")
    extra = {key: body[key] for key in told if key in body}
    detail = f"共 {errors} 处错误，未存入任何内容 ({errors} faults; nothing was stored)"
    # ``status`` is the number RFC 9457 has there, so the submission's own state is ``submission_status``.
    return Problem("invalid_submission", detail, findings, extra={**extra, "submission_status": "rejected"})


def stamped(changes: ChangeSet, identity: str) -> ChangeSet:
    """The changes with the submission's id on every value that it brought."""

    def stamp(change: RecordChange) -> RecordChange:
        if isinstance(change.values, PackedValues):
            return replace(change, values=change.values.kept(identity))
        if isinstance(change.values, LaidOver):
            return replace(change, values=change.values.stamped(identity))
        values = {
            code: _brought(value, identity) if code in change.changed else value
            for code, value in change.values.items()
        }
        return replace(change, values=values)

    def all_stamped(those: Sequence[RecordChange]) -> Sequence[RecordChange]:
        return those.stamped(stamp, identity) if isinstance(those, ChangeList) else [stamp(each) for each in those]

    return replace(changes, new=all_stamped(changes.new), changed=all_stamped(changes.changed))


def _brought(value: Reported, identity: str) -> Reported:
    # Spelt out: for a hundred thousand cells ``dataclasses.replace`` is most of the work.
    return Reported(value.number, value.unit, value.text, value.flag, value.missing, identity, value.sheet, value.cell)


def body_of(stored: StoredSubmission, revision: str) -> dict[str, Any]:
    """A submission as it is answered."""
    return {
        "id": stored.id,
        "dataset": stored.dataset,
        "period": stored.period,
        "mode": stored.mode,
        "status": stored.status,
        "revision": revision,
        **told_counts(stored.counts),
        "findings": list(stored.findings),
    }


def told_counts(kept: Mapping[str, int]) -> dict[str, Any]:
    """The counts of a submission, and beside them the rows of the file that are no records: passed over, refused.

    ``findings_total`` is told where there were more findings than are kept.
    """
    beside = {key: kept[key] for key in ("passed_over", "refused", "findings_total") if key in kept}
    return {"counts": {key: number for key, number in kept.items() if key not in beside}, **beside}


def may_write(state: State, permit: Permit, region_id: int, period: Period, today: date) -> bool:
    """Whether a record of this region and period lies within the permit, in the hierarchy of that period."""
    if permit.roots is None:
        return True
    day = today if period.frequency == "once" else period.end
    return bool(permit.roots & {region_id, *state.regions.ancestors(region_id, day)})


def dataset_of(registry: Registry, state: State, caller: Caller, request: SubmissionRequest) -> Dataset:
    if request.dataset is None:
        return recognise(registry, state, caller, request.data, request.filename, request.period)
    dataset = state.catalogue.datasets.get(request.dataset)
    if dataset is None or not gate.knows_dataset(caller, dataset):
        raise Problem("not_found", f"没有数据集 {request.dataset} (there is no such dataset)")
    return dataset


def context_of(
    registry: Registry, state: State, permit: Permit, dataset: Dataset, request: SubmissionRequest
) -> Context:
    today = registry.today()
    period = _period(dataset, request.period)
    region_id = None
    if request.region is not None:
        day = today if period is None or period.frequency == "once" else period.end
        region_id = state.regions.holder(request.region, day)
        if region_id is None:
            raise _one_finding("unknown_region", f"没有行政区划 {request.region}", "unknown region", request.region)
        if permit.roots is not None and not permit.roots & {region_id, *state.regions.ancestors(region_id, day)}:
            raise Problem("forbidden", f"无权为 {request.region} 填报 (the caller may not report for this region)")
    caller = permit.caller
    if region_id is None and caller.region_id is not None:
        own = state.regions.state(caller.region_id, today)
        if own is not None and own.level == dataset.level:
            region_id = caller.region_id
    return Context(
        dataset=dataset,
        catalogue=state.catalogue,
        regions=state.regions,
        today=today,
        root=caller.region_id,
        period=period,
        region_id=region_id,
        may_write=lambda region, when: may_write(state, permit, region, when, today),
    )


def _period(dataset: Dataset, text: str | None) -> Period | None:
    if dataset.frequency == "once":
        if text:
            raise _one_finding("period_not_taken", "该数据集不分期间，不能给出期间", "it takes no period", text)
        return Period("once", 0)
    if text is None:
        return None
    try:
        period = Period.parse(text)
    except ValueError as error:
        raise Problem("bad_request", f"期间 {text!r} 应写作 2025、2025-Q3、2025-03 等 (not a period)") from error
    if period.frequency != dataset.frequency:
        raise _one_finding(
            "wrong_frequency", f"期间 {text} 与数据集的频率不符", f"the dataset is by {dataset.frequency}", text
        )
    return period


def _one_finding(code: str, message: str, english: str, value: str) -> Problem:
    finding = Finding("error", code, message, value=value, message_en=english)
    return Problem("invalid_submission", f"{message} ({english})", [finding])


def _read(request: SubmissionRequest, context: Context) -> Reading:
    if request.rows is not None:
        return read_json_rows(request.rows, context)
    workbook = read_workbook(request.data or b"", request.filename or "")
    return read_workbook_rows(workbook, context)


def _through_view(registry: Registry, state: State, caller: Caller, request: SubmissionRequest) -> ThroughView | None:
    if request.view is None:
        return None
    file = (request.data or b"", request.filename or "") if request.rows is None else None
    return through_view(registry, state, caller, request.view, request.dataset, request.rows, file)


def refuse_foreign_regions(findings: Sequence[Finding]) -> None:
    foreign = [finding for finding in findings if finding.code == "forbidden_region"]
    if foreign:
        raise Problem("forbidden", "有无权填报的行政区划 (some regions may not be written by the caller)", foreign)


def submission_of(
    state: State,
    permit: Permit,
    dataset: Dataset,
    request: SubmissionRequest,
    identity: str,
    changes: Verdict,
    status: str,
    today: date,
) -> StoredSubmission:
    caller = permit.caller
    return StoredSubmission(
        id=identity,
        dataset=dataset.code,
        period=request.period,
        region_id=caller.region_id if request.region is None else _requested_region(state, request, today),
        mode=request.mode,
        status=status,
        channel="json" if request.rows is not None else "workbook" if request.data is not None else "ndjson",
        filename=request.filename,
        file_digest=hashlib.sha256(request.data).hexdigest() if request.data is not None else request.file_digest,
        counts=changes.ledger,
        findings=[finding.document() for finding in changes.findings],
        created_by=caller.credential_id,
        by_department=caller.department,
        by_region_id=caller.region_id,
    )


def _requested_region(state: State, request: SubmissionRequest, today: date) -> int | None:
    if request.region is None:
        return None
    try:
        day = Period.parse(request.period).end if request.period else today
    except ValueError:
        day = today
    return state.regions.holder(request.region, day)


def replay(registry: Registry, caller: Caller, request: SubmissionRequest) -> Outcome | None:
    if request.idempotency_key is None:
        return None
    with registry.database.look() as cx:
        return _matching(idempotency.find(cx, caller.credential_id, request.idempotency_key), request)


def recorded(write: Write, caller: Caller, request: SubmissionRequest) -> Outcome | None:
    if request.idempotency_key is None:
        return None
    return _matching(idempotency.find(write.connection, caller.credential_id, request.idempotency_key), request)


def _matching(found: idempotency.Kept | None, request: SubmissionRequest) -> Outcome | None:
    if found is None:
        return None
    if found.request_digest != request.digest():
        raise Problem("idempotency_mismatch", "同一幂等键不能用于不同的请求 (the key was used for another request)")
    return Outcome(found.status, found.body, replayed=True)


def record(write: Write, caller: Caller, request: SubmissionRequest, outcome: Outcome) -> None:
    if request.idempotency_key is not None:
        idempotency.keep(
            write, caller.credential_id, request.idempotency_key, request.digest(), outcome.status, outcome.body
        )
