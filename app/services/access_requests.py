"""Requests for access (政务数据共享申请): handed in, looked at, withdrawn; what is open is granted by rule at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from app.errors import Problem
from app.policy import gate
from app.policy.audiences import ADMINISTRATORS, Audience
from app.policy.callers import RULE, Caller
from app.services.access_asking import Asking, agreement_asked, read_asking
from app.services.granting import put_agreement
from app.services.list_documents import deadlines
from app.services.registry import Registry, State
from app.services.work_calendar import working_days
from app.store import access_requests as kept
from app.store import events, idempotency
from app.store.access_requests import WAITING, AccessGrant, Step, StoredAccessRequest
from app.store.database import Write
from app.store.events import Event
from app.store.ids import new_id

_IDENTITY = re.compile(r"[0-9a-f-]{36}")
_PAGE = 100
_LARGEST_PAGE = 1_000
GRANTED, PARTLY, REFUSED = "granted", "partly_granted", "refused"


def file_request(
    registry: Registry, caller: Caller, given: Mapping[str, Any], key: str | None = None
) -> tuple[dict[str, Any], bool]:
    """Keep a request and answer what the rule answers. Gives it, and whether the same key brought it before.

    Raises Problem ``invalid_document`` with every fault, ``calendar_ends`` where a deadline cannot be told.
    """
    permit = gate.permit_access_request(caller)
    whose = permit.caller.department or ""
    digest = hashlib.sha256(b"access-request" + orjson.dumps(given, option=orjson.OPT_SORT_KEYS)).hexdigest()
    with registry.database.write() as write:
        known = idempotency.find(write.connection, caller.credential_id, key) if key is not None else None
        if known is not None:
            if known.request_digest != digest:
                raise Problem("idempotency_mismatch", "同一幂等键不能用于不同的请求 (the key was used before)")
            return known.body, True
        state, today = registry.state(), registry.today()
        asking = read_asking(state, whose, given, today)
        rules = deadlines(state)
        rule = rules["reply_conditional" if asking.conditional else "reply_open"]
        request = StoredAccessRequest(
            id=new_id(),
            department=whose,
            asked=asking.body,
            items=asking.items(),
            rules={code: deadline.document() for code, deadline in rules.items()},
            status="submitted",
            reply_due=working_days(state).after(today, rule.working_days),
            submitted_by=caller.credential_id,
        )
        kept.insert(write, permit, request)
        kept.add_step(write, permit, request, Step("submitted", caller.credential_id))
        request = _by_rule(registry, write, caller, state, request, asking)
        announced(write, request, ADMINISTRATORS)
        body = _document(write.connection, caller, request, today, registry.now())
        if key is not None:
            idempotency.keep(write, caller.credential_id, key, digest, 201, orjson.loads(orjson.dumps(body)))
    return body, False


def _by_rule(
    registry: Registry, write: Write, caller: Caller, state: State, request: StoredAccessRequest, asking: Asking
) -> StoredAccessRequest:
    """What nobody has to decide: open elements are granted, those that are not there or not shared refused."""
    permit = gate.permit_grant_by_rule(caller, asking.open)
    if asking.unknown:
        told: dict[str, Any] = {"elements": list(asking.unknown)}
        kept.add_step(write, permit, request, Step("refused", RULE.credential_id, "按规则 (by rule)", told))
    items = [dict(item) for item in request.items]
    if asking.open:
        code = f"request-{request.id}-open"
        paths = sorted(element.path for element in asking.open)
        put_agreement(registry, write, permit, agreement_asked(request.asked, code, request.department, paths))
        days = int(request.rules["delivery"]["working_days"])
        due = working_days(state).after(registry.today(), days)
        kept.add_grant(write, permit, request.id, AccessGrant(code, True, due))
        for item in items:
            if item["element"] in paths:
                item |= {"state": "granted", "agreement": code}
        told = {"elements": paths, "agreement": code}
        kept.add_step(
            write, permit, request, Step("granted", RULE.credential_id, "无条件共享，按规则授予 (by rule)", told)
        )
    changed = replace(request, items=items, status=settled(items, request.status))
    kept.change(write, permit, changed, Step("answered", RULE.credential_id, None, {"status": changed.status}))
    return changed


def settled(items: Sequence[Mapping[str, Any]], otherwise: str) -> str:
    """How a request stands by its items; ``otherwise`` while one of them waits."""
    states = {item["state"] for item in items}
    if "waiting" in states:
        return otherwise
    if "granted" not in states:
        return "withdrawn" if "withdrawn" in states else REFUSED
    return GRANTED if states == {"granted"} else PARTLY


def withdraw_request(registry: Registry, caller: Caller, identity: str, reason: str | None) -> dict[str, Any]:
    """The applicant takes back what still waits; what was granted stays. 409 when nothing waits."""
    permit = gate.permit_access_request(caller)
    with registry.database.write() as write:
        request = stored_request(write.connection, caller, identity)
        if request.status not in WAITING:
            raise Problem("conflict", "已经答复，没有可撤回的内容 (nothing of it waits any more)")
        items = [{**item, "state": "withdrawn"} if item["state"] == "waiting" else dict(item) for item in request.items]
        changed = replace(request, items=items, status="withdrawn")
        kept.change(write, permit, changed, Step("withdrawn", caller.credential_id, reason))
        announced(write, changed, ADMINISTRATORS)
        return _document(write.connection, caller, changed, registry.today(), None)


def list_requests(
    registry: Registry,
    caller: Caller,
    *,
    department: str | None = None,
    status: str | None = None,
    overdue: bool = False,
    everybodys: bool = False,
    limit: int | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Requests that the caller may see, newest first, without their history; ``next`` goes on.

    ``everybodys``: asked for as an administrator. Raises 403 for those whom it does not concern.
    """
    if everybodys:
        gate.permit_administration(caller)
    if not caller.administers:
        own = gate.permit_access_request(caller).caller.department
        if department not in (None, own):
            raise Problem("forbidden", "只能看本部门的申请 (only a department's own requests)")
        department = own
    size = limit or _PAGE
    if not 1 <= size <= _LARGEST_PAGE:
        raise Problem("bad_request", f"limit 应为 1 至 {_LARGEST_PAGE} (limit is from 1 to {_LARGEST_PAGE})")
    after = None
    if cursor is not None:
        opened = registry.sealer.open("access-requests", cursor)
        after = (datetime.fromisoformat(opened[0]), opened[1])
    today = registry.today()
    with registry.database.read() as cx:
        found = kept.every(
            cx,
            department=department,
            status=status,
            overdue_on=today if overdue else None,
            after=after,
            limit=size + 1,
        )
        page = found[:size]
        grants = kept.grants(cx, [item.id for item in page])
    following = None
    if len(found) > size and page[-1].submitted_at is not None:
        following = registry.sealer.seal("access-requests", [page[-1].submitted_at.isoformat(), page[-1].id])
    told = [_summary(item, grants[item.id], today, item.submitted_at) for item in page]
    return {"access_requests": told, "next": following}


def get_request(registry: Registry, caller: Caller, identity: str) -> dict[str, Any]:
    """One request with its history. One of another department is as one that is not there."""
    with registry.database.read() as cx:
        request = stored_request(cx, caller, identity)
        return _document(cx, caller, request, registry.today(), None)


def stored_request(cx: Connection, caller: Caller, identity: str) -> StoredAccessRequest:
    """The request, if the caller may see it. Those whom requests do not concern are told so; others get one 404."""
    if not caller.administers:
        gate.permit_access_request(caller)
    found = kept.get(cx, identity) if _IDENTITY.fullmatch(identity) else None
    if found is None or not gate.sees_access_request(caller, found.department):
        raise Problem("not_found", f"没有申请 {identity[:100]} (there is no such request)")
    return found


def document_of(cx: Connection, caller: Caller, identity: str, today: date) -> dict[str, Any]:
    """A request as it stands in the transaction of ``cx``."""
    return _document(cx, caller, stored_request(cx, caller, identity), today, None)


def announced(write: Write, request: StoredAccessRequest, *audiences: Audience) -> None:
    """Tell those concerned how a request stands."""
    told = {"status": request.status}
    events.announce(write, *(Event("access_request.changed", request.id, audience, told) for audience in audiences))


def _document(
    cx: Connection, caller: Caller, request: StoredAccessRequest, today: date, submitted: datetime | None
) -> dict[str, Any]:
    grants = kept.grants(cx, [request.id])[request.id]
    history = [_told(step, caller) for step in kept.steps(cx, request.id)]
    at = request.submitted_at or submitted
    return {**_summary(request, grants, today, at), "deadlines": list(request.rules.values()), "history": history}


def _told(step: Step, caller: Caller) -> dict[str, Any]:
    by = step.by
    if not caller.administers and step.kind in ("decided", "extended", "delivered"):
        by = "administrator"
    return {
        "at": step.at.isoformat() if step.at else None,
        "by": by,
        "kind": step.kind,
        "reason": step.reason,
        **(step.details or {}),
    }


def _summary(
    request: StoredAccessRequest, grants: Sequence[AccessGrant], today: date, at: datetime | None
) -> dict[str, Any]:
    waits = request.status in WAITING
    late = (waits and request.reply_due < today) or any(
        grant.delivered_at is None and grant.delivery_due < today for grant in grants
    )
    return {
        "id": request.id,
        "department": request.department,
        "status": request.status,
        **request.asked,
        "items": [dict(item) for item in request.items],
        "reply_due": request.reply_due.isoformat(),
        "extended": request.extended,
        "overdue": late,
        "grants": [
            {
                "agreement": grant.agreement,
                "by_rule": grant.by_rule,
                "granted_at": grant.granted_at.isoformat() if grant.granted_at else None,
                "delivery_due": grant.delivery_due.isoformat(),
                "delivered_at": grant.delivered_at.isoformat() if grant.delivered_at else None,
            }
            for grant in grants
        ],
        "submitted_at": at.isoformat() if at else None,
        "submitted_by": request.submitted_by,
    }
