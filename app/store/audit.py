"""The audit: who asked what, written down before it is answered, and how it ended.

Every process has one writer thread. Whoever has an entry hands it over and waits until it is on the disk; all that
arrive while one commit is under way share the next, so that many requests cost one sync and none waits for a timer.
Entries are only ever added.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from app.errors import Problem
from app.store import bulk
from app.store import tables as t
from app.store.database import Database
from app.store.types import instant_text, json_text

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


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its number; numbers grow in the order of writing, without promise of being gapless."""

    id: int
    entry: AuditEntry


_COLUMNS = tuple(field.name for field in fields(AuditEntry))


class AuditLog:
    """The way into the audit for one process. Make it after the process has forked; close it at the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[tuple[AuditEntry, Future[None]] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closed = False

    def submit(self, entry: AuditEntry) -> Future[None]:
        """Hand an entry over; the future is done when it is durable, or carries what went wrong."""
        done: Future[None] = Future()
        with self._gate:
            if self._closed:
                raise Problem("unavailable", "服务正在关闭 (the service is closing)")
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="audit-writer", daemon=True)
                self._writer.start()
            self._waiting.put((entry, done))
        return done

    def append(self, entry: AuditEntry) -> None:
        """Write an entry; returns when it is durable. Raises Problem ``unavailable`` when it cannot be kept."""
        self.submit(entry).result()

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
                return

    def _commit(self, group: Sequence[tuple[AuditEntry, Future[None]]]) -> None:
        try:
            with self._database.journal() as cx:
                insert_entries(cx, [entry for entry, _ in group])
        except Exception as fault:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            for _, done in group:
                done.set_exception(fault)
        else:
            for _, done in group:
                done.set_result(None)


def insert_entries(cx: Connection, entries: Sequence[AuditEntry]) -> None:
    """Write entries in the order given, in the transaction of ``cx``."""
    sqlite = cx.dialect.name == "sqlite"
    rows = [tuple(_driver_value(name, getattr(entry, name), sqlite=sqlite) for name in _COLUMNS) for entry in entries]
    bulk.insert(cx, t.audit, _COLUMNS, rows)


def _driver_value(name: str, value: Any, *, sqlite: bool) -> Any:
    if value is None:
        return None
    if name in {"question", "agreements"}:
        return json_text(value)
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")  # PostgreSQL keeps no NUL, and one entry must not spoil its group
    return instant_text(value) if name == "at" and sqlite else value


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
