"""What operators see of a serving registry: metrics, traces, timings, log lines; and that nobody else sees any of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from app.host.logs import JsonLines
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.programs import until
from tests.stories.conftest import apply_small

RECORDS = "/v1/views/people-view/records"


@pytest.fixture
def small(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[House]:
    url = filled_url(database_kind, "small", apply_small)
    settings = {"metrics_token": "scrape-me", "server_timing": True, "log_requests": True, "slow_seconds": 0.000001}
    with serving(url, tmp_path, **settings) as house:
        row = {"region": "430101101", "period": "2025", "total": 4711}
        answer = house.client(region="43").post("/v1/submissions", json={"dataset": "people", "rows": [row]})
        assert answer.status_code == 201
        yield house


def scraped(house: House) -> dict[tuple[str, ...], float]:
    answer = httpx.get(f"{house.url}/metrics", headers={"Authorization": "Bearer scrape-me"})
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_by_nothing_that_was_asked(small: House) -> None:
    reader = small.client(department="ecology")
    for path in (RECORDS, RECORDS, "/v1/views/secret-view/records", "/nowhere/430101101"):
        reader.get(path)
    found = scraped(small)
    route = "/v1/views/{view}/records"
    assert found["township_requests_total", "GET", route, "200"] == 2
    assert found["township_requests_total", "GET", route, "404"] == 1
    assert found["township_requests_total", "GET", "none", "404"] == 1
    assert found["township_request_seconds_count", "GET", route] == 3
    told = " ".join(part for labels in found for part in labels)
    assert not any(word in told for word in ("people", "secret", "430101", "ecology"))


def test_metrics_are_there_for_the_scraper_alone(small: House) -> None:
    nowhere = httpx.get(f"{small.url}/metric")
    for key in (None, small.key(admin=True), "wrong"):
        answer = httpx.get(f"{small.url}/metrics", headers={"Authorization": f"Bearer {key}"} if key else {})
        assert (answer.status_code, answer.json()["code"]) == (nowhere.status_code, "not_found")


def test_only_administrators_are_told_how_long_it_took(small: House) -> None:
    admin = small.client(admin=True)
    assert "total;dur=" in admin.get("/v1/datasets").headers["Server-Timing"]
    for who in ({"department": "ecology"}, {"region": "43"}):
        client = small.client(**who)
        for path in (RECORDS, "/v1/datasets", "/v1/nowhere"):
            assert "Server-Timing" not in client.get(path).headers
    assert "Server-Timing" not in httpx.get(f"{small.url}/healthz").headers


def test_a_slow_request_is_explained_in_the_log_without_a_value(small: House, caplog: pytest.LogCaptureFixture) -> None:
    reader = small.client(department="ecology")
    with caplog.at_level(logging.INFO, "township.requests"):
        answer = reader.get(RECORDS, params={"filter": "mc:contains:一镇"}, headers={"X-Request-Id": "slow-1"})
    assert answer.status_code == 200
    (record,) = [one for one in caplog.records if getattr(one, "request_id", "") == "slow-1"]
    line = JsonLines().format(record)
    told = json.loads(line)
    assert (told["level"], told["route"], told["status"]) == ("warning", "/v1/views/{view}/records", 200)
    assert {"gate", "map", "audit"} <= told["slow"]["stops"].keys()
    assert (told["slow"]["rows"], told["slow"]["datasets"]) == (1, 1)
    assert not any(word in line for word in ("一镇", "people", "4711", "0.4711", "twn_"))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


def test_a_walk_leaves_one_trace_that_goes_on_with_the_callers(spans: InMemorySpanExporter, small: House) -> None:
    reader = small.client(department="ecology")
    given = "4bf92f3577b34da6a3ce929d0e0e4736"
    reader.get(RECORDS, headers={"traceparent": f"00-{given}-00f067aa0ba902b7-01"})
    # The whole ends after its answer has gone out.
    until(lambda: any(span.name == "GET /v1/views/{view}/records" for span in spans.get_finished_spans()))
    found = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == given]
    names = {span.name for span in found}
    assert {"GET /v1/views/{view}/records", "township.gate", "township.map", "township.audit"} <= names
    assert {span.name: span.status.status_code.name for span in found}["township.map"] == "UNSET"
    assert "people" not in " ".join(span.to_json() for span in found)
