"""What a department sees is what its agreements cover today, cell by cell, and nothing tells of the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.small import AGREEMENT, FILES

PATH = "/v1/views/people-view/records"


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    return empty_house


def report(house: House, rows: list[dict[str, Any]], dataset: str = "people", **who: Any) -> httpx.Response:
    clerk = house.client(**(who or {"region": "43"}))
    answer = clerk.post("/v1/submissions", json={"dataset": dataset, "rows": rows})
    assert answer.status_code in {201, 202}, answer.text
    return answer


PEOPLE = [
    {"region": "430101101", "period": "2024", "total": 12345, "men": 6000, "women": 6345, "area": 100},
    {"region": "430101102", "period": "2024", "total": 200, "men": 100, "women": 100},
    {"region": "430101101", "period": "2023", "total": 1, "men": 1, "women": 0, "area": 1},
    {"region": "430102101", "period": "2024", "total": 999, "men": 499, "women": 500, "area": 9, "watched": 3},
]


def test_only_covered_rows_and_fields_are_answered(small: House) -> None:
    report(small, PEOPLE)
    page = small.client(department="ecology").get(PATH).json()
    assert [(r["dm"], r["nd"]) for r in page["records"]] == [("430101101", "2024"), ("430101102", "2024")]
    assert page["records"][0] == {
        "dm": "430101101", "mc": "一镇", "nd": "2024", "rk": 1.2345, "mj": 1500, "rj": 0.122, "ly": "统一采集",
    }  # fmt: skip
    assert page["records"][1]["mj"] == 0


def test_a_hidden_field_and_an_unknown_one_are_refused_in_the_same_words(small: House) -> None:
    report(small, PEOPLE)
    ecology = small.client(department="ecology")
    for parameter in ({"fields": "{}"}, {"filter": "{}:eq:6000"}, {"sort": "-{}"}):
        told = []
        for name in ("nan", "nix"):
            asked = {key: value.format(name) for key, value in parameter.items()}
            answer = ecology.get(PATH, params=asked)
            assert answer.status_code == 400
            body = answer.json()
            told.append((body["code"], body["detail"].replace(name, "…")))
        assert told[0] == told[1]


def test_what_is_not_covered_is_403_and_what_is_partly_covered_gives_the_covered_part(small: House) -> None:
    report(small, PEOPLE)
    ecology = small.client(department="ecology")
    assert ecology.get(PATH, params={"region": "430102"}).status_code == 403
    assert ecology.get(PATH, params={"period": "2023"}).status_code == 403
    assert ecology.get(PATH, params={"region": "430102", "period": "2024"}).status_code == 403
    partly = ecology.get(PATH, params={"region": "4301", "period": "2023,2024"})
    assert [r["dm"] for r in partly.json()["records"]] == ["430101101", "430101102"]


def test_an_aggregate_is_missing_unless_all_it_reaches_for_is_covered(small: House) -> None:
    report(small, PEOPLE)
    small.apply(
        {
            "agreements/one-township.yaml": AGREEMENT.replace("ecology-2026", "one-township").replace(
                '["430101"]', '["430102101"]'
            )
        }
    )
    page = small.client(department="ecology").get("/v1/views/county-view/records").json()
    assert page["records"] == [
        {"dm": "430101", "nd": "2024", "rk": 12545},
        {"dm": "430102", "nd": "2024", "rk": None},
    ]


def test_access_ends_with_the_agreement_also_for_those_who_have_an_etag_or_a_cursor(small: House) -> None:
    report(small, PEOPLE)
    ecology = small.client(department="ecology")
    first = ecology.get(PATH, params={"limit": 1})
    feed = ecology.get("/v1/views/people-view/changes").json()
    end = datetime.fromisoformat("2099-12-31T23:59:59+08:00")
    small.clock.set(end)
    assert ecology.get(PATH).status_code == 200
    small.clock.set(datetime.fromisoformat("2100-01-01T00:00:01+08:00"))
    for answer in (
        ecology.get(PATH),
        ecology.get(PATH, params={"limit": 1}, headers={"If-None-Match": first.headers["ETag"]}),
        ecology.get(PATH, params={"limit": 1, "cursor": first.json()["next"]}),
        ecology.get(PATH, params={"as_of": first.json()["snapshot"]}),
        ecology.get("/v1/views/people-view/changes", params={"since": feed["next"]}),
        ecology.get("/v1/views/people-view/schema"),
    ):
        assert answer.status_code == 404


def test_a_revoked_or_expired_key_stops_at_once(small: House) -> None:
    key = small.key(department="ecology")
    client = small.client(key)
    assert client.get("/v1/me").status_code == 200
    token = httpx.post(
        f"{small.url}/oauth/token",
        data={"grant_type": "client_credentials", "client_id": key.split("_")[1], "client_secret": key},
    ).json()["access_token"]
    bearer = small.client(token)
    assert bearer.get("/v1/me").json()["department"] == "ecology"
    admin = small.client(admin=True)
    assert admin.delete(f"/v1/admin/credentials/{key.split('_')[1]}").status_code == 204
    assert client.get("/v1/me").status_code == 401
    assert bearer.get("/v1/me").status_code == 401


def test_what_a_department_may_not_see_changes_no_byte_of_its_answers(small: House) -> None:
    report(small, PEOPLE)
    ecology = small.client(department="ecology")
    questions: list[tuple[str, dict[str, Any]]] = [
        (PATH, {}),
        (PATH, {"limit": 1, "count": "exact"}),
        (PATH, {"sort": "-rk", "filter": "rk:gt:0.01"}),
        (PATH, {"format": "csv"}),
        (PATH, {"format": "ndjson"}),
        (PATH, {"format": "parquet"}),
        (PATH, {"format": "xlsx"}),
        ("/v1/views/people-view/schema", {}),
        ("/v1/views/people-view/changes", {}),
        ("/v1/views/county-view/records", {}),
    ]

    def answers() -> list[tuple[int, bytes, dict[str, str]]]:
        found = []
        for path, parameters in questions:
            answer = ecology.get(path, params=parameters)
            headers = {k: v for k, v in answer.headers.items() if k not in {"date", "x-request-id"}}
            found.append((answer.status_code, answer.content, headers))
        return found

    before = answers()
    report(small, [{"region": "430102102", "period": "2025", "total": 5}])
    report(small, [{"region": "430101101", "period": "2024", "watched": 9, "men": 6001, "women": 6344}])
    report(small, [{"region": "430101101", "period": "2023", "total": 2, "men": 1, "women": 1}])
    report(small, [{"number": "W1", "region": "430101101", "depth": "3.25"}], "wells", department="water")
    small.apply({"views/hidden.yaml": FILES["views/people-view.yaml"].replace("people-view", "hidden-view")})
    assert answers() == before


def test_a_year_of_which_some_months_are_covered_is_answered_with_what_is_missing(small: House) -> None:
    clerk = small.client(region="430101")
    rows = [{"region": "430101101", "period": "2024-08", "received": 7, "closed": 5}]
    waiting = clerk.post("/v1/submissions", json={"dataset": "cases", "rows": rows}).json()
    confirmer = small.client(region="430101", role="confirmer")
    assert confirmer.post(f"/v1/submissions/{waiting['id']}/confirm").status_code == 200
    half = AGREEMENT.replace("ecology-2026", "half").replace("people.total, people.area", "cases.received")
    small.apply({"agreements/half.yaml": half.replace('from: "2024"', 'from: "2024-07"')})
    ecology = small.client(department="ecology")
    answer = ecology.get("/v1/views/county-view/records", params={"period": "2024"})
    assert answer.json()["records"] == [{"dm": "430101", "nd": "2024", "rk": None, "aj": None}]
    assert ecology.get("/v1/views/county-view/records", params={"period": "2023"}).status_code == 403
