"""An agreement's conditions and masks are kept everywhere a figure is told, and from one agreement come its text, its tests
and the department's own OpenAPI.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from app.services.apply import export_folder
from app.services.snapshot_sources import SnapshotSources
from tests.fixtures.house import House
from tests.fixtures.small import AGREEMENT, FILES

RECORDS = "/v1/views/people-view/records"
WHERE = "where: {people: people.men >= 100}\n"
MASKS = """masks:
  people.total: {round: 1000}
  people.area: {suppress_below: 50}
"""
WELLS_VIEW = """
code: wells-view
department: ecology
title: 水井
grain: {level: township, frequency: once}
fields:
  - {name: dm, from: region.code}
  - {name: bh, from: wells.number}
  - {name: sd, from: wells.depth, default: 0}
  - {name: sl, expr: "coalesce(wells.depth, 0)"}
"""
WELLS = """
code: wells-2026
department: ecology
purpose: 巡查
legal_basis: 示例依据
elements: [wells.*]
regions: ["*"]
where: {wells: wells.depth >= 10}
masks: {wells.number: {hash: true}, wells.depth: {band: [0, 50, 100]}}
valid: {from: 2026-01-01, until: 2099-12-31}
"""
PEOPLE = [
    {"region": "430101101", "period": "2024", "total": 12345, "men": 6000, "women": 6345, "area": 100},
    {"region": "430101102", "period": "2024", "total": 2600, "men": 1300, "women": 1300, "area": 49},
    {"region": "430101101", "period": "2025", "total": 90, "men": 45, "women": 45, "area": 200},
]


def agreement(*more: str) -> dict[str, str]:
    return {"agreements/ecology-2026.yaml": AGREEMENT + "".join(more)}


def report(house: House, rows: list[dict[str, Any]], dataset: str = "people", **who: Any) -> None:
    answer = house.client(**(who or {"region": "43"})).post("/v1/submissions", json={"dataset": dataset, "rows": rows})
    assert answer.status_code in {201, 202}, answer.text


@pytest.fixture
def house(empty_house: House) -> House:
    empty_house.apply({**FILES, **agreement(WHERE, MASKS)})
    report(empty_house, PEOPLE)
    return empty_house


@pytest.fixture
def ecology(house: House) -> httpx.Client:
    return house.client(department="ecology")


def shown(client: httpx.Client, **parameters: Any) -> list[tuple[Any, ...]]:
    records = client.get(RECORDS, params=parameters).json()["records"]
    return [(each["dm"], each["nd"], each["rk"], each["mj"]) for each in records]


def test_a_record_that_does_not_meet_the_condition_is_not_there_and_what_is_there_is_masked(
    ecology: httpx.Client,
) -> None:
    # 100 公顷 are 1500 亩; below 50 公顷 nothing is said, and ``default: 0`` does not fill it.
    assert shown(ecology) == [("430101101", "2024", 1.2, 1500.0), ("430101102", "2024", 0.3, None)]


def test_filters_sorts_and_counts_are_of_what_is_shown(ecology: httpx.Client) -> None:
    assert len(shown(ecology, filter="rk:eq:1.2")) == 1
    assert shown(ecology, filter="rk:gt:1.2") == []
    assert shown(ecology, filter="rk:eq:1.2345") == []
    assert [row[0] for row in shown(ecology, sort="-rk")] == ["430101101", "430101102"]
    assert ecology.get(RECORDS, params={"count": "exact"}).json()["count"] == 2


def test_a_total_over_a_record_that_may_not_be_seen_is_missing(house: House, ecology: httpx.Client) -> None:
    whole = ecology.get("/v1/views/county-view/records").json()["records"]
    assert [(each["nd"], each["rk"]) for each in whole] == [("2024", 15000)]  # 12000 + 3000, the masked figures
    report(house, [{"region": "430101102", "period": "2024", "men": 50, "women": 2550}])
    assert ecology.get("/v1/views/county-view/records").json()["records"][0]["rk"] is None


def test_an_explanation_says_nothing_of_what_was_reported_under_a_mask(ecology: httpx.Client) -> None:
    where = {"region": "430101101", "period": "2024"}
    masked = ecology.get("/v1/views/people-view/explain", params={**where, "field": "rk"}).json()
    assert masked["inputs"][0]["cells"][0]["value"]["decimal"] == "12000"
    assert "12345" not in json.dumps(masked)
    assert masked["submissions"] == []
    told = ecology.get("/v1/views/people-view/explain", params={**where, "field": "mj"}).json()
    assert told["inputs"][0]["cells"][0]["reported"]["number"] == "100"
    notes = ecology.get(RECORDS, params={"provenance": "1"}).json()["records"][0]["_provenance"]
    assert (notes["rk"], len(notes["mj"])) == ([], 1)


def test_of_overlapping_agreements_the_least_masked_wins_cell_by_cell(house: House, ecology: httpx.Client) -> None:
    finer = AGREEMENT.replace("ecology-2026", "finer").replace("people.area", "people.men")
    finer = finer.replace('["430101"]', '["430101102"]')
    house.apply({"agreements/finer.yaml": finer + "masks: {people.total: {round: 500}}\n"})
    assert [row[2] for row in shown(ecology)] == [1.2, 0.25]
    house.apply({"agreements/finer.yaml": finer})
    assert [row[2] for row in shown(ecology)] == [1.2, 0.26]


def test_what_followed_the_changes_has_what_is_shown(house: House, ecology: httpx.Client) -> None:
    first = ecology.get("/v1/views/people-view/changes").json()
    report(house, [{"region": "430101101", "period": "2024", "total": 12346, "men": 6000, "women": 6346}])
    same = ecology.get("/v1/views/people-view/changes", params={"since": first["next"]}).json()
    assert same["changes"] == []
    assert same["next"] == first["next"]
    report(house, [{"region": "430101101", "period": "2024", "total": 99, "men": 50, "women": 49}])
    gone = ecology.get("/v1/views/people-view/changes", params={"since": first["next"]}).json()
    assert [(each["op"], each["key"]["region"]) for each in gone["changes"]] == [("remove", "430101101")]


def test_a_list_is_given_by_record_under_hashed_keys(empty_house: House) -> None:
    house = empty_house
    house.apply({**FILES, "views/wells-view.yaml": WELLS_VIEW, "agreements/wells.yaml": WELLS})
    wells = [
        {"region": "430101101", "number": f"W{n}", "depth": depth} for n, depth in enumerate(["9.5", "49.9", "120"])
    ]
    report(house, wells, "wells", department="water")
    ecology = house.client(department="ecology")
    records = ecology.get("/v1/views/wells-view/records").json()["records"]
    assert sorted((each["sd"], each["sl"]) for each in records) == [(0, 0), (100, 100)]
    assert all(len(each["bh"]) == 32 and set(each["bh"]) <= set("0123456789abcdef") for each in records)
    key = records[0]["bh"]
    change = ecology.get("/v1/views/wells-view/changes").json()["changes"]
    assert {each["key"]["number"] for each in change} == {each["bh"] for each in records}
    asked = {"region": "430101101", "field": "sd", "number": key}
    assert ecology.get("/v1/views/wells-view/explain", params=asked).status_code == 200
    assert ecology.get("/v1/views/wells-view/explain", params={**asked, "number": "W1"}).status_code == 404
    other = AGREEMENT.replace("people.total, people.area", "wells.number").replace('["430101"]', '["*"]')
    house.apply({"agreements/ecology-2026.yaml": other})
    assert [each["bh"] for each in ecology.get("/v1/views/wells-view/records").json()["records"]] == ["W0", "W1", "W2"]


def test_of_a_list_the_records_beside_a_suppressed_one_stay_whole(empty_house: House) -> None:
    house = empty_house
    plain = WELLS.replace("where: {wells: wells.depth >= 10}\n", "")
    suppressed = plain.split("masks:", maxsplit=1)[0] + "masks: {wells.depth: {suppress_below: 50}}\n"
    valid = "valid: {from: 2026-01-01, until: 2099-12-31}\n"
    house.apply({**FILES, "views/wells-view.yaml": WELLS_VIEW, "agreements/wells.yaml": suppressed + valid})
    rows: list[dict[str, Any]] = [
        {"region": "430101101", "number": "W0", "depth": "9.5"},
        {"region": "430101101", "number": "W1", "depth": 120},
    ]
    rows.append({"region": "430101101", "number": "W2", "depth": None})
    report(house, rows, "wells", department="water")
    records = house.client(department="ecology").get("/v1/views/wells-view/records").json()["records"]
    # What is suppressed is no default and no 0; what is missing at the source is both.
    assert [(each["bh"], each["sd"], each["sl"]) for each in records] == [
        ("W0", None, None), ("W1", 120, 120), ("W2", 0, 0),
    ]  # fmt: skip


def test_every_format_has_the_masked_figure(ecology: httpx.Client) -> None:
    for name in ("csv", "ndjson"):
        text = ecology.get(RECORDS, params={"format": name}).text
        assert "1.2345" not in text
        assert "1.2" in text
    arrow = ecology.get(RECORDS, params={"format": "arrow"}).content
    assert b"\x39\x30\x00\x00" not in arrow  # 12345 as it is held, under the null mark or beside it


def test_the_past_is_seen_through_the_agreement_of_today(house: House, ecology: httpx.Client) -> None:
    before = ecology.get(RECORDS).headers["Township-Snapshot"]
    house.apply(agreement(WHERE, "masks: {people.total: {round: 10000}}\n"))
    assert [row[2] for row in shown(ecology, as_of=before)] == [1.0, 0.0]


def test_what_is_exported_can_be_applied_again_and_changes_nothing(house: House) -> None:
    exported = export_folder(house.registry)
    assert "suppress_below" in exported["agreements/ecology-2026.yaml"].decode()
    plan = house.apply({name: data for name, data in exported.items() if name.startswith("agreements/")})
    assert {line.action for line in plan.lines} == {"unchanged"}


def test_faults_are_told_at_once_over_http(house: House) -> None:
    body = {
        **json.loads(house.client(admin=True).get("/v1/admin/agreements/ecology-2026").content),
        "where": {"people": "people.nothing > 1", "wells": "wells.depth > 1"},
        "masks": {"people.total": {"hash": True}, "people.men": {"round": 10}},
    }
    body.pop("version")
    refused = house.client(admin=True).put("/v1/admin/agreements/ecology-2026", json=body)
    assert refused.status_code == 422
    told = json.dumps(refused.json(), ensure_ascii=False)
    for place in ("where.people", "where.wells", "masks.people.total", "masks.people.men"):
        assert place in told


def test_the_text_is_for_administrators_and_for_the_department_itself(house: House, ecology: httpx.Client) -> None:
    text = house.client(admin=True).get("/v1/admin/agreements/ecology-2026/text").text
    assert "东县（430101）" in text
    assert "people.men 为男" in text
    own = ecology.get("/v1/agreements/ecology-2026").json()
    assert own["text"] == text
    assert own["masks"] == {"people.total": {"round": "1000"}, "people.area": {"suppress_below": "50"}}
    assert [each["code"] for each in ecology.get("/v1/agreements").json()["agreements"]] == ["ecology-2026"]
    for stranger in (house.client(department="water"), house.client(region="43")):
        unseen = stranger.get("/v1/agreements/ecology-2026")
        unknown = stranger.get("/v1/agreements/nothing")
        assert unseen.status_code == unknown.status_code == 404
        assert unseen.json()["detail"].replace("ecology-2026", "nothing") == unknown.json()["detail"]
        assert stranger.get("/v1/agreements").json() == {"agreements": []}
        assert stranger.get("/v1/admin/agreements/ecology-2026/text").status_code == 403


def test_every_version_is_kept_with_what_it_changed(house: House) -> None:
    house.apply(agreement(WHERE))
    versions = house.client(admin=True).get("/v1/admin/agreements/ecology-2026/versions").json()["versions"]
    assert [each["version"] for each in versions] == [2, 1]
    assert any("masks" in str(change) for change in versions[0]["changes"])


def test_the_tests_of_an_agreement_hold_and_fail_where_the_gate_does_not_keep_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = house.client(admin=True)
    found = admin.get("/v1/admin/agreements/ecology-2026/check").json()
    assert found["passed"], [test for test in found["tests"] if not test["passed"]]
    said = " ".join(f"{test['test']} {test['expected']}" for test in found["tests"])
    for part in (
        "到期次日 2100-01-01",
        "people.watched (element) refused",
        "区划外",
        "期间外 2023",
        "people.total：遮蔽",
    ):
        assert part in said
    held = SnapshotSources.rows

    def bare(self: Any, dataset: str, elements: Any) -> Any:
        return self._held.rows(dataset, elements)

    monkeypatch.setattr(SnapshotSources, "rows", bare)
    assert not admin.get("/v1/admin/agreements/ecology-2026/check").json()["passed"]
    monkeypatch.setattr(SnapshotSources, "rows", held)
    assert house.client(department="ecology").get("/v1/admin/agreements/ecology-2026/check").status_code == 403


def test_a_department_has_an_openapi_of_its_own_views_and_fields(house: House, ecology: httpx.Client) -> None:
    document = ecology.get("/v1/openapi.json").json()
    OPENAPI_31_VALIDATOR.validate(document)
    paths = document["paths"]
    assert not [path for path in paths if path.startswith("/v1/admin") or "{view}" in path]
    records = paths["/v1/views/people-view/records"]["get"]
    by_name = {each["name"]: each["schema"] for each in records["parameters"]}
    assert by_name["fields"]["items"]["enum"] == ["dm", "mc", "nd", "rk", "mj", "rj", "ly"]
    assert "-rk" in by_name["sort"]["items"]["enum"]
    assert "parquet" in by_name["format"]["enum"]
    record = document["components"]["schemas"]["view_people-view_record"]
    assert list(record["properties"]) == ["dm", "mc", "nd", "rk", "mj", "rj", "ly"]
    assert "nan" not in json.dumps(document["components"]["schemas"]["view_people-view_record"])
    assert "/v1/submissions" not in paths
    assert "/v1/submissions" in house.client(department="water").get("/v1/openapi.json").json()["paths"]
    assert house.client(region="43").get("/v1/openapi.json").status_code == 403


def test_a_cached_answer_is_not_given_when_only_the_condition_changed(house: House, ecology: httpx.Client) -> None:
    """The condition rests on another dataset than the view: its records are behind the answer too."""
    house.apply(
        {
            "datasets/zone.yaml": """
code: zone
title: 区
frequency: year
level: township
source: region
sharing: open
elements:
  - {code: kind, title: 类, type: integer, unit: 个, measure: stock}
""",
            **agreement("where: {people: zone.kind == 1}\n"),
        }
    )
    assert shown(ecology) == []
    report(house, [{"region": "430101102", "period": "2024", "kind": 1}], "zone")
    assert [row[0] for row in shown(ecology)] == ["430101102"]
    report(house, [{"region": "430101102", "period": "2024", "kind": 2}], "zone")
    assert shown(ecology) == []
