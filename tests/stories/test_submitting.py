"""Reporting: all or nothing, unchanged rows recognised, a partial row keeps the rest, a second person where asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.small import FILES

ROW = {"region": "430101101", "period": "2024", "total": 10, "men": 4, "women": 6, "area": "6.25"}


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    return empty_house


def post(client: httpx.Client, rows: list[dict[str, Any]], dataset: str = "people", **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    return client.post("/v1/submissions", json={"dataset": dataset, "rows": rows, **more}, headers=headers)


def held(client: httpx.Client, dataset: str = "people") -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = client.get(f"/v1/datasets/{dataset}/records").json()["records"]
    return records


def test_a_submission_that_changes_nothing_leaves_the_revision(small: House) -> None:
    clerk = small.client(region="430101")
    first = post(clerk, [ROW]).json()
    again = post(clerk, [ROW])
    assert again.status_code == 201
    assert again.json()["counts"] == {"rows": 1, "new": 0, "changed": 0, "unchanged": 1}
    assert again.json()["revision"] == first["revision"]
    assert clerk.get("/v1/datasets/people/records").json()["revision"] == first["revision"]
    changed = post(clerk, [{**ROW, "area": 7}]).json()
    assert changed["counts"]["changed"] == 1
    assert changed["revision"] != first["revision"]


def test_a_partial_row_keeps_the_rest_and_null_says_missing(small: House) -> None:
    clerk = small.client(region="430101")
    post(clerk, [ROW])
    post(clerk, [{"region": "430101101", "period": "2024", "area": None}])
    (record,) = held(clerk)
    assert record["area"] is None
    assert (record["total"], record["men"], record["women"]) == (10, 4, 6)


def test_with_any_error_nothing_is_stored_and_every_fault_is_told(small: House) -> None:
    clerk = small.client(region="430101")
    wrong: list[dict[str, Any]] = [
        ROW,
        {"region": "430101102", "period": "2024", "total": -1},
        {"region": "430101109", "period": "2024", "total": 5},
        {"region": "430101102", "period": "2024-05", "total": 5},
        {"region": "430101102", "period": "2023", "total": 5, "men": 1, "women": 1},
        {"region": "430101101", "period": "2024", "colour": "red"},
    ]
    refused = post(clerk, wrong)
    assert refused.status_code == 422
    rows = {finding["row"] for finding in refused.json()["findings"] if finding["severity"] == "error"}
    assert rows == {1, 2, 3, 4, 5}
    assert held(clerk) == []
    attempt = clerk.get(f"/v1/submissions/{refused.json()['id']}").json()
    assert attempt["status"] == "rejected"


def test_a_check_is_answered_and_stores_nothing(small: House) -> None:
    clerk = small.client(region="430101")
    for rows in ([ROW], [{**ROW, "total": 11}]):
        answer = post(clerk, rows, mode="check")
        assert answer.status_code == 200
        assert answer.json()["status"] == "checked"
    assert answer.json()["findings"]
    assert held(clerk) == []


def test_the_same_idempotency_key_gives_the_same_answer_once(small: House) -> None:
    clerk = small.client(region="430101")
    first = post(clerk, [ROW], headers={"Idempotency-Key": "k1"})
    again = post(clerk, [ROW], headers={"Idempotency-Key": "k1"})
    assert again.status_code == first.status_code == 201
    assert again.json() == first.json()
    other = post(clerk, [{**ROW, "area": 8}], headers={"Idempotency-Key": "k1"})
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_mismatch"


def test_nobody_writes_outside_their_own_region_or_dataset(small: House) -> None:
    clerk = small.client(region="430101")
    assert post(clerk, [{**ROW, "region": "430102101"}]).status_code == 403
    assert post(clerk, [{"total": 1}], region="430102101", period="2024").status_code == 403
    assert post(clerk, [{"number": "1", "region": "430101101"}], "wells").status_code == 403
    assert post(clerk, [ROW], "nothing").status_code == 404
    assert post(small.client(admin=True), [ROW]).status_code == 403
    assert post(small.client(department="ecology"), [ROW]).status_code == 403
    assert held(small.client(region="43")) == []


def test_pending_figures_reach_nobody_until_a_second_person_confirms(small: House) -> None:
    clerk = small.client(region="430101101")
    rows = [{"region": "430101101", "period": "2025-03", "received": 7, "closed": 5}]
    waiting = post(clerk, rows, "cases")
    assert waiting.status_code == 202
    assert waiting.json()["status"] == "pending"
    assert held(clerk, "cases") == []
    path = f"/v1/submissions/{waiting.json()['id']}/confirm"
    assert clerk.post(path).status_code == 403
    assert small.client(region="430102", role="confirmer").post(path).status_code == 404
    confirmed = small.client(region="430101", role="confirmer").post(path)
    assert confirmed.status_code == 200, confirmed.text
    assert confirmed.json()["status"] == "applied"
    assert held(clerk, "cases")[0]["received"] == 7
    assert small.client(region="430101", role="confirmer").post(path).status_code == 409


def test_the_source_withdraws_a_record_and_readers_get_a_tombstone(small: House) -> None:
    clerk = small.client(region="430101")
    post(clerk, [ROW, {**ROW, "region": "430101102"}])
    ecology = small.client(department="ecology")
    feed = ecology.get("/v1/views/people-view/changes").json()
    assert [change["op"] for change in feed["changes"]] == ["upsert", "upsert"]
    asked = {"period": "2024", "region": "430101101"}
    path = "/v1/datasets/people/records"
    assert clerk.request("DELETE", path, params=asked, json={}).status_code == 400
    assert small.client(admin=True).request("DELETE", path, params=asked, json={"reason": "错"}).status_code == 403
    done = clerk.request("DELETE", path, params=asked, json={"reason": "填错乡镇"})
    assert done.status_code == 200, done.text
    assert clerk.request("DELETE", path, params=asked, json={"reason": "再撤"}).status_code == 404
    assert [record["region"] for record in held(clerk)] == ["430101102"]
    after = ecology.get("/v1/views/people-view/changes", params={"since": feed["next"]}).json()
    assert after["changes"] == [{"op": "remove", "key": {"region": "430101101", "period": "2024"}}]
    assert not after["more"]


def test_a_department_reports_to_the_dataset_it_is_the_source_of(small: House) -> None:
    water = small.client(department="water")
    rows: list[dict[str, Any]] = [
        {"region": "430101101", "number": "W-01", "depth": 12.345},
        {"region": "430102101", "number": "W-02"},
    ]
    assert post(water, rows, "wells").status_code == 201
    records = held(water, "wells")
    assert [(r["region"], r["period"], r["number"], r["depth"]) for r in records] == [
        ("430101101", None, "W-01", 12.35),
        ("430102101", None, "W-02", None),
    ]
    assert small.client(department="ecology").get("/v1/datasets/wells/records").status_code == 403


def test_pages_of_the_change_feed_add_up_to_the_records(small: House) -> None:
    clerk = small.client(region="430101")
    ecology = small.client(department="ecology")
    post(clerk, [{**ROW, "period": str(year)} for year in range(2024, 2031)])
    copy: dict[tuple[str, str], Any] = {}
    since = None
    for step in range(20):
        asked: dict[str, Any] = {"limit": 2, **({"since": since} if since else {})}
        page = ecology.get("/v1/views/people-view/changes", params=asked).json()
        assert len(page["changes"]) <= 2 or step == 2
        for change in page["changes"]:
            place = (change["key"]["region"], change["key"]["period"])
            if change["op"] == "remove":
                del copy[place]
            else:
                copy[place] = change["record"]
        since = page["next"]
        if step == 1:  # things move on between two pages
            post(clerk, [{**ROW, "period": "2024", "area": 99}, {**ROW, "region": "430101102"}])
        if not page["more"]:
            break
    records = ecology.get("/v1/views/people-view/records").json()["records"]
    assert sorted(copy.values(), key=str) == sorted(records, key=str)


def test_a_record_whose_cells_all_say_missing_is_shown_to_its_source_and_makes_no_row_for_a_department(
    small: House,
) -> None:
    clerk = small.client(region="430101")
    posted = post(clerk, [{"region": "430101101", "period": "2024-05", "received": None, "closed": None}], "cases")
    assert posted.status_code == 202
    confirmer = small.client(region="430101", role="confirmer")
    confirmed = confirmer.post(f"/v1/submissions/{posted.json()['id']}/confirm").json()
    assert confirmed["counts"] == {"rows": 1, "new": 1, "changed": 0, "unchanged": 0}
    empty = {"region": "430101101", "period": "2024-05", "received": None, "closed": None}
    assert held(clerk, "cases") == [empty]
    assert held(small.client(admin=True), "cases") == [empty]
    assert held(small.client(region="430102"), "cases") == []
    assert held(small.client(region="430101102"), "cases") == []
    assert small.client(department="ecology").get("/v1/views/people-view/records").json()["records"] == []
    assert clerk.get("/v1/datasets/cases/records", params={"period": "2024-04"}).json()["records"] == []


def test_a_record_of_a_list_whose_values_are_all_missing_is_shown_by_its_key(small: House) -> None:
    water = small.client(department="water")
    assert post(water, [{"region": "430101101", "number": "a1", "depth": None}], "wells").status_code == 201
    assert [(row["number"], row["depth"]) for row in held(water, "wells")] == [("a1", None)]
