"""The log as the database keeps it, for the verifier, for export, and for taking out what is old."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, Text, delete, func, select, type_coerce

from app.store import archive as format_
from app.store import secrets
from app.store import tables as t
from app.store.audit import AuditEntry
from app.store.database import Database
from app.store.migrating import migrate
from app.store.secrets import AuditKeys
from app.store.types import Json, instant_text, json_text
from app.witness.verification import KeptEntry, KeptLeaf, KeptWriter

_A, _L = t.audit.c, t.audit_leaf.c
_AT_ONCE = 2_000
_FIELDS = (*AuditEntry.__slots__, "writer", "position")
_DOCUMENTS = frozenset(column.name for column in t.audit.columns if isinstance(column.type, Json))
# Documents as their text, so that a change no reader of JSON would notice is found too.
_ENTRY = [
    type_coerce(column, Text).label(column.name) if column.name in _DOCUMENTS else column for column in t.audit.columns
]


class DatabaseLog:
    """A log in a database, as one connection to the journal sees it. Implements ``witness.verification.KeptLog``."""

    def __init__(self, cx: Connection, keys: AuditKeys) -> None:
        self._cx = cx
        self.hashing = keys.hashing
        self.origin = keys.origin
        self.public = keys.public
        self.chain_key: bytes | None = keys.chain

    def leaves(self) -> Iterator[KeptLeaf]:
        wanted = (
            select(_L.number, _L.entry_id, _L.hash, _L.running, *_ENTRY)
            .outerjoin(t.audit, _A.id == _L.entry_id)
            .order_by(_L.number)
        )
        after = -1
        while rows := self._cx.execute(wanted.where(_L.number > after).limit(_AT_ONCE)).mappings().all():
            for row in rows:
                entry = _kept(row) if row["id"] is not None else None
                yield KeptLeaf(row["number"], row["entry_id"], _bytes(row["hash"]), _bytes(row["running"]), entry)
            after = rows[-1]["number"]

    def tail(self) -> Iterator[KeptEntry]:
        wanted = (
            select(*_ENTRY)
            .outerjoin(t.audit_leaf, _L.entry_id == _A.id)
            .where(_L.number.is_(None))
            .order_by(_A.writer, _A.position, _A.id)
        )
        for row in self._cx.execute(wanted).mappings():
            yield _kept(row)

    def nodes(self) -> Iterator[tuple[int, int, bytes]]:
        wanted = select(t.audit_node).order_by(t.audit_node.c.level, t.audit_node.c.number)
        for row in self._cx.execute(wanted):
            yield row.level, row.number, _bytes(row.hash)

    def notes(self) -> Iterator[tuple[int, str]]:
        for row in self._cx.execute(select(t.audit_checkpoint).order_by(t.audit_checkpoint.c.size)):
            yield row.size, row.note

    def writers(self) -> Mapping[str, KeptWriter] | None:
        rows = self._cx.execute(select(t.audit_writer)).all()
        return {row.id: KeptWriter(row.sequenced, row.last) for row in rows}


@contextmanager
def opened_log(database: Database) -> Iterator[DatabaseLog]:
    """The log of a database as it is at this moment."""
    with database.read() as cx:
        keys = secrets.audit_keys(cx)
    with database.read_journal() as cx:
        yield DatabaseLog(cx, keys)


@contextmanager
def archived_log(path: Path) -> Iterator[DatabaseLog]:
    """The log in a backup. Raises Problem for a file that is damaged or not a backup."""
    manifest = format_.verified(path)
    with tempfile.TemporaryDirectory(prefix="township-audit-") as folder, ExitStack() as stack:
        url = f"sqlite:///{Path(folder) / 'registry.db'}"
        migrate(url, manifest.revision)
        database = Database.open(url, Path(folder))
        stack.callback(database.close)
        archive = stack.enter_context(zipfile.ZipFile(path))
        for opened, wanted in ((database.journal, "audit"), (database.write, "setting")):
            with opened() as made:
                cx = made if isinstance(made, Connection) else made.connection
                for name, table in format_.reflected(cx).items():
                    if name.startswith(wanted):
                        format_.load_table(archive, manifest, cx, table)
        migrate(url)
        yield stack.enter_context(opened_log(database))


def first_since(cx: Connection, instant: datetime) -> int:
    """The number of the first leaf whose entry is of this instant or later; the size of the tree if there is none."""
    wanted = select(func.min(_L.number)).join(t.audit, _A.id == _L.entry_id).where(_A.at >= instant)
    found: int | None = cx.execute(wanted).scalar_one()
    if found is not None:
        return found
    last: int | None = cx.execute(select(func.max(_L.number))).scalar_one()
    return 0 if last is None else last + 1


def remove_below(database: Database, below: int) -> int:
    """Take out the entries of all leaves before this one, keeping the leaves; how many went. A few at a time."""
    gone = 0
    while True:
        with database.journal() as cx:
            ids = (
                select(_A.id)
                .join(t.audit_leaf, _L.entry_id == _A.id)
                .where(_L.number < below)
                .order_by(_A.id)
                .limit(_AT_ONCE)
            )
            done = cx.execute(delete(t.audit).where(_A.id.in_(ids))).rowcount
        gone += done
        if done < _AT_ONCE:
            return gone


def _kept(row: RowMapping) -> KeptEntry:
    document: dict[str, Any] = {}
    exact = True
    for name in _FIELDS:
        value = row[name]
        if value is not None and name in _DOCUMENTS:
            try:
                document[name] = orjson.loads(value)
                exact = exact and json_text(document[name]) == value
            except ValueError:
                document[name], exact = value, False
        elif name == "at":
            document[name] = instant_text(value)
        else:
            document[name] = value
    return KeptEntry(row["id"], document, _bytes(row["link"] or ""), exact)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()  # whatever stands there now, it is no hash
