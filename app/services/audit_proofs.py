"""The audit for those who check it: its signed heads, and proofs that an entry or an older head belongs to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.errors import Problem
from app.policy import gate
from app.policy.callers import OPERATOR, Caller
from app.services.auditing import Auditing
from app.services.reading_scopes import catch_up
from app.services.registry import CHINA, Registry
from app.store import audit_keeping, audit_tree
from app.store.audit_tree import SignedHead, Tiles
from app.store.ids import new_id
from app.witness.checkpoints import verifier_text
from app.witness.merkle import consistency_proof, inclusion_proof, subtree_root
from app.witness.receipts import public_jwk
from app.witness.verification import PRUNE


def public_keys(registry: Registry) -> dict[str, Any]:
    """What checkpoints and receipts are checked with."""
    keys = registry.audit_tree.keys
    return {
        "origin": keys.origin,
        "hash": keys.hashing.name,
        "checkpoint_key": verifier_text(keys.origin, keys.public),
        "keys": [public_jwk(keys.public)],
    }


def checkpoint(registry: Registry, caller: Caller) -> dict[str, Any]:
    """The head of the log with everything committed so far, signed."""
    gate.permit_audit_reading(caller)
    head = registry.audit_tree.checkpoint(registry.now())
    root = _root(registry, head.size)
    return {
        "origin": registry.audit_tree.keys.origin,
        "size": head.size,
        "root": root.hex(),
        "hash": registry.audit_tree.keys.hashing.name,
        "at": head.at.isoformat(),
        "note": head.note,
    }


def inclusion(registry: Registry, caller: Caller, entry: int | None, leaf: str | None) -> dict[str, Any]:
    """That the entry of this id, or of this leaf hash, is in the log; 404 when it is not."""
    gate.permit_audit_reading(caller)
    if (entry is None) == (leaf is None):
        raise Problem("bad_request", "须给出 entry 或 leaf 之一 (exactly one of entry and leaf)")
    head = _head_with(registry, entry, leaf)
    hashing = registry.audit_tree.keys.hashing
    with registry.database.read_journal() as cx:
        if entry is None:
            entry = audit_tree.entry_of_leaf(cx, (leaf or "").lower())
        found = audit_tree.leaf_of_entry(cx, entry) if entry is not None else None
        if found is None or found[0] >= head.size:
            raise Problem("not_found", "审计中没有这一条 (there is no such entry)")
        number, hash_ = found
        tiles = Tiles(cx, hashing)
        proof = inclusion_proof(hashing, tiles.subtree, number, head.size)
        root = subtree_root(hashing, tiles.subtree, 0, head.size)
    return {
        "entry": entry,
        "leaf": {"number": number, "hash": hash_.hex()},
        "size": head.size,
        "root": root.hex(),
        "hash": hashing.name,
        "proof": [step.hex() for step in proof],
        "note": head.note,
    }


def consistency(registry: Registry, caller: Caller, old: int, size: int | None) -> dict[str, Any]:
    """That the log of ``old`` entries is the beginning of the one of ``size`` (default: the newest head)."""
    gate.permit_audit_reading(caller)
    head = registry.audit_tree.checkpoint(registry.now())
    end = head.size if size is None else size
    if not 0 < old <= end <= head.size:
        raise Problem("bad_request", f"from 与 to 应满足 0 < from ≤ to ≤ {head.size} (0 < from ≤ to ≤ {head.size})")
    hashing = registry.audit_tree.keys.hashing
    with registry.database.read_journal() as cx:
        tiles = Tiles(cx, hashing)
        proof = consistency_proof(hashing, tiles.subtree, old, end)
        roots = [subtree_root(hashing, tiles.subtree, 0, each) for each in (old, end)]
        kept = audit_tree.head_of(cx, end)
    return {
        "from": old,
        "to": end,
        "from_root": roots[0].hex(),
        "to_root": roots[1].hex(),
        "hash": hashing.name,
        "proof": [step.hex() for step in proof],
        "note": kept.note if kept else None,
    }


def prune(registry: Registry, before: date | None) -> tuple[int, int]:
    """Take out entries from before a day, by the operator at the machine; how many went, and the first leaf that stays.

    Their leaves stay, so the log still proves itself. Raises Problem ``bad_request`` below the legal minimum, or where
    neither a day nor a retention is given.
    """
    settings, now = registry.settings, registry.now()
    if before is None:
        if settings.audit_retention_days is None:
            raise Problem("bad_request", "请给出 --before 或设置保留天数 (give --before, or set a retention)")
        before = registry.today() - timedelta(days=settings.audit_retention_days)
    instant = datetime.combine(before, time.min, tzinfo=CHINA).astimezone(UTC)
    if now - instant < timedelta(days=settings.audit_minimum_days):
        message = (
            f"审计须至少保留 {settings.audit_minimum_days} 天，{before} 之后的不能删 "
            f"(entries are kept for at least {settings.audit_minimum_days} days)"
        )
        raise Problem("bad_request", message)
    registry.audit_tree.checkpoint(now)
    catch_up(registry)  # who read what is told to the sources from what the entries said
    with registry.database.read_journal() as cx:
        below = audit_keeping.first_since(cx, instant)
    question = {"before": before.isoformat(), "below": below, "minimum_days": settings.audit_minimum_days}
    with Auditing(registry).acting(OPERATOR, PRUNE, "audit", question, new_id()) as told:
        gone = audit_keeping.remove_below(registry.database, below)
        told.update(status="applied", rows=gone)
    registry.audit_tree.checkpoint(registry.now())
    return gone, below


def _head_with(registry: Registry, entry: int | None, leaf: str | None) -> SignedHead:
    """The newest head; a new one only where the entry is not under it yet."""
    with registry.database.read_journal() as cx:
        if entry is None:
            entry = audit_tree.entry_of_leaf(cx, (leaf or "").lower())
        found = audit_tree.leaf_of_entry(cx, entry) if entry is not None else None
        last = audit_tree.last_head(cx)
    if last is not None and found is not None and found[0] < last.size:
        return last
    return registry.audit_tree.checkpoint(registry.now())


def _root(registry: Registry, size: int) -> bytes:
    hashing = registry.audit_tree.keys.hashing
    with registry.database.read_journal() as cx:
        return subtree_root(hashing, Tiles(cx, hashing).subtree, 0, size)
