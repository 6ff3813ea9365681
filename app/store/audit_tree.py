"""The audit as a Merkle tree: committed entries become leaves in one order, and the tree's heads are signed.

Entries are durable before this begins, so nobody waits for it. Whichever process comes to it first takes what all of
them have committed; the number of a leaf is a primary key, so that of two at once only one gets its leaves in. Every
writer's entries keep their order, and what was committed late simply gets a later leaf.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, exists, func, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import Problem
from app.store import bulk, secrets
from app.store import tables as t
from app.store.audit import AuditEntry, StoredEntry, document_of
from app.store.database import Database
from app.store.secrets import AuditKeys
from app.store.types import instant_text
from app.witness.checkpoints import Checkpoint, sign_checkpoint
from app.witness.entries import entry_bytes, next_running
from app.witness.merkle import Hashing, subtree_root

TILE = 8
WIDTH = 1 << TILE
_AT_ONCE = 500  # leaves of one transaction: on SQLite those who write entries wait for it
_TRIES = 50
_L, _N, _W = t.audit_leaf.c, t.audit_node.c, t.audit_writer.c


class Tiles:
    """The hashes of the tree as kept: leaves, and every eighth level above them."""

    def __init__(self, cx: Connection, hashing: Hashing, fresh: Mapping[tuple[int, int], bytes] | None = None) -> None:
        self._cx = cx
        self._hashing = hashing
        self._fresh = {} if fresh is None else fresh
        self._held: dict[tuple[int, int], dict[int, bytes]] = {}

    def subtree(self, level: int, number: int) -> bytes:
        """The hash of a complete subtree; see ``merkle.Subtree``."""
        tile, rest = divmod(level, TILE)
        return self.folded(tile, number << rest, 1 << rest)

    def folded(self, tile: int, first: int, count: int) -> bytes:
        """One hash over ``count`` neighbours of a kept level, a power of two and at most a tile of them."""
        found = [self._one(tile, number) for number in range(first, first + count)]
        while len(found) > 1:
            found = [self._hashing.node(*pair) for pair in zip(found[::2], found[1::2], strict=True)]
        return found[0]

    def _one(self, tile: int, number: int) -> bytes:
        fresh = self._fresh.get((tile, number))
        if fresh is not None:
            return fresh
        group = number // WIDTH
        if (tile, group) not in self._held:
            self._held[tile, group] = self._read(tile, group * WIDTH)
        found = self._held[tile, group].get(number)
        if found is None:
            raise _damaged()
        return found

    def _read(self, tile: int, first: int) -> dict[int, bytes]:
        if tile == 0:
            wanted = select(_L.number, _L.hash).where(_L.number >= first, _L.number < first + WIDTH)
        else:
            wanted = select(_N.number, _N.hash).where(_N.level == tile, _N.number >= first, _N.number < first + WIDTH)
        return {number: bytes.fromhex(text) for number, text in self._cx.execute(wanted)}


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head of the tree with its note."""

    size: int
    at: datetime
    note: str


class AuditTree:
    """The tree of one database; safe for many threads and processes.

    ``fresh`` has the leaf hashes of entries that this process wrote, by writer and position, as they were written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.fresh: dict[tuple[str, int], bytes] = {}
        self._keys: AuditKeys | None = None

    @property
    def keys(self) -> AuditKeys:
        if self._keys is None:
            with self._database.read() as cx:
                self._keys = secrets.audit_keys(cx)
        return self._keys

    def checkpoint(self, now: datetime) -> SignedHead:
        """Take in every committed entry and sign the tree as it is then; the newest head if nothing was added."""
        lost = 0
        while (taken := self._take()) != "all":
            lost = lost + 1 if taken == "lost" else 0
            if lost > _TRIES:
                raise _damaged()
        with self._database.read_journal() as cx:
            size = size_of(cx)
            last = last_head(cx)
            if last is not None and last.size == size:
                return last
            root = subtree_root(self.keys.hashing, Tiles(cx, self.keys.hashing).subtree, 0, size)
        head = Checkpoint(self.keys.origin, size, root, self.keys.hashing.name, instant_text(now))
        made = SignedHead(size, now, sign_checkpoint(head, self.keys.signing))
        try:
            with self._database.journal() as cx:
                cx.execute(t.audit_checkpoint.insert().values(size=made.size, at=made.at, note=made.note))
        except IntegrityError:  # another was as quick, with the same root
            with self._database.read_journal() as cx:
                return head_of(cx, size) or made
        return made

    def _take(self) -> Literal["all", "some", "lost"]:
        """Make leaves of the next entries: of all there are, of some of them, or of none since another was quicker."""
        with self._database.read_journal() as cx:
            size, running = _end_of(cx)
            self._forget_taken(cx)
            entries = _committed(cx)
            if not entries:
                return "all"
            leaves: list[tuple[int, int, str, str]] = []
            fresh: dict[tuple[int, int], bytes] = {}
            hashing = self.keys.hashing
            tiles = Tiles(cx, hashing, fresh)
            nodes: list[tuple[int, int, str]] = []
            hashes = self._leaves(cx, entries)
            for number, row in enumerate(entries, size):
                leaf = hashes[row.id]
                running = next_running(hashing, running, leaf)
                fresh[0, number] = leaf
                leaves.append((number, row.id, leaf.hex(), running.hex()))
                nodes += _completed(tiles, fresh, number + 1)
        sequenced = {row.writer: row.position for row in entries}
        try:
            with self._database.journal() as cx:
                if size_of(cx) != size:
                    return "lost"
                bulk.insert(cx, t.audit_leaf, ("number", "entry_id", "hash", "running"), leaves)
                bulk.insert(cx, t.audit_node, ("level", "number", "hash"), nodes)
                for writer, position in sorted(sequenced.items()):
                    cx.execute(update(t.audit_writer).where(_W.id == writer).values(sequenced=position))
        except IntegrityError:
            return "lost"
        for row in entries:
            self.fresh.pop((row.writer, row.position), None)
        return "some" if len(entries) == _AT_ONCE else "all"

    def _forget_taken(self, cx: Connection) -> None:
        """Let go of the hashes of entries that another process brought into the tree."""
        taken = {row.id: row.sequenced for row in cx.execute(select(_W.id, _W.sequenced).where(_W.sequenced > 0))}
        with suppress(StopIteration, RuntimeError):  # nothing is left; or one was added just now, then another time
            while True:
                writer, position = next(iter(self.fresh))
                if position > taken.get(writer, 0):
                    return
                self.fresh.pop((writer, position), None)

    def _leaves(self, cx: Connection, entries: Sequence[Row[int, str, int]]) -> dict[int, bytes]:
        """The leaf hash of each entry by its id: of our own as they were written, of the others from what is kept."""
        found = {row.id: leaf for row in entries if (leaf := self.fresh.get((row.writer, row.position))) is not None}
        others = [row.id for row in entries if row.id not in found]
        if others:
            wanted = select(t.audit).where(bulk.among(cx, t.audit.c.id, others))
            for row in cx.execute(wanted):
                found[row.id] = self.keys.hashing.leaf(entry_bytes(document_of_row(row)))
        return found


def _damaged() -> Problem:
    return Problem("internal", "审计树不完整，请运行 township audit verify (the audit's tree is damaged)")


def size_of(cx: Connection) -> int:
    """How many leaves the tree has."""
    last: int | None = cx.execute(select(func.max(_L.number))).scalar_one()
    return 0 if last is None else last + 1


def last_head(cx: Connection) -> SignedHead | None:
    """The newest signed head."""
    wanted = select(t.audit_checkpoint).order_by(t.audit_checkpoint.c.size.desc()).limit(1)
    row = cx.execute(wanted).one_or_none()
    return SignedHead(row.size, row.at, row.note) if row else None


def head_of(cx: Connection, size: int) -> SignedHead | None:
    """The signed head of that size."""
    row = cx.execute(select(t.audit_checkpoint).where(t.audit_checkpoint.c.size == size)).one_or_none()
    return SignedHead(row.size, row.at, row.note) if row else None


def document_of_row(row: Row[Any]) -> dict[str, Any]:
    """A row of the audit as the tree has it."""
    return document_of(stored_of(row).entry, row.writer, row.position)


def stored_of(row: Row[Any]) -> StoredEntry:
    return StoredEntry(row.id, AuditEntry(**{name: getattr(row, name) for name in AuditEntry.__slots__}))


def leaf_of_entry(cx: Connection, entry_id: int) -> tuple[int, bytes] | None:
    """Number and hash of the leaf of an entry; None while the tree does not have it."""
    row = cx.execute(select(_L.number, _L.hash).where(_L.entry_id == entry_id)).one_or_none()
    return (row.number, bytes.fromhex(row.hash)) if row else None


def leaves_of(cx: Connection, entry_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Number and hash of the leaves of several entries, by entry id."""
    wanted = select(_L.entry_id, _L.number, _L.hash).where(bulk.among(cx, _L.entry_id, list(entry_ids)))
    return {row.entry_id: {"number": row.number, "hash": row.hash} for row in cx.execute(wanted)}


def entry_of_leaf(cx: Connection, leaf: str) -> int | None:
    """The id of the entry that has this leaf hash."""
    return cx.execute(select(_L.entry_id).where(_L.hash == leaf).limit(1)).scalar_one_or_none()


def _end_of(cx: Connection) -> tuple[int, bytes]:
    row = cx.execute(select(_L.number, _L.running).order_by(_L.number.desc()).limit(1)).one_or_none()
    return (row.number + 1, bytes.fromhex(row.running)) if row else (0, b"")


def _committed(cx: Connection) -> Sequence[Row[int, str, int]]:
    """The next entries that are not in the tree: each writer's in its order, none passed over."""
    found = [cx.execute(wanted).all() for wanted in committed_by(cx)]
    # Ids grow with each writer's positions; so the first of all are the first of each.
    return list(islice(heapq.merge(*found, key=attrgetter("id")), _AT_ONCE))


def committed_by(cx: Connection) -> list[Select[int, str, int]]:
    """For each writer with entries that are not in the tree, what gives the next of them by the index of its positions.

    One statement for all writers would read the whole log each time, however little of it is new.
    """
    a = t.audit.c
    new = exists().where(a.writer == _W.id, a.position > _W.sequenced)
    writers = cx.execute(
        select(_W.id, _W.sequenced).where((_W.last.is_(None)) | (_W.last > _W.sequenced), new).order_by(_W.id)
    ).all()
    wanted = select(a.id, a.writer, a.position).order_by(a.position).limit(_AT_ONCE)
    return [wanted.where(a.writer == row.id, a.position > row.sequenced) for row in writers]


def _completed(tiles: Tiles, fresh: dict[tuple[int, int], bytes], size: int) -> list[tuple[int, int, str]]:
    """The inner nodes that the leaf before ``size`` has completed."""
    made = []
    level = 1
    while size % (1 << (TILE * level)) == 0:
        number = (size >> (TILE * level)) - 1
        fresh[level, number] = tiles.folded(level - 1, number * WIDTH, WIDTH)
        made.append((level, number, fresh[level, number].hex()))
        level += 1
    return made
