import socket

import httpx
import pytest

from app.client.connection import Connection, decoded
from app.client.errors import (
    BY_STATUS,
    Broken,
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Rejected,
    TownshipError,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from app.client.retries import Retries
from app.client.transfer import Download, Memory
from app.errors import ERROR_CODES
from tests.client.played import Answer

KEY = "secret-key-of-a-test"


@pytest.fixture
def slept():
    return []


@pytest.fixture
def connection(script, slept):
    made = Connection(script.url, KEY, retries=Retries(attempts=3, first=0.01), sleep=slept.append)
    yield made
    made.close()


def test_the_key_goes_with_every_request(script, connection):
    script.says({"a": 1})
    connection.send("GET", "/v1/me")
    assert script.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_read_is_asked_again_after_a_passing_failure(script, connection, slept):
    script.refuses(503, "unavailable")
    script.answers.append(Answer(silent=True))
    script.says({"a": 1})
    assert decoded(connection.send("GET", "/v1/me")) == {"a": 1}
    assert len(slept) == 2


def test_the_tries_end(script, connection):
    for _ in range(3):
        script.refuses(503, "unavailable")
    with pytest.raises(Unavailable) as refusal:
        connection.send("GET", "/v1/me")
    assert refusal.value.code == "unavailable"


def test_a_time_the_registry_names_is_waited_for(script, connection, slept):
    script.refuses(429, "unavailable", Retry_After="7")
    script.says({})
    connection.send("GET", "/v1/me")
    assert slept == [7.0]


def test_a_time_too_long_to_wait_for_is_told_and_not_waited_for(script, connection, slept):
    script.refuses(503, "unavailable", Retry_After="3600")
    with pytest.raises(Unavailable) as refusal:
        connection.send("GET", "/v1/me")
    assert refusal.value.retry_after == 3600.0
    assert slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 422, 428, 500])
def test_a_plain_no_is_not_asked_again(script, connection, slept, status):
    script.refuses(status, "some_code")
    with pytest.raises(Refused) as refusal:
        connection.send("GET", "/v1/me")
    assert refusal.value.status == status
    assert slept == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_a_change_that_may_have_arrived_is_not_sent_again(script, connection, method):
    script.answers.append(Answer(silent=True))
    with pytest.raises(Unreachable):
        connection.send(method, "/v1/admin/views/x", json={})
    assert len(script.asked) == 1


def test_a_change_that_was_never_sent_is_tried_again(slept):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    connection = Connection(f"http://127.0.0.1:{port}", KEY, retries=Retries(attempts=3), sleep=slept.append)
    with pytest.raises(Unreachable) as error:
        connection.send("PUT", "/v1/admin/views/x", json={})
    connection.close()
    assert len(slept) == 2
    assert str(port) in str(error.value)


def test_every_status_of_the_registry_has_its_error(script, connection):
    expected = {
        401: Unauthenticated,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        412: Conflict,
        422: Rejected,
        428: Conflict,
        429: Unavailable,
        503: Unavailable,
        500: Unavailable,
    }
    assert {status for status in BY_STATUS if status not in {408, 428, 429}} <= {
        kind.status for kind in ERROR_CODES.values()
    }
    for code, kind in ERROR_CODES.items():
        for _ in range(3 if kind.status in {429, 503} else 1):
            script.refuses(kind.status, code)
        with pytest.raises(Refused) as refusal:
            connection.send("GET", "/v1/me")
        assert type(refusal.value) is expected.get(kind.status, Refused)
        assert refusal.value.code == code


def test_no_error_tells_the_key(script, connection):
    script.refuses(401, "unauthenticated")
    with pytest.raises(TownshipError) as error:
        connection.send("GET", "/v1/me")
    assert KEY not in repr(error.value) + str(error.value)


def test_a_page_that_is_not_of_the_registry_is_still_an_error_with_its_status(script, connection):
    script.answers.append(Answer(404, b"<html>no such page</html>"))
    with pytest.raises(NotFound):
        connection.send("GET", "/v1/me")
    script.answers.append(Answer(200, b"<html>welcome</html>"))
    response = connection.send("GET", "/v1/me")
    with pytest.raises(Broken):
        decoded(response)


def test_a_redirect_is_not_followed(script, connection):
    script.says({}, 302, Location="http://elsewhere.invalid/")
    with pytest.raises(Broken):
        connection.send("GET", "/v1/me")


def test_a_timeout_is_an_unreachable_registry(slept):
    def never(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out", request=request)

    connection = Connection("http://registry.test", KEY, transport=httpx.MockTransport(never), sleep=slept.append)
    with pytest.raises(Unreachable):
        connection.send("GET", "/v1/me")
    assert len(slept) == Retries().attempts - 1


def test_a_download_cut_off_is_begun_anew(script, connection, tmp_path):
    whole = b"0123456789" * 1000
    script.answers.append(Answer(200, whole, sent=4321))
    script.answers.append(Answer(200, whole))
    target = tmp_path / "view.csv"
    with Download(target) as download:
        connection.fetch("/v1/views/v/records", parameters={"format": "csv"}, sink=download)
    assert target.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["view.csv"]


def test_a_download_that_fails_leaves_what_was_there(script, connection, tmp_path):
    target = tmp_path / "view.csv"
    target.write_bytes(b"of yesterday")
    for _ in range(3):
        script.answers.append(Answer(200, b"0123456789" * 1000, sent=100))
    with pytest.raises(Unreachable), Download(target) as download:
        connection.fetch("/v1/views/v/records", parameters=None, sink=download)
    assert target.read_bytes() == b"of yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["view.csv"]


def test_a_refused_download_is_told_as_any_refusal(script, connection):
    script.refuses(403, "not_covered")
    with pytest.raises(Forbidden) as refusal:
        connection.fetch("/v1/views/v/records", parameters=None, sink=Memory())
    assert refusal.value.code == "not_covered"
