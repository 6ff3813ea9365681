"""Many at once, through two workers, on either database: nothing is lost, nobody sees a fault, the cache is only a cache."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.programs import bearer, prepared, program
from tests.fixtures.small import FILES

TOWNSHIPS = ("430101101", "430101102")
ROUNDS = 6


def report(client: httpx.Client, key: str, **row: Any) -> httpx.Response:
    return client.post(
        "/v1/submissions",
        json={"dataset": "people", "period": "2025", "rows": [row]},
        headers=bearer(key),
    )


@pytest.mark.slow
def test_writers_and_readers_at_once_lose_nothing_and_meet_no_fault(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    url = new_url(database_kind)
    clerk, reader, admin = prepared(
        url, tmp_path, FILES, {"region": "430101"}, {"department": "ecology"}, {"admin": True}
    )
    done = threading.Event()
    statuses: list[int] = []

    def writing(region: str, element: str) -> None:
        """Its own element of a record that others write too; each with a connection of its own."""
        with httpx.Client(base_url=served.address, timeout=60) as client:
            for number in range(1, ROUNDS + 1):
                answer = report(client, clerk, region=region, **({"total": 100} | {element: number}))
                assert answer.status_code == 201, answer.text
                found = client.get("/v1/datasets/people/records", params={"region": region}, headers=bearer(clerk))
                assert found.json()["records"][0][element] == number

    def reading(path: str, key: str) -> None:
        while not done.is_set():
            answer = httpx.get(f"{served.address}{path}", headers=bearer(key), timeout=60)
            statuses.append(answer.status_code)

    def confirming_none(number: int) -> None:
        """Submissions that are refused write too: the attempt is kept."""
        with httpx.Client(base_url=served.address, timeout=60) as client:
            for _ in range(ROUNDS):
                assert report(client, clerk, region=TOWNSHIPS[number], total=-1).status_code == 422

    with program(url, tmp_path, workers=2) as served:
        with ThreadPoolExecutor(16) as pool:
            writers = [
                pool.submit(writing, region, element) for region in TOWNSHIPS for element in ("men", "area", "watched")
            ]
            writers += [pool.submit(confirming_none, number) for number in (0, 1)]
            readers = [
                pool.submit(reading, path, key)
                for path, key in (
                    ("/v1/views/people-view/records?format=csv", reader),
                    ("/v1/views/people-view/changes", reader),
                    ("/v1/views/county-view/records", reader),
                    ("/v1/datasets/people/records", admin),
                    ("/v1/submissions", clerk),
                )
            ]
            try:
                for writer in writers:
                    writer.result()
            finally:
                done.set()
            for each in readers:
                each.result()
        with httpx.Client(base_url=served.address, headers=bearer(admin), timeout=60) as client:
            records = client.get("/v1/datasets/people/records").json()["records"]
            kept = client.get("/v1/submissions", params={"limit": "1000"}).json()["submissions"]
    assert set(statuses) == {200}
    assert {(r["region"], r["men"], r["area"], r["watched"]) for r in records} == {
        (region, ROUNDS, ROUNDS, ROUNDS) for region in TOWNSHIPS
    }
    assert sum(one["status"] == "applied" for one in kept) == 6 * ROUNDS
    assert sum(one["status"] == "rejected" for one in kept) == 2 * ROUNDS


def test_one_idempotency_key_sent_by_many_at_once_is_taken_once(house: House) -> None:
    clerk = house.key(region="430101")
    admin = house.client(admin=True)

    def send(_: int) -> httpx.Response:
        return httpx.post(
            f"{house.url}/v1/submissions",
            json={"dataset": "people", "rows": [{"region": TOWNSHIPS[0], "period": "2025", "total": 5}]},
            headers={**bearer(clerk), "Idempotency-Key": "one"},
            timeout=60,
        )

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 7
    assert len(admin.get("/v1/submissions").json()["submissions"]) == 1


@contextmanager
def reading_all_the_while(house: House, key: str) -> Iterator[list[tuple[int, bytes]]]:
    """Answers of readers that go on while the block does; each asks for bytes no other asked for before."""
    done = threading.Event()
    answers: list[tuple[int, bytes]] = []

    def read() -> None:
        with httpx.Client(base_url=house.url, headers=bearer(key), timeout=60) as client:
            while not done.is_set():
                answer = client.get("/v1/views/people-view/records", params={"format": "csv"})
                answers.append((answer.status_code, answer.content))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_deleting_the_snapshots_while_serving_costs_only_time(house: House, tmp_path: Path) -> None:
    clerk, ecology = house.client(region="430101"), house.key(department="ecology")
    snapshots = tmp_path / "data" / "snapshots"
    with reading_all_the_while(house, ecology) as answers:
        for total in range(1, 9):
            shutil.rmtree(snapshots, ignore_errors=True)
            answer = report(clerk, clerk.headers["Authorization"][7:], region=TOWNSHIPS[0], total=total * 1000)
            assert answer.status_code == 201
            shutil.rmtree(snapshots, ignore_errors=True)
            time.sleep(0.03)
    assert {status for status, _ in answers} == {200}
    body = house.client(ecology).get("/v1/views/people-view/records", params={"format": "csv"}).text
    assert body.splitlines()[1].split(",")[3] == "0.8"
    for path in snapshots.rglob("*.arrow"):
        path.unlink()
    again = house.client(ecology).get("/v1/views/people-view/records", params={"format": "csv"}).text
    assert again == body


@pytest.mark.parametrize("damage", ["cut off", "changed", "emptied"])
def test_a_damaged_snapshot_is_made_anew_from_the_truth(
    new_url: Callable[[Kind], str], tmp_path: Path, damage: str
) -> None:
    url, folder = new_url("sqlite"), tmp_path / "data"

    def asked(house: House, key: str) -> tuple[bytes, str]:
        answer = house.client(key).get("/v1/views/people-view/records", params={"format": "csv"})
        assert answer.status_code == 200
        return answer.content, answer.headers["ETag"]

    with serving(url, folder) as house:
        house.apply(FILES)
        clerk, key = house.client(region="430101"), house.key(department="ecology")
        for region in TOWNSHIPS:
            rows = [{"region": region, "period": "2025", "total": 12_345, "area": "6.7"}]
            assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201
        before = asked(house, key)
    files = list((folder / "snapshots").rglob("*.arrow"))
    assert files
    for path in files:
        data = path.read_bytes()
        middle = len(data) // 2
        worse = {
            "cut off": data[:middle],
            "changed": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "emptied": b"",
        }[damage]
        path.unlink()  # a mapped file is never written to
        path.write_bytes(worse)
    with serving(url, folder) as house:
        assert asked(house, key) == before


@pytest.fixture
def house(empty_house: House) -> House:
    empty_house.apply(FILES)
    return empty_house
