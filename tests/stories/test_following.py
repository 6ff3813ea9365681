"""Waiting for changes: by long poll, as a stream, and what neither of them tells."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.policy.audiences import Audience
from app.services.credentials import revoke_credential
from app.store import events
from app.store.events import Event
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import AGREEMENT, FILES
from tests.stories.conftest import apply_small

CHANGES = "/v1/views/people-view/changes"
STREAM = f"{CHANGES}/stream"


@pytest.fixture
def small(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[House]:
    with serving(
        filled_url(database_kind, "small", apply_small), tmp_path, heartbeat_seconds=0.1, streams_per_credential=3
    ) as house:
        report(house.client(region="43"), "430101101", 10)
        yield house


def credential_of(client: httpx.Client) -> str:
    return client.headers["Authorization"].split("_")[1]


def report(clerk: httpx.Client, region: str, total: int) -> None:
    row = {"region": region, "period": "2025", "total": total}
    answer = clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]})
    assert answer.status_code == 201, answer.text


def begun(reader: httpx.Client) -> str:
    cursor: str = reader.get(CHANGES).json()["next"]
    return cursor


def meanwhile(waiting: Callable[[], Any], happening: Callable[[], Any], after: float = 0.25) -> tuple[Any, float]:
    """What ``waiting`` gives when something happens a moment after it began, and how long that took."""
    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        waits = pool.submit(waiting)
        time.sleep(after)
        happening()
        return waits.result(30), time.monotonic() - started


def test_a_wait_ends_as_soon_as_there_is_something_to_tell(small: House) -> None:
    clerk, reader = small.client(region="43"), small.client(department="ecology")
    asked = {"since": begun(reader), "wait": "20"}
    answer, took = meanwhile(lambda: reader.get(CHANGES, params=asked), lambda: report(clerk, "430101102", 7))
    assert [change["key"]["region"] for change in answer.json()["changes"]] == ["430101102"]
    assert took < 15
    started = time.monotonic()
    assert reader.get(CHANGES, params=asked).json() == answer.json()
    assert time.monotonic() - started < 15


def test_what_the_caller_may_not_see_ends_no_wait_and_moves_no_cursor(small: House) -> None:
    clerk, reader = small.client(region="43"), small.client(department="ecology")
    cursor = begun(reader)

    def hidden() -> None:
        report(clerk, "430102101", 5)  # a county that no agreement covers
        small.apply({"departments.yaml": FILES["departments.yaml"].replace("水利局", "水务局")})

    def waiting() -> httpx.Response:
        return reader.get(CHANGES, params={"since": cursor, "wait": "1"})

    quiet = waiting()
    answer, took = meanwhile(waiting, hidden)
    assert took >= 1
    assert answer.json()["changes"] == []
    assert answer.json()["next"] == cursor
    assert (answer.content, answer.headers["ETag"]) == (quiet.content, quiet.headers["ETag"])


def test_access_that_ends_ends_the_wait_as_for_a_new_request(small: House) -> None:
    reader = small.client(department="ecology")
    identity = credential_of(reader)
    asked = {"since": begun(reader), "wait": "20"}
    over = {"agreements/ecology-2026.yaml": AGREEMENT.replace("2099-12-31", "2026-01-02")}
    answer, took = meanwhile(lambda: reader.get(CHANGES, params=asked), lambda: small.apply(over))
    assert (answer.status_code, took < 15) == (404, True)
    small.apply(FILES)
    answer, took = meanwhile(
        lambda: reader.get(CHANGES, params=asked), lambda: revoke_credential(small.registry, identity)
    )
    assert (answer.status_code, took < 15) == (401, True)


def test_an_agreement_that_ends_with_its_last_day_ends_the_wait(small: House) -> None:
    reader = small.client(department="ecology")
    asked = {"since": begun(reader), "wait": "20"}
    after = datetime(2100, 1, 1, tzinfo=UTC)
    answer, took = meanwhile(lambda: reader.get(CHANGES, params=asked), lambda: small.clock.set(after))
    assert (answer.status_code, took < 15) == (404, True)


def test_a_wait_takes_a_seat_and_no_more_than_are_given_to_a_credential(small: House) -> None:
    key = small.key(department="ecology")
    asked = {"since": begun(small.client(key)), "wait": "2"}
    clients = [small.client(key) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = [one.result().status_code for one in [pool.submit(c.get, CHANGES, params=asked) for c in clients]]
    assert sorted(found) == [200, 200, 200, 429]
    assert clients[0].get(CHANGES, params={**asked, "wait": "1"}).status_code == 200  # the seats are free again


@pytest.mark.parametrize("wait", ["-1", "1.5", "x", ""])
def test_a_wait_is_a_whole_number_of_seconds(small: House, wait: str) -> None:
    assert small.client(department="ecology").get(CHANGES, params={"wait": wait}).status_code == 400


class Listener:
    """Reads a stream in a thread of its own and keeps its events."""

    def __init__(self, client: httpx.Client, **headers: str) -> None:
        self.events: list[dict[str, str]] = []
        self.beats = 0
        self.status = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(client, headers), daemon=True)
        self._thread.start()

    def _listen(self, client: httpx.Client, headers: dict[str, str]) -> None:
        with client.stream("GET", STREAM, headers=headers) as answer:
            self.status = answer.status_code
            event: dict[str, str] = {}
            for line in answer.iter_lines():
                if self._stop.is_set():
                    return
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.beats += 1
                elif line:
                    event[name] = value
                elif event:
                    self.events.append(event)
                    event = {}

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, (self.status, self.events)
            time.sleep(0.01)

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)

    @property
    def told(self) -> list[Any]:
        return [json.loads(one["data"]) for one in self.events if one.get("event") == "changes"]


def test_a_stream_tells_what_changes_would_and_resumes_where_it_broke_off(small: House) -> None:
    clerk, reader = small.client(region="43"), small.client(department="ecology")
    listener = Listener(reader)
    listener.wait(lambda: len(listener.told) == 1)
    assert listener.told[0] == reader.get(CHANGES).json()
    report(clerk, "430101102", 8)
    listener.wait(lambda: len(listener.told) == 2)
    listener.wait(lambda: listener.beats > 1)
    listener.close()
    cursor = listener.events[1]["id"]
    report(clerk, "430101102", 9)
    resumed = Listener(small.client(department="ecology"), **{"Last-Event-ID": cursor})
    resumed.wait(lambda: len(resumed.told) == 1)
    assert resumed.told[0] == reader.get(CHANGES, params={"since": cursor}).json()
    report(clerk, "430102102", 1)  # not covered
    beats = resumed.beats
    resumed.wait(lambda: resumed.beats > beats + 2)
    resumed.close()
    assert len(resumed.told) == 1


def test_a_stream_ends_with_the_access_and_says_why(small: House) -> None:
    reader = small.client(department="ecology")
    listener = Listener(reader)
    listener.wait(lambda: len(listener.told) == 1)
    revoke_credential(small.registry, credential_of(reader))
    listener.wait(listener.ended)
    assert listener.events[-1]["event"] == "end"
    assert json.loads(listener.events[-1]["data"])["code"] == "unauthenticated"


def test_a_stream_of_a_view_one_may_not_see_is_the_same_404_as_of_one_that_is_not_there(small: House) -> None:
    water = small.client(department="water")
    answers = [water.get(STREAM), water.get(STREAM.replace("people-view", "no-view"))]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert small.client(department="ecology").get(STREAM, params={"since": "x"}).status_code == 400


def test_each_batch_of_a_stream_is_in_the_audit_between_its_opening_and_its_end(small: House) -> None:
    reader, admin = small.client(department="ecology"), small.client(admin=True)
    listener = Listener(reader, **{"X-Request-Id": "stream-1"})
    listener.wait(lambda: len(listener.told) == 1)
    revoke_credential(small.registry, credential_of(reader))
    listener.wait(listener.ended)

    def entries() -> list[tuple[str, str, str | None, int | None]]:
        found = admin.get("/v1/admin/audit", params={"request_id": "stream-1"}).json()["entries"]
        return [(one["action"], one["kind"], one["status"], one["rows"]) for one in reversed(found)]

    listener.wait(lambda: len(entries()) == 5)
    assert entries() == [
        ("changes.stream", "intent", None, None),
        ("changes", "intent", None, None),
        ("changes", "closing", "sent", 1),
        ("changes.stream", "act", "unauthenticated", None),
        ("changes.stream", "closing", "unauthenticated", 1),
    ]


def announce(house: House, *told: Event) -> None:
    with house.registry.database.write() as write:
        events.announce(write, *told)


def test_events_are_read_by_whom_they_are_for_in_order_and_waited_for(small: House) -> None:
    ecology, water = small.client(department="ecology"), small.client(department="water")
    east = small.registry.state().regions.holder("430101", small.registry.today())
    assert east is not None
    announce(small, Event("a.b", "一", Audience.department("ecology"), {"n": 1}))
    announce(small, Event("a.c", "二", Audience.region(east)), Event("a.d", "三", Audience.department("ecology")))
    page = ecology.get("/v1/events", params={"limit": "1"}).json()
    assert ([one["subject"] for one in page["events"]], page["more"]) == (["一"], True)
    page = ecology.get("/v1/events", params={"since": page["next"]}).json()
    assert ([one["subject"] for one in page["events"]], page["more"]) == (["三"], False)
    assert [one["subject"] for one in small.client(region="430101").get("/v1/events").json()["events"]] == ["二"]
    assert small.client(region="430101101").get("/v1/events").json()["events"] == []
    assert water.get("/v1/events", params={"since": page["next"]}).status_code == 400
    quiet = ecology.get("/v1/events", params={"since": page["next"]})
    announce(small, Event("a.e", "四", Audience.department("water")))
    assert ecology.get("/v1/events", params={"since": page["next"]}).content == quiet.content
    answer, took = meanwhile(
        lambda: ecology.get("/v1/events", params={"since": page["next"], "wait": "20"}),
        lambda: announce(small, Event("a.f", "五", Audience.department("ecology"))),
    )
    assert ([one["subject"] for one in answer.json()["events"]], took < 15) == (["五"], True)


def test_an_event_about_a_view_is_told_only_while_the_view_may_be_seen(small: House) -> None:
    ecology = small.client(department="ecology")
    announce(small, Event("a.b", "更正", Audience.department("ecology"), view="people-view"))
    assert len(ecology.get("/v1/events").json()["events"]) == 1
    small.clock.set(datetime(2100, 1, 1, tzinfo=UTC) + timedelta(days=1))
    assert ecology.get("/v1/events").json()["events"] == []


def test_a_follower_by_long_poll_has_what_records_gives_while_many_write(small: House) -> None:
    reader = small.client(department="ecology")
    done = threading.Event()

    def writing(region: str) -> None:
        clerk = small.client(region=region)
        for total in range(1, 13):
            report(clerk, region, total)

    held: dict[str, Any] = {}
    since: str | None = None

    def follow() -> None:
        nonlocal since
        asked = {"wait": "1", **({"since": since} if since else {})}
        page = reader.get(CHANGES, params=asked).json()
        for change in page["changes"]:
            place = json.dumps(change["key"], sort_keys=True)
            held.pop(place, None)
            if change["op"] == "upsert":
                held[place] = change["record"]
        since = page["next"]

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(writing, code) for code in ("430101101", "430101102", "430102101")]
        while not done.is_set():
            if all(writer.done() for writer in writers):
                done.set()
            follow()
    for writer in writers:
        writer.result()
    follow()
    records = reader.get("/v1/views/people-view/records").json()["records"]
    assert sorted(map(json.dumps, held.values())) == sorted(map(json.dumps, records))
    assert {record["rk"] for record in records} == {0.0012}
