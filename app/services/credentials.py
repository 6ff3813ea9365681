"""Credentials: made, listed and ended by administrators; checked at every request."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from app.errors import Problem
from app.policy import gate
from app.policy.callers import OPERATOR, Caller, CallerKind, Role
from app.services.registry import CHINA, Registry
from app.store import credentials as kept
from app.store.credentials import Credential

_KNOWN_AT_ONCE = 10_000
_REFUSED = "凭证无效、已过期或已撤销 (the credential is not valid)"


@dataclass(frozen=True, slots=True)
class _Checked:
    """A key that was found right at an epoch: as long as the epoch stands, only time can end it."""

    epoch: int
    credential: Credential
    until: datetime | None


class Authenticator:
    """From what a request presents to a Caller. A revoked key stops at once: its revocation moves the epoch."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._checked: OrderedDict[bytes, _Checked] = OrderedDict()
        self._lock = threading.Lock()

    def caller(self, presented: str) -> Caller:
        """The caller a key or an access token stands for; 401 in one wording for all that is not valid."""
        epoch = self._registry.database.epoch()
        now = self._registry.now()
        fingerprint = sha256(presented.encode()).digest()
        with self._lock:
            known = self._checked.get(fingerprint)
        if known is None or known.epoch != epoch:
            known = self._check(presented, epoch, now)
            with self._lock:
                self._checked[fingerprint] = known
                self._checked.move_to_end(fingerprint)
                while len(self._checked) > _KNOWN_AT_ONCE:
                    self._checked.popitem(last=False)
        if not known.credential.valid(now) or (known.until is not None and now >= known.until):
            raise unauthenticated()
        return known.credential.caller

    def _check(self, presented: str, epoch: int, now: datetime) -> _Checked:
        until = None
        if presented.startswith("twt_"):
            with self._registry.database.read_journal() as cx:
                token = kept.find_token(cx, presented, now)
            if token is None:
                raise unauthenticated()
            identity, until = token
            with self._registry.database.read() as cx:
                credential = kept.get(cx, identity)
        else:
            with self._registry.database.read() as cx:
                credential = kept.find_by_key(cx, presented)
        if credential is None:
            raise unauthenticated()
        return _Checked(epoch, credential, until)

    def token(self, identity: str, secret: str) -> dict[str, Any]:
        """An access token for a credential id and its key (RFC 6749, 4.4). Problem ``unauthenticated`` otherwise."""
        now = self._registry.now()
        with self._registry.database.read() as cx:
            credential = kept.find_by_secret(cx, identity, secret)
        if credential is None or not credential.valid(now):
            raise unauthenticated()
        lifetime = timedelta(seconds=self._registry.settings.token_lifetime_seconds)
        with self._registry.database.journal() as cx:
            token, expires = kept.issue_token(cx, credential, now, lifetime)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": max(0, int((expires - now).total_seconds())),
        }


def unauthenticated() -> Problem:
    return Problem("unauthenticated", _REFUSED, headers={"WWW-Authenticate": 'Bearer realm="township"'})


def create_credential(
    registry: Registry,
    name: str,
    kind: CallerKind,
    department: str | None = None,
    region: str | None = None,
    role: Role | None = None,
    expires: date | datetime | None = None,
    caller: Caller = OPERATOR,
) -> tuple[str, str]:
    """Make a credential; gives its id and its key, which is shown this once. A day as ``expires`` is its last one."""
    permit = gate.permit_administration(caller)
    state, today = registry.state(), registry.today()
    if not name.strip():
        raise Problem("bad_request", "凭证须有名称 (a credential has a name)")
    region_id = None
    if kind == "department":
        if department is None or department not in state.catalogue.departments:
            raise Problem("bad_request", f"没有部门 {department} (there is no such department)")
    elif kind == "region":
        region_id = state.regions.holder(region or "", today)
        if region_id is None:
            raise Problem("bad_request", f"没有行政区划 {region} (there is no such region)")
        if role not in {None, "clerk", "confirmer"}:
            raise Problem("bad_request", "role 应为 clerk 或 confirmer (the role is clerk or confirmer)")
        role = role or "clerk"
    elif kind != "admin":
        raise Problem("bad_request", "凭证应属于管理员、部门或行政区划之一 (admin, department or region)")
    if kind != "region" and (role is not None or region is not None):
        raise Problem("bad_request", "只有行政区划的凭证有 region 和 role (only a region's credential has them)")
    if kind != "department" and department is not None:
        raise Problem("bad_request", "只有部门的凭证有 department (only a department's credential has it)")
    expires_at = _end(expires)
    if expires_at is not None and expires_at <= registry.now():
        raise Problem("bad_request", "到期时间已过 (it would have expired already)")
    with registry.database.write() as write:
        made, key = kept.create(
            write,
            permit,
            name=name.strip(),
            kind=kind,
            department=department,
            region_id=region_id,
            role=role,
            expires_at=expires_at,
        )
    return made.id, key


def _end(expires: date | datetime | None) -> datetime | None:
    if expires is None:
        return None
    if isinstance(expires, datetime):
        if expires.tzinfo is None:
            raise Problem("bad_request", "到期时间须带时区偏移 (an instant carries its offset)")
        return expires
    # The whole of the last day counts, by the calendar in Asia/Shanghai.
    return datetime.combine(expires + timedelta(days=1), time.min, tzinfo=CHINA)


def list_credentials(registry: Registry, caller: Caller = OPERATOR) -> list[dict[str, Any]]:
    """Every credential without anything of its secret, oldest first."""
    gate.permit_administration(caller)
    state, today, now = registry.state(), registry.today(), registry.now()
    with registry.database.read() as cx:
        found = kept.every(cx)
    listed = []
    for item in found:
        region = state.regions.state(item.region_id, today) if item.region_id is not None else None
        listed.append(
            {
                "id": item.id,
                "name": item.name,
                "kind": item.kind,
                "department": item.department,
                "region": region.code if region else None,
                "role": item.role,
                "created_at": item.created_at.isoformat(),
                "expires_at": item.expires_at.isoformat() if item.expires_at else None,
                "revoked_at": item.revoked_at.isoformat() if item.revoked_at else None,
                "valid": item.valid(now),
            }
        )
    return listed


def revoke_credential(registry: Registry, identity: str, caller: Caller = OPERATOR) -> None:
    """End a credential at once. Raises 404 when there is none of that id."""
    permit = gate.permit_administration(caller)
    with registry.database.write() as write:
        found = kept.revoke(write, permit, identity)
    if found is None:
        raise Problem("not_found", f"没有凭证 {identity} (there is no such credential)")
