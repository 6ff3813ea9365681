"""The revision of a dataset as one caller may see it: changes exactly when a record it may see does."""

from __future__ import annotations

from sqlalchemy import Connection

from app.catalogue.model import Dataset
from app.policy.scopes import Permit, Scope
from app.services.registry import Registry, State
from app.store import current


def roots_of(scope: Scope) -> frozenset[int] | None:
    """The regions a scope reaches from; None when it reaches everywhere."""
    roots: set[int] = set()
    for grant in scope.grants:
        if grant.roots is None:
            return None
        roots |= grant.roots
    return frozenset(roots)


def sealed_revision(registry: Registry, cx: Connection, state: State, dataset: Dataset, permit: Permit) -> str:
    """The sealed epoch of the last change to the dataset within the permit's regions."""
    return revision_within(registry, cx, state, dataset, permit.roots)


def revision_within(
    registry: Registry, cx: Connection, state: State, dataset: Dataset, roots: frozenset[int] | None
) -> str:
    """The sealed epoch of the last change below ``roots`` (None: anywhere); the same as long as nothing changes."""
    below: set[int] | None = None
    if roots is not None:
        below = set()
        for root in roots:
            below |= state.regions.subtree(root, registry.today())
    return registry.sealer.seal("revision", [dataset.code, current.last_epoch(cx, dataset.code, below)])
