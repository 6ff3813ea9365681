"""Files on their way: an upload that tells how far it is, a download that is there whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Self

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known


class Watched(io.BytesIO):
    """Bytes that tell how far they have been read."""

    def __init__(self, data: bytes, progress: Progress) -> None:
        super().__init__(data)
        self._total = len(data)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self._progress(self.tell(), self._total)
        return chunk


class Download:
    """A file that appears under its name only when it is whole: written beside it, synced, then renamed.

    Used as a context; left by an exception, nothing remains and what stood there before still does.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self._path = path
        self._progress = progress
        self._total: int | None = None
        self._part: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._part = NamedTemporaryFile(dir=self._path.parent, prefix=f".{self._path.name}.", delete=False)
        return self

    @property
    def _open(self) -> IO[bytes]:
        if self._part is None:
            raise ValueError("a Download is used as a context")
        return self._part

    def begin(self, headers: Mapping[str, str]) -> None:
        self._open.seek(0)
        self._open.truncate()
        length = headers.get("Content-Length")
        self._total = int(length) if length and not headers.get("Content-Encoding") else None

    def write(self, chunk: bytes, /) -> int:
        written = self._open.write(chunk)
        if self._progress:
            self._progress(self._open.tell(), self._total)
        return written

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        part = self._open
        if kind is None:
            part.flush()
            os.fsync(part.fileno())
        part.close()
        if kind is None:
            Path(part.name).chmod(0o644)
            Path(part.name).replace(self._path)
        else:
            Path(part.name).unlink(missing_ok=True)


class Memory:
    """An answer kept in memory."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()

    def begin(self, headers: Mapping[str, str]) -> None:
        del headers
        self._buffer = io.BytesIO()

    def write(self, chunk: bytes, /) -> int:
        return self._buffer.write(chunk)

    @property
    def data(self) -> bytes:
        return self._buffer.getvalue()
