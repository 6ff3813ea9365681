"""The audit: who asked what, written down before it is answered, and how it ended.

Every process has one writer thread. Whoever has an entry hands it over and waits until it is on the disk; all that
arrive while one commit is under way share the next, so that many requests cost one sync and none waits for a timer.
Entries are only ever added, each linked to the one before it of the same process; the tree (``audit_tree``) takes them
from there.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from app.errors import Problem
from app.store import bulk, secrets
from app.store import tables as t
from app.store.audit_rows import COLUMNS, AuditEntry, EntryKind, text_and_row, told_of, writable, write_rows
from app.store.database import Database
from app.store.ids import new_id
from app.store.secrets import AuditKeys
from app.store.types import instant_text
from app.witness.entries import next_link

__all__ = ["AuditEntry", "AuditLog", "EntryKind", "Place", "StoredEntry", "Written", "document_of", "entries"]

_A = t.audit.c
_LARGEST_GROUP = 1_000


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its number; numbers grow in the order of writing, without promise of being gapless."""

    id: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry is for good: the run of a process that wrote it, its position there, its leaf hash in hex."""

    writer: str
    position: int
    leaf: str


_REMEMBERED = 200_000  # leaves of entries that the tree has not taken in yet
Told = Callable[[], None]
Handed = tuple[Sequence[Mapping[str, Any]], Callable[["Written"], None] | None]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of some entries that were handed over together: where they stand for good, or why they do not."""

    writer: str = ""
    first: int = 0
    leaves: Sequence[bytes] = ()
    fault: Exception | None = None

    def place(self, number: int = 0) -> Place:
        """Where entry ``number`` of those handed over stands. Raises what kept it from being written."""
        if self.fault is not None:
            raise self.fault
        return Place(self.writer, self.first + number, self.leaves[number].hex())


class Chain:
    """The entries of one run of a process, each linked to the one before."""

    def __init__(self, keys: AuditKeys, writer: str) -> None:
        self._keys = keys
        self.writer = writer
        self.position = 0
        self._link = b""

    def link(
        self, entries: Sequence[Mapping[str, Any]], *, as_text: bool
    ) -> tuple[list[bytes], list[str], list[list[Any]]]:
        """Leaf hashes, links and rows of the next entries; nothing moves until ``advance``."""
        hashing, key, writer, link = self._keys.hashing, self._keys.chain, self.writer, self._link
        leaves, links, rows = [], [], []
        for position, entry in enumerate(entries, self.position + 1):
            text, row = text_and_row(entry, writer, position, as_text=as_text)
            leaf = hashing.leaf(text)
            link = next_link(hashing, key, writer, link, leaf)
            leaves.append(leaf)
            links.append(link.hex())
            row.append(links[-1])
            rows.append(row)
        return leaves, links, rows

    def advance(self, links: Sequence[str]) -> None:
        self.position += len(links)
        self._link = bytes.fromhex(links[-1])


class AuditLog:
    """The way into the audit for one process. Make it after the process has forked; close it at the end.

    ``told`` is called after each commit, in the writer's thread. ``fresh`` is given the leaf hash of every entry
    written here, by writer and position, for the tree to take from; what it does not find there it makes itself.
    """

    def __init__(
        self,
        database: Database,
        told: Told = lambda: None,
        fresh: MutableMapping[tuple[str, int], bytes] | None = None,
    ) -> None:
        self._database = database
        self._told = told
        self._waiting: queue.SimpleQueue[Handed | None] = queue.SimpleQueue()
        self._later: deque[Handed] = deque()
        self._gate = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closed = False
        self._chain: Chain | None = None
        self._fresh = fresh

    def hand_over(
        self,
        entries: Sequence[Mapping[str, Any]],
        told: Callable[[Written], None] | None = None,
        *,
        later: bool = False,
    ) -> None:
        """Have entries (as ``told_of`` gives them) written, in their order and in one commit.

        ``told`` hears in the writer's thread when they are durable, or what went wrong; it must not wait for anything.
        ``later``: nobody waits for them; they go with what is handed over next, or when whoever did so has them ``hurry``.
        """
        with self._gate:
            if self._closed:
                raise Problem("unavailable", "服务正在关闭 (the service is closing)")
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="audit-writer", daemon=True)
                self._writer.start()
            if later:
                self._later.append((entries, told))
            else:
                self._waiting.put((entries, told))

    def hurry(self) -> None:
        """Have what was handed over for later written now."""
        with self._gate:
            if self._later and not self._closed:
                self._waiting.put(((), None))

    def settle(self) -> None:
        """Returns when all that was handed over here before is durable, or was told that it is not."""
        done = threading.Event()
        with self._gate:
            if self._writer is None:  # nothing was, or it has all been written
                return
            self._waiting.put(((), lambda _: done.set()))
        done.wait()

    def submit(self, entry: AuditEntry) -> Future[Place]:
        """Hand an entry over; the future is done when it is durable, or carries what went wrong."""
        done: Future[Place] = Future()

        def tell(written: Written) -> None:
            if written.fault is None:
                done.set_result(written.place())
            else:
                done.set_exception(written.fault)

        self.hand_over((told_of(entry),), tell)
        return done

    def append(self, entry: AuditEntry) -> Place:
        """Write an entry; returns when it is durable. Raises Problem ``unavailable`` when it cannot be kept."""
        return self.submit(entry).result()

    def close(self) -> None:
        """Write what is waiting and stop. Later entries are refused."""
        with self._gate:
            self._closed = True
            writer, self._writer = self._writer, None
            if writer is not None:
                self._waiting.put(None)
        if writer is not None:
            writer.join()

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [*self._taken_later(), first]
            count = sum(len(entries) for entries, _ in group)
            last = False
            while count < _LARGEST_GROUP:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                group.append(more)
                count += len(more[0])
            if count:
                self._commit(group)
            else:
                _tell(group, Written())
            if last:
                break
        while left := self._taken_later():
            self._commit(left)
        self._end()

    def _taken_later(self) -> list[Handed]:
        taken: list[Handed] = []
        with suppress(IndexError):  # it is empty
            while len(taken) < _LARGEST_GROUP:
                taken.append(self._later.popleft())
        return taken

    def _commit(self, group: Sequence[Handed]) -> None:
        try:
            if self._chain is None:
                with self._database.read() as cx:
                    self._chain = Chain(secrets.audit_keys(cx), new_id())
            chain = self._chain
            entries = [entry for handed, _ in group for entry in handed]
            leaves, links, rows = chain.link(entries, as_text=self._database.dialect == "sqlite")
            self._insert(chain, entries[0], rows)
        except Exception as fault:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            # Whether the group was kept may be unknown, so that nothing may be linked to it: a new chain begins.
            self._chain = None
            _tell(group, Written(fault=fault))
            return
        first = chain.position + 1
        chain.advance(links)
        start = 0
        for handed, told in group:
            if told is not None:
                told(Written(chain.writer, first + start, leaves[start : start + len(handed)]))
            start += len(handed)
        if self._fresh is not None and len(self._fresh) < _REMEMBERED:
            self._fresh.update({(chain.writer, position): leaf for position, leaf in enumerate(leaves, first)})
        self._told()

    def _insert(self, chain: Chain, first: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> None:
        if chain.position == 0:
            with self._database.journal() as cx:
                begun = t.audit_writer.insert().values(id=chain.writer, started_at=first["at"], sequenced=0)
                cx.execute(begun)
                bulk.insert(cx, t.audit, (*COLUMNS, "writer", "position", "link"), [tuple(row) for row in rows])
            return
        with self._database.journal_statements() as driver:
            write_rows(driver, rows, sqlite=self._database.dialect == "sqlite")

    def _end(self) -> None:
        """Say which entry was the last, so that its loss would be found."""
        if self._chain is None:
            return
        ended = update(t.audit_writer).where(t.audit_writer.c.id == self._chain.writer)
        with suppress(Exception), self._database.journal() as cx:
            cx.execute(ended.values(last=self._chain.position))


def _tell(group: Sequence[Handed], written: Written) -> None:
    for _, told in group:
        if told is not None:
            told(written)


def document_of(entry: AuditEntry, writer: str, position: int) -> dict[str, Any]:
    """The entry as the tree has it, without what is null: what ``entry_bytes`` is made of."""
    told = writable(told_of(entry))
    return {**told, "at": instant_text(entry.at), "writer": writer, "position": position}


def entries(  # noqa: PLR0913 - one for each thing to look for
    cx: Connection,
    *,
    credential_id: str | None = None,
    department: str | None = None,
    action: str | None = None,
    target: str | None = None,
    request_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[StoredEntry]:
    """Entries that meet every condition given, newest first; go on with ``before_id`` of the last one."""
    wanted = select(t.audit).order_by(_A.id.desc()).limit(limit)
    for column, value in (
        (_A.credential_id, credential_id),
        (_A.department, department),
        (_A.action, action),
        (_A.target, target),
        (_A.request_id, request_id),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if since is not None:
        wanted = wanted.where(_A.at >= since)
    if until is not None:
        wanted = wanted.where(_A.at < until)
    if before_id is not None:
        wanted = wanted.where(_A.id < before_id)
    return [
        StoredEntry(row["id"], AuditEntry(**{name: row[name] for name in COLUMNS}))
        for row in cx.execute(wanted).mappings()
    ]
