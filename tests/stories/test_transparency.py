"""Who read what is told to the source; why somebody may see something is told to administrators."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.policy.callers import OPERATOR
from app.services import transparency
from app.services.access_explained import AskedAccess, explain_access
from app.services.reading_scopes import catch_up
from app.store import tables as t
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import AGREEMENT
from tests.stories.conftest import apply_small

MONDAY = datetime(2026, 9, 21, 1, 0, tzinfo=UTC)
VIEW = "/v1/views/people-view/records"
ROWS = [
    {"region": "430101101", "period": "2025", "total": 10, "area": "3.5"},
    {"region": "430102101", "period": "2025", "total": 20},
]


@pytest.fixture
def small(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[House]:
    with serving(filled_url(database_kind, "small", apply_small), tmp_path) as house:
        house.clock.set(MONDAY)
        answer = house.client(region="43").post("/v1/submissions", json={"dataset": "people", "rows": ROWS})
        assert answer.status_code == 201, answer.text
        yield house


def settle(house: House) -> None:
    """Wait until every reading that was answered has its closing entry: it follows the last byte."""
    kinds = select(t.audit.c.kind, func.count()).where(t.audit.c.kind != "act").group_by(t.audit.c.kind)
    for _ in range(400):
        with house.registry.database.read_journal() as cx:
            counted = {row[0]: row[1] for row in cx.execute(kinds)}
        if counted.get("intent") == counted.get("closing"):
            return
        time.sleep(0.01)
    raise AssertionError(counted)


def reads(small: House, client: httpx.Client, **wanted: str) -> list[dict[str, Any]]:
    settle(small)
    answer = client.get("/v1/transparency", params=wanted)
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["reads"]
    return told


def brief(told: list[dict[str, Any]]) -> set[tuple[str, str | None, str, int, str]]:
    return {(r["reader"], r["agreement"], r["element"], r["times"], r["last"]) for r in told}


def test_a_region_sees_who_read_which_of_its_elements_under_which_agreement(small: House) -> None:
    ecology, county = small.client(department="ecology"), small.client(region="430101")
    assert reads(small, county) == []
    assert ecology.get(VIEW, params={"period": "2025", "fields": "dm,rk"}).status_code == 200
    small.clock.set(MONDAY + timedelta(days=1))
    assert ecology.get(VIEW, params={"format": "csv"}).status_code == 200
    told = reads(small, county)
    assert brief(told) == {
        ("生态环境局", "ecology-2026", "people.total", 2, "2026-09-22"),
        ("生态环境局", "ecology-2026", "people.area", 1, "2026-09-22"),
    }
    one = next(read for read in told if read["element"] == "people.total")
    assert (one["department"], one["purpose"], one["title"]) == ("ecology", "考核", "总人口")
    assert one["periods"] == ["2024-01-01..", "2025"]
    only = brief(reads(small, county, until="2026-09-21"))
    assert only == {("生态环境局", "ecology-2026", "people.total", 1, "2026-09-21")}
    assert brief(reads(small, county, element="people.area", region="430101102")) == {
        ("生态环境局", "ecology-2026", "people.area", 1, "2026-09-22")
    }


def test_a_region_learns_nothing_of_others(small: House) -> None:
    ecology = small.client(department="ecology")
    covered, other = small.client(region="430101"), small.client(region="430102")
    ecology.get(VIEW)
    ecology.get(VIEW, params={"region": "430101101"})
    assert {read["times"] for read in reads(small, covered)} == {2}
    assert {read["times"] for read in reads(small, small.client(region="430101102"))} == {1}
    assert {read["times"] for read in reads(small, small.client(region="43"))} == {2}
    assert reads(small, other) == []
    assert other.get("/v1/transparency", params={"region": "430101"}).status_code == 403
    assert other.get("/v1/transparency", params={"region": "990000"}).status_code == 404


def test_what_a_region_is_told_does_not_depend_on_what_others_reported(small: House) -> None:
    """Every township's question is answered alike, with or without figures: page by page, changed or not."""
    ecology, second = small.client(department="ecology"), small.client(region="430101102")
    clerk = small.client(region="430101101")
    before = ecology.get(VIEW, params={"limit": 1})
    seen = [reads(small, second)]
    clerk.post("/v1/submissions", json={"dataset": "people", "rows": [{**ROWS[0], "region": "430101102"}]})
    clerk.post("/v1/submissions", json={"dataset": "people", "rows": [{**ROWS[0], "period": "2024"}]})
    page = ecology.get(VIEW, params={"limit": 1})
    while page.json()["next"]:
        page = ecology.get(VIEW, params={"limit": 1, "cursor": page.json()["next"]})
    seen.append(reads(small, second))
    assert ecology.get(VIEW, params={"limit": 1}, headers={"If-None-Match": before.headers["ETag"]}).status_code == 200
    again = ecology.get(VIEW, params={"limit": 1})
    etag = {"If-None-Match": again.headers["ETag"]}
    assert ecology.get(VIEW, params={"limit": 1}, headers=etag).status_code == 304
    seen.append(reads(small, second))
    assert [{read["times"] for read in told} for told in seen] == [{1}, {2}, {5}]


def test_a_feed_that_is_followed_counts_once_a_day(small: House) -> None:
    ecology, county = small.client(department="ecology"), small.client(region="430101")
    cursor = ""
    for day in (0, 0, 0, 1):
        small.clock.set(MONDAY + timedelta(days=day, seconds=1))
        params = {"since": cursor} if cursor != "" else None
        cursor = ecology.get("/v1/views/people-view/changes", params=params).json()["next"]
    assert {(read["times"], read["last"]) for read in reads(small, county)} == {(2, "2026-09-22")}


def test_refused_and_own_readings_are_none(small: House) -> None:
    ecology, county = small.client(department="ecology"), small.client(region="430101")
    assert ecology.get(VIEW, params={"region": "430102"}).status_code == 403
    assert ecology.get("/v1/views/nowhere/records").status_code == 404
    assert county.get("/v1/datasets/people/records").status_code == 200
    assert reads(small, county) == []


def test_administrators_are_readers_like_others(small: House) -> None:
    admin, county = small.client(admin=True), small.client(region="430102")
    assert admin.get("/v1/datasets/people/records", params={"region": "430102"}).status_code == 200
    assert admin.post("/v1/admin/views/county-view/preview").status_code == 200
    told = {(r["reader"], r["kind"], r["agreement"], r["element"], r["times"]) for r in reads(small, county)}
    people = {"people.total": 2, "people.men": 1, "people.women": 1, "people.area": 1, "people.watched": 1}
    expected = {("管理员", "administrators", None, path, times) for path, times in people.items()}
    assert told == expected | {("管理员", "administrators", None, "cases.received", 1)}


def test_readers_of_a_sensitive_agreement_are_coarsened(small: House) -> None:
    ecology, county = small.client(department="ecology"), small.client(region="430101")
    ecology.get(VIEW, params={"fields": "rk"})
    assert [read["reader"] for read in reads(small, county)] == ["生态环境局"]
    small.apply({"agreements/ecology-2026.yaml": AGREEMENT + "sensitive: true\nreaders_shown_as: 某执法部门\n"})
    small.clock.set(MONDAY + timedelta(days=3))
    ecology.get(VIEW, params={"fields": "rk"})
    for who in (county, small.client(admin=True)):
        told = reads(small, who)
        assert [(r["reader"], r["department"], r["agreement"], r["purpose"]) for r in told] == [
            ("某执法部门", None, None, None)
        ]
        assert [(r["times"], r["last"]) for r in told] == [(2, "2026-09")]


def test_a_source_department_sees_its_dataset_and_no_other(small: House) -> None:
    small.apply({
        "views/wells-view.yaml": "code: wells-view\ndepartment: ecology\ntitle: 井\n"
        "grain: {level: township, frequency: once}\nfields:\n  - {name: bh, from: wells.number}\n"
        "  - {name: js, from: wells.depth}\n",
        "agreements/wells.yaml": AGREEMENT.replace("ecology-2026", "wells").replace(
            "people.total, people.area", "wells.*"
        ),
    })  # fmt: skip
    water, ecology = small.client(department="water"), small.client(department="ecology")
    ecology.get(VIEW)
    ecology.get("/v1/views/wells-view/records")
    assert {(read["element"], read["agreement"]) for read in reads(small, water)} == {
        ("wells.number", "wells"),
        ("wells.depth", "wells"),
    }
    assert {read["element"] for read in reads(small, small.client(region="430101"))} == {"people.total", "people.area"}
    for outsider in (ecology, small.client(auditor=True)):
        assert outsider.get("/v1/transparency").status_code == 403


def test_every_reading_is_counted_once_whoever_counts_at_the_same_time(small: House) -> None:
    ecology = small.client(department="ecology")
    for _ in range(6):
        ecology.get(VIEW, params={"fields": "rk"})
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: catch_up(small.registry), range(3)))
    assert {read["times"] for read in reads(small, small.client(region="430101"))} == {6}


def test_an_administrator_sees_a_view_as_the_department_would_and_that_is_told(small: House) -> None:
    ecology, admin, county = (
        small.client(department="ecology"),
        small.client(admin=True),
        small.client(region="430101"),
    )
    where = "/v1/admin/views/people-view/as"
    questions: list[dict[str, str]] = [
        {},
        {"period": "2025", "fields": "dm,rk", "format": "csv"},
        {"filter": "rk:ge:0", "count": "exact"},
    ]
    for params in questions:
        own = ecology.get(VIEW, params=params)
        seen = admin.get(where, params={"department": "ecology", **params})
        assert (seen.status_code, seen.content, seen.headers["ETag"]) == (200, own.content, own.headers["ETag"])
    assert admin.get(where, params={"department": "water"}).status_code == 404
    assert admin.get(where, params={"department": "ecology", "region": "430102"}).status_code == 403
    assert ecology.get(where, params={"department": "ecology"}).status_code == 403
    entry = next(
        each for each in admin.get("/v1/admin/audit").json()["entries"]
        if each["action"] == "read-as" and each["kind"] == "intent"
    )  # fmt: skip
    assert (entry["caller_kind"], entry["department"]) == ("admin", "ecology")
    told = {(read["reader"], read["element"], read["times"]) for read in reads(small, county)}
    assert ("管理员", "people.total", 3) in told
    assert ("生态环境局", "people.total", 3) in told


def access(admin: httpx.Client, **asked: str) -> dict[str, Any]:
    given = {"department": "ecology", "element": "people.total", "region": "430101101", "period": "2025", **asked}
    answer = admin.get("/v1/admin/access", params={k: v for k, v in given.items() if v})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def unmet(told: dict[str, Any]) -> list[str]:
    return [each["condition"] for each in told["agreements"][0]["conditions"] if each["met"] is False]


def test_access_is_explained_condition_by_condition(small: House) -> None:
    admin = small.client(admin=True)
    told = access(admin)
    assert (told["visible"], unmet(told)) == (True, [])
    assert told["views"] == [
        {"view": "county-view", "fields": ["rk"]},
        {"view": "people-view", "fields": ["rk", "rj"]},
    ]
    assert unmet(access(admin, region="430102101")) == ["region"]
    assert unmet(access(admin, period="2023")) == ["period"]
    assert unmet(access(admin, day="2025-12-31")) == ["in_force"]
    assert unmet(access(admin, element="people.men")) == ["element"]
    closed = access(admin, element="people.watched")
    assert (closed["visible"], closed["sharing"], unmet(closed)) == (False, "closed", ["element"])
    assert unmet(access(admin, region="430102101", period="2023", element="people.men")) == [
        "element",
        "region",
        "period",
    ]


def test_access_of_a_credential_is_explained_with_its_own_end(small: House) -> None:
    admin = small.client(admin=True)
    made = admin.post("/v1/admin/credentials", json={"name": "n", "kind": "department", "department": "ecology"}).json()
    assert access(admin, department="", credential=made["id"])["visible"]
    assert admin.delete(f"/v1/admin/credentials/{made['id']}").status_code == 204
    small.clock.set(MONDAY + timedelta(days=1))
    ended = access(admin, department="", credential=made["id"])
    assert (ended["visible"], ended["by_agreement"], ended["credential"][0]["met"]) == (False, True, False)
    clerk = admin.post("/v1/admin/credentials", json={"name": "c", "kind": "region", "region": "430102"}).json()
    own = access(admin, department="", credential=clerk["id"], region="430102101")
    assert (own["visible"], own["as_source"], own["agreements"]) == (True, True, [])
    assert not access(admin, department="", credential=clerk["id"])["visible"]
    for wrong in ({"department": "ecology", "credential": "x"}, {}):
        asked = {"element": "people.total", "region": "430101", "period": "2025", **wrong}
        assert admin.get("/v1/admin/access", params=asked).status_code == 400


def test_the_explanation_says_what_the_gate_says(small: House) -> None:
    """For every cell: seen when some agreement meets all of its conditions, and then the view shows its value too."""
    small.apply({
        "agreements/second.yaml": AGREEMENT.replace("ecology-2026", "second")
        .replace('["430101"]', '["430102101"]').replace("people.total, people.area", "people.*")
        .replace('{from: "2024"}', '{from: "2024", to: "2024"}'),
        "agreements/third.yaml": AGREEMENT.replace("ecology-2026", "third")
        .replace('["430101"]', '["*"]') + "where: people.total > 15\n",
    })  # fmt: skip
    rows = [
        {"region": region, "period": period, "total": 10 * number + 5, "men": 1, "area": "1"}
        for number, (region, period) in enumerate(
            itertools.product(["430101101", "430101102", "430102101", "430102102"], ["2023", "2024", "2025"])
        )
    ]
    assert (
        small.client(region="43").post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201
    )
    shown = small.client(department="ecology").get(VIEW).json()["records"]
    seen = {(r["dm"], r["nd"], f) for r in shown for f in ("rk", "nan", "mj") if r[f] is not None}
    fields = {"people.total": "rk", "people.men": "nan", "people.area": "mj"}
    told = {}
    for (path, field), row in itertools.product(fields.items(), rows):
        asked = AskedAccess(path, str(row["region"]), str(row["period"]), "ecology", None, date(2026, 9, 21))
        found = explain_access(small.registry, OPERATOR, asked)
        met = [all(c["met"] for c in each["conditions"]) for each in found["agreements"]]
        assert met == [each["covers"] for each in found["agreements"]]
        assert found["visible"] == any(met)
        told[row["region"], row["period"], field] = found["visible"]
    assert {cell for cell, visible in told.items() if visible} == seen
    assert len(set(told.values())) == 2


def test_an_administrator_is_told_of_every_source(small: House) -> None:
    small.client(department="ecology").get(VIEW)
    settle(small)
    told = transparency.transparency(small.registry, OPERATOR, transparency.Wanted())
    assert {read["element"] for read in told["reads"]} == {"people.total", "people.area"}
