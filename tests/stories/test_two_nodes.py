"""Two machines on one PostgreSQL, each with its own data folder, and a streaming replica that parts are built from.

The replica only ever saves work: what it has not replayed yet is read from the primary, so no answer is older for it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from app.store.replica import Replica
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.postgresql import PostgresqlUnavailable
from tests.fixtures.programs import bearer, prepared, program
from tests.fixtures.small import FILES

VIEW = "/v1/views/people-view/records"
TOWNSHIP = "430101101"
pytestmark = pytest.mark.slow


@pytest.fixture
def url(new_url: Callable[[Kind], str]) -> str:
    return new_url("postgresql")


@pytest.fixture
def replica_url(url: str, postgresql: Any) -> Iterator[str]:
    try:
        with postgresql.server().replica(url) as there:
            yield there
    except PostgresqlUnavailable as reason:
        pytest.skip(str(reason))


def on_replica(replica_url: str, question: str) -> Any:
    bare = make_url(replica_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(bare, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def caught_up(replica_url: str, epoch: int) -> None:
    """Returns when the replica has replayed the epoch."""
    deadline = time.monotonic() + 20
    while on_replica(replica_url, "SELECT value FROM epoch") < epoch:
        assert time.monotonic() < deadline, "the replica does not follow"
        time.sleep(0.01)


def report(address: str, key: str, total: int) -> None:
    rows = [{"region": TOWNSHIP, "period": "2025", "total": total, "men": total, "women": 0}]
    answer = httpx.post(f"{address}/v1/submissions", json={"dataset": "people", "rows": rows}, headers=bearer(key))
    assert answer.status_code == 201, answer.text


def answers(address: str, key: str) -> list[tuple[bytes, str]]:
    """The bytes and the ETag of the view in three formats."""
    found = []
    for form in ("csv", "ndjson", "json"):
        answer = httpx.get(f"{address}{VIEW}", params={"format": form}, headers=bearer(key), timeout=60)
        assert answer.status_code == 200, answer.text
        found.append((answer.content, answer.headers["etag"]))
    return found


def told(address: str, key: str) -> float:
    answer = httpx.get(f"{address}{VIEW}", params={"region": TOWNSHIP}, headers=bearer(key), timeout=60)
    return float(answer.json()["records"][0]["rk"])


def of(house: House) -> Replica:
    replica = house.registry.database.replica
    assert replica is not None
    return replica


def test_two_nodes_are_one_registry_and_a_late_replica_makes_no_answer_older(
    url: str, replica_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, reader = prepared(url, tmp_path / "made", FILES, {"region": "430101"}, {"department": "ecology"})
    monkeypatch.setenv("TOWNSHIP_REPLICA_URL", replica_url)
    with (
        serving(url, tmp_path / "one", replica_url=replica_url) as one,
        program(url, tmp_path / "other") as other,
    ):
        for total, written_to in ((10_000, one.url), (20_000, other.address), (30_000, one.url)):
            report(written_to, clerk, total)
            assert [told(node, reader) for node in (other.address, one.url)] == [total / 10_000] * 2
        assert answers(one.url, reader) == answers(other.address, reader)

        on_replica(replica_url, "SELECT pg_wal_replay_pause()::text")
        used = of(one).used
        for total, written_to in ((40_000, other.address), (50_000, one.url)):
            report(written_to, clerk, total)
            assert [told(node, reader) for node in (one.url, other.address)] == [total / 10_000] * 2
        assert of(one).used == used
        assert of(one).passed_over > 0
        late = answers(one.url, reader)
        assert late == answers(other.address, reader)
        on_replica(replica_url, "SELECT pg_wal_replay_resume()::text")
        epoch = one.registry.database.epoch()
        caught_up(replica_url, epoch)

    # A node that begins with nothing builds all it needs from the replica, and answers the same bytes.
    shutil.rmtree(tmp_path / "one")
    with serving(url, tmp_path / "one", replica_url=replica_url) as fresh:
        assert answers(fresh.url, reader) == late
        assert (of(fresh).used, of(fresh).passed_over) == (1, 0)


def test_what_is_no_replica_of_this_registry_is_passed_over(
    url: str, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    clerk, reader = prepared(url, tmp_path / "made", FILES, {"region": "430101"}, {"department": "ecology"})
    stranger = new_url("postgresql")
    absent = make_url(url).set(query={"host": str(tmp_path)}).render_as_string(hide_password=False)
    for number, elsewhere in enumerate((url, stranger, absent)):  # no standby, another registry, nobody there
        with serving(url, tmp_path / str(number), replica_url=elsewhere) as node:
            report(node.url, clerk, 10_000 * (number + 1))
            assert told(node.url, reader) == number + 1
            assert of(node).used == 0
            assert of(node).passed_over > 0
    with pytest.raises(ValueError, match="TOWNSHIP_REPLICA_URL"):
        Replica(url, make_url("sqlite:///registry.db"), 1.0)
