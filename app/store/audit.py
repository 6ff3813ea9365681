"""The audit: who asked what, written down before it is answered, and how it ended.

Every process has one writer thread. Whoever has an entry hands it over and waits until it is on the disk; all that
arrive while one commit is under way share the next, so that many requests cost one sync and none waits for a timer.
Entries are only ever added, each linked to the one before it of the same process; the tree (``audit_tree``) takes them
from there.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from app.errors import Problem
from app.store import bulk, secrets
from app.store import tables as t
from app.store.database import Database
from app.store.ids import new_id
from app.store.secrets import AuditKeys
from app.store.types import instant_text, json_text
from app.witness.entries import entry_bytes, next_link

EntryKind = Literal["intent", "closing", "act"]
_A = t.audit.c
_LARGEST_GROUP = 1_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit. An *intent* and its *closing* share ``request_id``; an *act* stands for itself.

    ``status`` says how it went: ``sent``, ``broken``, ``not_modified``, ``applied``, the code of a Problem …
    """

    at: datetime
    request_id: str
    kind: EntryKind
    caller_kind: str
    action: str
    credential_id: str | None = None
    department: str | None = None
    region_id: int | None = None
    target: str | None = None
    version: int | None = None
    question: Mapping[str, Any] | None = None
    agreements: Sequence[str] | None = None
    epoch: int | None = None
    status: str | None = None
    rows: int | None = None
    digest: str | None = None
    purposes: Sequence[str] | None = None
    snapshot: str | None = None
    answered: Mapping[str, Any] | None = None


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


_COLUMNS = tuple(field.name for field in fields(AuditEntry))
_VALUES = attrgetter(*_COLUMNS)
_AT_PLACE = _COLUMNS.index("at")
_DOCUMENT_PLACES = tuple(_COLUMNS.index(name) for name in ("question", "agreements", "purposes", "answered"))
_REMEMBERED = 200_000  # leaves of entries that the tree has not taken in yet
Told = Callable[[], None]


class Chain:
    """The entries of one run of a process, each linked to the one before."""

    def __init__(self, keys: AuditKeys, writer: str) -> None:
        self._keys = keys
        self.writer = writer
        self.position = 0
        self._link = b""

    def link(self, entries: Sequence[AuditEntry]) -> tuple[list[tuple[Place, str]], bytes]:
        """Places and links of the next entries, and the last link; nothing moves until ``advance``."""
        link, places = self._link, []
        for position, entry in enumerate(entries, self.position + 1):
            leaf = self._keys.hashing.leaf(entry_bytes(document_of(entry, self.writer, position)))
            link = next_link(self._keys.hashing, self._keys.chain, self.writer, link, leaf)
            places.append((Place(self.writer, position, leaf.hex()), link.hex()))
        return places, link

    def advance(self, count: int, link: bytes) -> None:
        self.position += count
        self._link = link


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
        self._waiting: queue.SimpleQueue[tuple[AuditEntry, Future[Place]] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closed = False
        self._chain: Chain | None = None
        self._fresh = fresh

    def submit(self, entry: AuditEntry) -> Future[Place]:
        """Hand an entry over; the future is done when it is durable, or carries what went wrong."""
        done: Future[Place] = Future()
        with self._gate:
            if self._closed:
                raise Problem("unavailable", "服务正在关闭 (the service is closing)")
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="audit-writer", daemon=True)
                self._writer.start()
            self._waiting.put((entry, done))
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
            group = [first]
            last = False
            while len(group) < _LARGEST_GROUP:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                group.append(more)
            self._commit(group)
            if last:
                break
        self._end()

    def _commit(self, group: Sequence[tuple[AuditEntry, Future[Place]]]) -> None:
        try:
            if self._chain is None:
                with self._database.read() as cx:
                    self._chain = Chain(secrets.audit_keys(cx), new_id())
            entries = [entry for entry, _ in group]
            places, link = self._chain.link(entries)
            with self._database.journal() as cx:
                if self._chain.position == 0:
                    cx.execute(
                        t.audit_writer.insert().values(id=self._chain.writer, started_at=entries[0].at, sequenced=0)
                    )
                insert_entries(cx, entries, places)
            self._chain.advance(len(entries), link)
        except Exception as fault:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            # Whether the group was kept may be unknown, so that nothing may be linked to it: a new chain begins.
            self._chain = None
            for _, done in group:
                done.set_exception(fault)
        else:
            for (_, done), (place, _) in zip(group, places, strict=True):
                done.set_result(place)
            if self._fresh is not None and len(self._fresh) < _REMEMBERED:
                self._fresh.update({(at.writer, at.position): bytes.fromhex(at.leaf) for at, _ in places})
            self._told()

    def _end(self) -> None:
        """Say which entry was the last, so that its loss would be found."""
        if self._chain is None:
            return
        ended = update(t.audit_writer).where(t.audit_writer.c.id == self._chain.writer)
        with suppress(Exception), self._database.journal() as cx:
            cx.execute(ended.values(last=self._chain.position))


def insert_entries(cx: Connection, entries: Sequence[AuditEntry], places: Sequence[tuple[Place, str]]) -> None:
    """Write entries in the order given, with their places and links, in the transaction of ``cx``."""
    as_text = cx.dialect.name == "sqlite"
    rows = [
        (*_driver_values(entry, as_text=as_text), at.writer, at.position, link)
        for entry, (at, link) in zip(entries, places, strict=True)
    ]
    bulk.insert(cx, t.audit, (*_COLUMNS, "writer", "position", "link"), rows)


def document_of(entry: AuditEntry, writer: str, position: int) -> dict[str, Any]:
    """The entry as the tree has it, without what is null: what ``entry_bytes`` is made of."""
    told = {name: _kept(value) for name, value in zip(_COLUMNS, _VALUES(entry), strict=True) if value is not None}
    told["at"] = instant_text(entry.at)
    told["writer"] = writer
    told["position"] = position
    return told


def _kept(value: Any) -> Any:
    # PostgreSQL keeps no NUL, and one entry must not spoil its group.
    return value.replace("\x00", "\ufffd") if type(value) is str and "\x00" in value else value


def _driver_values(entry: AuditEntry, *, as_text: bool) -> list[Any]:
    values = [_kept(value) for value in _VALUES(entry)]
    for place in _DOCUMENT_PLACES:
        if values[place] is not None:
            values[place] = json_text(values[place])
    if as_text:
        values[_AT_PLACE] = instant_text(entry.at)
    return values


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
        StoredEntry(row["id"], AuditEntry(**{name: row[name] for name in _COLUMNS}))
        for row in cx.execute(wanted).mappings()
    ]
