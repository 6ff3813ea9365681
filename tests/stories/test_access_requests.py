"""The request for access (政务数据共享申请), from asking to delivery, over HTTP on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services.apply import export_folder
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.stories.conftest import apply_small

MONDAY = datetime(2026, 9, 21, 1, 0, tzinfo=UTC)  # before Mid-Autumn and National Day


@pytest.fixture
def small(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[House]:
    with serving(filled_url(database_kind, "small", apply_small), tmp_path) as house:
        house.clock.set(MONDAY)
        yield house


def asking(*elements: str, **other: Any) -> dict[str, Any]:
    return {
        "elements": list(elements),
        "regions": ["430101"],
        "purpose": "考核",
        "legal_basis": "某办法第三条",
        "delivery": "api",
        "valid": {"from": "2026-01-01", "until": "2027-06-30"},
        **other,
    }


def asked(client: httpx.Client, *elements: str, **other: Any) -> dict[str, Any]:
    answer = client.post("/v1/access-requests", json=asking(*elements, **other))
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def decided(admin: httpx.Client, identity: str, **body: Any) -> httpx.Response:
    return admin.post(f"/v1/admin/access-requests/{identity}/decision", json=body)


def states(request: dict[str, Any]) -> dict[str, str]:
    return {item["element"]: item["state"] for item in request["items"]}


def test_open_elements_are_granted_by_rule_at_once(small: House) -> None:
    water = small.client(department="water")
    told = asked(water, "people.total", "people.men", periods={"from": "2024"})
    code = f"request-{told['id']}-open"
    assert (told["status"], told["reply_due"], told["overdue"]) == ("granted", "2026-09-22", False)
    assert states(told) == {"people.men": "granted", "people.total": "granted"}
    # 20 working days from 09-21: 09-25 and 10-01..10-07 are holidays, 10-10 is worked.
    assert [(g["agreement"], g["by_rule"], g["delivery_due"]) for g in told["grants"]] == [(code, True, "2026-10-26")]
    agreement = small.client(admin=True).get(f"/v1/admin/agreements/{code}").json()
    assert agreement["elements"] == ["people.men", "people.total"]
    assert (agreement["department"], agreement["regions"], agreement["purpose"]) == ("water", ["430101"], "考核")
    assert [(step["kind"], step["by"]) for step in told["history"]][1] == ("granted", "rule")
    assert "by rule" in told["history"][1]["reason"]
    assert code in {each["code"] for each in water.get("/v1/me").json()["agreements"]}


def test_a_closed_element_is_answered_as_one_that_does_not_exist(small: House) -> None:
    water = small.client(department="water")
    closed, unknown = asked(water, "people.watched"), asked(water, "people.wotched")
    for told, name in ((closed, "people.watched"), (unknown, "people.wotched")):
        assert told["status"] == "refused"
        assert states(told) == {name: "refused"}
    assert [i["reason"] for i in closed["items"]] == [i["reason"] for i in unknown["items"]]
    assert [s["reason"] for s in closed["history"]] == [s["reason"] for s in unknown["history"]]
    assert states(asked(water, "people.*")).keys() == {"people.total", "people.men", "people.women", "people.area"}


def test_conditional_elements_wait_for_a_decision_within_ten_working_days(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    told = asked(water, "people.total", "cases.received", "cases.closed")
    assert (told["status"], told["reply_due"]) == ("submitted", "2026-10-12")
    assert states(told) == {"people.total": "granted", "cases.received": "waiting", "cases.closed": "waiting"}
    terms = {"elements": ["cases.received"], "masks": {"cases.received": {"round": "10"}}}
    assert decided(admin, told["id"], verdict="grant", agreement=terms).status_code == 400  # less, without a reason
    done = decided(admin, told["id"], verdict="grant", reason="仅受理数", agreement=terms).json()
    assert done["status"] == "partly_granted"
    assert states(done) == {"people.total": "granted", "cases.received": "granted", "cases.closed": "refused"}
    made = admin.get(f"/v1/admin/agreements/request-{told['id']}").json()
    assert (made["elements"], made["masks"]) == (["cases.received"], terms["masks"])
    assert decided(admin, told["id"], verdict="refuse", reason="再想").status_code == 409
    seen = water.get(f"/v1/access-requests/{told['id']}").json()
    assert [(s["kind"], s["by"]) for s in seen["history"]][-1] == ("decided", "administrator")
    assert seen["history"][-1]["reason"] == "仅受理数"


def test_a_grant_never_goes_beyond_what_was_asked(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    told = asked(water, "cases.received", periods={"from": "2025"})
    wider = {
        "regions": ["430101101", "43"],
        "periods": {"from": "2024"},
        "valid": {"from": "2025-01-01", "until": "2028-01-01"},
        "purpose": "别的",
        "elements": ["people.total"],
    }
    answer = decided(admin, told["id"], verdict="grant", reason="x", agreement=wider)
    assert answer.status_code == 422
    assert {f["place"] for f in answer.json()["findings"]} == {"purpose", "elements[0]"}
    del wider["purpose"], wider["elements"]
    answer = decided(admin, told["id"], verdict="grant", reason="x", agreement=wider)
    places = {"regions[1]", "periods.from", "valid.from", "valid.until"}
    assert {f["place"] for f in answer.json()["findings"]} == places
    narrower = {"regions": ["430101101"], "valid": {"from": "2026-09-21", "until": "2026-12-31"}}
    done = decided(admin, told["id"], verdict="grant", reason="只需一镇", agreement=narrower).json()
    assert done["status"] == "partly_granted"
    assert admin.get(f"/v1/admin/agreements/request-{told['id']}").json()["regions"] == ["430101101"]


def test_a_refusal_and_an_extension_need_a_reason_and_the_extension_comes_once(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    told = asked(water, "cases.received")
    extension = f"/v1/admin/access-requests/{told['id']}/extension"
    assert admin.post(extension, json={}).status_code == 400
    longer = admin.post(extension, json={"reason": "须会商"}).json()
    assert (longer["status"], longer["reply_due"], longer["extended"]) == ("extended", "2026-10-26", True)
    assert admin.post(extension, json={"reason": "再延"}).status_code == 409
    assert decided(admin, told["id"], verdict="refuse").status_code == 400
    assert decided(admin, told["id"], verdict="refuse", reason="  ").status_code == 400
    done = decided(admin, told["id"], verdict="refuse", reason="与职责无关").json()
    assert (done["status"], done["items"][0]["reason"]) == ("refused", "与职责无关")


def test_what_is_late_is_listed_until_it_is_answered_and_delivered(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    told = asked(water, "cases.received")
    late = "/v1/admin/access-requests?overdue=true"

    def on(day: int, month: int = 10) -> list[str]:
        small.clock.set(datetime(2026, month, day, 1, 0, tzinfo=UTC))
        return [each["id"] for each in admin.get(late).json()["access_requests"]]

    assert on(12) == []  # the last day in time
    assert on(13) == [told["id"]]
    assert admin.post(f"/v1/admin/access-requests/{told['id']}/extension", json={"reason": "x"}).status_code == 409
    done = decided(admin, told["id"], verdict="grant").json()
    assert (done["status"], on(14)) == ("granted", [])
    assert done["grants"][0]["delivery_due"] == "2026-11-10"  # 20 working days after 10-13
    assert (on(10, 11), on(11, 11)) == ([], [told["id"]])
    delivered = admin.post(f"/v1/admin/access-requests/{told['id']}/delivery", json={"reason": "视图已建"}).json()
    assert (delivered["status"], on(12, 11)) == ("delivered", [])
    assert admin.post(f"/v1/admin/access-requests/{told['id']}/delivery").status_code == 409
    assert [step["kind"] for step in delivered["history"]] == ["submitted", "answered", "decided", "delivered"]


def test_the_applicant_takes_back_what_waits_and_keeps_what_was_granted(small: House) -> None:
    water = small.client(department="water")
    told = asked(water, "people.total", "cases.received")
    done = water.post(f"/v1/access-requests/{told['id']}/withdraw").json()
    assert done["status"] == "withdrawn"
    assert states(done) == {"people.total": "granted", "cases.received": "withdrawn"}
    assert water.post(f"/v1/access-requests/{told['id']}/withdraw").status_code == 409


def test_requests_are_seen_by_their_department_and_administrators_only(small: House) -> None:
    water, ecology = small.client(department="water"), small.client(department="ecology")
    told = asked(water, "cases.received")
    path = f"/v1/access-requests/{told['id']}"
    other, nowhere = ecology.get(path), ecology.get(path.replace(told["id"][:4], "0000"))
    assert (other.status_code, nowhere.status_code) == (404, 404)
    assert ecology.post(f"{path}/withdraw").status_code == 404
    assert ecology.get("/v1/access-requests").json() == {"access_requests": [], "next": None}
    assert [each["id"] for each in water.get("/v1/access-requests").json()["access_requests"]] == [told["id"]]
    clerk, auditor = small.client(region="430101"), small.client(auditor=True)
    assert {clerk.get(path).status_code, auditor.get(path).status_code} == {403}
    assert clerk.post("/v1/access-requests", json=asking("people.total")).status_code == 403
    assert water.post(f"/v1/admin/access-requests/{told['id']}/decision", json={"verdict": "grant"}).status_code == 403


def test_every_fault_of_a_request_is_told_at_once_and_nothing_is_kept(small: House) -> None:
    water = small.client(department="water")
    wrong = asking("people", "*", regions=["430101", "99"], periods={"from": "x"}, valid={"from": "2026-01-01"})
    answer = water.post("/v1/access-requests", json=wrong)
    assert answer.status_code == 422
    places = {finding["place"] for finding in answer.json()["findings"]}
    assert places == {"elements[0]", "elements", "periods.from", "valid.until"}
    over = asking("people.total", regions=["99"], valid={"from": "2026-01-01", "until": "2026-09-20"})
    answer = water.post("/v1/access-requests", json=over)
    assert {finding["place"] for finding in answer.json()["findings"]} == {"regions[0]", "valid.until"}
    assert water.get("/v1/access-requests").json()["access_requests"] == []


def test_the_same_key_makes_one_request(small: House) -> None:
    water = small.client(department="water")
    headers = {"Idempotency-Key": "a"}
    first = water.post("/v1/access-requests", json=asking("people.total"), headers=headers)
    again = water.post("/v1/access-requests", json=asking("people.total"), headers=headers)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert water.post("/v1/access-requests", json=asking("people.men"), headers=headers).status_code == 422
    assert len(water.get("/v1/access-requests").json()["access_requests"]) == 1


def test_deadlines_are_configuration_with_their_article(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    given = admin.get("/v1/admin/deadlines").json()["deadlines"]
    assert {d["code"]: (d["working_days"], d["verified"]) for d in given} == {
        "delivery": (20, False),
        "reply_conditional": (10, False),
        "reply_open": (1, False),
    }
    local = {"code": "reply_conditional", "working_days": 5, "article": "县细则第八条", "verified": True}
    assert admin.put("/v1/admin/deadlines", json={"deadlines": [local]}).status_code == 200
    told = asked(water, "cases.received")
    assert told["reply_due"] == "2026-09-29"
    assert {d["code"]: d["article"] for d in told["deadlines"]}["reply_conditional"] == "县细则第八条"
    answer = admin.post(f"/v1/admin/access-requests/{told['id']}/extension", json={"reason": "x"})
    assert answer.status_code == 409  # the local rule knows no extension
    wrong = {"deadlines": [{"code": "soon", "working_days": -1}]}
    assert admin.put("/v1/admin/deadlines", json=wrong).status_code == 422


def test_past_the_last_year_of_the_calendar_nothing_is_guessed(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    small.clock.set(datetime(2026, 12, 25, 1, 0, tzinfo=UTC))
    refused = water.post("/v1/access-requests", json=asking("cases.received"))
    assert (refused.status_code, refused.json()["code"]) == (409, "calendar_ends")
    assert "2027" in refused.json()["detail"]
    before = admin.get("/v1/admin/calendar")
    assert before.json()["last_year"] == 2026
    new = {"year": 2027, "source": "通知", "holidays": ["2027-01-01..2027-01-03"], "workdays": ["2027-01-09"]}
    stale = admin.put("/v1/admin/calendar", json={"calendar": [new]}, headers={"If-Match": '"other"'})
    assert stale.status_code == 412
    saved = admin.put("/v1/admin/calendar", json={"calendar": [new]}, headers={"If-Match": before.headers["ETag"]})
    assert saved.json()["last_year"] == 2027
    assert asked(water, "cases.received")["reply_due"] == "2027-01-09"
    again = admin.put("/v1/admin/calendar", json=saved.json())  # an answer can be put back
    assert (again.status_code, again.json()) == (200, saved.json())
    assert [v["version"] for v in admin.get("/v1/admin/calendar/2027/versions").json()["versions"]] == [1]
    assert admin.get("/v1/admin/calendar/2050/versions").status_code == 404
    assert water.get("/v1/admin/calendar").status_code == 403


def test_applying_an_export_changes_nothing_of_calendar_deadlines_and_granted_agreements(small: House) -> None:
    calendar = "calendar:\n  - {year: 2027, source: 通知, holidays: [2027-01-01], workdays: [2027-01-09]}\n"
    deadlines = "deadlines:\n  - {code: delivery, working_days: 15, article: 某条}\n"
    small.apply({"calendar.yaml": calendar, "deadlines.yaml": deadlines})
    asked(small.client(department="water"), "people.total")
    exported = export_folder(small.registry)
    assert {"calendar.yaml", "deadlines.yaml"} <= exported.keys()
    assert not small.apply(exported).changes


def test_asking_and_deciding_are_in_the_audit(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    told = asked(water, "cases.received")
    decided(admin, told["id"], verdict="refuse", reason="与职责无关")
    entries = admin.get("/v1/admin/audit").json()["entries"]
    found = {(entry["action"], entry["kind"], entry["status"]) for entry in entries}
    assert ("request-access", "closing", "submitted") in found
    assert ("decide-access-request", "closing", "refused") in found
