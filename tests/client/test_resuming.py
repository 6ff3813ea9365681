"""A download that breaks off goes on where it broke off, also through a content coding."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest

from app.client.connection import Connection
from app.client.http import Township
from app.client.resuming import Resumed
from app.client.retries import Retries
from app.client.transfer import Memory
from app.services import deliveries, read
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.mixed import FILES, agreement, view

VIEW = view(
    "v", "township", "year", "name: dm, from: region.code", "name: nd, from: period", "name: sm, from: pop.note"
)
# Texts that no coding makes much smaller.
ROWS = [
    {"region": "430101101", "period": str(year), "total": 1, "note": "".join(chr(0x4E00 + (year * n * n) % 20_000) for n in range(900))}
    for year in range(1990, 2026)
]  # fmt: skip


@pytest.fixture
def house(new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    with serving(new_url("sqlite"), tmp_path / "data") as house, patch.object(read, "_AT_ONCE", 3):
        house.apply({**FILES, "views/v.yaml": VIEW, "agreements/a1.yaml": agreement()})
        assert (
            house.client(region="43").post("/v1/submissions", json={"dataset": "pop", "rows": ROWS}).status_code == 201
        )
        yield house


@contextmanager
def cutting(url: str, after: list[int]) -> Iterator[tuple[str, list[bytes]]]:
    """A way to ``url`` that breaks each connection off after so many bytes of answer; gives the heads it was asked with."""
    target = httpx.URL(url)
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def relay(client: socket.socket, most: int) -> None:
        with client, socket.create_connection((target.host, target.port or 80)) as server:
            head = client.recv(65_536)
            heads.append(head)
            server.sendall(head)
            left = most
            while left > 0 and (data := server.recv(min(4_096, left))):
                client.sendall(data)
                left -= len(data)

    def accept() -> None:
        for most in [*after, 1 << 30]:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            relay(client, most)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("coded", [True, False])
def test_a_download_goes_on_where_it_broke_off(house: House, tmp_path: Path, coded: bool) -> None:
    key = house.key(department="eco")
    whole = house.client(key).get("/v1/views/v/records", params={"format": "ndjson"}).content
    packs = patch.object(deliveries, "large", lambda *_: coded)
    with packs, cutting(house.url, [20_000, 30_000]) as (url, heads):
        timeout = httpx.Timeout(20)
        with Township(url, key, timeout=timeout, retries=Retries(attempts=5, first=0.01)) as township:
            township.pull("v", tmp_path / "v.ndjson", format="ndjson")
    assert (tmp_path / "v.ndjson").read_bytes() == whole
    asked = [head.lower().partition(b"\r\nrange: bytes=")[2].partition(b"-")[0] for head in heads]
    assert asked[0] == b""
    assert 0 < int(asked[1]) < int(asked[2])
    assert all(b'\r\nif-range: "' in head.lower() for head in heads[1:])


def answering(*answers: httpx.Response) -> tuple[Connection, list[httpx.Request]]:
    requests: list[httpx.Request] = []
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return next(left)

    transport = httpx.MockTransport(answer)
    return Connection("http://registry.test", "k", transport=transport, sleep=lambda _: None), requests


class Cut(httpx.SyncByteStream):
    """Some bytes, and then the connection breaks off."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise httpx.RemoteProtocolError("cut")


def broken(data: bytes, headers: dict[str, str]) -> httpx.Response:
    return httpx.Response(200, headers=headers, stream=Cut(data))


WHOLE = {"ETag": '"one"', "Accept-Ranges": "bytes"}


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        # The registry has another answer by now: all of it comes, and what came before is forgotten.
        (
            [
                broken(b"old", WHOLE),
                httpx.Response(200, headers={"ETag": '"two"'}, stream=httpx.ByteStream(b"new one")),
            ],
            b"new one",
        ),
        # Another part than the one asked for is of no use; then all is asked for again.
        (
            [
                broken(b"abc", WHOLE),
                httpx.Response(
                    206, headers={**WHOLE, "Content-Range": "bytes 1-5/6"}, stream=httpx.ByteStream(b"bcdef")
                ),
                httpx.Response(200, headers=WHOLE, stream=httpx.ByteStream(b"abcdef")),
            ],
            b"abcdef",
        ),
        # It broke off after the last byte.
        ([broken(b"abc", WHOLE), httpx.Response(416, headers={"Content-Range": "bytes */3"})], b"abc"),
        # Without a promise of parts none is asked for.
        ([broken(b"abc", {"ETag": '"one"'}), httpx.Response(200, stream=httpx.ByteStream(b"abcdef"))], b"abcdef"),
        (
            [broken(b"abc", {**WHOLE, "ETag": 'W/"one"'}), httpx.Response(200, stream=httpx.ByteStream(b"abcdef"))],
            b"abcdef",
        ),
    ],
)
def test_parts_are_put_together_only_where_they_belong_together(answers: list[httpx.Response], result: bytes) -> None:
    connection, requests = answering(*answers)
    sink = Memory()
    connection.fetch("/x", parameters=None, sink=sink)
    assert sink.data == result
    first = answers[0].headers
    promised = first.get("Accept-Ranges") == "bytes" and first["ETag"].startswith('"')
    assert ("Range" in requests[1].headers) == promised


def test_a_packed_answer_cut_short_is_not_taken_for_whole() -> None:
    resumed = Resumed(Memory())
    with pytest.raises(httpx.RemoteProtocolError):
        resumed.take(httpx.Response(200, headers={"Content-Encoding": "zstd"}, stream=httpx.ByteStream(b"")))
