"""A backup as a file: a zip of one JSON-lines file for each table, the files of evidence, and a manifest with counts and digests.

It says the same whichever database it came from: instants as UTC text, dates as ISO, JSON documents as the text they
are kept as, rows in the order of the primary key by code point. So equal contents have equal digests.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from sqlalchemy import Column, ColumnElement, Connection, MetaData, String, Table, collate, delete, select

from app.errors import Problem
from app.store import bulk, evidence_archive
from app.store.evidence_archive import EvidenceDigest
from app.store.secrets import LINEAGE
from app.store.types import instant_text

MANIFEST = "manifest.json"
FORMAT = 2
_READ = frozenset({1, FORMAT})  # 1: without files of evidence
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class TableDigest:
    """What one table of an archive holds: its columns in order, how many rows, and the SHA-256 of its lines."""

    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds. ``revision`` is the migration its tables belong to; ``evidence`` None: its files are left out."""

    format: int
    made_at: str
    revision: str
    epoch: int
    tables: dict[str, TableDigest]
    evidence: EvidenceDigest | None = None


def reflected(cx: Connection) -> dict[str, Table]:
    """The tables that are there, what is referred to first; Alembic's own is left out."""
    metadata = MetaData()
    metadata.reflect(cx)
    # Plain text for names: what reflection gives is a kind of str that JSON keys may not be.
    return {str(table.name): table for table in metadata.sorted_tables if table.name != "alembic_version"}


def write_table(archive: zipfile.ZipFile, cx: Connection, table: Table) -> TableDigest:
    """Write one table into an archive."""
    with archive.open(_member(table.name), "w", force_zip64=True) as file:
        return _digested(table, _lines(cx, table), file)


def digest_table(cx: Connection, table: Table) -> TableDigest:
    """What ``write_table`` would give, without writing."""
    return _digested(table, _lines(cx, table), None)


def load_table(archive: zipfile.ZipFile, manifest: Manifest, cx: Connection, table: Table) -> None:
    """Put the rows of an archive into a table in place of those that are there, and let new ids go on after them."""
    cx.execute(delete(table))
    columns = manifest.tables[table.name].columns
    with archive.open(_member(table.name)) as file:
        rows = (tuple(orjson.loads(line)) for line in file)
        while batch := list(islice(rows, _BATCH)):
            bulk.insert(cx, table, columns, batch)
    if cx.dialect.name == "postgresql":
        for column in table.primary_key.columns:
            _continue_sequence(cx, column)


def write_manifest(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    archive.writestr(MANIFEST, orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))


def verified(path: Path) -> Manifest:
    """The manifest of an archive, after every digest in it has been checked.

    Raises Problem ``bad_request`` for a file that is damaged or no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(orjson.loads(archive.read(MANIFEST)))
            for name, expected in manifest.tables.items():
                with archive.open(_member(name)) as file:
                    digest, rows = hashlib.sha256(), 0
                    for line in file:
                        digest.update(line)
                        rows += 1
                if rows != expected.rows or digest.hexdigest() != expected.sha256:
                    raise _damaged(path, f"{name}")
            for fault in evidence_archive.faults(archive, manifest.evidence):
                raise _damaged(path, fault)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, OSError) as fault:
        raise _damaged(path, str(fault)) from fault
    return manifest


def _manifest(document: dict[str, Any]) -> Manifest:
    if document["format"] not in _READ:
        raise ValueError(f"format {document['format']}")
    tables = {
        name: TableDigest(tuple(table["columns"]), table["rows"], table["sha256"])
        for name, table in document["tables"].items()
    }
    told = document.get("evidence")
    evidence = EvidenceDigest(**{**told, "missing": tuple(told["missing"])}) if told is not None else None
    return Manifest(**{**document, "tables": tables, "evidence": evidence})


def _damaged(path: Path, what: str) -> Problem:
    return Problem("bad_request", f"备份文件已损坏或不是备份：{path.name}：{what} (damaged, or not a backup)")


def _digested(table: Table, lines: Iterable[bytes], file: BinaryIO | Any) -> TableDigest:
    digest, rows = hashlib.sha256(), 0
    for line in lines:
        digest.update(line)
        rows += 1
        if file is not None:
            file.write(line)
    return TableDigest(tuple(str(column.name) for column in table.columns), rows, digest.hexdigest())


def _lines(cx: Connection, table: Table) -> Iterator[bytes]:
    order = [_by_code_point(cx, column) for column in table.primary_key.columns]
    wanted = select(table).order_by(*order)
    if table.name == "setting":
        wanted = wanted.where(table.c.name != LINEAGE)  # a restored registry is another run of history
    for row in cx.execute(wanted, execution_options={"yield_per": _BATCH}):
        yield orjson.dumps([_neutral(value) for value in row], option=orjson.OPT_APPEND_NEWLINE)


def _by_code_point(cx: Connection, column: Column[Any]) -> ColumnElement[Any]:
    if cx.dialect.name == "postgresql" and isinstance(column.type, String):
        return collate(column, "C")
    return column


def _neutral(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


def _continue_sequence(cx: Connection, column: Column[Any]) -> None:
    table = column.table.name
    sequence = cx.exec_driver_sql("SELECT pg_get_serial_sequence(%s, %s)", (table, column.name)).scalar_one()
    if sequence is not None:
        cx.exec_driver_sql(
            f'SELECT setval(%s, coalesce(max("{column.name}"), 1), max("{column.name}") IS NOT NULL) FROM "{table}"',  # noqa: S608
            (sequence,),
        )


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"
