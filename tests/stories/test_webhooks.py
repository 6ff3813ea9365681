"""A department is told by webhook: by a real sender, at a real receiver on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.client.webhook_signature import BadSignature, verify
from app.policy.audiences import Audience
from app.services.credentials import revoke_credential
from app.services.webhook_sender import Pace
from app.store import events, leases
from app.store import tables as t
from app.store.events import Event
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.receiver import Receiver, signed_by
from tests.fixtures.small import AGREEMENT, FILES
from tests.stories.conftest import apply_small

PACE = Pace(look_seconds=0.03, idle_seconds=0.03, delays=(0.1, 0.1, 0.1, 3_600.0))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def small(
    database_kind: Kind,
    filled_url: Callable[[Kind, str, Callable[[str], None]], str],
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    monkeypatch.setattr("app.services.webhook_sender.Pace", lambda: PACE)
    allowed: dict[str, Any] = {
        "webhook_hosts": f"127.0.0.1:{receiver.port}, told.example",
        "webhook_private_addresses": True,
        "webhook_plain_http": True,
    }
    with serving(filled_url(database_kind, "small", apply_small), tmp_path, **allowed) as house:
        yield house


def credential_of(client: httpx.Client) -> str:
    return client.headers["Authorization"].split("_")[1]


def report(house: House, region: str, total: int) -> None:
    row = {"region": region, "period": "2025", "total": total}
    with httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {house.key(region='43')}"}) as clerk:
        answer = clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]})
    assert answer.status_code == 201, answer.text


def subscribe(reader: httpx.Client, receiver: Receiver, **of: Any) -> dict[str, Any]:
    answer = reader.post("/v1/webhooks", json={"url": receiver.url, **(of or {"views": ["people-view"]})})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def announce(house: House, *told: Event) -> None:
    with house.registry.database.write() as write:
        events.announce(write, *told)


def test_a_change_is_told_thin_and_signed_and_its_feed_gives_just_that_change(small: House, receiver: Receiver) -> None:
    report(small, "430101101", 5)
    reader = small.client(department="ecology")
    made = subscribe(reader, receiver)
    report(small, "430101102", 7)
    (message,) = receiver.wait(1)
    assert signed_by(made["secret"], message)
    assert not signed_by("whsec_" + "A" * 43 + "=", message)
    assert verify(made["secret"], message.headers, message.body) == message.id
    assert abs(int(message.headers["webhook-timestamp"]) - time.time()) < 60
    assert message.path == "/told?by=township"
    assert message.headers["content-type"] == "application/cloudevents+json"
    told = message.document
    feed = urlsplit(told["data"].pop("feed"))
    assert feed.path == "/v1/views/people-view/changes"
    assert parse_qs(feed.query) == {"since": [made["cursors"]["people-view"]]}
    assert told.pop("id")
    assert told.pop("time")
    assert told == {
        "specversion": "1.0", "type": "township.view.changed", "source": "/v1/views/people-view",
        "subject": "people-view", "datacontenttype": "application/json", "data": {},
    }  # fmt: skip
    changes = reader.get(f"{feed.path}?{feed.query}").json()["changes"]
    assert [change["key"]["region"] for change in changes] == ["430101102"]


def test_nothing_is_sent_when_only_what_the_receiver_may_not_see_changed(small: House, receiver: Receiver) -> None:
    subscribe(small.client(department="ecology"), receiver)
    report(small, "430102101", 5)  # another county
    small.apply({"departments.yaml": FILES["departments.yaml"].replace("水利局", "水务局")})
    announce(small, Event("a.b", "x", Audience.department("ecology")))  # not asked for
    time.sleep(0.5)
    assert receiver.messages == []
    report(small, "430101101", 5)
    receiver.wait(1)


def test_a_failed_message_is_sent_again_under_its_id_until_it_arrives(small: House, receiver: Receiver) -> None:
    receiver.answers = [500, 302, 429]
    reader = small.client(department="ecology")
    made = subscribe(reader, receiver)
    report(small, "430101101", 5)
    messages = receiver.wait(4)
    assert len({message.id for message in messages}) == 1
    assert {message.path for message in messages} == {"/told?by=township"}  # no redirect was followed
    assert all(signed_by(made["secret"], message) for message in messages)

    def tried() -> list[tuple[int, str]]:
        found = reader.get(f"/v1/webhooks/{made['id']}").json()["attempts"]
        return [(one["status"], one["outcome"]) for one in reversed(found)]

    receiver.until(lambda: len(tried()) == 4)
    assert tried() == [(500, "refused"), (302, "refused"), (429, "refused"), (204, "delivered")]
    time.sleep(0.3)
    assert len(receiver.messages) == 4


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_changes_that_come_while_one_waits_are_told_together(small: House, receiver: Receiver) -> None:
    receiver.answers = [500] * 4
    reader = small.client(department="ecology")
    made = subscribe(reader, receiver)
    report(small, "430101101", 5)
    receiver.wait(4)  # the next try is an hour away
    for total in (6, 7, 8):
        report(small, "430101101", total)
        time.sleep(0.1)
    assert len(receiver.messages) == 4
    answer = reader.post(f"/v1/webhooks/{made['id']}/test")
    assert answer.status_code == 202
    receiver.until(lambda: len({message.id for message in receiver.messages}) == 3)
    kinds = [message.document["type"] for message in receiver.messages[4:]]
    assert sorted(kinds) == ["township.view.changed", "township.view.changed", "township.webhook.test"]
    assert answer.json()["message"] in {message.id for message in receiver.messages}
    since = parse_qs(urlsplit(receiver.messages[0].document["data"]["feed"]).query)["since"][0]
    rows = reader.get("/v1/views/people-view/changes", params={"since": since}).json()["changes"]
    assert [row["record"]["rk"] for row in rows] == [0.0008]


def test_a_message_whose_sender_died_before_writing_down_is_sent_again_by_the_next(
    small: House, receiver: Receiver
) -> None:
    made = subscribe(small.client(department="ecology"), receiver)
    report(small, "430101101", 5)
    (message,) = receiver.wait(1)
    receiver.until(lambda: delivery_status(small) == ["delivered"])
    with small.registry.database.journal() as cx:  # as it stands after the claim, before the mark
        cx.execute(t.webhook_delivery.update().values(status="waiting", next_at=small.registry.now()))
    assert receiver.wait(2)[1].id == message.id
    assert receiver.messages[1].body == message.body
    assert signed_by(made["secret"], receiver.messages[1])


def delivery_status(house: House) -> list[str]:
    with house.registry.database.read_journal() as cx:
        return [row.status for row in cx.execute(t.webhook_delivery.select())]


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_410_ends_a_webhook_at_once(small: House, receiver: Receiver) -> None:
    receiver.answers = [410]
    reader = small.client(department="ecology")
    made = subscribe(reader, receiver)
    report(small, "430101101", 5)
    receiver.until(lambda: reader.get(f"/v1/webhooks/{made['id']}").json()["ended_because"] == "gone")
    report(small, "430101101", 6)
    time.sleep(0.3)
    assert len(receiver.messages) == 1
    assert reader.post(f"/v1/webhooks/{made['id']}/test").status_code == 409


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_webhook_that_fails_for_days_is_ended(small: House, receiver: Receiver) -> None:
    receiver.answers = [500] * 9
    reader = small.client(department="ecology")
    made = subscribe(reader, receiver)
    report(small, "430101101", 5)
    receiver.wait(4)
    small.clock.offset += timedelta(days=6).total_seconds()
    receiver.until(lambda: reader.get(f"/v1/webhooks/{made['id']}").json()["ended_because"] == "failing")
    assert delivery_status(small) == ["failed"]


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_webhook_ends_with_the_credential_that_made_it(small: House, receiver: Receiver) -> None:
    reader, other = small.client(department="ecology"), small.client(department="ecology")
    made = subscribe(reader, receiver)
    revoke_credential(small.registry, credential_of(reader))
    receiver.until(lambda: other.get(f"/v1/webhooks/{made['id']}").json()["ended_because"] == "credential")
    report(small, "430101101", 5)
    time.sleep(0.3)
    assert receiver.messages == []


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_what_is_seen_no_more_is_not_told_of(small: House, receiver: Receiver) -> None:
    subscribe(small.client(department="ecology"), receiver)
    small.apply({"agreements/ecology-2026.yaml": AGREEMENT.replace("2099-12-31", "2026-01-02")})
    report(small, "430101101", 5)
    time.sleep(0.4)
    assert receiver.messages == []


def test_events_of_the_kinds_asked_for_are_told_without_what_they_say(small: House, receiver: Receiver) -> None:
    reader = small.client(department="ecology")
    subscribe(reader, receiver, kinds=["trial.corrected"])
    ecology = Audience.department("ecology")
    announce(small, Event("trial.corrected", "people", ecology, {"reason": "抄错"}), Event("other", "people", ecology))
    announce(small, Event("trial.corrected", "cases", Audience.department("water")))
    announce(small, Event("trial.corrected", "wells", ecology))
    messages = receiver.wait(2)
    assert [(one.document["type"], one.document["subject"]) for one in messages] == [
        ("trial.corrected", "people"),
        ("trial.corrected", "wells"),
    ]
    assert all("抄错" not in one.body.decode() for one in messages)
    feed = reader.get(messages[0].document["data"]["feed"]).json()["events"]
    assert (feed[0]["id"], feed[0]["data"]) == (messages[0].document["id"], {"reason": "抄错"})
    time.sleep(0.2)
    assert len(receiver.messages) == 2


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_webhook_is_its_departments_own(small: House, receiver: Receiver) -> None:
    ecology, water, admin = (
        small.client(department="ecology"),
        small.client(department="water"),
        small.client(admin=True),
    )
    made = subscribe(ecology, receiver)
    listed = ecology.get("/v1/webhooks").json()["webhooks"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert "secret" not in listed[0]
    assert [one["id"] for one in admin.get("/v1/webhooks").json()["webhooks"]] == [made["id"]]
    assert water.get("/v1/webhooks").json() == small.client(region="43").get("/v1/webhooks").json() == {"webhooks": []}
    for other in (water, small.client(region="43")):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test")):
            answer = other.request(method, f"/v1/webhooks/{made['id']}{path}")
            assert answer.status_code == 404
            assert answer.json() == other.request(method, f"/v1/webhooks/none{path}").json()
    assert ecology.delete(f"/v1/webhooks/{made['id']}").status_code == 204
    assert ecology.get(f"/v1/webhooks/{made['id']}").status_code == 404
    report(small, "430101101", 5)
    time.sleep(0.3)
    assert receiver.messages == []
    with small.registry.database.read() as cx:
        (row,) = cx.execute(t.webhook.select())
    assert made["secret"] not in row.sealed_secret


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_departments_and_regions_subscribe_and_only_to_what_they_see(small: House, receiver: Receiver) -> None:
    asked = {"url": receiver.url, "views": ["people-view"]}
    assert small.client(admin=True).post("/v1/webhooks", json=asked).status_code == 403
    assert small.client(region="43").post("/v1/webhooks", json=asked).status_code == 404
    water = small.client(department="water")
    answers = [water.post("/v1/webhooks", json={**asked, "views": [code]}) for code in ("people-view", "no-view")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert water.post("/v1/webhooks", json={"url": receiver.url}).status_code == 400


def test_a_region_is_told_of_its_own_reminders_questions_and_refusals(small: House, receiver: Receiver) -> None:
    clerk, colleague, other = (small.client(region=code) for code in ("430101101", "430101101", "430101102"))
    made = subscribe(clerk, receiver, kinds=["due.reminder", "correction.asked", "submission.refused"])
    assert (made["department"], made["region"]) == (None, "430101101")
    subscribe(other, receiver, kinds=["due.reminder"])
    report(small, "430101101", 5)
    asked = {"dataset": "people", "element": "total", "region": "430101101", "period": "2025", "reason": "与户籍不符"}
    assert small.client(department="ecology").post("/v1/corrections", json=asked).status_code == 201
    row = {"region": "430101101", "period": "2026-01", "received": 7, "closed": 3}
    waits = colleague.post("/v1/submissions", json={"dataset": "cases", "rows": [row]}).json()["id"]
    confirmer = small.client(region="430101", role="confirmer")
    assert confirmer.post(f"/v1/submissions/{waits}/refuse", json={"reason": "与台账不符"}).status_code == 200
    announce(small, Event("due.reminder", "people", Audience.region(region_of(clerk, small))))
    messages = receiver.wait(3)
    assert {one.document["type"] for one in messages} == {"correction.asked", "submission.refused", "due.reminder"}
    assert all(signed_by(made["secret"], one) for one in messages)
    assert all("不符" not in one.body.decode() for one in messages)
    feed = clerk.get(messages[0].document["data"]["feed"]).json()["events"]
    assert feed[0]["id"] == messages[0].document["id"]
    for who, seen in (
        (colleague, 200),
        (other, 404),
        (small.client(region="430101"), 404),
        (small.client(admin=True), 200),
    ):
        assert who.get(f"/v1/webhooks/{made['id']}").status_code == seen
    assert [one["id"] for one in colleague.get("/v1/webhooks").json()["webhooks"]] == [made["id"]]
    assert clerk.delete(f"/v1/webhooks/{made['id']}").status_code == 204
    announce(small, Event("due.reminder", "people", Audience.region(region_of(clerk, small))))
    time.sleep(0.3)
    assert len(receiver.messages) == 3


def region_of(client: httpx.Client, house: House) -> int:
    state = house.registry.state()
    region = state.regions.holder(client.get("/v1/me").json()["region"], house.registry.today())
    assert region is not None
    return region


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_webhooks_go_only_where_the_operator_allows(small: House, receiver: Receiver) -> None:
    port = receiver.port
    reader = small.client(department="ecology")
    for url in (
        f"http://localhost:{port}/", f"http://127.0.0.1:{port + 1}/", "http://127.0.0.1/", "https://other.example/",
        f"http://user@127.0.0.1:{port}/", f"http://127.0.0.1:{port}/#x", "ftp://told.example/", "told.example", "",
        "https://told.example:8443/", "https://told.example\\@other.example/", "https://tóld.example/",
    ):  # fmt: skip
        answer = reader.post("/v1/webhooks", json={"url": url, "views": ["people-view"]})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), url
    for url in ("https://told.example/", "https://told.example:443/x?y=1"):
        assert reader.post("/v1/webhooks", json={"url": url, "views": ["people-view"]}).status_code == 201, url


def test_one_process_sends_for_all_and_another_takes_over_when_it_is_gone(small: House) -> None:
    database, now = small.registry.database, small.registry.now()
    later = now + timedelta(seconds=20)

    def take(holder: str, at: timedelta) -> bool:
        with database.journal() as cx:
            return leases.take(cx, "trial", holder, now + at, later + at)

    assert take("one", timedelta(0))
    assert not take("other", timedelta(seconds=5))
    assert take("one", timedelta(seconds=10))
    assert not take("other", timedelta(seconds=25))
    assert take("other", timedelta(seconds=31))
    assert not take("one", timedelta(seconds=32))
    with database.journal() as cx:
        leases.give_back(cx, "trial", "other", now)
    assert take("one", timedelta(seconds=33))


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_receiver_refuses_what_is_not_genuine_or_too_old(small: House, receiver: Receiver) -> None:
    made = subscribe(small.client(department="ecology"), receiver)
    report(small, "430101101", 5)
    (message,) = receiver.wait(1)
    sent = int(message.headers["webhook-timestamp"])
    genuine = message.headers
    assert verify(
        made["secret"], {**genuine, "webhook-signature": f"v1,xx {genuine['webhook-signature']}"}, message.body
    )
    for headers, body, now in (
        (genuine, message.body + b" ", sent),
        ({**genuine, "webhook-id": "msg_other"}, message.body, sent),
        ({**genuine, "webhook-timestamp": str(sent + 1)}, message.body, sent),
        ({**genuine, "webhook-signature": "v1,"}, message.body, sent),
        ({name: value for name, value in genuine.items() if name != "webhook-id"}, message.body, sent),
        (genuine, message.body, sent + 301),
        (genuine, message.body, sent - 301),
    ):
        with pytest.raises(BadSignature):
            verify(made["secret"], headers, body, now=now)
