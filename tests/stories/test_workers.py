"""``township serve --workers 2``: one registry, whichever worker answers; workers come and go, none is left behind."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.fixtures.databases import Kind
from tests.fixtures.programs import Program, alive, bearer, fresh, prepared, program, until
from tests.fixtures.small import FILES

FRESH_CONNECTIONS = 12
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="SO_REUSEPORT spreads connections on Linux"),
]


def report(client: httpx.Client, key: str, total: int) -> None:
    rows = [{"region": "430101101", "period": "2025", "total": total, "men": total, "women": 0}]
    answer = client.post("/v1/submissions", json={"dataset": "people", "rows": rows}, headers=bearer(key))
    assert answer.status_code == 201, answer.text


def seen(address: str, key: str) -> float:
    (record,) = fresh(address, "/v1/views/people-view/records", key, fields="dm,rk").json()["records"]
    return float(record["rk"])


def test_what_was_written_through_one_worker_is_read_at_once_through_any(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    url = new_url(database_kind)
    clerk, reader, admin = prepared(
        url, tmp_path, FILES, {"region": "430101"}, {"department": "ecology"}, {"admin": True}
    )
    with program(url, tmp_path, workers=2) as served:
        first, second = served.workers()
        with httpx.Client(base_url=served.address, timeout=60) as one:
            for total in (10_000, 20_000, 30_000):
                report(one, clerk, total)
                assert {seen(served.address, reader) for _ in range(FRESH_CONNECTIONS)} == {total / 10_000}

            os.kill(first, signal.SIGKILL)
            until(lambda: len(served.workers()) == 2 and first not in served.workers())
            assert second in served.workers()

            until(lambda: answers(served, reader))
            with httpx.Client(base_url=served.address, timeout=60) as another:
                report(another, clerk, 40_000)
            assert {seen(served.address, reader) for _ in range(FRESH_CONNECTIONS)} == {4.0}

            credential = fresh(served.address, "/v1/me", reader).json()["credential"]
            ended = httpx.delete(
                f"{served.address}/v1/admin/credentials/{credential}", headers=bearer(admin), timeout=60
            )
            assert ended.status_code == 204
            assert {fresh(served.address, "/v1/me", reader).status_code for _ in range(FRESH_CONNECTIONS)} == {401}

        workers = served.workers()
        assert served.stop(signal.SIGTERM) == 0
        assert not any(alive(worker) for worker in workers)


def test_workers_end_with_a_parent_that_was_killed(new_url: Callable[[Kind], str], tmp_path: Path) -> None:
    url = new_url("sqlite")
    with program(url, tmp_path, workers=2) as served:
        workers = served.workers()
        served.stop(signal.SIGKILL)
        until(lambda: not any(alive(worker) for worker in workers))


def answers(served: Program, key: str) -> bool:
    """Whether every one of several fresh connections is answered: no socket of a dead worker is left."""
    try:
        return all(fresh(served.address, "/v1/me", key).status_code == 200 for _ in range(6))
    except httpx.TransportError:
        return False
