"""Around the form gate: what it refuses, what it saves, what is collected twice or read by nobody."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.fixtures.forms import FORM, check, decide, report
from tests.fixtures.house import House
from tests.fixtures.small import FILES


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    return empty_house


@pytest.fixture
def admin(small: House) -> httpx.Client:
    return small.client(admin=True)


@pytest.fixture
def ecology(small: House) -> httpx.Client:
    return small.client(department="ecology")


def test_hostile_forms_are_refused_quickly_and_leave_no_form(admin: httpx.Client, ecology: httpx.Client) -> None:
    wide = [{"name": f"栏{number}"} for number in range(50_000)]
    started = time.perf_counter()
    answers = [
        ecology.post("/v1/form-requests", json={**FORM, "columns": wide}),
        ecology.post("/v1/form-requests", json={**FORM, "columns": [{"name": "长" * 1_000_000}]}),
        ecology.post("/v1/form-requests", json={**FORM, "title": "长" * 1_000_000}),
    ]
    assert time.perf_counter() - started < 5
    assert [answer.status_code for answer in answers] == [413, 413, 413]
    assert ecology.post("/v1/form-requests", json={**FORM, "columns": []}).status_code == 400
    assert ecology.post("/v1/form-requests", json={**FORM, "colour": "red"}).status_code == 400
    assert (
        ecology.post("/v1/form-requests", content=b"[[[", headers={"Content-Type": "application/json"}).status_code
        == 400
    )
    assert ecology.post("/v1/form-requests", files={"file": ("a.pdf", b"%PDF-1.7 x")}).status_code == 415
    assert admin.get("/v1/form-requests").json()["form_requests"] == []


def test_texts_that_no_database_keeps_are_refused_in_words(admin: httpx.Client, ecology: httpx.Client) -> None:
    raw = {"Content-Type": "application/json"}
    for text in (r"\u0000", r"\ud800"):
        for body in (
            f'{{"title":"{text}","columns":[{{"name":"甲"}}]}}',
            f'{{"columns":[{{"name":"{text}","samples":["{text}"]}}]}}',
        ):
            assert ecology.post("/v1/form-requests", content=body.encode(), headers=raw).status_code == 400
    form = check(ecology)
    for text in (r"\u0000", r"\ud800"):
        body = f'{{"refuse":{{"reason":"{text}"}}}}'
        path = f"/v1/admin/form-requests/{form['id']}/decision"
        assert admin.post(path, content=body.encode(), headers=raw).status_code == 400
    for path in ("/v1/form-requests", "/v1/burden"):
        assert admin.get(path, params={"department": "ecology\x00"}).status_code == 400
    assert admin.get("/v1/form-requests/%00").status_code == 400


def test_the_ledger_counts_each_form_once_and_only_visible_fields(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    report(small, "430101101", "2025", 100, 40, "3")
    report(small, "430101102", "2025", 50, 20, "3")
    for _ in range(3):
        assert ecology.get("/v1/views/people-view/records").status_code == 200
    form = check(ecology)
    assert decide(admin, form, refuse={"reason": "已有"}).status_code == 200
    ledger = admin.get("/v1/burden").json()
    # Two townships of the one county covered; the fields rk, mj and rj rest on what is covered, nan does not.
    assert ledger["saved"] == {"forms": 2, "cells": 6}
    assert ledger["departments"] == [{"department": "ecology", "forms": 2, "cells": 6}]
    assert [each["region"] for each in ledger["regions"]] == ["430101101", "430101102"]
    assert ledger["form_gate"]["cells_turned_away"] == form["burden"]["cells_held"]
    assert {each["element"] for each in ledger["reused"]} == {"people.total", "people.area"}
    assert {each["element"] for each in ledger["asked_again"]} == {"people.total", "people.area"}
    assert "cases.closed" in {each["element"] for each in ledger["never_read"]}
    own = ecology.get("/v1/burden").json()
    assert own["saved"] == ledger["saved"]
    assert own["never_read"] is None
    assert small.client(department="water").get("/v1/burden").json()["saved"] == {"forms": 0, "cells": 0}
    assert ecology.get("/v1/burden", params={"department": "water"}).status_code == 403
    chart = admin.get("/v1/burden", params={"format": "svg"})
    assert chart.headers["content-type"].startswith("image/svg+xml")
    assert chart.text.startswith("<svg")
    assert "6 格" in chart.text


def test_the_standing_check_finds_what_is_collected_twice_and_what_nobody_reads(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    small.apply({"datasets/census.yaml": FILES["datasets/people.yaml"].split("elements:")[0].replace("people", "census") + """elements:
  - {code: inhabitants, title: 人口总数, type: integer, unit: 人, measure: stock}
"""})  # fmt: skip
    report(small, "430101101", "2025", 100, 40, "3")
    ecology.get("/v1/views/people-view/records")
    check(ecology)  # what is audited now is written after the reading's own last entry
    found = admin.get("/v1/admin/form-check").json()
    pairs = [{each["element"] for each in pair["elements"]} for pair in found["twice"]]
    assert {"census.inhabitants", "people.total"} in pairs
    lacking = {each["element"]: each["lacking"] for each in found["unread"]}
    assert lacking["census.inhabitants"] == ["view", "agreement", "reading"]
    assert lacking["people.women"] == ["view", "agreement", "reading"]
    assert lacking["cases.received"] == ["agreement", "reading"]
    assert "people.total" not in lacking
