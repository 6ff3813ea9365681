"""An assessment names what it rested on, and reads the same bytes years later, on either database, wherever it was moved."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import program
from app.formats.writing import FORMATS
from app.policy.callers import Caller
from app.services.mapped import MappedViews
from app.services.naming import StateNames
from app.services.pinning import Pinning, Pins
from app.services.registry import CHINA
from app.store import pins
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import AGREEMENT, FILES, PEOPLE, REGIONS, VIEW, WELLS

OTHER: dict[Kind, Kind] = {"sqlite": "postgresql", "postgresql": "sqlite"}
VIEWS = ("county-view", "now-view", "people-view", "wells-view")
NOW = VIEW.replace("code: people-view", "code: now-view\nregions: present")
WELLS_VIEW = """
code: wells-view
department: ecology
title: 井
grain: {level: township, frequency: once}
fields:
  - {name: dm, from: region.code}
  - {name: mc, from: region.name}
  - {name: bh, from: wells.number}
  - {name: js, from: wells.depth, decimals: 1}
"""
KEPT = {
    **FILES,
    "views/now-view.yaml": NOW,
    "views/wells-view.yaml": WELLS_VIEW,
    "agreements/ecology-2026.yaml": AGREEMENT.replace("people.area]", "people.area, wells.*]"),
}
MUCH_LATER = datetime(2029, 6, 1, 4, tzinfo=UTC)


def report(house: House, total: int) -> None:
    clerk, water = house.client(region="430101"), house.client(department="water")
    rows = [{"region": f"43010110{n}", "period": "2025", "total": total + n, "area": f"{total}.{n}"} for n in (1, 2)]
    assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201
    wells = [{"region": "430101101", "number": f"井{total}", "depth": "3.15"}]
    assert water.post("/v1/submissions", json={"dataset": "wells", "rows": wells}).status_code == 201


def everything_changes(house: House) -> None:
    """Figures, mapping, catalogue and the names of places, three years on."""
    house.clock.set(MUCH_LATER)
    report(house, 70_000)
    house.apply(
        {
            **KEPT,
            "regions.csv": REGIONS.replace("一镇", "新一街道"),
            "datasets/people.yaml": PEOPLE.replace("title: 总人口", "title: 全部人口"),
            "datasets/wells.yaml": WELLS + "  - {code: state, title: 状态, type: text}\n",
            "views/people-view.yaml": VIEW.replace("decimals: 4", "decimals: 2").replace("name: rk", "name: renkou"),
            "views/wells-view.yaml": WELLS_VIEW.replace("decimals: 1", "decimals: 2"),
        }
    )


def read(client: httpx.Client, **asked: Any) -> dict[tuple[str, str], tuple[bytes, str]]:
    """Every view in every format: bytes and tag."""
    found = {}
    for view in VIEWS:
        for form in FORMATS:
            answer = client.get(f"/v1/views/{view}/records", params={"format": form, **asked})
            assert answer.status_code == 200, answer.text
            found[view, form] = answer.content, answer.headers["ETag"]
    return found


@pytest.fixture
def place(database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path) -> tuple[str, Path]:
    return new_url(database_kind), tmp_path / "data"


@pytest.fixture
def house(place: tuple[str, Path]) -> Iterator[House]:
    with serving(*place) as house:
        house.apply(KEPT)
        report(house, 10_000)
        yield house


def test_a_pinned_snapshot_reads_the_same_years_later_from_any_folder_and_any_database(
    database_kind: Kind,
    place: tuple[str, Path],
    new_url: Callable[[Kind], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(*place) as house:
        house.apply(KEPT)
        report(house, 10_000)
        key = house.key(department="ecology")
        ecology = house.client(key)
        then = read(ecology)
        made = ecology.post("/v1/snapshots", json={"name": "kaohe-2026", "note": "年度考核"})
        assert made.status_code == 201
        told = made.json()
        assert [each["view"] for each in told["views"]] == list(VIEWS)
        ids = {each["view"]: each["snapshot"] for each in told["views"]}
        everything_changes(house)
        now, pinned = read(ecology), read(ecology, as_of="kaohe-2026")
        assert pinned == then
        assert all(now[place_][0] != then[place_][0] for place_ in then if place_[0] != "county-view")
        for view, snapshot in ids.items():
            answer = ecology.get(f"/v1/views/{view}/records", params={"format": "csv", "as_of": snapshot})
            assert answer.content == then[view, "csv"][0]
        explained = ecology.get(
            "/v1/views/people-view/explain",
            params={"region": "430101101", "period": "2025", "field": "rk", "as_of": "kaohe-2026"},
        )
        assert explained.json()["value"] == 1.0001
    for folder in ("snapshots", "answers"):
        shutil.rmtree(place[1] / folder, ignore_errors=True)
    copied, restored = new_url(OTHER[database_kind]), new_url(database_kind)
    for address, data, command in (
        (place[0], place[1], ["copy", "--to", copied]),
        (place[0], place[1], ["backup", str(tmp_path / "kept.zip")]),
        (restored, tmp_path / "restored", ["restore", str(tmp_path / "kept.zip")]),
    ):
        monkeypatch.setenv("TOWNSHIP_DATABASE_URL", address)
        monkeypatch.setenv("TOWNSHIP_DATA_DIR", str(data))
        done = CliRunner().invoke(program(command[0]), command)
        assert done.exit_code == 0, done.output
    for url, data in ((place[0], place[1]), (copied, tmp_path / "copied"), (restored, tmp_path / "restored")):
        with serving(url, data) as house:
            house.clock.set(MUCH_LATER)
            ecology = house.client(key)
            assert read(ecology, as_of="kaohe-2026") == then
            for view, snapshot in ids.items():
                answer = ecology.get(f"/v1/views/{view}/records", params={"format": "json", "as_of": snapshot})
                assert answer.content == then[view, "json"][0]


def test_pages_of_a_pinned_snapshot_go_on_in_it(house: House) -> None:
    ecology = house.client(department="ecology")
    ecology.post("/v1/snapshots", json={"view": "now-view", "name": "kept"})
    everything_changes(house)
    path, found, cursor = "/v1/views/now-view/records", [], None
    while True:
        asked: dict[str, str | int] = {"as_of": "kept", "limit": 1, **({"cursor": cursor} if cursor else {})}
        page = ecology.get(path, params=asked).json()
        found += [(record["mc"], record["rk"]) for record in page["records"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [("一镇", 1.0001), ("二镇", 1.0002)]


def test_an_earlier_state_is_pinned_by_its_instant_or_its_snapshot(house: House) -> None:
    ecology = house.client(department="ecology")
    path = "/v1/views/people-view/records"
    first = ecology.get(path)
    instant = house.registry.now().isoformat()
    house.clock.offset += 60
    report(house, 20_000)
    for name, as_of in (("by-instant", instant), ("by-snapshot", first.json()["snapshot"]), ("of-a-pin", "by-instant")):
        made = ecology.post("/v1/snapshots", json={"view": "people-view", "name": name, "as_of": as_of})
        assert made.status_code == 201, made.text
        assert made.json()["views"] == [{"view": "people-view", "version": 1, "snapshot": first.json()["snapshot"]}]
        assert ecology.get(path, params={"as_of": name}).content == first.content
    bad = ecology.post("/v1/snapshots", json={"view": "people-view", "as_of": "no-such-name"})
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")


def test_a_snapshot_pinned_while_the_day_changes_stands_for_the_day_it_was_made_under(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller("department", "c", "ecology", department="ecology")
    before, after = datetime(2026, 12, 30, 15, 59, 59, tzinfo=UTC), datetime(2026, 12, 30, 16, tzinfo=UTC)
    told = iter([before])
    monkeypatch.setattr(house.registry, "clock", lambda: next(told, after))
    Pins(house.registry, MappedViews(1 << 24), StateNames(house.registry)).pin(caller, Pinning(name="year-end"))
    with house.registry.database.read() as cx:
        kept = pins.every(cx, "ecology", "year-end")
    assert kept
    assert {pin.shown_at.astimezone(CHINA).date() for pin in kept} == {date(2026, 12, 30)}


def test_access_to_a_pinned_snapshot_is_todays(house: House) -> None:
    ecology = house.client(department="ecology")
    ecology.post("/v1/snapshots", json={"view": "people-view", "name": "kept"})
    path = "/v1/views/people-view/records"
    assert {record["dm"] for record in ecology.get(path, params={"as_of": "kept"}).json()["records"]} == {
        "430101101",
        "430101102",
    }
    narrowed = AGREEMENT.replace('["430101"]', '["430101102"]').replace(", people.area", "")
    house.apply({"agreements/ecology-2026.yaml": narrowed})
    (record,) = ecology.get(path, params={"as_of": "kept"}).json()["records"]
    assert (record["dm"], record["rk"], "mj" in record) == ("430101102", 1.0002, False)
    house.apply({"agreements/ecology-2026.yaml": narrowed.replace("2099-12-31", "2026-01-02")})
    refused = ecology.get(path, params={"as_of": "kept"})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_a_snapshot_belongs_to_its_department(house: House) -> None:
    ecology, other = house.client(department="ecology"), house.client(department="water")
    admin, clerk = house.client(admin=True), house.client(region="430101")
    made = ecology.post("/v1/snapshots", json={"view": "people-view", "name": "kept", "note": "甲"}).json()
    assert ecology.get("/v1/snapshots").json() == {"snapshots": [made]}
    assert ecology.get("/v1/snapshots/kept").json() == made
    assert other.get("/v1/snapshots").json() == clerk.get("/v1/snapshots").json() == {"snapshots": []}
    assert admin.get("/v1/snapshots").json() == {"snapshots": [made]}
    assert admin.get("/v1/snapshots/kept", params={"department": "ecology"}).json() == made
    for client in (other, clerk):
        for method in ("GET", "DELETE"):
            hidden, missing = (client.request(method, f"/v1/snapshots/{name}").json() for name in ("kept", "none"))
            assert hidden["detail"] == missing["detail"]
            assert hidden["status"] == 404
        assert client.request("GET", "/v1/snapshots/kept", params={"department": "ecology"}).status_code == 404
    for client in (clerk, admin):
        assert client.post("/v1/snapshots", json={"name": "mine"}).status_code == 403
    assert other.post("/v1/snapshots", json={"view": "people-view"}).status_code == 404
    assert ecology.delete("/v1/snapshots/kept").status_code == 204
    gone = ecology.get("/v1/views/people-view/records", params={"as_of": "kept"})
    assert (gone.status_code, gone.json()["code"]) == (400, "bad_cursor")
    assert ecology.delete("/v1/snapshots/kept").status_code == 404


def test_names_are_ones_own_are_not_taken_twice_and_are_not_without_number(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    with serving(new_url(database_kind), tmp_path / "data", pins_per_department=3) as house:
        house.apply(KEPT)
        ecology = house.client(department="ecology")
        for name in ("2026-01-01T00:00:00+08:00", "名", "A", "a" * 32, "", "a/b"):
            refused = ecology.post("/v1/snapshots", json={"view": "people-view", "name": name})
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_request"), name
        assert ecology.post("/v1/snapshots", json={"view": "people-view", "name": "one"}).status_code == 201
        taken = ecology.post("/v1/snapshots", json={"view": "people-view", "name": "one"})
        assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
        named = ecology.post("/v1/snapshots", json={"view": "people-view"}).json()["name"]
        assert named.startswith("people-view-")
        assert ecology.post("/v1/snapshots", json={}).status_code == 201
        assert ecology.post("/v1/snapshots", json={"name": "four"}).status_code == 409
        assert ecology.delete(f"/v1/snapshots/{named}").status_code == 204
        assert ecology.post("/v1/snapshots", json={"name": "four"}).status_code == 201


def test_the_parts_behind_a_pinned_snapshot_are_kept(house: House) -> None:
    ecology = house.client(department="ecology")
    ecology.get("/v1/views/people-view/records")
    before = {part for part in house.registry._parts_in_use() if part[0] == "people"}
    ecology.post("/v1/snapshots", json={"view": "people-view", "name": "kept"})
    for total in range(20_000, 20_020):
        report(house, total)
        ecology.get("/v1/views/people-view/records")
    house.registry._past.clear()
    assert before <= house.registry._parts_in_use()
    ecology.delete("/v1/snapshots/kept")
    assert not before <= house.registry._parts_in_use()
