"""Only what is missing: what is due is listed for those who report it, asked for in a workbook of just those cells."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from app.services.reminding import remind
from tests.fixtures.caring import CARED, due, on, people, report
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving

PEOPLE_CODES = ["total", "men", "women", "area", "watched"]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def lone(new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    """As ``small``, on one kind of database: for what no database has a say in."""
    with serving(new_url("sqlite"), tmp_path / "data") as house:
        on(house, "2026-03-10")
        house.apply(CARED)
        yield house


@pytest.fixture
def small(empty_house: House) -> House:
    on(empty_house, "2026-03-10")
    empty_house.apply(CARED)
    return empty_house


def brief(items: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (i["dataset"], i["region"], i["period"], i["state"], i["elements"], i["due"], i["days_overdue"]) for i in items
    ]


def test_a_period_that_is_over_and_not_reported_is_missing_with_its_due_day(small: House) -> None:
    clerk = small.client(region="430101")
    assert brief(due(clerk)) == [
        ("people", "430101101", "2025", "missing", PEOPLE_CODES, "2026-01-15", 54),
        ("people", "430101102", "2025", "missing", PEOPLE_CODES, "2026-01-15", 54),
    ]
    report(clerk, "people", people("430101101"))
    assert brief(due(clerk, dataset="people")) == [
        ("people", "430101101", "2025", "missing", ["watched"], "2026-01-15", 54),
        ("people", "430101102", "2025", "missing", PEOPLE_CODES, "2026-01-15", 54),
    ]
    assert [i["region"] for i in due(clerk, region="430101102")] == ["430101102"]
    report(clerk, "people", people("430101101", watched="未统计"))
    assert [i["region"] for i in due(clerk)] == ["430101102"]


def test_a_region_is_asked_from_the_first_period_it_reported_itself(small: House) -> None:
    clerk = small.client(region="430101")
    report(clerk, "people", people("430101101", "2023", watched="未统计"), people("430101101", "2026"))
    asked = [(i["region"], i["period"], i["elements"], i["days_overdue"]) for i in due(clerk, dataset="people")]
    assert asked == [
        ("430101101", "2024", PEOPLE_CODES, 419),
        ("430101101", "2025", PEOPLE_CODES, 54),
        ("430101101", "2026", ["watched"], 0),
        ("430101102", "2025", PEOPLE_CODES, 54),
    ]
    small.apply(
        {"datasets/people.yaml": CARED["datasets/people.yaml"].replace("{days: 15}", '{days: 15, since: "2026"}')}
    )
    assert [i["period"] for i in due(clerk, dataset="people")] == ["2026"]


def test_working_days_count_from_the_end_of_the_month(lone: House) -> None:
    cases = CARED["datasets/cases.yaml"].replace("confirmation: second_person", "due: {working_days: 5}")
    lone.apply({"datasets/cases.yaml": cases})
    listed = due(lone.client(region="430101101"), dataset="cases")
    # 28 February 2026 is a Saturday and a day of work (the Spring Festival's exchange); 2 March is the first after it.
    assert brief(listed) == [("cases", "430101101", "2026-02", "missing", ["received", "closed"], "2026-03-06", 4)]


def test_who_reports_nothing_is_told_nothing_and_sources_see_their_own(small: House) -> None:
    assert small.client(department="ecology").get("/v1/due").status_code == 403
    assert small.client(department="ecology").get("/v1/due", params={"dataset": "people"}).status_code == 403
    assert small.client(department="ecology").get("/v1/due", params={"dataset": "none"}).status_code == 404
    water = small.client(department="water")
    report(water, "wells", {"region": "430101101", "number": "W1", "depth": "1.5"})
    assert due(water) == []
    assert water.get("/v1/due", params={"dataset": "people"}).status_code == 403
    assert small.client(region="430101").get("/v1/due", params={"dataset": "wells"}).status_code == 403
    assert small.client(region="430101").get("/v1/due", params={"region": "430102"}).status_code == 403
    on(small, "2026-10-01")
    assert brief(due(water)) == [("wells", "430101101", None, "stale", ["depth"], "2026-09-10", 21)]
    everything = due(small.client(admin=True))
    assert {(i["dataset"], i["state"]) for i in everything} == {("people", "missing"), ("wells", "stale")}
    assert len(due(small.client(region="430102101"))) == 1


def test_pages_go_on_where_they_ended(lone: House) -> None:
    admin = lone.client(admin=True)
    first = admin.get("/v1/due", params={"limit": 3}).json()
    second = admin.get("/v1/due", params={"limit": 3, "cursor": first["next"]}).json()
    assert [i["region"] for i in first["due"] + second["due"]] == ["430101101", "430101102", "430102101", "430102102"]
    assert second["next"] is None
    assert admin.get("/v1/due", params={"limit": 3, "state": "stale", "cursor": first["next"]}).status_code == 400
    assert lone.client(region="43").get("/v1/due", params={"limit": 3, "cursor": first["next"]}).status_code == 400


def test_still_true_makes_fresh_again_and_changes_no_answer(small: House) -> None:
    small.apply(
        {
            "agreements/e.yaml": CARED["agreements/ecology-2026.yaml"]
            .replace("ecology-2026", "e")
            .replace("people.area", "people.area, wells.*")
        }
    )
    water, clerk = small.client(department="water"), small.client(region="430101")
    report(
        water,
        "wells",
        {"region": "430101101", "number": "W1", "depth": "1.5"},
        {"region": "430101102", "number": "W2", "depth": "2"},
    )
    report(clerk, "people", people("430101101"))
    ecology = small.client(department="ecology")
    before = ecology.get("/v1/views/people-view/records")
    held = water.get("/v1/datasets/wells/records")
    on(small, "2026-10-01")
    assert len(due(water)) == 2
    path = "/v1/datasets/wells/still-true"
    assert clerk.post(path, json={"region": "430101101"}).status_code == 403
    assert small.client(admin=True).post(path, json={"region": "430101101"}).status_code == 403
    assert water.post(path, json={"region": "430102101"}).status_code == 404
    assert water.post(path, json={"region": "430101101", "elements": ["none"]}).status_code == 400
    done = water.post(path, json={"region": "430101101", "elements": ["depth"]})
    assert done.status_code == 200, done.text
    assert (done.json()["records"], done.json()["region"]) == (1, "430101101")
    assert [i["region"] for i in due(water)] == ["430101102"]
    after = ecology.get("/v1/views/people-view/records")
    assert (after.content, after.headers["ETag"]) == (before.content, before.headers["ETag"])
    assert water.get("/v1/datasets/wells/records").content == held.content
    # To report the same again says so too.
    again = report(water, "wells", {"region": "430101102", "number": "W2", "depth": "2"})
    assert (again["counts"]["unchanged"], again["revision"]) == (1, held.json()["revision"])
    assert due(water) == []


def cells(data: bytes) -> tuple[list[Any], list[list[Any]], list[list[bool]]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    headings, *rows = list(sheet.iter_rows(min_row=3))
    return (
        [cell.value for cell in headings],
        [[cell.value for cell in row] for row in rows],
        [[bool(cell.protection.locked) for cell in row] for row in rows],
    )


def test_the_workbook_asks_for_just_the_open_cells_and_uploads_in_the_ordinary_way(lone: House) -> None:
    clerk = lone.client(region="43")
    report(clerk, "people", people("430101101", watched=3), people("430101102"))
    got = clerk.get("/v1/due/workbook", params={"dataset": "people", "period": "2025", "region": "430101"})
    assert (got.status_code, got.headers["content-type"]) == (200, XLSX), got.text
    headings, rows, locked = cells(got.content)
    assert headings == ["行政区划代码", "乡镇（街道）", "重点人群（人）"]
    assert rows == [["430101102", "二镇", None]]
    assert locked == [[True, True, False]]
    whole = clerk.get("/v1/due/workbook", params={"dataset": "people", "period": "2025"}).content
    headings, rows, locked = cells(whole)
    assert headings[2:] == ["总人口（人）", "男（人）", "女（人）", "面积（公顷）", "重点人群（人）"]
    assert rows[0] == ["430101102", "二镇", 10, 4, 6, 6.3, None]
    assert locked[0] == [True] * 6 + [False]
    assert [row[0] for row in rows] == ["430101102", "430102101", "430102102"]
    assert locked[1] == [True, True] + [False] * 5
    book = openpyxl.load_workbook(io.BytesIO(got.content))
    book.worksheets[0].cell(4, 3).value = 7
    stream = io.BytesIO()
    book.save(stream)
    sent = clerk.post(
        "/v1/submissions", files={"file": ("补.xlsx", stream.getvalue())}, data={"dataset": "people", "period": "2025"}
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["counts"]["changed"] == 1
    record = next(r for r in clerk.get("/v1/datasets/people/records").json()["records"] if r["region"] == "430101102")
    assert (record["total"], record["men"], record["watched"]) == (10, 4, 7)
    nothing = clerk.get("/v1/due/workbook", params={"dataset": "people", "period": "2025", "region": "430101"})
    assert nothing.status_code == 404
    assert (
        lone.client(department="ecology")
        .get("/v1/due/workbook", params={"dataset": "people", "period": "2025"})
        .status_code
        == 403
    )


def reminders(client: Any) -> list[tuple[str, str, str]]:
    found = client.get("/v1/reminders").json()["reminders"]
    return [(one["data"]["region"], one["data"]["dataset"], one["data"]["stage"]) for one in found]


def test_reminders_are_told_once_at_each_stage_to_those_who_report(small: House) -> None:
    on(small, "2026-01-08")
    clerk, county = small.client(region="430101101"), small.client(region="430101")
    assert remind(small.registry) == 0
    on(small, "2026-01-12")
    assert remind(small.registry) == 4
    assert remind(small.registry) == 0
    assert reminders(clerk) == [("430101101", "people", "coming")]
    assert reminders(county) == [("430101101", "people", "coming"), ("430101102", "people", "coming")]
    report(county, "people", people("430101101", watched="未统计"))
    on(small, "2026-01-16")
    assert remind(small.registry) == 3
    page = clerk.get("/v1/reminders").json()
    assert len(page["reminders"]) == 1
    assert clerk.get("/v1/reminders", params={"since": page["next"]}).json()["reminders"] == []
    assert county.get("/v1/reminders", params={"since": page["next"]}).status_code == 400
    assert reminders(county)[-1] == ("430101102", "people", "overdue")
    assert reminders(small.client(department="ecology")) == []
    assert clerk.get("/v1/notices").json()["notices"] == []
    assert [e["type"] for e in clerk.get("/v1/events").json()["events"]] == ["due.reminder"]


def test_due_and_freshness_are_documents_like_all_others(lone: House) -> None:
    told = lone.client(department="ecology").get("/v1/datasets/people").json()
    assert (told["due"], told["fresh_for"]) == ({"days": 15}, None)
    plan = lone.apply({"datasets/wells.yaml": CARED["datasets/wells.yaml"].replace("{months: 6}", "{days: 90}")})
    lines = [change for line in plan.lines for change in line.details]
    assert "- fresh_for.months: 6" in lines
    assert "+ fresh_for.days: 90" in lines
