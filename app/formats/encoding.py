"""Content codings (RFC 9110 8.4.1) of answers: how their bytes are made smaller for the way.

The same bytes in give the same bytes out, in whatever pieces they come: so that a download broken off can go on in
another process.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import zstandard

IDENTITY = "identity"
SMALLEST = 32 * 1024  # bytes below which packing saves nobody any time
_BLOCK = 1024 * 1024
# Measured by bench/whole_view.py: the next level takes longer than the bytes it saves take on a fast line.
_ZSTD_LEVEL = 1
_GZIP_LEVEL = 1
_GZIP_WINDOW = 31  # zlib's sign for a gzip header and trailer; its header has no time and no name in it


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Coding:
    """One content coding, by the name it has in HTTP."""

    name: str
    packer: Callable[[], _Packer]


CODINGS: Mapping[str, Coding] = {
    each.name: each
    for each in (
        Coding("zstd", lambda: zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()),
        Coding("gzip", lambda: zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)),
    )
}
"""In the order in which they are preferred where a client likes them equally."""


def packed(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The pieces in a coding of ``CODINGS``."""
    packer = CODINGS[coding].packer()
    for block in _blocks(pieces):
        found = packer.compress(block)
        if found:
            yield found
    yield packer.flush()


def worth_packing(length: int, packs_itself: bool) -> bool:
    """Whether it pays to pack that many bytes; ``packs_itself``: of a format that is packed already."""
    return length >= SMALLEST and not packs_itself


@dataclass(frozen=True, slots=True)
class Codings:
    """What a client takes: codings of ``CODINGS`` as it likes them best, and whether it takes bytes as they are."""

    liked: Sequence[str] = ()
    identity: bool = True

    def chosen(self, worth: bool) -> str:
        """The coding to answer in, or ``identity``. ``worth``: whether packing pays."""
        if self.liked and (worth or not self.identity):
            return self.liked[0]
        return IDENTITY


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, the last shorter."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size < _BLOCK:
            continue
        joined = b"".join(waiting)
        whole = size - size % _BLOCK
        for start in range(0, whole, _BLOCK):
            yield joined[start : start + _BLOCK]
        waiting, size = [joined[whole:]], size - whole
    if size:
        yield b"".join(waiting)
