"""What no database can keep (NUL, half a character, numbers beyond its own) is refused at the door, in one shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.house import House
from tests.fixtures.small import FILES

HALF = b'"\\ud83c"'
JSON = {"Content-Type": "application/json"}
ROW = b'{"dataset": "people", "rows": [{"region": "430101101", "period": "2025", "total": %s}]}'

REFUSED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("admin", "GET", "/v1/admin/views/%00", {}),
    ("admin", "GET", "/v1/admin/views/people%00view/versions", {}),
    ("admin", "GET", "/v1/admin/audit?target=%00", {}),
    ("admin", "GET", "/v1/admin/audit?before=99999999999999999999", {}),
    ("admin", "GET", "/v1/admin/views/people-view/diff?old=1&new=2147483648000", {}),
    ("admin", "DELETE", "/v1/admin/credentials/%00", {}),
    ("admin", "POST", "/v1/admin/credentials", {"json": {"name": "a\x00b", "kind": "admin"}}),
    ("admin", "POST", "/v1/admin/credentials", {"content": b'{"kind": "admin", "name": %s}' % HALF, "headers": JSON}),
    ("admin", "PUT", "/v1/admin/departments/x", {"content": b'{"code": "x", "name": %s}' % HALF, "headers": JSON}),
    ("admin", "PUT", "/v1/admin/departments/x", {"json": {"code": "x", "na\x00me": "x"}}),
    ("clerk", "GET", "/v1/submissions?dataset=%00", {}),
    ("clerk", "GET", "/v1/submissions/%00", {}),
    ("clerk", "GET", "/v1/regions?q=%00", {}),
    ("clerk", "POST", "/v1/submissions", {"content": ROW % HALF, "headers": JSON}),
    ("clerk", "POST", "/v1/submissions", {"content": ROW % b'"\\u0000"', "headers": JSON}),
    ("clerk", "POST", "/v1/submissions", {"data": {"dataset": "\x00"}, "files": {"file": ("a.csv", b"region\n")}}),
    ("clerk", "POST", "/oauth/token", {"data": {"grant_type": "client_credentials", "client_id": "\x00"}}),
]


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    return empty_house


def test_it_is_refused_wherever_it_comes(small: House) -> None:
    callers = {"admin": small.client(admin=True), "clerk": small.client(region="430101")}
    for who, method, path, more in REFUSED:
        answer = callers[who].request(method, path, **more)
        told = (method, path, answer.status_code, answer.json())
        assert answer.status_code == 400, told
        assert answer.headers["content-type"] == "application/problem+json", told
        assert answer.json()["code"] == "bad_request", told


def test_a_version_that_no_database_could_number_is_not_there(small: House) -> None:
    admin = small.client(admin=True)
    answer = admin.post("/v1/admin/views/people-view/restore", json={"version": 2**40})
    assert answer.status_code == 404


def test_characters_beyond_the_basic_plane_are_kept_however_they_are_escaped(small: House) -> None:
    admin = small.client(admin=True)
    made = admin.put("/v1/admin/departments/x", content=b'{"code": "x", "name": "\\ud842\\udfb7\\u6751"}', headers=JSON)
    assert made.status_code == 201, made.text
    assert admin.get("/v1/admin/departments/x").json()["name"] == "𠮷村"
