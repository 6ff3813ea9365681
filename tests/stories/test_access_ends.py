"""The second after access ends, nothing goes on: no tag, cursor, pin, range, feed, receipt or preview outlives it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from app.services.credentials import create_credential
from tests.fixtures.house import House
from tests.fixtures.small import FILES

VIEW = "/v1/views/people-view"
PATH = f"{VIEW}/records"
ROWS = [
    {"region": f"43010110{number}", "period": "2024", "total": 3, "men": 1, "women": 2, "area": 1} for number in (1, 2)
]
LAST_SECOND = datetime.fromisoformat("2099-12-31T23:59:59+08:00")
SECOND_AFTER = datetime.fromisoformat("2100-01-01T00:00:01+08:00")


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    report = empty_house.client(region="430101").post("/v1/submissions", json={"dataset": "people", "rows": ROWS})
    assert report.status_code == 201, report.text
    return empty_house


def held(client: httpx.Client) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """Everything a department has in hand from what it was answered: questions it could go on with."""
    first = client.get(PATH, params={"limit": 1}, headers={"Prefer": "receipt"})
    assert first.status_code == 200, first.text
    assert "receipt" in first.headers
    whole = client.get(PATH, params={"format": "ndjson", "limit": 1})
    feed = client.get(f"{VIEW}/changes", params={"limit": 1}).json()
    explained = client.get(f"{VIEW}/explain", params={"region": "430101101", "period": "2024", "field": "rk"})
    assert explained.status_code == 200
    return [
        (PATH, {}, {}),
        (PATH, {"limit": 1}, {"If-None-Match": first.headers["ETag"]}),
        (PATH, {"limit": 1}, {"If-None-Match": "*"}),
        (PATH, {"limit": 1, "cursor": first.json()["next"]}, {}),
        (PATH, {"format": "ndjson", "limit": 1, "cursor": whole.headers["Township-Next"]}, {}),
        (PATH, {"as_of": first.json()["snapshot"]}, {}),
        (PATH, {"as_of": LAST_SECOND.isoformat()}, {}),
        (PATH, {"format": "parquet"}, {"Range": "bytes=0-3"}),
        (PATH, {}, {"Prefer": "receipt"}),
        (f"{VIEW}/changes", {"since": feed["next"]}, {}),
        (f"{VIEW}/changes", {"since": feed["next"], "wait": "1"}, {}),
        (f"{VIEW}/changes/stream", {"since": feed["next"]}, {}),
        (f"{VIEW}/changes/stream", {}, {"Last-Event-ID": feed["next"]}),
        (f"{VIEW}/explain", {"region": "430101101", "period": "2024", "field": "rk"}, {}),
        (f"{VIEW}/form.xlsx", {"period": "2024", "region": "430101"}, {}),
        (VIEW, {}, {}),
        (f"{VIEW}/schema", {}, {}),
    ]


def told(client: httpx.Client, asked: list[tuple[str, dict[str, Any], dict[str, str]]]) -> list[int]:
    return [client.get(path, params=query, headers=headers).status_code for path, query, headers in asked]


def test_with_the_agreement_ends_everything_that_was_begun_under_it(small: House) -> None:
    ecology = small.client(department="ecology")
    asked = held(ecology)
    small.clock.set(LAST_SECOND)
    assert ecology.get(PATH).status_code == 200
    small.clock.set(SECOND_AFTER)
    assert told(ecology, asked) == [404] * len(asked)
    assert ecology.get("/v1/views").json() == {"views": []}
    question = {"dataset": "people", "element": "total", "region": "430101101", "period": "2024", "reason": "疑"}
    assert ecology.post("/v1/corrections", json=question).status_code == 404
    hook = {"url": "https://told.example/hook", "views": ["people-view"]}
    assert ecology.post("/v1/webhooks", json=hook).status_code in {400, 404}


def test_with_the_key_ends_everything_that_was_begun_with_it(small: House) -> None:
    end = datetime.fromisoformat("2027-01-01T00:00:00+08:00")
    key = create_credential(small.registry, "for a while", "department", department="ecology", expires=end)[1]
    ecology = small.client(key)
    asked = held(ecology)
    form = {"grant_type": "client_credentials", "client_id": key.split("_")[1], "client_secret": key}
    small.clock.set(datetime.fromisoformat("2026-12-31T23:59:50+08:00"))
    token = small.visitor.post(f"{small.url}/oauth/token", data=form).json()["access_token"]
    bearer = small.client(token)
    assert (ecology.get(PATH).status_code, bearer.get(PATH).status_code) == (200, 200)
    small.clock.set(datetime.fromisoformat("2027-01-01T00:00:01+08:00"))
    # The token was given for longer than its key had left.
    assert told(bearer, asked[:6]) == [401] * 6
    assert told(ecology, asked[:6]) == [401] * 6
    assert small.visitor.post(f"{small.url}/oauth/token", data=form).status_code == 401


def test_a_cursor_pin_or_tag_is_worth_nothing_in_other_hands(small: House) -> None:
    asked = held(small.client(department="ecology"))
    assert set(told(small.client(department="water"), asked)) == {404}
    assert set(told(small.client(admin=True), asked[:6])) == {404}
