"""A whole answer is made once: sent again from a file, in the coding and the part that are asked for, to nobody else."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any, cast
from unittest.mock import patch

import httpx
import pytest
import zstandard

from app.formats.writing import FORMATS
from app.services import deliveries, read
from app.services.kept_answers import Identity
from app.store import audit
from tests.fixtures.house import House
from tests.fixtures.mixed import FILES, agreement, view

PATH = "/v1/views/v/records"
VIEW = view(
    "v", "township", "year", "name: dm, from: region.code", "name: nd, from: period", "name: zs, from: pop.total",
    "name: mj, from: pop.land", "name: mm, from: pop.secret",
)  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"region": region, "period": str(period), "total": period, "land": "1.5"}
    for region in ("430101101", "430101102", "441900001")
    for period in range(2015, 2026)
]
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture(autouse=True)
def few_are_many() -> Iterator[None]:
    """Answers of this size are streamed and packed, as large ones are."""
    with patch.object(read, "_AT_ONCE", 3), patch.object(deliveries, "large", lambda _, form: not form.packed):
        yield


@pytest.fixture
def house(empty_house: House) -> House:
    empty_house.apply({**FILES, "views/v.yaml": VIEW, "agreements/a1.yaml": agreement()})
    submit(empty_house, ROWS)
    return empty_house


def submit(house: House, rows: list[dict[str, Any]]) -> None:
    answer = house.client(region="43").post("/v1/submissions", json={"dataset": "pop", "rows": rows})
    assert answer.status_code == 201, answer.text


def get(reader: httpx.Client, format: str = "ndjson", **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return reader.get(PATH, params={"format": format}, headers={**PLAIN, **names})


def settled(house: House, request: str) -> list[Any]:
    """The entries of a request, the closing one first; it may still be on its way when the answer has arrived."""
    for _ in range(500):
        with house.registry.database.read_journal() as cx:
            found = [kept.entry for kept in audit.entries(cx, request_id=request)]
        if len(found) == 2:
            break
        time.sleep(0.01)
    return found


def kept(house: House) -> list[Path]:
    return sorted(house.registry.answers_folder.glob("*.answer"))


def test_the_second_time_is_the_first_time_from_a_file(house: House) -> None:
    reader = house.client(department="eco")
    names = ("ETag", "Township-Snapshot", "Vary", "Cache-Control", "Content-Disposition")
    for format in (name for name in FORMATS if name != "json"):
        first = get(reader, format)
        with patch.object(read, "mapped_state", side_effect=AssertionError("nothing is mapped again")):
            second = get(reader, format)
            assert second.content == first.content
            assert [second.headers[name] for name in names] == [first.headers[name] for name in names]
            assert second.headers["Content-Length"] == str(len(first.content))
            assert second.headers["Vary"] == "Authorization, Accept, Accept-Encoding"
            assert second.headers["Cache-Control"].startswith("private")
            assert get(reader, format, If_None_Match=first.headers["ETag"]).status_code == 304
        coding = get(reader, format, Accept_Encoding="gzip").headers.get("Content-Encoding")
        assert coding == (None if FORMATS[format].packed else "gzip")


def test_a_page_unchanged_is_known_without_a_look_at_the_figures(house: House) -> None:
    reader = house.client(department="eco")
    first = reader.get(PATH, params={"limit": 2})
    with patch.object(read, "mapped_state", side_effect=AssertionError("nothing is mapped again")):
        again = reader.get(PATH, params={"limit": 2}, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.headers["Township-Snapshot"] == first.headers["Township-Snapshot"]


def test_each_coding_has_a_tag_of_its_own_and_any_of_them_is_known(house: House) -> None:
    reader = house.client(department="eco")
    plain = get(reader)
    tags = {plain.headers["ETag"]}
    unpack = {"gzip": gzip.decompress, "zstd": zstandard.ZstdDecompressor().decompressobj().decompress}
    for coding in ("gzip", "zstd"):
        for _ in range(2):
            with reader.stream("GET", PATH, params={"format": "ndjson"}, headers={"Accept-Encoding": coding}) as packed:
                assert packed.headers["Content-Encoding"] == coding
                data = b"".join(packed.iter_raw())
            tags.add(packed.headers["ETag"])
        assert unpack[coding](data) == plain.content
    assert len(tags) == 3
    for tag in tags:
        assert get(reader, If_None_Match=tag).status_code == 304
        assert get(reader, If_None_Match=f"W/{tag}", Accept_Encoding="zstd").status_code == 304
    assert get(reader, Accept_Encoding="identity;q=0").status_code == 406
    assert get(reader, Accept_Encoding="*;q=0, gzip").headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(("coding", "before"), [("identity", False), ("zstd", True)])
def test_parts_put_together_are_the_answer(house: House, coding: str, before: bool) -> None:
    reader = house.client(department="eco")

    def raw(**headers: str) -> tuple[httpx.Response, bytes]:
        asked = {"Accept-Encoding": coding, **{name.replace("_", "-"): value for name, value in headers.items()}}
        with reader.stream("GET", PATH, params={"format": "ndjson"}, headers=asked) as answer:
            return answer, b"".join(answer.iter_raw())

    whole = raw()[1] if before else b""
    begin, head = raw(Range="bytes=0-99")
    rest, tail = raw(Range="bytes=100-", If_Range=begin.headers["ETag"])
    assert (begin.status_code, rest.status_code) == (206, 206)
    whole = whole or raw()[1]
    assert head + tail == whole
    assert begin.headers["Content-Range"] == f"bytes 0-99/{len(whole)}"
    assert raw(Range="bytes=-7")[1] == whole[-7:]
    changed, everything = raw(Range="bytes=100-", If_Range='"another"')
    assert (changed.status_code, everything) == (200, whole)
    assert raw(Range="bytes=1-2,5-6")[0].status_code == 200
    beyond, _ = raw(Range=f"bytes={len(whole)}-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")


def test_every_sending_is_witnessed_with_the_digest_of_the_plain_bytes(house: House) -> None:
    reader = house.client(department="eco")
    plain = get(reader, X_Request_ID="a0")
    for number, headers in enumerate([{"Accept_Encoding": "zstd"}] * 2 + [{}, {"Range": "bytes=0-9"}], start=1):
        get(reader, X_Request_ID=f"a{number}", **headers)
    found = [settled(house, f"a{number}") for number in range(5)]
    assert {closing.digest for closing, _ in found} == {hashlib.sha256(plain.content).hexdigest()}
    assert [closing.rows for closing, _ in found] == [33, 33, 33, 33, 1]
    assert all(intent.answered["fields"] == ["dm", "nd", "zs", "mj"] for _, intent in found)
    assert found[-1][1].question["range"].startswith("bytes 0-9/")


def test_receipts_are_of_the_plain_bytes_in_every_coding(house: House) -> None:
    reader = house.client(department="eco")
    receipts = [get(reader, Prefer="receipt", Accept_Encoding=coding) for coding in ("identity", "zstd", "gzip")]
    assert len({answer.content for answer in receipts}) == 1
    assert all(answer.status_code == 200 and answer.headers["Receipt"] for answer in receipts)


def test_what_is_hidden_changes_nothing_and_what_is_seen_does(house: House) -> None:
    house.apply({"agreements/a1.yaml": agreement(elements="[pop.total]")})
    reader = house.client(department="eco")
    first, again = get(reader), get(reader)
    files = kept(house)
    submit(house, [{"region": "430101101", "period": "2025", "land": "99.5"}])
    hidden = get(reader)
    names = ("ETag", "Content-Length", "Township-Snapshot", "Accept-Ranges", "Content-Encoding", "Transfer-Encoding")
    assert [hidden.headers.get(name) for name in names] == [again.headers.get(name) for name in names]
    assert kept(house) == files
    submit(house, [{"region": "430101101", "period": "2025", "total": 1}])
    seen = get(reader)
    assert seen.headers["ETag"] != first.headers["ETag"]
    assert b'"zs":1}' in seen.content


def test_a_scope_that_differs_by_a_cell_gets_its_own_answer_and_one_that_ended_none(house: House) -> None:
    reader = house.client(department="eco")
    everything = get(reader)
    get(reader)
    house.apply({"agreements/a1.yaml": agreement(periods='{from: "2015", to: "2024"}')})
    less = get(reader, If_None_Match=everything.headers["ETag"], Range="bytes=0-", If_Range=everything.headers["ETag"])
    assert less.status_code == 200
    assert b'"2025"' in everything.content
    assert b'"2025"' not in less.content
    house.apply({"agreements/a1.yaml": agreement().replace("2099-12-31", "2026-01-02")})
    assert get(reader, If_None_Match="*").status_code == 404
    house.apply({"agreements/a1.yaml": agreement()})
    assert get(reader).content == everything.content


def test_a_deleted_or_damaged_folder_costs_only_time(house: House) -> None:
    reader = house.client(department="eco")
    first = get(reader)
    for damage in (Path.unlink, lambda path: path.write_bytes(b"nothing of the kind")):
        for path in kept(house):
            damage(path)
        assert get(reader).content == first.content
        assert get(reader).content == first.content


def test_an_answer_broken_off_is_not_kept(house: House) -> None:
    reader = house.client(department="eco")

    def breaking(fields: Any, frame: Any) -> Iterator[bytes]:
        yield b"half"
        raise OSError("broken")

    form = replace(FORMATS["ndjson"], write=breaking, lines=None)
    with patch.dict(cast("dict[str, Any]", FORMATS), {"ndjson": form}), pytest.raises(httpx.RemoteProtocolError):
        get(reader)
    assert kept(house) == []
    assert get(reader).content.count(b"\n") == 33


@pytest.mark.parametrize("coding", ["identity", "zstd"])
def test_readers_who_come_at_once_share_the_making_and_each_is_witnessed(house: House, coding: str) -> None:
    readers = [house.client(department="eco") for _ in range(5)]
    begun: list[str] = []
    start = Barrier(len(readers))
    coded = deliveries._coded

    def slowly(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            time.sleep(0.2)  # so that all have come before it is made
            yield piece

    def counted(make: deliveries.Make, coding: str) -> tuple[Iterator[bytes], Identity]:
        begun.append(coding)
        return coded(lambda coding, identity: slowly(make(coding, identity)), coding)

    def read(number: int) -> bytes:
        start.wait()
        headers = {"Accept-Encoding": coding, "X-Request-ID": f"once-{number}"}
        with readers[number].stream("GET", PATH, params={"format": "csv"}, headers=headers) as answer:
            assert answer.status_code == 200
            return b"".join(answer.iter_raw())

    with patch.object(deliveries, "_coded", counted), ThreadPoolExecutor(len(readers)) as pool:
        found = set(pool.map(read, range(len(readers))))
    assert begun == [coding]
    (body,) = found
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(body) if coding == "zstd" else body
    assert plain == get(readers[0], "csv").content
    told = [settled(house, f"once-{number}")[0] for number in range(len(readers))]
    assert {(closing.digest, closing.rows) for closing in told} == {(hashlib.sha256(plain).hexdigest(), 33)}
