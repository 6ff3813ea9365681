"""Files that come in pieces over lines that drop: what has arrived stays, and the rest is sent from there.

The pieces lie in ``uploads`` of the data folder, which all workers of a machine share; beside each file stands whose it is and what
it is to become. There is no table: an upload is nothing until it is submitted.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry

_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 255
_MOST_OPEN = 20
_UNKNOWN_TO_ITS_SENDER = 600.0  # seconds without a byte: the answer that told its id was probably lost
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way: ``size`` bytes in all, with this SHA-256 where the sender said so."""

    id: str
    credential_id: str
    filename: str
    media_type: str
    size: int
    sha256: str | None
    created: float


@dataclass(frozen=True, slots=True)
class Arrived:
    """How much of an upload is there."""

    upload: Upload
    offset: int
    path: Path

    @property
    def complete(self) -> bool:
        return self.offset == self.upload.size


class Uploads:
    """The uploads of one registry. Unknown ones, expired ones and those of others give the same 404."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._settings = registry.settings
        self.folder = registry.settings.data_dir / "uploads"

    def create(self, caller: Caller, filename: str, media_type: str, size: int, sha256: str | None) -> Arrived:
        """Begin an upload. Raises Problem: 403 for who reports nothing, 400, 413 beyond the limits."""
        self.may_report(caller)
        if not size > 0:
            raise Problem("bad_request", "size 应为正整数 (the size in bytes)")
        limit = self._settings.max_stream_bytes if media_type == NDJSON else self._settings.max_upload_bytes
        if size > limit:
            raise Problem("too_large", f"文件超过 {limit >> 20} MB (more than {limit >> 20} MB)")
        if sha256 is not None and _DIGEST.fullmatch(sha256) is None:
            raise Problem("bad_request", "sha256 应为64位小写十六进制 (64 hexadecimal digits)")
        self.forget_expired()
        if not self._room(caller, size):
            raise Problem(
                "too_large", "未用完的上传太多，请先提交或删除 (too many open uploads: submit or delete some)"
            )
        upload = Upload(
            uuid.uuid4().hex, caller.credential_id, filename[:_LONGEST_NAME], media_type, size, sha256, self._now()
        )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self._part(upload.id)
        part.touch(mode=0o600)
        described = part.with_suffix(".new")
        described.write_bytes(orjson.dumps(asdict(upload)))
        described.replace(part.with_suffix(".json"))
        return Arrived(upload, 0, part)

    def may_report(self, caller: Caller) -> None:
        """Raises 403 for a caller who reports to no dataset at all."""
        datasets = self._registry.state().catalogue.datasets.values()
        if not any(gate.reports_to(caller, dataset) for dataset in datasets):
            raise Problem("forbidden", "该凭证不报送数据 (the caller reports nothing)")

    def arrived(self, caller: Caller, identity: str) -> Arrived:
        """How much is there."""
        upload = self._find(caller, identity)
        part = self._part(identity)
        try:
            return Arrived(upload, part.stat().st_size, part)
        except FileNotFoundError:
            raise _unknown() from None

    async def append(self, caller: Caller, identity: str, offset: int, chunks: AsyncIterator[bytes]) -> Arrived:
        """Add what follows from ``offset`` on. What has come in before the line dropped stays.

        Raises Problem: 409 where the offset is another than what is there (or a piece is being written), 413 beyond the size.
        """
        arrived = await asyncio.to_thread(self.arrived, caller, identity)
        with _locked(arrived.path) as file:
            present = os.fstat(file.fileno()).st_size
            if offset != present:
                raise _elsewhere(present)
            async for chunk in chunks:
                present += len(chunk)
                if present > arrived.upload.size:
                    raise Problem("too_large", "内容超过所声明的大小 (more than the declared size)")
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(_synced, file)
        return Arrived(arrived.upload, present, arrived.path)

    def whole(self, caller: Caller, identity: str) -> tuple[Arrived, str]:
        """A complete upload and its SHA-256. Raises Problem: 409 while it is not complete, 422-like faults as 400."""
        arrived = self.arrived(caller, identity)
        if not arrived.complete:
            raise _elsewhere(arrived.offset, "上传尚未完成 (the upload is not complete)")
        with arrived.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if arrived.upload.sha256 not in (None, digest):
            self.delete(caller, identity)
            raise Problem("bad_request", "内容与所声明的校验和不符，请重新上传 (the checksum differs; send it again)")
        return arrived, digest

    def answered(self, identity: str) -> None:
        """A submission of this upload was answered: it may be asked for again, but makes room for others of its sender."""
        with suppress(OSError):
            self._part(identity).with_suffix(".done").touch(mode=0o600)

    def delete(self, caller: Caller, identity: str) -> None:
        """Give up an upload."""
        self._find(caller, identity)
        self._remove(identity)

    async def spool(self, chunks: AsyncIterator[bytes]) -> tuple[Path, str]:
        """A stream as a file of its own, and its SHA-256; the caller deletes it. Raises Problem 413."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{uuid.uuid4().hex}.spool"
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("wb") as file:
                path.chmod(0o600)
                async for chunk in chunks:
                    size += len(chunk)
                    self._check_size(size)
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path, digest.hexdigest()

    def _check_size(self, size: int) -> None:
        limit = self._settings.max_stream_bytes
        if size > limit:
            raise Problem("too_large", f"提交内容超过 {limit >> 20} MB (more than {limit >> 20} MB)")

    def forget_expired(self) -> int:
        """Delete what nobody came back for; gives how many files that were."""
        limit = self._now() - self._settings.upload_lifetime_seconds
        expired = [upload.id for upload in self._all() if upload.created < limit]
        for identity in expired:
            self._remove(identity)
        oldest = time.time() - self._settings.upload_lifetime_seconds
        for pattern in ("*.spool", "*.seen", "*.new"):  # left by a process that was killed
            for path in self.folder.glob(pattern):
                with suppress(OSError):
                    if path.stat().st_mtime < oldest:
                        path.unlink()
        return len(expired)

    def expires(self, upload: Upload) -> float:
        """When it will be forgotten, in seconds since 1970."""
        return upload.created + self._settings.upload_lifetime_seconds

    def _room(self, caller: Caller, size: int) -> bool:
        """Whether the caller may begin another; what was answered, or begun and never gone on with, makes room, the oldest first."""
        mine = [found for found in self._all() if found.credential_id == caller.credential_id]
        done = [found for found in mine if self._makes_room(found)]
        done.sort(key=lambda found: found.created, reverse=True)
        most = 4 * self._settings.max_stream_bytes
        while len(mine) >= _MOST_OPEN or sum(found.size for found in mine) + size > most:
            if not done:
                return False
            oldest = done.pop()
            self._remove(oldest.id)
            mine.remove(oldest)
        return True

    def _makes_room(self, upload: Upload) -> bool:
        part = self._part(upload.id)
        if part.with_suffix(".done").exists():
            return True
        try:
            return part.stat().st_size == 0 and upload.created < self._now() - _UNKNOWN_TO_ITS_SENDER
        except OSError:
            return True

    def _now(self) -> float:
        return self._registry.now().timestamp()

    def _find(self, caller: Caller, identity: str) -> Upload:
        if _ID.fullmatch(identity) is not None:
            found = self._read(self._part(identity).with_suffix(".json"))
            if found is not None and found.credential_id == caller.credential_id and self.expires(found) > self._now():
                return found
        raise _unknown()

    def _all(self) -> Iterator[Upload]:
        for path in self.folder.glob("*.json"):
            found = self._read(path)
            if found is not None:
                yield found

    @staticmethod
    def _read(path: Path) -> Upload | None:
        try:
            return Upload(**orjson.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _part(self, identity: str) -> Path:
        return self.folder / f"{identity}.part"

    def _remove(self, identity: str) -> None:
        for suffix in (".json", ".done", ".part"):
            self._part(identity).with_suffix(suffix).unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file open at its end, for this one writer among all processes. Raises 409 while another writes."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise _unknown() from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _elsewhere(
                os.fstat(file.fileno()).st_size, "另一段正在写入 (another piece is being written)"
            ) from error
        yield file


def _synced(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _unknown() -> Problem:
    return Problem("not_found", "没有这个上传，或已过期 (no such upload, or it has expired)")


def _elsewhere(offset: int, detail: str = "偏移与已收到的不符 (the offset is not what has arrived)") -> Problem:
    return Problem("conflict", detail, headers={"Upload-Offset": str(offset)}, extra={"offset": offset})
