"""Administrators edit what elements mean and which formulas there are; the form gate answers accordingly at once."""

from __future__ import annotations

import httpx
import pytest

from app.services.apply import apply_folder, export_folder
from tests.fixtures.forms import check, column
from tests.fixtures.house import House
from tests.fixtures.small import FILES, PEOPLE

LIMITED = PEOPLE.replace("aliases: [人口数],", "aliases: [人口数], facets: {counting: 户籍, time: endpoint},")
FORMULAS = 'formulas:\n  - {code: 人均占地, formula: "面积 / 总人口"}\n  - {code: 办结, kind: base, off: true}\n'


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


def test_facets_are_shown_as_read_and_as_set_and_the_gate_goes_by_them(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    columns = [{"name": "总人口", "unit": "人"}, {"name": "户籍总人口", "unit": "人"}]
    assert check(ecology, columns=columns)["columns"][0]["verdict"] == "held"
    before = admin.get("/v1/admin/facets", params={"dataset": "people"}).json()["elements"][0]
    assert (before["set"], before["read"]["measure"], before["used"]["counting"]) == (None, "persons", [])
    plan = apply_folder(small.registry, {"datasets/people.yaml": LIMITED.encode()}, dry_run=True)
    (line,) = plan.lines
    assert any("facets" in detail for detail in line.details)
    small.apply({"datasets/people.yaml": LIMITED})
    after = admin.get("/v1/admin/facets", params={"dataset": "people"}).json()["elements"][0]
    assert after["set"] == {"time": ["endpoint"], "counting": ["户籍"]}
    assert (after["read"]["counting"], after["used"]["counting"]) == ([], ["户籍"])
    plain, registered = check(ecology, columns=columns)["columns"]
    assert (plain["verdict"], registered["element"]) == ("related", "people.total")
    assert "户籍" in plain["candidates"][0]["difference"]
    assert plain["candidates"][0]["facets"]["set"] == ["counting", "time"]
    exported = export_folder(small.registry)
    assert not apply_folder(small.registry, exported, dry_run=True).changes


def test_facets_are_for_administrators(small: House, admin: httpx.Client, ecology: httpx.Client) -> None:
    for dataset in ("people", "nothing"):
        assert ecology.get("/v1/admin/facets", params={"dataset": dataset}).status_code == 403
        assert small.client(region="43").get("/v1/admin/facets", params={"dataset": dataset}).status_code == 403
    assert admin.get("/v1/admin/facets", params={"dataset": "nothing"}).status_code == 404
    assert admin.get("/v1/admin/facets").status_code == 400


def test_facets_at_fault_are_refused_by_place(small: House) -> None:
    wrong = PEOPLE.replace("aliases: [人口数],", "facets: {measure: name, mood: good},").encode()
    plan = apply_folder(small.registry, {"datasets/people.yaml": wrong})
    assert {fault.place for fault in plan.faults} >= {"elements[0].facets.measure", "elements[0].facets.mood"}
    assert not plan.applied


def test_formulas_are_applied_read_changed_and_exported(
    small: House, admin: httpx.Client, ecology: httpx.Client
) -> None:
    columns = [{"name": "人均占地", "unit": "亩"}, {"name": "案件办结率", "unit": "%"}]
    first = check(ecology, columns=columns)
    assert (column(first, "人均占地")["verdict"], column(first, "案件办结率")["expr"]) == (
        "new",
        "cases.closed / cases.received * 100",
    )
    small.apply({"formulas.yaml": FORMULAS})
    second = check(ecology, columns=columns)
    assert column(second, "人均占地")["expr"] == "to(people.area, '亩') / people.total"
    assert column(second, "案件办结率")["expr"] is None
    told = admin.get("/v1/admin/formulas")
    by_code = {each["code"]: each for each in told.json()["formulas"]}
    assert by_code["办结"] == {"code": "办结", "kind": "base", "off": True}
    assert by_code["人口密度"]["formula"] == "(常住人口 | 户籍人口) / 行政区域面积"
    changed = {"formulas": [{"code": "人均占地", "formula": "面积 / 男"}]}
    assert ecology.put("/v1/admin/formulas", json=changed).status_code == 403
    saved = admin.put("/v1/admin/formulas", json=changed, headers={"If-Match": told.headers["ETag"]})
    assert saved.status_code == 200, saved.text
    assert column(check(ecology, columns=columns), "人均占地")["expr"] == "to(people.area, '亩') / people.men"
    versions = admin.get("/v1/admin/formulas/人均占地/versions").json()["versions"]
    assert [version["version"] for version in versions] == [2, 1]
    exported = export_folder(small.registry)
    assert "面积 / 男" in exported["formulas.yaml"].decode()
    assert not apply_folder(small.registry, exported, dry_run=True).changes
    wrong = admin.put("/v1/admin/formulas", json={"formulas": [{"code": "率", "formula": "甲 / 乙 / 丙"}]})
    assert (wrong.status_code, "formulas[0].formula" in wrong.text) == (422, True)
