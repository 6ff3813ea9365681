"""``as_of`` fixes data, catalogue and regions; a snapshot id the view's version too. Access is always today's."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.mixed import FILES, PEOPLE, agreement, view

PATH = "/v1/views/v/records"
FIRST = view("v", "township", "year", "name: dm, from: region.code", "name: rk, from: pop.total")
YOUNGER = view(
    "v", "township", "year", "name: code, from: region.code", "name: n, from: pop.total", "name: xs, from: pop.fresh"
)
OTHER = FIRST.replace("code: v", "code: other", 1)
FRESH = "  - {code: fresh, title: 新生, type: integer, unit: 人, measure: stock}\n"


@pytest.fixture
def reader(empty_house: House) -> httpx.Client:
    files = {"views/v.yaml": FIRST, "views/other.yaml": OTHER, "agreements/a1.yaml": agreement()}
    empty_house.apply({**FILES, **files})
    report(empty_house, {"430101101": 5, "430102101": 6})
    return empty_house.client(department="eco")


def report(house: House, totals: dict[str, int]) -> None:
    rows = [{"region": region, "period": "2025", "total": total} for region, total in totals.items()]
    answer = house.client(region="43").post("/v1/submissions", json={"dataset": "pop", "rows": rows})
    assert answer.status_code == 201, answer.text


def instant() -> str:
    time.sleep(0.02)
    now = datetime.now(UTC).isoformat()
    time.sleep(0.02)
    return now


def shown(answer: httpx.Response) -> list[list[Any]]:
    assert answer.status_code == 200, answer.text
    return [list(record.values()) for record in answer.json()["records"]]


def test_before_there_was_anything_there_are_no_records(reader: httpx.Client) -> None:
    assert shown(reader.get(PATH, params={"as_of": "2020-01-01T00:00:00Z"})) == []


def test_an_instant_carries_an_offset(reader: httpx.Client) -> None:
    for text in ("2026-01-01", "2026-01-01T00:00:00", "now", ""):
        assert reader.get(PATH, params={"as_of": text}).status_code == 400


def test_an_instant_is_read_by_the_present_mapping_and_a_snapshot_by_its_own(
    reader: httpx.Client, empty_house: House
) -> None:
    before = reader.get(PATH)
    then = instant()
    report(empty_house, {"430101101": 999})
    catalogue = PEOPLE.replace("  - {code: growth", f"{FRESH}  - {{code: growth")
    empty_house.apply({"datasets/pop.yaml": catalogue, "views/v.yaml": YOUNGER})
    assert shown(reader.get(PATH)) == [["430101101", 999, None], ["430102101", 6, None]]
    past = reader.get(PATH, params={"as_of": then})
    assert shown(past) == [["430101101", 5, None], ["430102101", 6, None]]
    assert past.json()["version"] == 2
    pinned = reader.get(PATH, params={"as_of": before.json()["snapshot"]})
    assert pinned.json() == before.json()
    # What an instant gave has a name of its own, with the version by which it was read.
    assert reader.get(PATH, params={"as_of": past.json()["snapshot"]}).json() == past.json()


def test_pages_of_an_instant_stay_with_one_mapping(reader: httpx.Client, empty_house: House) -> None:
    then = instant()
    empty_house.apply({"views/v.yaml": FIRST.replace("name: rk", "name: renkou")})
    asked: dict[str, Any] = {"as_of": then, "limit": 1}
    first = reader.get(PATH, params=asked).json()
    second = reader.get(PATH, params={**asked, "cursor": first["next"]}).json()
    assert [first["version"], second["version"]] == [2, 2]
    assert first["records"] + second["records"] == [
        {"dm": "430101101", "renkou": 5},
        {"dm": "430102101", "renkou": 6},
    ]


def test_a_feed_goes_on_from_what_was_also_read_as_of_an_instant(reader: httpx.Client, empty_house: House) -> None:
    then = instant()
    empty_house.apply({"views/v.yaml": FIRST.replace("name: rk", "name: renkou")})
    # The same content under the same version gets the same name, wherever it was seen first.
    reader.get(PATH, params={"as_of": then})
    feed = reader.get("/v1/views/v/changes").json()
    report(empty_house, {"430101101": 7})
    later = reader.get("/v1/views/v/changes", params={"since": feed["next"]}).json()
    assert [change["record"] for change in later["changes"]] == [{"dm": "430101101", "renkou": 7}]


def test_a_cursor_or_a_snapshot_belongs_to_its_view(reader: httpx.Client) -> None:
    first = reader.get(PATH, params={"limit": 1}).json()
    for asked in ({"cursor": first["next"], "limit": "1"}, {"as_of": first["snapshot"]}):
        assert reader.get(PATH, params=asked).status_code == 200
        refused = reader.get("/v1/views/other/records", params=asked)
        assert refused.status_code == 400
        assert refused.json()["code"] == "bad_cursor"


def test_todays_access_holds_for_the_past(reader: httpx.Client, empty_house: House) -> None:
    whole = reader.get(PATH).json()
    empty_house.apply({"agreements/a1.yaml": agreement(regions='["430102"]')})
    assert shown(reader.get(PATH, params={"as_of": whole["snapshot"]})) == [["430102101", 6]]


def test_canonical_records_are_read_as_of_an_instant(reader: httpx.Client, empty_house: House) -> None:
    path = "/v1/datasets/pop/records"
    admin, county = empty_house.client(admin=True), empty_house.client(region="430101")
    whole, own = admin.get(path), county.get(path)
    then = instant()
    report(empty_house, {"430101101": 999, "430102101": 7})
    empty_house.apply({"datasets/pop.yaml": PEOPLE.replace("  - {code: growth", f"{FRESH}  - {{code: growth")})
    for client, before in ((admin, whole), (county, own)):
        assert "fresh" in client.get(path).json()["records"][0]
        past = client.get(path, params={"as_of": then})
        assert (past.content, past.headers["ETag"]) == (before.content, before.headers["ETag"])
        early = client.get(path, params={"as_of": "2020-01-01T00:00:00Z"}).json()
        assert (early["records"], early["next"]) == ([], None)
        for text in ("now", "2026-01-01", whole.json()["revision"]):
            assert client.get(path, params={"as_of": text}).status_code == 400
    asked = {"as_of": then, "limit": "1"}
    first = admin.get(path, params=asked).json()
    second = admin.get(path, params={**asked, "cursor": first["next"]}).json()
    assert first["records"] + second["records"] == whole.json()["records"]
    refused = admin.get(path, params={"limit": "1", "cursor": first["next"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
