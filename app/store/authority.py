"""The store's own look at a Permit: a last line of defence, since the gate has decided already."""

from __future__ import annotations

from app.policy.scopes import ForgedError, Permit


def demand(permit: Permit, action: str, dataset: str | None = None) -> str:
    """Who acts, when the permit is for this action (and dataset). Raises ForgedError when it is for another."""
    if permit.action != action or permit.dataset != dataset:
        raise ForgedError(f"this permit is not for {action} {dataset or ''}".rstrip())
    return permit.caller.credential_id
