"""An answer fetched in as many tries as it takes: what came before a connection broke off is not fetched again.

Parts belong together only under the same strong ETag (RFC 9110 13.1.5); they are parts of the bytes on the way, so that
the content coding is undone here, over all tries.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import httpx
import zstandard

_PART = re.compile(r"bytes ([0-9]+)-[0-9]+/[0-9]+")


class Sink(Protocol):
    """Where a streamed answer goes. ``begin`` is called for each answer: what an earlier one wrote is to be forgotten."""

    def begin(self, headers: Mapping[str, str]) -> None: ...

    def write(self, chunk: bytes, /) -> object: ...


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Plain:
    eof = True

    def decompress(self, data: bytes, /) -> bytes:
        return data


_UNPACKERS: Mapping[str, Callable[[], _Unpacker]] = {
    "": _Plain,
    "identity": _Plain,
    "gzip": lambda: zlib.decompressobj(31),
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}


class Resumed:
    """The state of one answer over all tries to fetch it into ``sink``."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._begin({})

    def headers(self) -> dict[str, str]:
        """What a try asks for: the rest, where there is something to go on from."""
        asked = {"Accept-Encoding": "zstd, gzip"}
        if self._taken and self._etag:
            asked |= {"Range": f"bytes={self._taken}-", "If-Range": self._etag}
        return asked

    def accepts(self, response: httpx.Response) -> bool:
        """Whether ``take`` can make something of the answer; otherwise it is a refusal."""
        return response.status_code in {200, 206} or self._has_all(response)

    def take(self, response: httpx.Response) -> Mapping[str, str]:
        """Write what the answer has to say; gives the headers of the answer that was begun.

        Raises httpx.TransportError where it breaks off; what came is kept for the next try.
        """
        if response.status_code == 200:
            self._begin(response.headers)
            self._sink.begin(response.headers)
        elif response.status_code == 206 and not self._goes_on(response):
            self._begin({})
            raise httpx.RemoteProtocolError("another part than the one asked for")
        if response.status_code != 416:
            for raw in response.iter_raw():
                self._taken += len(raw)
                data = self._unpack(raw)
                if data:
                    self._sink.write(data)
        if not self._unpacker.eof:
            raise httpx.RemoteProtocolError("the answer ends too early")
        return self._told

    def _begin(self, headers: Mapping[str, str]) -> None:
        self._told = headers
        self._taken = 0
        etag = headers.get("ETag", "")
        self._etag = etag if headers.get("Accept-Ranges") == "bytes" and etag.startswith('"') else ""
        coding = headers.get("Content-Encoding", "").strip().lower()
        if coding not in _UNPACKERS:
            raise httpx.DecodingError(f"unknown content coding {coding}")
        self._unpacker = _UNPACKERS[coding]()

    def _goes_on(self, response: httpx.Response) -> bool:
        part = _PART.fullmatch(response.headers.get("Content-Range", ""))
        return part is not None and int(part[1]) == self._taken and response.headers.get("ETag") == self._etag

    def _has_all(self, response: httpx.Response) -> bool:
        # It broke off after the last byte: nothing is left to be asked for.
        return (
            response.status_code == 416
            and self._taken > 0
            and response.headers.get("Content-Range") == f"bytes */{self._taken}"
        )

    def _unpack(self, raw: bytes) -> bytes:
        try:
            return self._unpacker.decompress(raw)
        except (zlib.error, zstandard.ZstdError) as fault:
            self._begin({})
            raise httpx.DecodingError(str(fault)) from fault
