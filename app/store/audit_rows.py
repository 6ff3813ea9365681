"""Rows of the audit as they go to the driver: one statement for a group of entries, which is their one transaction.

An entry on its way is what ``told_of`` gives: its members by name, without those that are not said, ``at`` an instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal

from app.store.types import instant_text, json_text
from app.witness.entries import entry_bytes

EntryKind = Literal["intent", "closing", "act"]
Told = Mapping[str, Any]
_IN_ONE_STATEMENT = 64


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


COLUMNS = tuple(field.name for field in fields(AuditEntry))
_AT_PLACE = COLUMNS.index("at")
_DOCUMENT_PLACES = tuple((COLUMNS.index(name), name) for name in ("question", "agreements", "purposes", "answered"))
_BUT_LINK = (*COLUMNS, "writer", "position")
_ALL = (*_BUT_LINK, "link")
_NUL = b"\\u0000"
_NAMES = ", ".join(f'"{name}"' for name in _ALL)


def told_of(entry: AuditEntry) -> dict[str, Any]:
    """The members of an entry that are said."""
    return {name: value for name in COLUMNS if (value := getattr(entry, name)) is not None}


def text_and_row(told: Told, writer: str, position: int, *, as_text: bool) -> tuple[bytes, list[Any]]:
    """An entry at its place: its one text, which its leaf in the tree is the hash of, and its row but for the link.

    Instants are ``as_text`` in the row where the database has no type for them.
    """
    at = told["at"]
    written = instant_text(at)
    document = {**told, "at": written, "writer": writer, "position": position}
    text = entry_bytes(document)
    if _NUL in text:
        document.update(writable(document))
        text = entry_bytes(document)
    get = document.get
    row = [get(name) for name in _BUT_LINK]
    for place, name in _DOCUMENT_PLACES:
        if name in told:
            row[place] = json_text(told[name])
    if not as_text:
        row[_AT_PLACE] = at
    return text, row


def writable(told: Told) -> dict[str, Any]:
    """The entry as both databases keep it: PostgreSQL keeps no NUL, and one entry must not spoil its group."""
    return {name: value.replace("\x00", "\ufffd") if type(value) is str else value for name, value in told.items()}


def write_rows(driver: Any, rows: Sequence[Sequence[Any]], *, sqlite: bool) -> None:
    """Write rows in their order: all of them durably when it returns, or none.

    ``driver``: the driver's own connection to the journal, on which every statement is a transaction of its own.
    """
    if len(rows) <= _IN_ONE_STATEMENT:
        driver.execute(_statement(len(rows), sqlite=sqlite), [value for row in rows for value in row])
    elif sqlite:
        driver.execute("BEGIN IMMEDIATE")
        driver.executemany(_statement(1, sqlite=True), rows)
        driver.execute("COMMIT")
    else:
        with driver.cursor() as cursor, cursor.copy(f"COPY audit ({_NAMES}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


@cache
def _statement(count: int, *, sqlite: bool) -> str:
    # Of each length there is one text, which either driver prepares once and keeps.
    marks = f"({', '.join(['?' if sqlite else '%s'] * len(_ALL))})"
    return f"INSERT INTO audit ({_NAMES}) VALUES {', '.join([marks] * count)}"  # noqa: S608 - names of our own
