"""A follower that applies every change has what ``records`` gives, whatever happens between its pages."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.mixed import FILES, agreement, view

PATH = "/v1/views/v/changes"
CODE = "name: dm, from: region.code"
MAPPINGS = [
    view("v", "township", "year", CODE, "name: nd, from: period", "name: rk, from: pop.total"),
    view("v", "township", "year", CODE, "name: rk, from: pop.total, unit: 万人, decimals: 4", "name: k, value: x"),
    view("v", "county", "year", CODE, "name: rk, from: pop.total", "name: mj, from: pop.land"),
    view("v", "county", "quarter", CODE, "name: aj, from: mon.cases", "name: sq, expr: previous(mon.cases)"),
    view("v", "village", "event", CODE, "name: bh, from: ev.no", "name: ss, from: ev.loss"),
    view("v", "township", "once", CODE, "name: id, from: site.id", "name: gl, from: site.power"),
]
AGREEMENTS = [
    agreement(),
    agreement(regions='["430101"]'),
    agreement(periods='{from: "2024", to: "2024"}'),
    agreement(elements='["pop.total", "mon.cases", "site.*"]', regions='["430101101", "4419"]'),
    agreement(elements='["pop.land", "ev.loss", "site.power"]', regions='["430102"]'),
]
TOWNSHIPS = ["430101101", "430101102", "430102101", "441900001"]


class Follower:
    """Applies changes and never looks at ``records``."""

    def __init__(self) -> None:
        self.since: str | None = None
        self.held: dict[str, Any] = {}

    def page(self, client: httpx.Client, limit: int) -> dict[str, Any] | None:
        asked: dict[str, Any] = {"limit": limit, **({"since": self.since} if self.since else {})}
        answer = client.get(PATH, params=asked)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        assert len(body["changes"]) <= limit
        for change in body["changes"]:
            place = json.dumps(change["key"], sort_keys=True)
            if change["op"] == "remove":
                del self.held[place]  # nothing is removed that it was not given
            else:
                self.held[place] = change["record"]
        self.since = body["next"]
        return body


def something(house: House, clerk: httpx.Client, water: httpx.Client, random: Random) -> None:
    """One thing that happens: figures, a correction, a withdrawal, another mapping, another agreement."""
    kind = random.choice("pppmeswva")
    if kind == "v":
        house.apply({"views/v.yaml": random.choice(MAPPINGS)})
        return
    if kind == "a":
        house.apply({"agreements/a1.yaml": random.choice(AGREEMENTS)})
        return
    if kind == "w":
        records = clerk.get("/v1/datasets/pop/records").json()["records"]
        if records:
            place = {name: random.choice(records)[name] for name in ("region", "period")}
            clerk.request("DELETE", "/v1/datasets/pop/records", params=place, json={"reason": "填错"})
        return
    township, year = random.choice(TOWNSHIPS), random.choice([2023, 2024, 2025])
    number = random.choice([None, 1, 2])
    dataset, row = {
        "p": ("pop", {"region": township, "period": str(year), "total": random.randrange(3), "land": number}),
        "m": ("mon", {"region": township, "period": f"{year}-0{random.randrange(1, 10)}", "cases": number}),
        "e": ("ev", {"region": "430101101201", "period": "2024-03-01", "no": random.choice("AB"), "loss": number}),
        "s": ("site", {"region": township, "id": random.choice("AB"), "lane": 1, "power": number}),
    }[kind]
    reporter = water if kind == "s" else clerk
    answer = reporter.post("/v1/submissions", json={"dataset": dataset, "rows": [row]})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("seed", [1, 2])
def test_pages_add_up_to_the_records_while_data_mapping_and_access_change(empty_house: House, seed: int) -> None:
    empty_house.apply({**FILES, "views/v.yaml": MAPPINGS[0], "agreements/a1.yaml": AGREEMENTS[0]})
    random = Random(seed)
    clerk, water = empty_house.client(region="43"), empty_house.client(department="water")
    reader = empty_house.client(department="eco")
    followers = [Follower() for _ in range(3)]
    compared = 0
    for _ in range(45):
        something(empty_house, clerk, water, random)
        for follower in followers:
            if random.random() < 0.4:
                continue
            page = follower.page(reader, random.choice([1, 2, 3]))
            if page is None:
                assert reader.get("/v1/views/v/records").status_code == 404
            elif not page["more"]:
                records = reader.get("/v1/views/v/records").json()["records"]
                assert sorted(map(json.dumps, follower.held.values())) == sorted(map(json.dumps, records))
                compared += 1
    assert compared > 10


def test_a_page_begun_before_access_shrank_gives_nothing_that_access_no_longer_covers(empty_house: House) -> None:
    empty_house.apply({**FILES, "views/v.yaml": MAPPINGS[0], "agreements/a1.yaml": AGREEMENTS[0]})
    clerk, reader = empty_house.client(region="43"), empty_house.client(department="eco")
    rows = [{"region": code, "period": "2024", "total": 7} for code in TOWNSHIPS]
    assert clerk.post("/v1/submissions", json={"dataset": "pop", "rows": rows}).status_code == 201
    follower = Follower()
    first = follower.page(reader, 1)
    assert first is not None
    assert first["more"]
    empty_house.apply({"agreements/a1.yaml": agreement(regions='["4419"]')})
    told: list[Any] = []
    while page := follower.page(reader, 1):
        told += page["changes"]
        if not page["more"]:
            break
    assert [(change["op"], change["key"]["region"]) for change in told] == [
        ("remove", "430101101"),
        ("upsert", "441900001"),
    ]
