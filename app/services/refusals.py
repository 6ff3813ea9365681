"""What waits for its second person and is not to be stored: refused by that person, or taken back by its sender."""

from __future__ import annotations

from typing import Any, Literal

from app.errors import Problem
from app.policy import gate
from app.policy.audiences import Audience
from app.policy.callers import Caller
from app.policy.scopes import Permit
from app.services.pending import reading_of_document
from app.services.record_places import given_reason
from app.services.registry import Registry
from app.services.submissions import submission, visible_submission
from app.services.submit import may_write
from app.store import credentials
from app.store import submissions as kept
from app.store.database import Write
from app.store.events import Event, announce
from app.store.submissions import StoredSubmission


def refuse(registry: Registry, caller: Caller, identity: str, reason: Any) -> dict[str, Any]:
    """Someone else of the source refuses it, saying why; whoever handed it in is told. Nothing of it is stored."""
    why = given_reason(reason)
    state, today = registry.state(), registry.today()
    with registry.database.write() as write:
        found = visible_submission(registry, state, caller, identity, write.connection)
        dataset = state.catalogue.datasets[found.dataset]
        _demand_waiting(found)
        permit = gate.permit_confirmation(caller, dataset, found.created_by)
        rows = reading_of_document(found.pending, dataset).rows
        if not all(may_write(state, permit, row.region_id, row.period, today) for row in rows):
            raise Problem("forbidden", "有无权处理的行政区划 (some regions lie outside the caller's own)")
        _end(write, permit, found, "refused", why)
        data = {"dataset": found.dataset, "period": found.period, "reason": why}
        announce(write, Event("submission.refused", identity, _senders(write, found), data))
    return submission(registry, caller, identity)


def take_back(registry: Registry, caller: Caller, identity: str) -> dict[str, Any]:
    """Whoever handed it in takes it back before anybody has confirmed it."""
    state = registry.state()
    with registry.database.write() as write:
        found = visible_submission(registry, state, caller, identity, write.connection)
        _demand_waiting(found)
        permit = gate.permit_taking_back(caller, state.catalogue.datasets[found.dataset], found.created_by)
        _end(write, permit, found, "withdrawn", None)
    return submission(registry, caller, identity)


def _senders(write: Write, found: StoredSubmission) -> Audience:
    """All who act for whoever handed it in: its region's keys, or its department's."""
    sender = credentials.get(write.connection, found.created_by)
    owner = gate.owner_of_webhooks(sender.caller) if sender is not None else None
    return owner or Audience.credential(found.created_by)


def _demand_waiting(found: StoredSubmission) -> None:
    if found.status != "pending":
        raise Problem("conflict", f"该填报的状态为 {found.status}，不在待确认 (it does not wait for a confirmation)")


def _end(
    write: Write, permit: Permit, found: StoredSubmission, status: Literal["refused", "withdrawn"], why: str | None
) -> None:
    kept.confirm(
        write,
        permit,
        found.id,
        found.dataset,
        status=status,
        counts=found.counts,
        findings=found.findings,
        epoch=None,
        reason=why,
    )
