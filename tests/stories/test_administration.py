"""An administrator manages definitions over HTTP: guarded, versioned, every fault at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.small import FILES

VIEW: dict[str, Any] = {
    "code": "short",
    "department": "ecology",
    "title": "短表",
    "grain": {"level": "township", "frequency": "year"},
    "fields": [{"name": "rk", "title": "人口", "from": "people.total"}],
}


@pytest.fixture
def admin(empty_house: House) -> httpx.Client:
    empty_house.apply(FILES)
    return empty_house.client(admin=True)


def test_every_save_is_a_new_version_guarded_by_if_match(admin: httpx.Client) -> None:
    made = admin.put("/v1/admin/views/short", json=VIEW)
    assert made.status_code == 201, made.text
    changed = {**VIEW, "title": "改名"}
    saved = admin.put("/v1/admin/views/short", json=changed, headers={"If-Match": made.headers["ETag"]})
    assert saved.status_code == 200
    assert saved.json()["version"] == 2
    stale = admin.put("/v1/admin/views/short", json=VIEW, headers={"If-Match": made.headers["ETag"]})
    assert stale.status_code == 412
    assert stale.headers["content-type"] == "application/problem+json"
    versions = admin.get("/v1/admin/views/short/versions").json()["versions"]
    assert [version["version"] for version in versions] == [2, 1]
    assert versions[1]["body"]["title"] == "短表"
    assert versions[0]["changes"]
    shown = admin.get("/v1/admin/views/short")
    assert shown.headers["ETag"] == saved.headers["ETag"]
    assert shown.json()["title"] == "改名"


def test_a_mapping_with_many_faults_names_them_all_and_changes_nothing(admin: httpx.Client) -> None:
    wrong = {
        **VIEW,
        "fields": [
            {"name": "a", "from": "people.nothing"},
            {"name": "b", "from": "people.total", "unit": "亩"},
            {"name": "c", "expr": "people.total / people.men"},
            {"name": "d", "expr": "people.total + people.area"},
            {"name": "d", "value": 1},
            {"name": "e", "from": "people.total", "colour": "red"},
            {"name": "f"},
        ],
    }
    refused = admin.put("/v1/admin/views/short", json=wrong)
    assert refused.status_code == 422
    places = " ".join(finding["place"] for finding in refused.json()["findings"])
    for index in (0, 1, 2, 3, 4, 5, 6):
        assert f"fields[{index}]" in places
    assert admin.get("/v1/admin/views/short").status_code == 404


def test_a_preview_shows_rows_and_what_agreements_do_not_cover_and_saves_nothing(
    admin: httpx.Client, empty_house: House
) -> None:
    clerk = empty_house.client(region="43")
    row = {"region": "430101101", "period": "2024", "total": 10, "men": 4, "women": 6}
    assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]}).status_code == 201
    view = {**VIEW, "fields": [*VIEW["fields"], {"name": "nan", "from": "people.men"}]}
    answer = admin.post("/v1/admin/views/short/preview", json=view)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["records"] == [{"rk": 10, "nan": 4}]
    assert body["uncovered"] == [{"field": "nan", "elements": ["people.men"]}]
    assert admin.get("/v1/admin/views/short").status_code == 404


def test_an_agreement_made_over_http_opens_and_a_changed_one_closes_at_once(
    admin: httpx.Client, empty_house: House
) -> None:
    clerk = empty_house.client(region="43")
    row = {"region": "430102101", "period": "2025", "total": 10, "men": 4, "women": 6}
    assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]}).status_code == 201
    ecology = empty_house.client(department="ecology")
    before = ecology.get("/v1/views/people-view/records").json()
    assert before["records"] == []
    agreement = {
        "code": "more", "department": "ecology", "purpose": "考核", "legal_basis": "依据", "elements": ["people.men"],
        "regions": ["430102"], "valid": {"from": "2026-01-01", "until": "2099-12-31"},
    }  # fmt: skip
    made = admin.put("/v1/admin/agreements/more", json=agreement)
    assert made.status_code == 201, made.text
    assert ecology.get("/v1/views/people-view/records").json()["records"][0]["nan"] == 4
    ended = {**agreement, "valid": {"from": "2026-01-01", "until": "2026-01-02"}}
    assert admin.put("/v1/admin/agreements/more", json=ended).status_code == 200
    assert ecology.get("/v1/views/people-view/records").json() == before
    closed = admin.put("/v1/admin/agreements/bad", json={**agreement, "code": "bad", "elements": ["people.watched"]})
    assert closed.status_code == 422
    assert closed.json()["findings"][0]["place"] == "elements[0]"


def test_changes_that_held_data_forbids_are_refused_with_the_number_of_records(
    admin: httpx.Client, empty_house: House
) -> None:
    dataset = admin.get("/v1/admin/datasets/people")
    body = dataset.json()
    clerk = empty_house.client(region="43")
    row = {"region": "430101101", "period": "2024", "total": 10, "men": 4, "women": 6}
    assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]}).status_code == 201
    elements = [{**e, "unit": "万人"} if e["code"] == "total" else e for e in body["elements"] if e["code"] != "men"]
    refused = admin.put("/v1/admin/datasets/people", json={**body, "elements": elements, "checks": []})
    assert refused.status_code == 422
    told = [finding["message"] for finding in refused.json()["findings"]]
    assert sum("1 条记录" in message for message in told) == 2
    freed = [e for e in body["elements"] if e["code"] != "watched"]
    assert admin.put("/v1/admin/datasets/people", json={**body, "elements": freed}).status_code == 200


def test_only_administrators_administer(empty_house: House) -> None:
    empty_house.apply(FILES)
    for client in (empty_house.client(department="ecology"), empty_house.client(region="43")):
        for path in ("views", "agreements", "departments", "datasets", "credentials", "audit"):
            assert client.get(f"/v1/admin/{path}").status_code == 403
        assert client.put("/v1/admin/views/short", json=VIEW).status_code == 403
    anonymous = httpx.get(f"{empty_house.url}/v1/admin/views")
    assert anonymous.status_code == 401
    assert anonymous.headers["WWW-Authenticate"].startswith("Bearer")


def test_keys_are_shown_once_and_every_use_is_in_the_audit(admin: httpx.Client, empty_house: House) -> None:
    made = admin.post(
        "/v1/admin/credentials", json={"name": "生态", "kind": "department", "department": "ecology"}
    ).json()
    listed = admin.get("/v1/admin/credentials").text
    assert made["id"] in listed
    assert made["key"] not in listed
    assert made["key"].rsplit("_", 1)[1] not in listed
    client = empty_house.client(made["key"])
    answer = client.get("/v1/views/people-view/records", headers={"X-Request-ID": "walk-1"})
    assert answer.status_code == 200
    assert client.get("/v1/views/other/records", headers={"X-Request-ID": "walk-2"}).status_code == 404
    entries = admin.get("/v1/admin/audit", params={"request_id": "walk-1"}).json()["entries"]
    assert {entry["kind"] for entry in entries} >= {"intent"}
    assert entries[-1]["agreements"] == ["ecology-2026"]
    (refusal,) = admin.get("/v1/admin/audit", params={"request_id": "walk-2"}).json()["entries"]
    assert refusal["status"] == "not_found"


def test_new_definitions_and_credentials_are_made_by_posting_them(admin: httpx.Client, empty_house: House) -> None:
    made = admin.post("/v1/admin/departments", json={"code": "forestry", "name": "林业局"})
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == "/v1/admin/departments/forestry"
    assert admin.post("/v1/admin/departments", json={"code": "forestry", "name": "林业"}).status_code == 412
    assert admin.post("/v1/admin/departments", json={"name": "林业"}).status_code == 422
    for body, kind in (
        ({"department": "forestry"}, "department"),
        ({"region": "430101", "role": "confirmer"}, "region"),
        ({"admin": True}, "admin"),
    ):
        key = admin.post("/v1/admin/credentials", json={"name": kind, **body}).json()["key"]
        assert empty_house.client(key).get("/v1/me").json()["kind"] == kind
