"""What an agreement says may be asked of it is all that may be asked, and nobody can hold the service for himself."""

from __future__ import annotations

import http.client
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.formats.writing import FORMATS
from app.services import read
from app.store import tables as t
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.signers import Signer
from tests.fixtures.small import AGREEMENT
from tests.stories.conftest import apply_small

PATH = "/v1/views/people-view/records"
Filled = Callable[[Kind, str, Callable[[str], None]], str]


@pytest.fixture
def serve(database_kind: Kind, filled_url: Filled, tmp_path: Path) -> Callable[..., Any]:
    return lambda **more: serving(filled_url(database_kind, "small", apply_small), tmp_path / "data", **more)


def with_people(house: House, quota: str | None = None) -> House:
    rows = [{"region": f"43010110{n}", "period": f"202{y}", "total": n} for n in (1, 2) for y in (4, 5)]
    assert house.client(region="430101").post("/v1/submissions", json={"dataset": "people", "rows": rows}).is_success
    if quota is not None:
        house.apply({"agreements/ecology-2026.yaml": AGREEMENT + f"quota: {quota}\n"})
    return house


def audited(house: House, key: str) -> list[str]:
    found = house.client(admin=True).get("/v1/admin/audit", params={"limit": 100}).json()["entries"]
    return [one["status"] for one in found if one["credential_id"] == key.split("_")[1] and one["kind"] == "closing"]


def test_the_requests_of_an_agreement_are_counted_of_all_its_departments_keys(serve: Callable[..., Any]) -> None:
    with serve() as house:
        with_people(house, "{requests_per_day: 4}")
        one, other = house.client(department="ecology"), house.client(department="ecology")
        answers = [client.get(PATH) for client in (one, other)]
        assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"ecology-2026-day";q=4;w=86400'] * 2
        assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=3", "r=2"]
        same = one.get(PATH, headers={"If-None-Match": answers[0].headers["ETag"]})
        assert (same.status_code, same.headers["RateLimit"].split(";")[1]) == (304, "r=1")
        assert one.get("/v1/views/people-view/changes").status_code == 200
        refused = other.get(PATH)
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exhausted")
        assert 0 < int(refused.headers["Retry-After"]) <= 86_400
        assert "r=0" in refused.headers["RateLimit"]
        # Whoever may not see the view hears nothing of its limits; what is no reading is not counted.
        assert house.client(department="water").get(PATH).status_code == 404
        assert one.get("/v1/views").status_code == 200
        house.clock.offset += 86_400
        assert other.get(PATH).status_code == 200


def test_the_rows_of_an_agreement_are_counted_before_they_are_given(serve: Callable[..., Any]) -> None:
    with serve() as house:
        with_people(house, "{rows_per_day: 5}")
        ecology = house.client(department="ecology")
        first = ecology.get(PATH)
        assert len(first.json()["records"]) == 4
        assert first.headers["RateLimit"].startswith('"ecology-2026-rows";r=1;t=')
        assert ecology.get(PATH, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
        assert ecology.get(PATH).json()["code"] == "quota_exhausted"
        assert ecology.get(PATH, params={"limit": 1}).status_code == 200


def test_the_house_limits_every_credential_by_itself(serve: Callable[..., Any]) -> None:
    with serve(requests_per_day=2) as house:
        ecology, water = house.client(department="ecology"), house.client(department="water")
        answers = [ecology.get(path) for path in ("/v1/me", "/v1/views/none", "/v1/me")]
        assert [answer.status_code for answer in answers] == [200, 404, 429]
        assert answers[0].headers["RateLimit"].startswith('"credential-day";r=1;t=')
        assert answers[2].json()["code"] == "rate_limited"
        assert water.get("/v1/me").status_code == 200


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Every answer in ndjson is a stream, followed by far more blanks than any buffer takes."""
    form = FORMATS["ndjson"]
    ended: list[bool] = []

    def write(*given: Any) -> Iterator[bytes]:
        try:
            yield from form.write(*given)
            for _ in range(1_000):
                yield b"\n" * 100_000
        finally:
            ended.append(True)

    monkeypatch.setattr(read, "_AT_ONCE", 0)
    monkeypatch.setitem(FORMATS, "ndjson", replace(form, write=write, lines=None))
    return ended


def begun(house: House, key: str) -> socket.socket:
    """Someone who asks for an export and takes nothing of it."""
    host, port = house.url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect((host, int(port)))
    connection.sendall(f"GET {PATH}?format=ndjson HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    return connection


def until(found: Callable[[], bool]) -> None:
    for _ in range(500):
        if found():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_who_takes_nothing_of_an_export_is_given_up_while_others_are_served(
    serve: Callable[..., Any], endless: list[bool]
) -> None:
    with serve(send_timeout_seconds=2.5, exports_per_credential=2) as house:
        with_people(house)
        key = house.key(department="ecology")
        client = house.client(key)
        with begun(house, key), begun(house, key):
            until(lambda: exports(house) == 2)
            refused = client.get(PATH, params={"format": "ndjson"})
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_exports")
            assert refused.headers["Retry-After"] == "5"
            assert client.get(PATH).status_code == 200
            until(lambda: exports(house) == 0)
        assert endless == [True]  # they shared one making, which ended with the last of them
        until(lambda: audited(house, key).count("broken") == 2)


def exports(house: House) -> int:
    with house.registry.database.read_journal() as cx:
        places = cx.execute(select(t.export_slot.c.id, t.export_slot.c.until).distinct()).all()
    return len(places)


# -- who guesses ---------------------------------------------------------------------------------------------------


def test_who_guesses_is_slowed_and_those_beside_it_are_not(serve: Callable[..., Any]) -> None:
    with serve(failures_allowed=3) as house:

        def status(key: str) -> int:
            return int(house.visitor.get(f"{house.url}/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code)

        used, fresh = house.key(department="ecology"), house.key(department="ecology")
        assert status(used) == 200
        guesses = []
        for number in range(12):
            guess = house.visitor.get(
                f"{house.url}/v1/me", headers={"Authorization": f"Bearer twn_{'0' * 16}_{number:043}"}
            )
            guesses.append(guess.status_code)
            house.clock.offset += int(guess.headers.get("Retry-After", 0))
        assert guesses[:2] == [401] * 2
        assert 429 in guesses
        assert status(f"twn_{used.split('_')[1]}_{'x' * 43}") in {401, 429}
        slowed = house.visitor.get(f"{house.url}/v1/me", headers={"Authorization": f"Bearer {fresh}"})
        assert slowed.status_code == 429
        assert slowed.json()["code"] == "rate_limited"
        assert int(slowed.headers["Retry-After"]) >= 1
        assert (
            house.visitor.post(
                f"{house.url}/oauth/token",
                data={"grant_type": "client_credentials", "client_id": "x", "client_secret": fresh},
            ).status_code
            == 429
        )
        assert status(used) == 200  # what was right before is no guess, whoever else sits behind the address
        house.clock.offset += int(slowed.headers["Retry-After"]) + 1
        assert status(fresh) == 200


# -- secrets --------------------------------------------------------------------------------------------------------


def test_no_secret_is_logged_wherever_it_was_put(
    serve: Callable[..., Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    access = logging.getLogger("uvicorn.access")
    with serve() as house, caplog.at_level(logging.DEBUG):
        access.setLevel(logging.DEBUG)
        access.propagate = True
        access.addHandler(caplog.handler)
        key = house.key(department="ecology")
        identity, secret = key.split("_")[1:]
        signer = Signer()
        host = house.url.removeprefix("http://")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assertion = signer.assertion(identity, house.url)
        proof = signer.proof("POST", f"{house.url}/oauth/token")

        def call(method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
            connection = http.client.HTTPConnection(host)
            connection.request(method, path, body.encode(), headers)
            answer = connection.getresponse().read()
            connection.close()
            return answer

        given = call(
            "POST", "/oauth/token", form, f"grant_type=client_credentials&client_id={identity}&client_secret={key}"
        )
        token = given.decode().split('"access_token":"')[1].split('"')[0]
        renewed = call("POST", "/v1/me/rotate", {"Authorization": f"Bearer {key}"}).decode()
        new = renewed.split('"key":"')[1].split('"')[0]
        for one in (key, token, new, assertion):
            bearer = {"Authorization": f"Bearer {one}"}
            call("GET", "/v1/me", bearer)
            call("GET", f"/v1/me?access_token={one}", {})
            call("GET", f"/v1/me?access_token={one}", bearer)
            call("GET", f"/v1/views/{one}?q={one}", bearer)
            call("GET", f"/v1/datasets/people/records?cursor={one}", bearer)
            call("POST", f"/oauth/token?client_secret={one}", form, f"grant_type={one}&client_assertion={one}")
            call("POST", "/oauth/revoke", {**form, "Authorization": f"Basic {one}"}, f"token={one}&client_secret={one}")
            call("POST", "/v1/submissions", {**bearer, "Content-Type": "application/json"}, f'{{"dataset": "{one}"}}')
            call("POST", "/v1/submissions", {**bearer, "Content-Type": "application/json"}, f"{one}")
        call(
            "POST",
            "/oauth/token",
            {**form, "DPoP": proof},
            f"grant_type=client_credentials&client_assertion={assertion}",
        )
        written = "\n".join([*(record.getMessage() for record in caplog.records), caplog.text, *capfd.readouterr()])
        kept = house.client(admin=True).get("/v1/admin/audit", params={"limit": 1_000}).text
    assert "/v1/me" in written  # the log of requests was on
    tails = [secret, new.split("_")[2], *(part for one in (token, assertion, proof) for part in one.split(".")[1:])]
    assert [tail for tail in tails if tail in written] == []
    assert [tail for tail in tails if tail in kept] == []
