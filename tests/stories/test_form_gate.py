"""A department hands in its form; nobody in a township types anything; the department reads its own table."""

from __future__ import annotations

import io

import httpx
import openpyxl
import pytest

from tests.fixtures.forms import FORM, PROPOSAL, check, column, decide, report
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


def test_a_draft_published_as_any_other_view_publishes_its_form_too(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    form = check(ecology)
    new = [{"column": "外来入侵物种点位数", "decision": "propose", "proposal": PROPOSAL}]
    decided = decide(admin, form, accept_rest=True, columns=new, view={"code": "ecology-base"})
    assert decided.status_code == 200, decided.text
    published = admin.post("/v1/admin/views/ecology-base/publish")
    assert published.status_code == 201, published.text
    assert ecology.get(f"/v1/form-requests/{form['id']}").json()["status"] == "published"
    assert admin.post(f"/v1/admin/form-requests/{form['id']}/publish").status_code == 409


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
                "proposal": {
                    **PROPOSAL,
                    "lead_source": "department:nobody",
                    "valid": None,
                    "duty_item": "上级部门收回事项第9项",
                },
            },
        ],
    )
    assert refused.status_code == 422
    places = [finding["place"] for finding in refused.json()["findings"]]
    assert any("columns[1] 总人口" in place for place in places)  # a rejection without a reason
    assert any("columns[2] 面积（亩）" in place for place in places)  # not decided
    assert sum("columns[4]" in place for place in places) == 3  # unknown source, a duty taken back, no validity
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
