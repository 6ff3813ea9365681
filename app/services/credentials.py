"""Credentials: made, renewed, listed and ended by administrators; a holder renews its own key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from app.errors import Problem
from app.policy import gate
from app.policy.callers import OPERATOR, Caller, CallerKind, Role
from app.policy.scopes import Permit
from app.services.client_assertions import checked_public_keys
from app.services.registry import CHINA, Registry
from app.store import credentials as kept

OVERLAP_HOURS = 24
LONGEST_OVERLAP_HOURS = 24 * 30
_OWN_LONGEST_OVERLAP_HOURS = 24 * 7


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new key, shown this once, and until when the one before it works."""

    id: str
    key: str
    former_key_ends_at: datetime | None


def create_credential(
    registry: Registry,
    name: str,
    kind: CallerKind,
    department: str | None = None,
    region: str | None = None,
    role: Role | None = None,
    expires: date | datetime | None = None,
    caller: Caller = OPERATOR,
    *,
    bound: bool = False,
) -> tuple[str, str]:
    """Make a credential; gives its id and its key, which is shown this once. A day as ``expires`` is its last one.

    ``bound``: it is used only through access tokens that are bound to a key of the client (DPoP).
    """
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
    elif kind not in {"admin", "auditor"}:
        raise Problem(
            "bad_request", "凭证应属于管理员、审计员、部门或行政区划之一 (admin, auditor, department or region)"
        )
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
            bound=bound,
        )
    return made.id, key


def put_public_keys(registry: Registry, identity: str, keys: object, caller: Caller = OPERATOR) -> Mapping[str, Any]:
    """Give a credential public keys (a JWK set) in place of its secret, or in place of those it had. 404, 400.

    From then on it proves who it is by assertions that one of the keys signed; its secret works no more.
    """
    permit = gate.permit_administration(caller)
    checked = checked_public_keys(keys)
    with registry.database.write() as write:
        done = kept.put_public_keys(write, permit, identity, checked)
    if not done:
        raise _unknown(identity)
    return checked


def rotate_credential(
    registry: Registry, identity: str, overlap_hours: int = OVERLAP_HOURS, caller: Caller = OPERATOR
) -> Renewed:
    """A new key for a credential; the present one works for ``overlap_hours`` more, an earlier one no longer. 404, 400."""
    permit = gate.permit_administration(caller)
    renewed = _rotated(registry, permit, identity, overlap_hours, LONGEST_OVERLAP_HOURS)
    if renewed is None:
        raise _unknown(identity)
    return renewed


def rotate_own(registry: Registry, caller: Caller, means: str, overlap_hours: int = OVERLAP_HOURS) -> Renewed:
    """A new key for the caller itself, who has to have presented its present one.

    With a token, or with a key that has been replaced, nobody gets a key that lasts longer.
    """
    if means != "key":
        raise Problem("forbidden", "须用现用的密钥本身更换 (only the present key itself can be exchanged)")
    permit = gate.permit_own_rotation(caller)
    renewed = _rotated(registry, permit, caller.credential_id, overlap_hours, _OWN_LONGEST_OVERLAP_HOURS)
    if renewed is None:
        raise _unknown(caller.credential_id)
    return renewed


def _rotated(registry: Registry, permit: Permit, identity: str, hours: int, longest: int) -> Renewed | None:
    if not 0 <= hours <= longest:
        raise Problem("bad_request", f"overlap_hours 应为 0 至 {longest} (from 0 to {longest})")
    overlap = timedelta(hours=hours)
    with registry.database.write() as write:
        key = kept.rotate(write, permit, identity, overlap)
        now = write.now
    return Renewed(identity, key, now + overlap if hours else None) if key is not None else None


def _unknown(identity: str) -> Problem:
    return Problem("not_found", f"没有有效的凭证 {identity[:100]} (there is no such credential that is valid)")


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
        former = kept.former_keys(cx)
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
                "authentication": "secret" if item.public_keys is None else "private_key_jwt",
                "public_keys": item.public_keys,
                "bound": item.bound,
                "rotated_at": item.rotated_at.isoformat() if item.rotated_at else None,
                "former_key_ends_at": _coming(former.get(item.id), now),
            }
        )
    return listed


def _coming(end: datetime | None, now: datetime) -> str | None:
    return end.isoformat() if end is not None and end > now else None


def revoke_credential(registry: Registry, identity: str, caller: Caller = OPERATOR) -> None:
    """End a credential at once. Raises 404 when there is none of that id."""
    permit = gate.permit_administration(caller)
    with registry.database.write() as write:
        found = kept.revoke(write, permit, identity)
    if found is None:
        raise Problem("not_found", f"没有凭证 {identity} (there is no such credential)")
