"""An administrator answers a request for access: grants or refuses what waits, puts the answer off once, delivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from app.errors import Fault, Problem
from app.policy import gate
from app.policy.agreement_documents import normal_agreement, parse_agreement
from app.policy.audiences import Audience
from app.policy.callers import Caller
from app.services.access_asking import agreement_asked, narrowed, narrowing_faults
from app.services.access_requests import GRANTED, PARTLY, announced, document_of, settled, stored_request
from app.services.granting import put_agreement
from app.services.registry import Registry, State
from app.services.views import invalid
from app.services.work_calendar import working_days
from app.store import access_requests as kept
from app.store.access_requests import WAITING, AccessGrant, Step, StoredAccessRequest

Verdict = Literal["grant", "refuse"]
_FIXED = ("code", "department", "purpose", "legal_basis")


def decide_request(
    registry: Registry,
    caller: Caller,
    identity: str,
    verdict: Verdict,
    reason: str | None,
    agreement: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Answer what waits, once. A grant makes an agreement, which may give less than was asked and set terms.

    ``agreement`` has what is to be different from what was asked: elements, regions, periods, valid, and terms such as
    ``masks``. Less than was asked needs a reason. Raises 409 when nothing waits, 422 with every fault.
    """
    permit = gate.permit_administration(caller)
    with registry.database.write() as write:
        request = stored_request(write.connection, caller, identity)
        if request.status not in WAITING:
            raise Problem("conflict", "申请已经答复或撤回 (it was answered or withdrawn already)")
        state, today = registry.state(), registry.today()
        waiting = [item["element"] for item in request.items if item["state"] == "waiting"]
        if verdict == "refuse":
            if agreement is not None:
                raise Problem("bad_request", "不同意时不给出协议 (a refusal has no agreement)")
            _need_reason(reason)
            items = _answered(request, [], None, reason)
            changed = replace(request, items=items, status=settled(items, request.status))
            told: dict[str, Any] = {"verdict": "refuse", "elements": waiting}
        else:
            document, less = _agreement(state, request, waiting, agreement or {}, registry)
            given = list(document["elements"])
            if less or len(given) < len(waiting):
                _need_reason(reason)
            put_agreement(registry, write, permit, document)
            days = int(request.rules["delivery"]["working_days"])
            due = working_days(state).after(today, days)
            kept.add_grant(write, permit, request.id, AccessGrant(document["code"], False, due))
            items = _answered(request, given, document["code"], reason)
            status = settled(items, request.status)
            changed = replace(request, items=items, status=PARTLY if less and status == GRANTED else status)
            told = {"verdict": "grant", "elements": given, "agreement": document["code"]}
        step = Step("decided", caller.credential_id, reason, {**told, "status": changed.status})
        kept.change(write, permit, changed, step)
        announced(write, changed, Audience.department(request.department))
        return document_of(write.connection, caller, identity, today)


def extend_request(registry: Registry, caller: Caller, identity: str, reason: str) -> dict[str, Any]:
    """Put the answer off, once, before its day is over. Raises 409 otherwise."""
    permit = gate.permit_administration(caller)
    with registry.database.write() as write:
        request = stored_request(write.connection, caller, identity)
        state, today = registry.state(), registry.today()
        extension = int(request.rules["reply_conditional"]["extension"])
        if request.status != "submitted":
            raise Problem("conflict", "已经答复、撤回或延长过 (it was answered, withdrawn or put off already)")
        if request.reply_due < today:
            raise Problem("conflict", "答复期限已过，不能再延长 (its day is over)")
        if not extension:
            raise Problem("conflict", "按规定不能延长 (it may not be put off)")
        _need_reason(reason)
        due = working_days(state).after(request.reply_due, extension)
        changed = replace(request, status="extended", extended=True, reply_due=due)
        told = {"from": request.reply_due.isoformat(), "until": due.isoformat()}
        kept.change(write, permit, changed, Step("extended", caller.credential_id, reason, told))
        announced(write, changed, Audience.department(request.department))
        return document_of(write.connection, caller, identity, today)


def deliver_request(registry: Registry, caller: Caller, identity: str, note: str | None) -> dict[str, Any]:
    """Say that what was granted is delivered. 409 when there is nothing to deliver."""
    permit = gate.permit_administration(caller)
    with registry.database.write() as write:
        request = stored_request(write.connection, caller, identity)
        if not kept.deliver(write, permit, request.id):
            raise Problem("conflict", "没有待交付的内容 (there is nothing to deliver)")
        status = "delivered" if request.status in (GRANTED, PARTLY) else request.status
        changed = replace(request, status=status)
        kept.change(write, permit, changed, Step("delivered", caller.credential_id, note))
        announced(write, changed, Audience.department(request.department))
        return document_of(write.connection, caller, identity, registry.today())


def _agreement(
    state: State, request: StoredAccessRequest, waiting: list[str], given: Mapping[str, Any], registry: Registry
) -> tuple[dict[str, Any], bool]:
    """The agreement to be made, and whether it gives less than was asked beside elements left out."""
    file = f"request:{request.id}"
    faults = [Fault(file, key, "由申请决定，不能更改 (the request says it)") for key in _FIXED if key in given]
    chosen: list[str] = []
    patterns = given.get("elements", waiting)
    for i, pattern in enumerate(patterns if isinstance(patterns, list) else []):
        text = str(pattern)
        found = [path for path in waiting if path == text or (text.endswith(".*") and path.startswith(text[:-1]))]
        if not found:
            faults.append(Fault(file, f"elements[{i}]", f"{text} 不在待答复的数据项之列 (nothing of it waits)"))
        chosen += [path for path in found if path not in chosen]
    asked = agreement_asked(request.asked, f"request-{request.id}", request.department, waiting)
    further = {key: value for key, value in given.items() if key not in (*_FIXED, "elements")}
    document = {**asked, **further, "elements": chosen or waiting}
    if not isinstance(patterns, list) or not patterns:
        faults.append(Fault(file, "elements", "须列出至少一个数据项 (elements are needed)"))
    faults += parse_agreement(document, file)[1]
    if not faults:
        faults += narrowing_faults(state, request.asked, document, file, registry.today())
    if faults:
        raise invalid(faults)
    settled_document = normal_agreement(document)
    return settled_document, narrowed(normal_agreement(asked), settled_document)


def _answered(
    request: StoredAccessRequest, given: list[str], code: str | None, reason: str | None
) -> list[dict[str, Any]]:
    items = []
    for item in request.items:
        if item["state"] != "waiting":
            items.append(dict(item))
        elif item["element"] in given:
            items.append({**item, "state": "granted", "agreement": code})
        else:
            items.append({**item, "state": "refused", "reason": reason})
    return items


def _need_reason(reason: str | None) -> None:
    if reason is None or not reason.strip():
        raise Problem("bad_request", "不同意、少给或延长须说明理由 (less than was asked, or later, needs a reason)")
