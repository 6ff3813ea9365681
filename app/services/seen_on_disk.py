"""Which records a long stream has given already, kept in a temporary file: a million keys in a few megabytes of memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from app.intake import RecordKey

_CACHE_KIBIBYTES = 16 * 1024


class SeenOnDisk:
    """Where each record was given first. Used as a context, which takes the file away at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIBIBYTES}"):
            self._file.execute(f"PRAGMA {pragma}")
        self._file.execute('CREATE TABLE seen (key BLOB PRIMARY KEY, "where" TEXT NOT NULL) WITHOUT ROWID')
        self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def setdefault(self, key: RecordKey, where: str) -> str:
        """Where the record was given first; ``where`` if it was not given before."""
        text = orjson.dumps(key)
        if self._file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (text, where)).rowcount == 1:
            return where
        found: tuple[str] = self._file.execute('SELECT "where" FROM seen WHERE key = ?', (text,)).fetchone()
        return found[0]


class SeenOnce:
    """Every record is the first: for reading again what was found to give none twice."""

    def setdefault(self, key: RecordKey, where: str) -> str:  # noqa: ARG002
        """``where``."""
        return where
