"""A mapping is checked before it is published: drafts, previews, what it touches, and the way back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from app.cli import program
from app.client.http import Township
from tests.fixtures.house import House
from tests.fixtures.small import FILES

PATH = "/v1/admin/views/people-view"
ROWS = [
    {"region": "430101101", "period": "2024", "total": 10, "men": 4, "women": 6, "area": {"value": 100, "unit": "亩"}},
    {"region": "430101102", "period": "2024", "total": 12, "men": 6, "women": 6, "area": 3},
]


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    clerk = empty_house.client(region="430101")
    assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": ROWS}).status_code == 201
    return empty_house


def mapping(admin: httpx.Client) -> dict[str, Any]:
    body: dict[str, Any] = admin.get(PATH).json()
    return body


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {**body, "fields": [field for field in body["fields"] if field["name"] != name]}


def test_a_draft_stays_beside_the_published_mapping_until_it_is_published(small: House) -> None:
    admin, ecology = small.client(admin=True), small.client(department="ecology")
    body = mapping(admin)
    body["fields"][3]["decimals"] = 2
    drafted = admin.put(PATH, params={"draft": "true"}, json=body)
    assert drafted.status_code == 200, drafted.text
    assert drafted.json()["faults"] == []
    assert any("decimals" in change or "小数" in change for change in drafted.json()["changes"])
    assert mapping(admin)["version"] == 1
    before = ecology.get("/v1/views/people-view/records").json()
    published = admin.post(f"{PATH}/publish")
    assert published.status_code == 200, published.text
    assert published.json()["version"] == 2
    assert admin.get(PATH, params={"draft": "true"}).status_code == 404
    after = ecology.get("/v1/views/people-view/records").json()
    assert (before["version"], after["version"]) == (1, 2)
    restored = admin.post(f"{PATH}/restore", json={"version": 1})
    assert restored.status_code == 200
    assert restored.json()["version"] == 3
    assert ecology.get("/v1/views/people-view/records").json()["records"] == before["records"]
    told = admin.get(f"{PATH}/diff", params={"old": 1, "new": 2}).json()
    assert told["changes"]
    assert admin.get(f"{PATH}/diff", params={"old": 1}).json()["changes"] == []


def test_a_draft_may_have_faults_but_is_not_published_with_them(small: House) -> None:
    admin = small.client(admin=True)
    body = mapping(admin)
    body["fields"][3]["unit"] = "亩"
    drafted = admin.put(PATH, params={"draft": "true"}, json=body).json()
    assert drafted["faults"][0]["place"] == "fields[3] (rk)"
    assert admin.post(f"{PATH}/publish").status_code == 422
    assert mapping(admin)["version"] == 1
    assert admin.delete(f"{PATH}/draft").status_code == 204
    assert admin.delete(f"{PATH}/draft").status_code == 404


def test_a_preview_tells_losses_gaps_and_what_real_requests_would_get(small: House) -> None:
    admin, ecology = small.client(admin=True), small.client(department="ecology")
    asked = {"fields": "dm,rk,mj", "filter": "rk:gt:0.0001"}
    assert ecology.get("/v1/views/people-view/records", params=asked).status_code == 200
    body = mapping(admin)
    fields = {field["name"]: field for field in body["fields"]}
    fields["rk"]["decimals"] = 3
    fields["mj"].update(unit="公顷", decimals=1)
    told = admin.post(f"{PATH}/preview", json=without(body, "rj")).json()
    assert [loss["field"] for loss in told["rounding_losses"]] == ["rk", "mj"]
    assert told["rounding_losses"][1]["examples"] == ["20/3"]
    impact = told["impact"]
    assert impact["fields"]["removed_or_retyped"] == {"rj": "removed"}
    (question,) = impact["questions"]
    assert question["question"]["fields"] == "dm,rk,mj"
    assert question["rows"] == {"before": 2, "after": 2}
    assert question["changed_cells"] == {"rk": 1, "mj": 2}
    assert {"region": "430101101", "period": "2024", "field": "mj", "before": "100", "after": "6.7"} in question[
        "examples"
    ]
    assert mapping(admin)["version"] == 1


def test_a_field_that_somebody_relies_on_is_taken_away_only_when_that_is_accepted(small: House) -> None:
    admin, ecology = small.client(admin=True), small.client(department="ecology")
    body = without(mapping(admin), "rj")
    for days in (0, 1):
        small.clock.offset = timedelta(days=days).total_seconds()
        assert ecology.get("/v1/views/people-view/records").status_code == 200
    refused = admin.put(PATH, json=body)
    assert refused.status_code == 409
    assert refused.json()["code"] == "field_in_use"
    assert [finding["place"] for finding in refused.json()["findings"]] == ["rj"]
    assert admin.put(PATH, json=body, params={"accept_breaking": "true"}).status_code == 200
    assert "rj" not in ecology.get("/v1/views/people-view/records").json()["records"][0]


def test_readers_are_told_of_the_coming_end_of_a_field_they_see(small: House) -> None:
    admin, ecology = small.client(admin=True), small.client(department="ecology")
    body = mapping(admin)
    admin.put(PATH, params={"draft": "true", "sunset": "2099-01-31"}, json=without(body, "nan"))
    answer = ecology.get("/v1/views/people-view/records")
    assert "Sunset" not in answer.headers, "a field that is not covered ends in silence"
    admin.put(PATH, params={"draft": "true", "sunset": "2099-01-31"}, json=without(body, "rj"))
    answer = ecology.get("/v1/views/people-view/records")
    assert answer.headers["Sunset"] == "Fri, 30 Jan 2099 16:00:00 GMT"
    assert answer.headers["Deprecation"].startswith("@")
    assert admin.put(PATH, params={"draft": "true", "sunset": "soon"}, json=body).status_code == 400


def test_many_mappings_are_edited_as_one_yaml_document_all_or_none(small: House) -> None:
    admin = small.client(admin=True)
    text = admin.get("/v1/admin/mappings").text
    document = yaml.safe_load(text)
    assert [view["code"] for view in document["views"]] == ["county-view", "people-view"]
    assert admin.put("/v1/admin/mappings", content=text).json()["applied"]
    assert mapping(admin)["version"] == 1
    document["views"][0]["title"] = "县级合计"
    document["views"][1]["fields"][3]["from"] = "people.nothing"
    wrong = yaml.safe_dump(document, allow_unicode=True)
    refused = admin.put("/v1/admin/mappings", content=wrong.encode())
    assert refused.status_code == 422
    assert admin.get("/v1/admin/views/county-view").json()["title"] == "县合计"
    document["views"][1]["fields"][3]["from"] = "people.total"
    right = yaml.safe_dump(document, allow_unicode=True).encode()
    planned = admin.put("/v1/admin/mappings", params={"dry_run": "true"}, content=right).json()
    assert not planned["applied"]
    assert admin.put("/v1/admin/mappings", content=right).json()["applied"]
    assert admin.get("/v1/admin/views/county-view").json()["title"] == "县级合计"


def test_the_client_and_its_commands_do_the_same(small: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = small.key(admin=True)
    monkeypatch.setenv("TOWNSHIP_URL", small.url)
    monkeypatch.setenv("TOWNSHIP_KEY", key)
    file = tmp_path / "views.yaml"
    runner = CliRunner()

    def run(*words: str) -> str:
        result = runner.invoke(program("mapping"), ["mapping", *words])
        assert result.exit_code == 0, result.output
        return result.output

    run("export", "-o", str(file))
    file.write_text(file.read_text(encoding="utf-8").replace("人口考核", "人口年度考核"), encoding="utf-8")
    assert "people-view" in run("import", str(file), "--dry-run")
    assert "已生效" in run("import", str(file))
    assert "人口年度考核" in run("diff", "people-view", "1", "2")
    assert "2 行" in run("preview", "people-view")
    assert "3" in run("restore", "people-view", "1")
    with Township(small.url, key) as township:
        document, _ = township.admin.definition("views", "people-view")
        assert document["title"] == "人口考核"
        document["title"] = "草稿"
        assert township.mappings.put_draft("people-view", document)["faults"] == []
        assert township.mappings.draft("people-view")["changes"]
    assert "4" in run("publish", "people-view")


def test_saving_tells_which_codes_of_present_records_have_no_target(small: House) -> None:
    small.apply(
        {
            "codelists/kinds.yaml": "code: kinds\ntitle: 类型\ncodes:\n  - {code: '1', label: 甲}\n  - {code: '2', label: 乙}\n",
            "datasets/places.yaml": (
                "code: places\ntitle: 地点\nfrequency: year\nlevel: township\nsource: region\nsharing: open\n"
                "elements:\n  - {code: kind, title: 类型, type: code, codes: kinds}\n"
            ),
        }
    )
    clerk, admin = small.client(region="430101"), small.client(admin=True)
    rows = [{"region": f"43010110{i}", "period": "2024", "kind": "乙"} for i in (1, 2)]
    assert clerk.post("/v1/submissions", json={"dataset": "places", "rows": rows}).status_code == 201
    field = {"name": "lx", "from": "places.kind", "codes": {"1": "A"}}
    view = {
        "department": "ecology", "title": "地点", "grain": {"level": "township", "frequency": "year"}, "fields": [field],
    }  # fmt: skip
    saved = admin.put("/v1/admin/views/places", json=view).json()
    assert saved["unmapped_codes"] == [{"field": "lx", "code": "2", "records": 2}]
    assert saved["warnings"][0]["place"] == "fields[0] (lx)"
    again = admin.put("/v1/admin/views/places", json=saved)
    assert again.status_code == 200, "an answer can be put back as it is"
    assert again.json()["version"] == 1
    told = {**view, "fields": [{**field, "otherwise": "其他"}]}
    assert admin.put("/v1/admin/views/places", json=told).json()["unmapped_codes"] == []
    strict = admin.put("/v1/admin/views/places", json={**view, "strict_codes": True})
    assert strict.status_code == 422
