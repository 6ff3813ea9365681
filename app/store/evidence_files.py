"""The bytes of evidence, by their SHA-256: in a folder, or wherever fsspec reaches (``s3://``, ``memory://``)."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath

from fsspec.core import split_protocol, url_to_fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import get_filesystem_class

from app.errors import Problem
from app.store.ids import new_id

# Object stores: there are no folders to make, and making one would make a bucket of a mistyped name.
_WITHOUT_FOLDERS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss"})


def demand_driver(url: str) -> None:
    """Raises Problem ``unavailable`` for a kind of storage that is unknown or whose driver is not installed."""
    try:
        get_filesystem_class(split_protocol(url)[0])
    except (ImportError, ValueError) as fault:
        raise Problem(
            "unavailable", f"TOWNSHIP_EVIDENCE_URL 所需的存储驱动未安装或不存在 (no driver for this storage): {fault}"
        ) from fault


class EvidenceFiles:
    """One place for all files. What is put is there whole and durable when ``put`` returns, or not at all."""

    def __init__(self, url: str, data_dir: Path) -> None:
        """Raises Problem ``unavailable`` for a kind of storage that is unknown or whose driver is not installed."""
        self.url = url or str((data_dir / "evidence").absolute())
        demand_driver(self.url)
        self._files, self._root = url_to_fs(self.url)
        protocol = self._files.protocol
        self._has_folders = _WITHOUT_FOLDERS.isdisjoint([protocol] if isinstance(protocol, str) else protocol)

    def put(self, data: bytes) -> str:
        """Keep a file; gives its hash. The same content is kept once; writing it again takes as long as the first time."""
        digest = hashlib.sha256(data).hexdigest()
        place = self._place(digest)
        with _Told():
            if isinstance(self._files, LocalFileSystem):
                _write_durably(Path(place), data)
            else:
                if self._has_folders:
                    self._files.makedirs(str(PurePosixPath(place).parent), exist_ok=True)
                self._files.pipe_file(place, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a hash. Raises Problem ``unavailable`` where they are gone or are not what was kept."""
        data = self.found(digest)
        if data is None:
            raise Problem("unavailable", "佐证文件已丢失或损坏 (the file is gone or not what was kept)")
        return data

    def found(self, digest: str) -> bytes | None:
        """The bytes of a hash; None where they are gone or are not what was kept.

        Raises Problem ``unavailable`` where the storage cannot be asked, so that nothing counts as gone that is not.
        """
        data: bytes | None = None
        with _Told(), suppress(FileNotFoundError):
            data = self._files.cat_file(self._place(digest))
        return data if data is not None and hashlib.sha256(data).hexdigest() == digest else None

    def _place(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"


class _Told:
    """Faults of the storage, whatever it is, as one Problem."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: object) -> None:
        if isinstance(fault, Exception) and not isinstance(fault, Problem):
            raise Problem(
                "unavailable", "佐证文件的存放处暂不可用 (the storage of evidence is not available)"
            ) from fault


def _write_durably(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{new_id()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)
    handle = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
