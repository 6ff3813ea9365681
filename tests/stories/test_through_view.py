"""A department's own file, and a clerk's in a department's old layout, read back through the view."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import httpx
import openpyxl
import pytest

from tests.fixtures.departmental import DEPARTMENTAL_FILES, WATER_HEADINGS
from tests.fixtures.house import House

DAM = ["430101101", "一镇", "2025", "东风水库", 12.5, "2", "Y", 1500, date(1971, 5, 1), "完好"]


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(DEPARTMENTAL_FILES)
    return empty_house


def book(*rows: list[Any], title: str | None = None) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for row in ([title], *rows) if title else rows:
        sheet.append(row)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def upload(client: httpx.Client, data: bytes, view: str, **parts: str) -> httpx.Response:
    return client.post("/v1/submissions", data={"view": view, **parts}, files={"file": ("表.xlsx", data)})


def held(client: httpx.Client, dataset: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = client.get(f"/v1/datasets/{dataset}/records").json()["records"]
    return records


def codes(answer: httpx.Response) -> list[tuple[str, str | None, str | None]]:
    return [(f["code"], f["cell"] or f["column"], f["element"]) for f in answer.json()["findings"]]


def test_a_source_department_reports_in_its_own_schema(small: House) -> None:
    water = small.client(department="water")
    answer = upload(water, book(WATER_HEADINGS, DAM), "dams-view")
    assert answer.status_code == 201, answer.text
    assert answer.json()["findings"] == []
    (record,) = held(water, "dams")
    assert record == {
        "region": "430101101", "period": "2025", "name": "东风水库", "capacity": 125000, "grade": "1", "safe": True,
        "farms": 100, "built": "1971-05-01", "note": "完好",
    }  # fmt: skip


def test_the_number_is_kept_as_reported_with_the_unit_of_the_view(small: House) -> None:
    water = small.client(department="water")
    # 1 亩 is 1/15 公顷: converted to a decimal it could not be kept.
    row = [*DAM[:7], 1, *DAM[8:]]
    assert upload(water, book(WATER_HEADINGS, row), "dams-view").status_code == 201
    (shown,) = water.get("/v1/views/dams-view/records").json()["records"]
    assert shown["gg"] == 1
    again = water.post("/v1/submissions", json={"view": "dams-view", "rows": [{**shown, "gg": 15}]}).json()
    assert again["counts"]["changed"] == 1
    assert held(water, "dams")[0]["farms"] == 1


def test_what_a_view_shows_reads_back_as_unchanged(small: House) -> None:
    water = small.client(department="water")
    rows = [
        {"region": "430101101", "period": "2025", "name": "甲", "capacity": "3333.33", "grade": "3", "safe": False, "farms": "6.25"},
        {"region": "430101102", "period": "2025", "name": "=乙", "grade": "1", "note": "-1 号闸"},
        {"region": "430102101", "period": "2025", "name": "丙", "farms": "0"},
    ]  # fmt: skip
    assert water.post("/v1/submissions", json={"dataset": "dams", "rows": rows}).status_code == 201
    before = held(water, "dams")
    records = water.get("/v1/views/dams-view/records").json()["records"]
    answer = water.post("/v1/submissions", json={"view": "dams-view", "rows": records})
    assert answer.status_code == 201, answer.text
    assert answer.json()["counts"] == {"rows": 3, "new": 0, "changed": 0, "unchanged": 3}
    workbook = water.get("/v1/views/dams-view/records", params={"format": "xlsx"}).content
    answer = upload(water, workbook, "dams-view")
    assert answer.status_code == 201, answer.text
    assert answer.json()["counts"] == {"rows": 3, "new": 0, "changed": 0, "unchanged": 3}
    assert held(water, "dams") == before


def test_columns_that_do_not_read_back_are_passed_over_with_the_reason(small: House) -> None:
    water = small.client(department="water")
    headings = [*WATER_HEADINGS, "每万方灌溉", "当地人口", "来源"]
    answer = upload(
        water, book(headings, [*DAM, 9, 9, "别处"], [*DAM[:3], "另一座", *DAM[4:], 9, 9, "水利年报"]), "dams-view"
    )
    assert answer.status_code == 201, answer.text
    said = {(f["code"], f["value"]): f for f in answer.json()["findings"]}
    assert set(said) == {("not_reversible", "bl"), ("not_reversible", "rk"), ("constant_differs", "别处")}
    assert "表达式" in said["not_reversible", "bl"]["message"]
    assert (said["not_reversible", "bl"]["column"], said["not_reversible", "rk"]["column"]) == ("K", "L")
    constant = said["constant_differs", "别处"]
    assert (constant["cell"], constant["severity"], constant["accepted"]) == ("M2", "warning", "水利年报")


def test_faults_are_told_by_cell_in_the_words_of_the_view(small: House) -> None:
    water = small.client(department="water")
    faulty = ["430101101", "一镇", "2025", "甲", 20000, "丁", "也许", "甲乙", "某日", "x"]
    missing_key = [*DAM[:3], None, *DAM[4:]]
    elsewhere = ["430101999", "九镇", "2025", "乙", *DAM[4:]]
    answer = upload(water, book(WATER_HEADINGS, faulty, missing_key, elsewhere), "dams-view")
    assert answer.status_code == 422
    assert set(codes(answer)) == {
        ("out_of_range", "E2", "capacity"),
        ("unknown_code", "F2", "grade"),
        ("unknown_code", "G2", "safe"),
        ("not_a_number", "H2", "farms"),
        ("not_a_date", "I2", "built"),
        ("missing_key", "D3", "name"),
        ("unknown_region", "A4", None),
    }
    accepted = {f["cell"]: f["accepted"] for f in answer.json()["findings"]}
    assert accepted["F2"] == "2 一级、1 二级、丙 三级"
    assert held(water, "dams") == []


def test_a_blank_and_a_default_leave_what_is_held(small: House) -> None:
    water = small.client(department="water")
    assert upload(water, book(WATER_HEADINGS, DAM), "dams-view").status_code == 201
    (before,) = held(water, "dams")
    unsure = [*DAM[:4], None, "2", None, 0, DAM[8], "-"]
    answer = upload(water, book(WATER_HEADINGS, unsure), "dams-view")
    assert answer.status_code == 201, answer.text
    assert set(codes(answer)) == {
        ("blank_kept", "E2", "capacity"),
        ("blank_kept", "G2", "safe"),
        ("ambiguous_value", "H2", "farms"),
    }
    assert held(water, "dams") == [{**before, "note": None}]


def test_several_codes_with_one_target_do_not_read_back(small: House) -> None:
    water, admin = small.client(department="water"), small.client(admin=True)
    answer = upload(water, book(["dm", "mc", "级别"], ["430101101", "甲", "大"]), "dams-merged", period="2025")
    assert answer.status_code == 201, answer.text
    (finding,) = answer.json()["findings"]
    assert finding["code"] == "not_reversible"
    assert "1、2 都对应“大”" in finding["message"]
    assert held(water, "dams")[0]["grade"] is None
    told = admin.get("/v1/admin/views/dams-merged/reversal").json()
    assert [(f["name"], f["reversible"], f["part"]) for f in told["fields"]] == [
        ("dm", True, "region.code"),
        ("mc", True, "element"),
        ("dj", False, None),
    ]
    assert "all become '大'" in told["fields"][2]["reason_en"]


def test_an_administrator_is_told_field_by_field_what_reads_back(small: House) -> None:
    told = small.client(admin=True).get("/v1/admin/views/dams-view/reversal").json()
    by_name = {f["name"]: f for f in told["fields"]}
    assert [name for name, f in by_name.items() if not f["reversible"]] == ["bl"]
    assert (by_name["kr"]["element"], by_name["kr"]["unit"]) == ("dams.capacity", "万立方米")
    assert by_name["dj"]["codes"] == {"2": "1", "1": "2", "丙": "3"}
    assert by_name["gg"]["ambiguous"] == "0"
    assert by_name["ly"]["part"] == "constant"
    assert told["datasets"] == [{"dataset": "dams", "missing_key": []}, {"dataset": "people", "missing_key": []}]
    for who in (small.client(department="water"), small.client(region="430101")):
        assert who.get("/v1/admin/views/dams-view/reversal").status_code == 403
    assert small.client(admin=True).get("/v1/admin/views/none/reversal").status_code == 404


OLD = ["报送单元", "总人数（万人）", "男性人数", "女性人数", "土地（亩）"]


def test_a_clerk_reports_in_a_departments_old_layout(small: House) -> None:
    clerk = small.client(region="430101")
    rows = [["一镇", 0.001, 4, 6, 93.8], ["二镇", 0.002, 12, 8, 0], ["合计", 0.003, 16, 14, 93.8]]
    answer = upload(clerk, book(OLD, *rows, title="2025年乡镇基本情况"), "old-form", period="2025")
    assert answer.status_code == 201, answer.text
    first, second = held(clerk, "people")
    assert (first["total"], first["men"], first["women"], first["area"]) == (10, 4, 6, 6.3)
    assert (second["total"], second["area"]) == (20, None)
    assert ("ambiguous_value", "E4", "area") in codes(answer)
    refused = upload(clerk, book(OLD, ["一镇", 0.00105, 4, 6, 1]), "old-form", period="2025")
    assert ("not_integer", "B2", "total") in codes(refused)
    failed = upload(clerk, book(OLD, ["一镇", 0.001, 4, 7, 1]), "old-form", period="2025")
    assert {("check_failed", cell) for cell in ("B2", "C2", "D2")} == {(c, at) for c, at, _ in codes(failed)}


def test_a_file_of_two_datasets_is_sent_once_for_each(small: House) -> None:
    clerk = small.client(region="430101")
    data = book([*OLD, "学校数", "水库库容"], ["一镇", 0.001, 4, 6, 1, 3, 9])
    refused = upload(clerk, data, "old-form", period="2025")
    assert refused.status_code == 422
    (finding,) = refused.json()["findings"]
    assert finding["code"] == "several_datasets"
    assert "people" in finding["message"]
    assert "schools" in finding["message"]
    assert "dams" not in finding["message"]
    taken = upload(clerk, data, "old-form", period="2025", dataset="schools")
    assert taken.status_code == 201, taken.text
    assert held(clerk, "schools")[0]["number"] == 3
    assert held(clerk, "people") == []
    assert {f["value"] for f in taken.json()["findings"]} == {"rk", "nan", "nv", "mj", "sk"}
    rows = [{"xzmc": "一镇", "xx": 4}]
    by_json = clerk.post("/v1/submissions", json={"view": "old-form", "period": "2025", "rows": rows})
    assert by_json.status_code == 201, by_json.text
    assert held(clerk, "schools")[0]["number"] == 4
    unknown = clerk.post("/v1/submissions", json={"view": "old-form", "period": "2025", "rows": [{**rows[0], "yy": 1}]})
    assert [f["code"] for f in unknown.json()["findings"]] == ["unknown_element"]


def test_views_that_read_back_into_nothing_of_the_callers_are_not_told(small: House) -> None:
    data = book(OLD, ["一镇", 0.001, 4, 6, 1])
    clerk, confirmer = small.client(region="430101"), small.client(region="430101", role="confirmer")
    water, ecology, admin = (
        small.client(department="water"),
        small.client(department="ecology"),
        small.client(admin=True),
    )
    tried = [
        (clerk, "dams-merged"), (clerk, "no-such-view"), (clerk, "county-view"), (confirmer, "old-form"),
        (water, "old-form"), (ecology, "old-form"), (admin, "old-form"),
    ]  # fmt: skip
    for client, view in tried:
        answer = upload(client, data, view, period="2025")
        assert answer.status_code == 404, (view, answer.text)
        assert answer.json()["detail"].replace(view, "VIEW") == upload(clerk, data, "VIEW").json()["detail"]
    outside = upload(clerk, book(OLD, ["三镇", 0.001, 4, 6, 1]), "old-form", period="2025", region="430102101")
    assert outside.status_code == 403


def test_a_region_outside_the_clerks_own_is_refused_through_a_view_too(small: House) -> None:
    clerk = small.client(region="430101")
    rows = [{"dm": "430102101", "nd": "2025", "nan": 4}]
    answer = clerk.post("/v1/submissions", json={"view": "people-view", "rows": rows})
    assert answer.status_code == 403
    assert held(small.client(region="43"), "people") == []


def test_the_same_key_with_another_view_is_another_request(small: House) -> None:
    water = small.client(department="water")
    headers = {"Idempotency-Key": "one"}
    rows = [{"xzdm": "430101101", "qb": "2025", "skmc": "甲", "kr": 1}]
    first = water.post("/v1/submissions", json={"view": "dams-view", "rows": rows}, headers=headers)
    again = water.post("/v1/submissions", json={"view": "dams-view", "rows": rows}, headers=headers)
    assert (first.status_code, again.json()) == (201, first.json())
    other = water.post("/v1/submissions", json={"view": "dams-merged", "rows": rows}, headers=headers)
    assert other.json()["code"] == "idempotency_mismatch"
