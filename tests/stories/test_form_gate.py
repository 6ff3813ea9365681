"""A department hands in its form; nobody in a township types anything; the department reads its own table."""

from __future__ import annotations

import io
import time
from typing import Any

import httpx
import openpyxl
import pytest

from tests.fixtures.house import House
from tests.fixtures.small import FILES

FORM: dict[str, Any] = {
    "title": "2026年农村生态环境基础情况调查表",
    "purpose": "年度考核",
    "legal_basis": "示例依据",
    "frequency": "年报",
    "level": "township",
    "columns": [
        {"name": "乡镇名称"},
        {"name": "总人口", "unit": "万人"},
        {"name": "面积（亩）"},
        {"name": "案件办结率（%）"},
        {"name": "外来入侵物种点位数", "unit": "个"},
        {"name": "填表人"},
    ],
}
PROPOSAL = {
    "dataset": "people",
    "code": "invasive_points",
    "title": "外来入侵物种点位数",
    "definition": "年末辖区内发现外来入侵物种的点位个数",
    "type": "integer",
    "unit": "个",
    "lead_source": "department:ecology",
    "sharing": "open",
    "approval_number": "甲统制〔2026〕12号",
    "valid": {"from": "2026-01-01", "until": "2028-12-31"},
    "duty_item": "基本履职事项第45项",
}


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


def report(house: House, code: str, period: str, total: int, men: int, area: str) -> None:
    clerk = house.client(region="43")
    row = {"region": code, "period": period, "total": total, "men": men, "women": total - men, "area": area}
    answer = clerk.post("/v1/submissions", json={"dataset": "people", "rows": [row]})
    assert answer.status_code == 201, answer.text


def check(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/form-requests", json={**FORM, **changes})
    assert answer.status_code == 201, answer.text
    form: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/form-requests/{form['id']}"
    return form


def column(form: dict[str, Any], name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [each for each in form["columns"] if each["name"] == name]
    assert len(found) == 1
    return found[0]


def decide(client: httpx.Client, form: dict[str, Any], **decision: Any) -> httpx.Response:
    return client.post(f"/v1/admin/form-requests/{form['id']}/decision", json=decision)


def test_from_a_form_to_the_departments_own_table_without_any_township_typing(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    report(small, "430101101", "2025", 12345, 6000, "10.5")
    before = len(admin.get("/v1/submissions").json()["submissions"])
    form = check(ecology)
    assert {each["name"]: each["verdict"] for each in form["columns"]} == {
        "乡镇名称": "held", "总人口": "held", "面积（亩）": "held", "案件办结率（%）": "derivable",
        "外来入侵物种点位数": "new", "填表人": "bookkeeping",
    }  # fmt: skip
    assert column(form, "总人口")["element"] == "people.total"
    assert column(form, "总人口")["conversion"] == {"from": "人", "to": "万人", "factor": "0.0001", "assumed": False}
    assert column(form, "面积（亩）")["conversion"]["factor"] == "15"
    # Four townships, once a year, four columns to fill of which three are held.
    assert (form["burden"]["cells"], form["burden"]["cells_held"], form["burden"]["cells_left"]) == (16, 12, 4)
    decided = decide(
        admin,
        form,
        accept_rest=True,
        columns=[{"column": "外来入侵物种点位数", "decision": "propose", "proposal": PROPOSAL}],
        view={"code": "ecology-base"},
    )
    assert decided.status_code == 200, decided.text
    assert decided.json()["decision"]["uncovered"] == [
        {"field": "案件办结率（%）", "elements": ["cases.closed", "cases.received"]}
    ]
    assert ecology.get("/v1/views/ecology-base/records").status_code == 404
    published = admin.post(f"/v1/admin/form-requests/{form['id']}/publish")
    assert published.status_code == 200, published.text
    (row,) = ecology.get("/v1/views/ecology-base/records").json()["records"]
    assert row["乡镇名称"] == "一镇"
    assert row["总人口"] == 1.2345
    assert row["面积（亩）"] == 157.5
    assert len(admin.get("/v1/submissions").json()["submissions"]) == before
    kept = ecology.get(f"/v1/form-requests/{form['id']}").json()
    assert (kept["status"], kept["view"]) == ("published", "ecology-base")
    assert admin.get("/v1/datasets/people").json()["elements"][-1]["code"] != "invasive_points"


def test_freshness_is_told_only_of_what_agreements_cover(small: House, ecology: httpx.Client) -> None:
    report(small, "430101101", "2024", 100, 40, "3")
    report(small, "430102101", "2025", 200, 90, "4")  # another county: outside the agreement
    form = check(ecology)
    assert column(form, "总人口")["freshness"]["period"] == "2024"
    assert column(form, "总人口")["freshness"]["reported_on"] == small.registry.today().isoformat()
    assert column(form, "案件办结率（%）")["freshness"] is None
    water = small.client(department="water")
    assert column(check(water), "总人口")["freshness"] is None
    report(small, "430101102", "2025", 300, 90, "4")
    again = ecology.get(f"/v1/form-requests/{form['id']}").json()
    assert column(again, "总人口")["freshness"]["period"] == "2025"


def test_a_closed_element_is_no_candidate_for_a_department_whoever_hands_the_form_in(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    columns = [{"name": "重点人群", "unit": "人"}]
    for answer in (check(ecology, columns=columns), check(admin, columns=columns, department="ecology")):
        assert answer["columns"][0]["verdict"] != "held"
        assert "people.watched" not in str(answer)
    refused = decide(admin, answer, columns=[{"column": 0, "decision": "accept", "element": "people.watched"}])
    assert refused.status_code == 422
    unknown = decide(admin, answer, columns=[{"column": 0, "decision": "accept", "element": "people.nothing"}])
    assert (
        refused.json()["findings"][0]["message"].replace("watched", "nothing")
        == (unknown.json()["findings"][0]["message"])
    )


def test_departments_see_their_own_forms_administrators_all_and_regions_none(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    form = check(ecology)
    water, clerk = small.client(department="water"), small.client(region="430101")
    assert water.get(f"/v1/form-requests/{form['id']}").status_code == 404
    assert water.get("/v1/form-requests").json()["form_requests"] == []
    assert water.get("/v1/form-requests", params={"department": "ecology"}).status_code == 403
    assert water.post("/v1/form-requests", json={**FORM, "department": "ecology"}).status_code == 403
    for refused in (
        clerk.get("/v1/form-requests"), clerk.post("/v1/form-requests", json=FORM),
        clerk.get(f"/v1/form-requests/{form['id']}"), clerk.get("/v1/burden"),
    ):  # fmt: skip
        assert refused.status_code == 403
    assert [each["id"] for each in admin.get("/v1/form-requests").json()["form_requests"]] == [form["id"]]
    assert admin.post("/v1/form-requests", json=FORM).status_code == 400  # whose form it is must be said
    for path in ("form-memory", "proposed-elements", "form-check"):
        assert ecology.get(f"/v1/admin/{path}").status_code == 403
    assert decide(ecology, form).status_code == 403
    assert ecology.post(f"/v1/admin/form-requests/{form['id']}/publish").status_code == 403


def test_the_forms_pages_go_on_where_they_stopped(ecology: httpx.Client) -> None:
    made = [check(ecology, title=f"第{number}张表")["id"] for number in range(3)]
    first = ecology.get("/v1/form-requests", params={"limit": 2}).json()
    second = ecology.get("/v1/form-requests", params={"limit": 2, "cursor": first["next"]}).json()
    assert [each["id"] for each in (*first["form_requests"], *second["form_requests"])] == made[::-1]
    assert second["next"] is None


def test_an_undecided_or_wrongly_decided_column_is_named_and_nothing_happens(
    admin: httpx.Client, ecology: httpx.Client
) -> None:
    form = check(ecology)
    refused = decide(
        admin,
        form,
        columns=[
            {"column": 1, "decision": "reject"},
            {"column": "没有的栏", "decision": "skip"},
            {
                "column": 4,
                "decision": "propose",
                "proposal": {**PROPOSAL, "lead_source": "department:nobody", "valid": None},
            },
        ],
    )
    assert refused.status_code == 422
    places = [finding["place"] for finding in refused.json()["findings"]]
    assert any("columns[1] 总人口" in place for place in places)  # a rejection without a reason
    assert any("columns[2] 面积（亩）" in place for place in places)  # not decided
    assert sum("columns[4]" in place for place in places) == 2  # unknown source, no validity
    assert admin.get("/v1/admin/form-memory").json()["mappings"] == []
    assert ecology.get(f"/v1/form-requests/{form['id']}").json()["status"] == "checked"


def test_what_was_rejected_is_never_proposed_again_and_what_was_confirmed_is_answered_first(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    columns = [{"name": "总人口", "unit": "人"}, {"name": "zrk_x", "unit": "人"}]
    form = check(ecology, columns=columns)
    assert column(form, "总人口")["verdict"] == "held"
    assert column(form, "zrk_x")["verdict"] == "new"
    done = decide(
        admin,
        form,
        columns=[
            {"column": 0, "decision": "reject", "reason": "本表口径为户籍"},
            {"column": 1, "decision": "accept", "element": "people.total", "reason": "旧系统字段"},
        ],
    )
    assert done.status_code == 200, done.text
    water = small.client(department="water")
    later = check(water, title="另一张表", columns=columns)
    assert column(later, "总人口")["element"] is None
    assert column(later, "总人口")["verdict"] != "held"
    assert all(each["element"] != "people.total" for each in column(later, "总人口")["candidates"])
    assert (column(later, "zrk_x")["verdict"], column(later, "zrk_x")["element"]) == ("held", "people.total")
    assert "户籍" not in str(later)  # the reasons given about another department's form stay with it
    other = check(water, columns=[{"name": "总人口", "unit": "万人"}])  # another unit is another heading
    assert other["columns"][0]["verdict"] == "held"
    assert decide(admin, later, columns=[
        {"column": 0, "decision": "accept", "element": "people.total", "reason": "复核后认可"},
        {"column": 1, "decision": "skip"},
    ]).status_code == 200  # fmt: skip
    # A later word on one subject holds for that subject; where it was rejected it stays rejected.
    assert check(ecology, title="另一张表（2027年）", columns=columns)["columns"][0]["verdict"] == "held"
    assert check(ecology, columns=columns)["columns"][0]["verdict"] != "held"
    tsv = admin.get("/v1/admin/form-memory", params={"format": "tsv"})
    assert tsv.headers["content-type"].startswith("text/tab-separated-values")
    lines = [line.split("\t") for line in tsv.text.splitlines() if not line.startswith("#")]
    assert all(len(line) == len(lines[0]) for line in lines)
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert ("总人口", "Not", "element:people.total") in {
        (row["subject_label"], row["predicate_modifier"], row["object_id"]) for row in rows
    }
    assert all(row["predicate_id"] == "skos:exactMatch" and row["mapping_date"] for row in rows)


def test_a_refused_form_says_which_elements_answer_it(admin: httpx.Client, ecology: httpx.Client) -> None:
    form = check(ecology)
    done = decide(admin, form, refuse={"reason": "已有数据可供共享"})
    assert done.status_code == 200, done.text
    kept = ecology.get(f"/v1/form-requests/{form['id']}").json()
    assert kept["status"] == "refused"
    told = {each["name"]: each["elements"] for each in kept["decision"]["answered_by"]}
    assert told["总人口"] == ["people.total"]
    assert told["面积（亩）"] == ["people.area"]
    assert admin.post(f"/v1/admin/form-requests/{form['id']}/publish").status_code == 409


def test_a_form_that_is_decided_anew_leaves_no_draft_of_the_earlier_decision(
    admin: httpx.Client, ecology: httpx.Client
) -> None:
    form = check(ecology, columns=[{"name": "总人口", "unit": "人"}])
    for code in ("first", "second"):
        assert decide(admin, form, accept_rest=True, view={"code": code}).status_code == 200
    assert admin.get("/v1/admin/views/first", params={"draft": "true"}).status_code == 404
    draft = admin.get("/v1/admin/views/second", params={"draft": "true"}).json()
    assert [field["name"] for field in draft["fields"]] == ["行政区划代码", "报告期", "总人口"]
    assert draft["faults"] == []
    taken = decide(admin, form, accept_rest=True, view={"code": "people-view"})
    assert taken.status_code == 200  # its own view, edited: the draft beside it is published as ever
    water = check(admin, department="water", columns=[{"name": "总人口", "unit": "人"}])
    assert decide(admin, water, accept_rest=True, view={"code": "people-view"}).status_code == 422


def test_a_proposed_element_is_reviewed_by_another_administrator_and_changes_no_catalogue(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    form = check(ecology)
    new = [{"column": 4, "decision": "propose", "proposal": PROPOSAL}]
    assert decide(admin, form, accept_rest=True, columns=new).status_code == 200
    (proposed,) = admin.get("/v1/admin/proposed-elements").json()["proposed_elements"]
    assert proposed["status"] == "proposed"
    path = f"/v1/admin/proposed-elements/{proposed['id']}/review"
    assert admin.post(path, json={"status": "accepted", "reason": "同意"}).status_code == 403
    second = small.client(admin=True)
    done = second.post(path, json={"status": "accepted", "reason": "有清单依据"})
    assert done.status_code == 200, done.text
    assert done.json()["reviewed_by"] != proposed["created_by"]
    assert second.post(path, json={"status": "refused", "reason": "再想想"}).status_code == 409
    assert all(e["code"] != "invasive_points" for e in admin.get("/v1/datasets/people").json()["elements"])


def test_the_departments_workbook_is_read_as_it_is(ecology: httpx.Client) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (
        ["2026年人口情况表"], ["", "", "单位：人"], ["序号", "乡镇", "人口", "", "备注"], ["", "", "总人口", "男", ""],
    ):  # fmt: skip
        sheet.append(row)
    for merged in ("A1:E1", "A3:A4", "B3:B4", "C3:D3", "E3:E4"):
        sheet.merge_cells(merged)
    data = io.BytesIO()
    book.save(data)
    answer = ecology.post(
        "/v1/form-requests", files={"file": ("人口.xlsx", data.getvalue())}, data={"frequency": "年报"}
    )
    assert answer.status_code == 201, answer.text
    form = answer.json()
    assert form["title"] == "2026年人口情况表"
    assert [each["name"] for each in form["columns"]] == ["序号", "乡镇", "总人口", "男", "备注"]
    assert column(form, "总人口")["path"] == ["人口"]
    assert column(form, "总人口")["element"] == "people.total"
    assert column(form, "男")["element"] == "people.men"
    assert column(form, "总人口")["conversion"]["assumed"] is False


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
    assert admin.get("/v1/form-requests/%00").status_code == 404


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
