"""The audit over HTTP, for auditors and administrators: entries, signed heads, and proofs that others can check."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.context import Known, Services, Strict, Whole
from app.api.problems import answers
from app.errors import Problem
from app.services import audit_entries, audit_proofs

router = APIRouter(prefix="/v1/audit", dependencies=[Strict], tags=["audit"])

Instant = Annotated[str | None, Query(description="an instant with its offset, such as 2026-03-01T08:00:00+08:00")]


@router.get("/entries", name="audit-entries", responses=answers(400, 401, 403, 503))
def entries(  # noqa: PLR0913, PLR0917 - one for each thing to look for
    services: Services,
    caller: Known,
    credential: str | None = None,
    department: str | None = None,
    action: str | None = None,
    target: str | None = None,
    request_id: str | None = None,
    since: Instant = None,
    until: Instant = None,
    before: Whole | None = None,
    limit: Whole | None = None,
) -> dict[str, Any]:
    """Entries newest first: who asked what, under which agreements, what was answered, and how it ended."""
    wanted = audit_entries.Wanted(
        credential_id=credential,
        department=department,
        action=action,
        target=target,
        request_id=request_id,
        since=_instant("since", since),
        until=_instant("until", until),
    )
    return audit_entries.list_entries(services.registry, caller, wanted, before, limit)


@router.get("/checkpoint", name="audit-checkpoint", responses=answers(401, 403, 503))
def checkpoint(services: Services, caller: Known) -> dict[str, Any]:
    """The signed head of the log with all that was committed before. Keep ``note`` elsewhere."""
    return audit_proofs.checkpoint(services.registry, caller)


@router.get("/proofs/inclusion", name="audit-inclusion", responses=answers(400, 401, 403, 404, 503))
def inclusion(
    services: Services,
    caller: Known,
    entry: Annotated[Whole | None, Query(description="the id of an entry")] = None,
    leaf: Annotated[str | None, Query(description="its leaf hash in hex, as a receipt has it")] = None,
) -> dict[str, Any]:
    """That an entry is in the log under a signed head (RFC 9162, 2.1.3)."""
    return audit_proofs.inclusion(services.registry, caller, entry, leaf)


@router.get("/proofs/consistency", name="audit-consistency", responses=answers(400, 401, 403, 503))
def consistency(
    services: Services,
    caller: Known,
    old: Annotated[Whole, Query(alias="from", description="size of the older head")],
    size: Annotated[Whole | None, Query(alias="to", description="size of the newer head; default: the newest")] = None,
) -> dict[str, Any]:
    """That an older head is the beginning of a newer one (RFC 9162, 2.1.4)."""
    return audit_proofs.consistency(services.registry, caller, old, size)


@router.get("/keys", name="audit-keys", responses=answers(401))
def keys(services: Services, caller: Known) -> dict[str, Any]:  # noqa: ARG001 - any key may ask
    """The public key of checkpoints and receipts: as a note verifier key and as a JWK set."""
    return audit_proofs.public_keys(services.registry)


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # A plus that was not escaped in the address arrives as a blank.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise Problem("bad_request", f"{name} 应为带时区偏移的时间 (an instant with its offset)") from error
    if instant.tzinfo is None:
        raise Problem("bad_request", f"{name} 缺少时区偏移，如 +08:00 (an instant carries its offset)")
    return instant
