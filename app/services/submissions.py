"""What became of submissions: seen by those they concern, confirmed by a second person, withdrawn by the source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from app.errors import Problem
from app.intake import ChangeSet, Context, compare
from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import Permit
from app.services.directory import known_dataset
from app.services.pending import reading_of_document
from app.services.record_places import read_key, read_period
from app.services.registry import Registry, State
from app.services.renewal_by_report import renew_reported
from app.services.revisions import revision_within, sealed_revision
from app.services.submit import body_of, may_write, stamped, told_counts
from app.services.surroundings import surroundings
from app.services.withdrawal_notices import WithdrawalNotice
from app.store import records
from app.store import submissions as kept
from app.store.submissions import StoredSubmission, Viewpoint

Status = Literal["applied", "pending", "checked", "rejected", "refused", "withdrawn"]
_ENDED = ("refused", "withdrawn")  # waited for a second person, and will not be stored
_PAGE = 100
_LARGEST_PAGE = 1_000


def viewpoint(registry: Registry, state: State, caller: Caller) -> Viewpoint:
    """Whose submissions a caller sees: a region its own and those below, a department its own, an admin all."""
    if caller.administers:
        return Viewpoint(everything=True)
    if caller.kind == "department" and caller.department is not None:
        return Viewpoint(department=caller.department)
    if caller.region_id is not None:
        return Viewpoint(regions=state.regions.subtree(caller.region_id, registry.today()))
    return Viewpoint()


def list_submissions(
    registry: Registry, caller: Caller, dataset: str | None, status: str | None, limit: int | None, cursor: str | None
) -> dict[str, Any]:
    """Submissions, newest first, without their findings; ``next`` goes on."""
    state = registry.state()
    size = _PAGE if limit is None else limit
    if not 1 <= size <= _LARGEST_PAGE:
        raise Problem("bad_request", f"limit 应为 1 至 {_LARGEST_PAGE} (limit is from 1 to {_LARGEST_PAGE})")
    if status not in {None, *get_args(Status)}:
        raise Problem("bad_request", f"status 应为 {', '.join(get_args(Status))} 之一 (not a status)")
    after = None
    if cursor is not None:
        opened = registry.sealer.open("submissions", cursor)
        after = (datetime.fromisoformat(opened[0]), opened[1])
    seen = viewpoint(registry, state, caller)
    with registry.database.read() as cx:
        found = kept.visible(cx, seen, dataset=dataset, status=status, after=after, limit=size + 1)
    page = found[:size]
    following = None
    if len(found) > size and page[-1].created_at is not None:
        following = registry.sealer.seal("submissions", [page[-1].created_at.isoformat(), page[-1].id])
    return {"submissions": [_summary(registry, item) for item in page], "next": following}


def _summary(registry: Registry, item: StoredSubmission) -> dict[str, Any]:
    state, today = registry.state(), registry.today()
    region = state.regions.state(item.region_id, today) if item.region_id is not None else None
    return {
        "id": item.id,
        "dataset": item.dataset,
        "period": item.period,
        "region": region.code if region else None,
        "mode": item.mode,
        "status": item.status,
        "filename": item.filename,
        **told_counts(item.counts),
        "created_at": item.created_at.isoformat() if item.created_at else None,
        "created_by": item.created_by,
        "confirmed_at": item.confirmed_at.isoformat() if item.confirmed_at and item.status == "applied" else None,
        "confirmed_by": item.confirmed_by if item.status == "applied" else None,
        "ended_at": item.confirmed_at.isoformat() if item.confirmed_at and item.status in _ENDED else None,
        "ended_by": item.confirmed_by if item.status in _ENDED else None,
        "reason": item.reason,
    }


def submission(registry: Registry, caller: Caller, identity: str) -> dict[str, Any]:
    """One submission with its findings. Raises 404 also for one that the caller may not see."""
    state = registry.state()
    with registry.database.read() as cx:
        found = visible_submission(registry, state, caller, identity, cx)
        dataset = state.catalogue.datasets[found.dataset]
        revision = revision_within(registry, cx, state, dataset, _roots(caller))
    return {**_summary(registry, found), **body_of(found, revision)}


def _roots(caller: Caller) -> frozenset[int] | None:
    return frozenset({caller.region_id}) if caller.region_id is not None else None


def visible_submission(registry: Registry, state: State, caller: Caller, identity: str, cx: Any) -> StoredSubmission:
    """The submission, if the caller may see it; the same 404 for one that is not there."""
    found = kept.get(cx, identity, viewpoint(registry, state, caller))
    if found is None or found.dataset not in state.catalogue.datasets:
        raise Problem("not_found", f"没有填报记录 {identity} (there is no such submission)")
    return found


def confirm(registry: Registry, caller: Caller, identity: str) -> dict[str, Any]:
    """The second person confirms: what waits is judged against what is held now, and stored."""
    state = registry.state()
    with registry.database.write() as write:
        found = visible_submission(registry, state, caller, identity, write.connection)
        dataset = state.catalogue.datasets[found.dataset]
        if found.status != "pending":
            raise Problem("conflict", f"该填报的状态为 {found.status}，无需确认 (it does not wait for a confirmation)")
        permit = gate.permit_confirmation(caller, dataset, found.created_by)
        reading = reading_of_document(found.pending, dataset)
        today = registry.today()
        if not all(may_write(state, permit, row.region_id, row.period, today) for row in reading.rows):
            raise Problem("forbidden", "有无权确认的行政区划 (some regions lie outside the caller's own)")
        context = Context(
            dataset,
            state.catalogue,
            state.regions,
            today,
            may_write=lambda region, when: may_write(state, permit, region, when, today),
        )
        held = records.held(write.connection, dataset.code, [row.record_key for row in reading.rows])
        around = surroundings(write.connection, state, permit, reading, context)
        changes: ChangeSet = compare(reading, held, context, around)
        if not changes.acceptable:
            raise Problem("conflict", "数据已变化，须重新填报 (it no longer passes; report again)", changes.findings)
        epoch = records.apply(write, permit, identity, dataset.code, stamped(changes, identity))
        kept.confirm(
            write,
            permit,
            identity,
            dataset.code,
            status="applied",
            counts=changes.ledger,
            findings=found.findings,
            epoch=epoch,
        )
        renew_reported(write, permit, dataset, reading, identity)
        after = kept.get(write.connection, identity, Viewpoint(everything=True))
        revision = sealed_revision(registry, write.connection, state, dataset, permit)
    return body_of(after or found, revision)


def withdraw(
    registry: Registry,
    caller: Caller,
    code: str,
    period: str | None,
    region: str | None,
    key: Mapping[str, str],
    reason: Any,
) -> dict[str, Any]:
    """The source withdraws one record, saying why. Its history stays; its readers get a tombstone."""
    state, today = registry.state(), registry.today()
    dataset = known_dataset(state, caller, code)
    permit = gate.permit_submission(caller, dataset)
    if not isinstance(reason, str) or not reason.strip():
        raise Problem("bad_request", '须在请求体中说明理由: {"reason": "…"} (a reason is needed)')
    when = read_period(dataset, period)
    region_id = _region_of(state, permit, region, today if when.frequency == "once" else when.end, caller)
    if not may_write(state, permit, region_id, when, today):
        raise Problem("forbidden", f"无权撤回 {region} 的记录 (the region is not the caller's)")
    place = read_key(state, dataset, key)
    early = WithdrawalNotice(registry, state, dataset, (region_id, when, place))
    with registry.database.write() as write:
        epoch = records.withdraw(write, permit, dataset.code, region_id, when, place, reason.strip())
        if epoch is None:
            raise Problem("not_found", "没有这条记录 (there is no such record)")
        early.tell(write, epoch)
        revision = sealed_revision(registry, write.connection, state, dataset, permit)
    named = state.regions.state(region_id, today if when.frequency == "once" else when.end)
    return {
        "dataset": code,
        "region": named.code if named is not None else region,
        "period": str(when) or None,
        "status": "withdrawn",
        "revision": revision,
        **dict(zip(dataset.key, place, strict=True)),
    }


def _region_of(state: State, permit: Permit, code: str | None, day: Any, caller: Caller) -> int:
    if code is None:
        if caller.region_id is None:
            raise Problem("bad_request", "须给出 region (a region is needed)")
        return caller.region_id
    found = state.regions.holder(code, day)
    if found is None:
        raise Problem("not_found", f"没有行政区划 {code} (there is no such region)")
    if permit.roots is not None and not permit.roots & {found, *state.regions.ancestors(found, day)}:
        raise Problem("forbidden", f"无权撤回 {code} 的记录 (the region is not the caller's)")
    return found
