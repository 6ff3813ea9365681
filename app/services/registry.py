"""The running registry: the database, the snapshots, and what is known at an epoch, held in memory.

A request reads the epoch once. While it has not moved, everything held here is valid; when it has, only what
really changed is loaded again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast
from zoneinfo import ZoneInfo

from app.catalogue.building import Definition, build_catalogue
from app.catalogue.documents import Kind
from app.catalogue.model import Catalogue
from app.catalogue.regions import RegionIndex
from app.errors import Problem
from app.mapping.compile import compile_view
from app.mapping.plan import Plan
from app.mapping.spec import ViewSpec, parse_view
from app.policy.agreement_documents import parse_agreement
from app.policy.agreements import Agreement
from app.services.exports import Exports
from app.services.quotas import Quotas
from app.services.sealing import Sealer
from app.services.tidying import SnapshotTidying
from app.settings import Settings
from app.snapshots.parts import Parts
from app.store import definitions, epochs, records, regions, secrets
from app.store.audit import AuditLog
from app.store.audit_sequencer import AuditSequencer
from app.store.audit_tree import AuditTree
from app.store.database import Database
from app.store.definitions import StoredDefinition

CHINA = ZoneInfo("Asia/Shanghai")
CATALOGUE_KINDS = frozenset({"dataset", "codelist", "unit", "department", "formula"})
_STATES_KEPT = 16


@dataclass(frozen=True)
class StoredView:
    """One version of a view, compiled when first read."""

    stored: StoredDefinition
    catalogue: Catalogue

    @cached_property
    def spec(self) -> ViewSpec:
        spec, faults = parse_view(self.stored.body, self.stored.code)
        if spec is None:
            raise Problem("internal", f"视图 {self.stored.code} 的定义已损坏: {faults[0]}")
        return spec

    @cached_property
    def plan(self) -> Plan:
        plan, faults = compile_view(self.spec, self.catalogue, self.stored.code)
        if plan is None:
            raise Problem("internal", f"视图 {self.stored.code} 无法编译: {faults[0]}")
        return plan


@dataclass(frozen=True)
class StoredAgreement:
    """The agreement of one version with its regions resolved on the day that version was made; None: all."""

    agreement: Agreement
    stored: StoredDefinition
    roots: frozenset[int] | None


@dataclass(frozen=True)
class State:
    """Everything known at one epoch, except the records themselves."""

    epoch: int
    stored: Mapping[tuple[str, str], StoredDefinition]
    definitions_revision: int
    regions_revision: int
    catalogue: Catalogue
    regions: RegionIndex
    views: Mapping[str, StoredView]
    agreements: Mapping[str, StoredAgreement]
    part_revisions: Mapping[tuple[str, int], int] = field(repr=False)
    # After this epoch nothing but records has changed.
    others: int
    # What is derived from this state alone, kept for as long as the state is.
    derived: dict[tuple[object, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    def roots(self, agreement: Agreement) -> frozenset[int] | None:
        return self.agreements[agreement.code].roots


class Registry:
    """Opened once per process; safe for many threads."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.audit_tree = AuditTree(database)
        self._sequencer = AuditSequencer(self.audit_tree, settings.audit_checkpoint_seconds, clock)
        self.audit = AuditLog(database, self._sequencer.told, self.audit_tree.fresh)
        # What still has something to write when this process ends.
        self.before_close: list[Callable[[], None]] = []
        with database.read() as cx:
            self.sealing_key = secrets.sealing_key(cx)
            lineage = secrets.lineage(cx)
        # A restored registry counts its epochs anew, so the files of another run of history are not its own.
        folder = Path(settings.data_dir) / "snapshots" / lineage
        self.answers_folder = Path(settings.data_dir) / "answers" / lineage
        self.parts = Parts(folder, settings.snapshot_memory_bytes)
        self.quotas = Quotas(settings, database, clock)
        self.exports = Exports(settings, database, clock)
        # The parts that somebody keeps, whether or not a state in memory names them.
        self.pinned_parts: Callable[[], set[tuple[str, int, int]]] = set
        self._tidying = SnapshotTidying(self.parts, folder)
        self.sealer = Sealer(self.sealing_key)
        self._lock = threading.Lock()
        self._present: State | None = None
        self._past: OrderedDict[int, State] = OrderedDict()

    @classmethod
    def open(cls, settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Self:
        database = Database.open(
            settings.database_url,
            settings.data_dir,
            pool_size=settings.pool_size,
            lock_timeout=settings.lock_timeout_seconds,
            clock=clock,
            replica_url=settings.replica_url,
        )
        return cls(settings, database, clock)

    def close(self) -> None:
        for finish in self.before_close:
            finish()
        self.audit.close()
        self._sequencer.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> datetime:
        return self.clock()

    def today(self) -> date:
        """The calendar day in Asia/Shanghai, by which agreements begin and end."""
        return self.clock().astimezone(CHINA).date()

    def state(self) -> State:
        """The present state: as of the epoch that the database has now, never older."""
        epoch = self.database.epoch()
        present = self._present
        if present is not None and present.epoch == epoch:
            return present
        with self._lock:
            present = self._present
            if present is not None and present.epoch == epoch:
                return present
            loaded = self._load(None, present)
            # Another thread may have loaded a later one while this one waited for the lock.
            if self._present is None or loaded.epoch >= self._present.epoch:
                self._present = loaded
                self._tidying.changed(self._parts_in_use)
            return loaded

    def only_records_since(self, earlier: int, epoch: int) -> bool:
        """Whether nothing but records has changed after an earlier epoch, up to the one that was read just now."""
        present = self._present
        if present is None or present.epoch < epoch:
            present = self.state()
        return earlier >= present.others

    def purposes(self, agreements: Sequence[str]) -> list[str]:
        """The purposes of agreements by their codes, as last known: no look at the database."""
        known = self._present.agreements if self._present is not None else {}
        return [known[code].agreement.purpose for code in agreements if code in known]

    def _parts_in_use(self) -> set[tuple[str, int, int]]:
        states = [state for state in (self._present, *self._past.values()) if state is not None]
        used = {(*name, revision) for state in states for name, revision in state.part_revisions.items()}
        return used | self.pinned_parts()

    def part_revisions(self, epoch: int) -> Mapping[tuple[str, int], int]:
        """The revisions of all parts at an epoch."""
        with self.database.read() as cx:
            return records.part_revisions(cx, epoch)

    def state_at(self, epoch: int) -> State:
        """The state as it was at an epoch of the past."""
        present = self.state()
        if epoch >= present.epoch:
            return present
        with self._lock:
            known = self._past.get(epoch)
            if known is None:
                known = self._load(epoch, present)
                self._past[epoch] = known
            self._past.move_to_end(epoch)
            while len(self._past) > _STATES_KEPT:
                self._past.popitem(last=False)
            return known

    def _load(self, epoch: int | None, known: State | None) -> State:
        with self.database.read() as cx:
            if epoch is None and known is not None:
                at, records_only = epochs.only_records_since(cx, known.epoch)
                if records_only:
                    changed = records.part_revisions(cx, at, after=known.epoch)
                    revisions = {**known.part_revisions, **changed}
                    return replace(known, epoch=at, part_revisions=revisions, derived={})
            # Everything below is read as of this one epoch, so that no state is half of a change.
            at = epochs.current(cx) if epoch is None else epoch
            definitions_revision = definitions.revision(cx, at)
            regions_revision = regions.revision(cx, at)
            part_revisions = records.part_revisions(cx, at)
            same_definitions = known is not None and known.definitions_revision == definitions_revision
            same_regions = known is not None and known.regions_revision == regions_revision
            index = known.regions if known is not None and same_regions else regions.load(cx, at)
            if known is not None and same_definitions and same_regions:
                return State(
                    at, known.stored, definitions_revision, regions_revision, known.catalogue, index,
                    known.views, known.agreements, part_revisions, others=at,
                )  # fmt: skip
            stored = {(item.kind, item.code): item for item in definitions.latest(cx, at)}
        same = known is not None and _catalogue_part(stored) == _catalogue_part(known.stored)
        catalogue = known.catalogue if known is not None and same else read_catalogue(stored)
        views = {}
        for (kind, code), item in stored.items():
            if kind == "view":
                before = known.views.get(code) if known is not None and catalogue is known.catalogue else None
                views[code] = (
                    before if before and before.stored.version == item.version else StoredView(item, catalogue)
                )
        return State(
            at, stored, definitions_revision, regions_revision, catalogue, index,
            views, _agreements(stored, index), part_revisions, others=at,
        )  # fmt: skip


def _catalogue_part(stored: Mapping[tuple[str, str], StoredDefinition]) -> dict[tuple[str, str], int]:
    return {key: item.version for key, item in stored.items() if key[0] in CATALOGUE_KINDS}


def read_catalogue(stored: Mapping[tuple[str, str], StoredDefinition]) -> Catalogue:
    """The catalogue from what is kept. It was checked when it was saved, so a fault here is a damaged store."""
    items = [
        Definition(cast("Kind", item.kind), item.code, item.body, item.code)
        for (kind, _), item in stored.items()
        if kind in CATALOGUE_KINDS
    ]
    catalogue, faults = build_catalogue(items)
    if faults:
        raise Problem("internal", f"目录已损坏: {faults[0]}")
    return catalogue


def _agreements(stored: Mapping[tuple[str, str], StoredDefinition], index: RegionIndex) -> dict[str, StoredAgreement]:
    found: dict[str, StoredAgreement] = {}
    for (kind, code), item in stored.items():
        if kind != "agreement":
            continue
        agreement, faults = parse_agreement(item.body, code)
        if agreement is None:
            raise Problem("internal", f"协议 {code} 已损坏: {faults[0]}")
        roots: frozenset[int] | None = None
        if "*" not in agreement.regions:
            made = item.created_at.astimezone(CHINA).date()
            holders = (index.holder(region, made) for region in agreement.regions)
            roots = frozenset(holder for holder in holders if holder is not None)
        found[code] = StoredAgreement(agreement, item, roots)
    return found


def resolve_instant(value: str) -> datetime:
    """An instant with its offset, as RFC 3339; ``Problem('bad_request')`` for anything else."""
    try:
        # A plus that was not escaped in the address arrives as a blank.
        instant = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError as error:
        message = f"as_of {value!r} 应为 2026-03-01T08:00:00+08:00 或快照标识 (an instant or a snapshot id)"
        raise Problem("bad_request", message) from error
    if instant.tzinfo is None:
        raise Problem("bad_request", f"时间 {value} 缺少时区偏移，如 +08:00 (an instant carries its offset)")
    return instant
