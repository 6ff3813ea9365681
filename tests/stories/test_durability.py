"""``kill -9`` right after a 201 loses nothing; in the middle of an upload it leaves nothing half stored."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.store import epochs
from app.store import tables as t
from app.store.database import Database
from tests.fixtures.databases import Kind
from tests.fixtures.programs import Program, bearer, fresh, prepared, program
from tests.fixtures.small import FILES

TOWNSHIPS = ("430101101", "430101102")
WELLS = 6_000
ROWS = 1_500
pytestmark = pytest.mark.slow


def post_people(served: Program, key: str, year: int) -> httpx.Response:
    """A small submission: both townships of one year."""
    rows = [{"region": region, "period": str(year), "total": 3, "men": 1, "women": 2} for region in TOWNSHIPS]
    return httpx.post(
        f"{served.address}/v1/submissions", json={"dataset": "people", "rows": rows}, headers=bearer(key), timeout=60
    )


def post_wells(served: Program, key: str, number: int) -> httpx.Response:
    """A large one: a workbook with thousands of wells that no other has."""
    lines = [f"{TOWNSHIPS[row % 2]},{number}-{row},{row}.25" for row in range(WELLS)]
    return httpx.post(
        f"{served.address}/v1/submissions",
        files={"file": ("wells.csv", "\n".join(["region,number,depth", *lines]).encode())},
        data={"dataset": "wells"},
        headers=bearer(key),
        timeout=60,
    )


def going_on(
    send: Callable[[Program, str, int], httpx.Response],
    served: Program,
    key: str,
    numbers: Iterator[int],
    acknowledged: set[str],
) -> threading.Thread:
    """Sends one after the other until the server is gone; notes the id of each that was acknowledged."""

    def run() -> None:
        while True:
            try:
                answer = send(served, key, next(numbers))
            except httpx.TransportError:
                return
            if answer.status_code == 201:
                acknowledged.add(answer.json()["id"])

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_killed_server_keeps_what_it_acknowledged_and_nothing_by_half(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    url = new_url(database_kind)
    clerk, water, admin = prepared(url, tmp_path, FILES, {"region": "430101"}, {"department": "water"}, {"admin": True})
    acknowledged: set[str] = set()
    years, numbers = itertools.count(1900), itertools.count(1)
    takes = None
    for share in (0.55, 0.9):
        with program(url, tmp_path) as served:
            if takes is None:
                started = time.monotonic()
                acknowledged.add(post_wells(served, water, next(numbers)).json()["id"])
                takes = time.monotonic() - started
            else:
                held = fresh(served.address, "/v1/datasets/people/records", admin, limit="10000").json()["records"]
                assert len(held) == 2 * len({record["period"] for record in held}) > 0
            acknowledged.add(post_people(served, clerk, next(years)).json()["id"])
            threads = [
                going_on(post_people, served, clerk, years, acknowledged),
                going_on(post_wells, served, water, numbers, acknowledged),
            ]
            time.sleep(takes * share)
            served.stop(signal.SIGKILL)
            for thread in threads:
                thread.join()
        whole, of_one_piece = applied(url, tmp_path)
        assert acknowledged <= whole
        assert of_one_piece
    assert len(acknowledged) >= 3


UPLOADS = int(os.environ.get("TOWNSHIP_KILLS", "6"))
AT_ONCE = 3 if UPLOADS < 20 else 4


def test_client_and_server_agree_after_a_kill_at_any_point_and_a_retry(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    """A few uploads under way at each kill, by file, by rows, and in pieces; their clients send again under the same keys."""
    url = new_url(database_kind)
    water, admin = prepared(url, tmp_path, FILES, {"department": "water"}, {"admin": True})
    chance = random.Random(UPLOADS)
    outboxes: dict[int, dict[str, str]] = {number: {} for number in range(UPLOADS)}
    acknowledged: dict[str, int] = {}
    outcomes: Counter[str] = Counter()
    takes = 0.5 * AT_ONCE
    served = Program(url, tmp_path)
    try:
        with ThreadPoolExecutor(AT_ONCE) as clients:
            for begin in range(0, UPLOADS, AT_ONCE):
                numbers = range(UPLOADS)[begin : begin + AT_ONCE]
                killer = threading.Timer(chance.random() * takes * 1.2, served.stop, (signal.SIGKILL,))
                killer.start()
                sending = {n: clients.submit(sent, served, water, n, outboxes[n]) for n in numbers}
                answers = {number: future.result() for number, future in sending.items()}
                killer.join()
                served = Program(url, tmp_path)
                acknowledged |= {answer["id"]: number for number, answer in answers.items() if answer is not None}
                whole, of_one_piece = applied(url, tmp_path)
                assert of_one_piece, numbers
                assert set(acknowledged) <= whole, numbers
                outcomes += Counter(acknowledged=len(answers) - [*answers.values()].count(None))
                outcomes += Counter(whole_without_an_answer=len(whole - set(acknowledged)))
                started = time.monotonic()
                sending = {n: clients.submit(sent, served, water, n, outboxes[n]) for n in numbers}
                for number, future in sending.items():
                    again, answer = future.result(), answers[number]
                    assert again is not None, number
                    assert answer is None or again == answer, number
                    acknowledged[again["id"]] = number
                    assert again["counts"] == {"rows": ROWS, "new": ROWS, "changed": 0, "unchanged": 0}, number
                if None in answers.values():
                    takes = max(time.monotonic() - started, takes / 2)
                assert applied(url, tmp_path) == (set(acknowledged), True), numbers
                assert whole <= set(acknowledged), numbers
        held = fresh(served.address, "/v1/datasets/wells/records", admin, limit="1").json()["records"]
        assert len(held) == 1
        assert sorted(acknowledged.values()) == list(range(UPLOADS))
    finally:
        served.stop()
    print(f"{database_kind}: {UPLOADS} uploads, {-(-UPLOADS // AT_ONCE)} kills; {dict(outcomes)}, the others absent")


def sent(served: Program, key: str, number: int, outbox: dict[str, str]) -> dict[str, Any] | None:
    """One upload; None where no answer came. ``outbox`` remembers what is begun."""
    rows = [(TOWNSHIPS[n % 2], f"k{number}-{n}", n / 4) for n in range(ROWS)]
    headers = {**bearer(key), "Idempotency-Key": f"kill-{number}"}
    try:
        with httpx.Client(base_url=served.address, headers=headers, timeout=60) as client:
            if number % 3 == 0:
                table = "\n".join(["region,number,depth", *(f"{r},{k},{d}" for r, k, d in rows)])
                files = {"file": ("wells.csv", table.encode())}
                answer = client.post("/v1/submissions", files=files, data={"dataset": "wells"})
            elif number % 3 == 1:
                given = [{"region": r, "number": k, "depth": d} for r, k, d in rows]
                answer = client.post("/v1/submissions", json={"dataset": "wells", "rows": given})
            else:
                answer = in_pieces(client, rows, outbox)
    except httpx.TransportError:
        return None
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def in_pieces(client: httpx.Client, rows: list[tuple[str, str, float]], outbox: dict[str, str]) -> httpx.Response:
    data = b"".join(b'{"region":"%s","number":"%s","depth":%.2f}\n' % (r.encode(), k.encode(), d) for r, k, d in rows)
    if "upload" not in outbox:
        begun = client.post("/v1/uploads", json={"filename": "wells.ndjson", "size": len(data)})
        outbox["upload"] = begun.json()["id"]
    path = f"/v1/uploads/{outbox['upload']}"
    while (at := int(client.head(path).headers["Upload-Offset"])) < len(data):
        headers = {"Content-Type": "application/partial-upload", "Upload-Offset": str(at)}
        client.patch(path, content=data[at : at + len(data) // 3], headers=headers)
    return client.post("/v1/submissions", params={"dataset": "wells", "upload": outbox["upload"]})


def applied(url: str, folder: Path) -> tuple[set[str], bool]:
    """The submissions that the database says are applied; and whether it holds all that they say, and nothing else."""
    database = Database.open(url, folder)
    version, submission = t.record_version.c, t.submission.c
    try:
        with database.read() as cx:
            of_applied = select(submission.id, submission.counts).where(submission.status == "applied")
            told: dict[str, dict[str, int]] = {row[0]: row[1] for row in cx.execute(of_applied)}
            stored = select(version.submission_id, func.count()).group_by(version.submission_id)
            counted: dict[str, int] = {row[0]: row[1] for row in cx.execute(stored)}
            newest = cx.execute(select(func.max(version.epoch))).scalar_one()
            logged = cx.execute(select(func.max(t.epoch_log.c.epoch))).scalar_one()
            epoch = epochs.current(cx)
    finally:
        database.close()
    whole = {identity: counts["new"] + counts["changed"] for identity, counts in told.items()}
    return set(told), whole == counted and (newest or 0) <= epoch == logged
