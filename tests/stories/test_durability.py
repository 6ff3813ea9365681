"""``kill -9`` right after a 201 loses nothing; in the middle of an upload it leaves nothing half stored."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

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
    return set(told), whole == counted and newest <= epoch == logged
