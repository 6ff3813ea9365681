"""The database goes away under a serving registry: every answer says so, and nothing need be started anew when it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.fixtures.databases import Kind
from tests.fixtures.house import serving
from tests.fixtures.programs import until
from tests.fixtures.small import FILES

ROWS = [{"region": "430101101", "period": "2025", "total": 12_000}]


@contextmanager
def away(url: str) -> Iterator[None]:
    """The database under another name, and everybody thrown out of it, until the block ends."""
    name = make_url(url).database
    server = make_url(url).set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


@pytest.mark.postgresql
def test_a_database_that_was_away_costs_only_the_time_it_was_away(
    new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    url = new_url("postgresql")
    with serving(url, tmp_path) as house:
        house.apply(FILES)
        clerk, ecology = house.client(region="430101"), house.client(department="ecology")
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": ROWS}).status_code == 201
        before = ecology.get("/v1/views/people-view/records?format=csv").content
        assert ecology.get("/readyz").json() == {"status": "ready"}
        with away(url):
            for answer in (
                ecology.get("/readyz"),
                ecology.get("/v1/views/people-view/records?format=csv"),
                ecology.get("/v1/me"),
                clerk.post("/v1/submissions", json={"dataset": "people", "rows": ROWS}),
            ):
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.headers["content-type"] == "application/problem+json"
            assert ecology.get("/healthz").status_code == 200
        until(lambda: ecology.get("/readyz").status_code == 200)
        assert ecology.get("/v1/views/people-view/records?format=csv").content == before
        rows = [{**ROWS[0], "total": 13_000}]
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201
        assert ecology.get("/v1/views/people-view/records?format=csv").content != before
