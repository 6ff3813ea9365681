"""What sources do among themselves, and what other departments ask, changes nothing that a department is answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.services.reminding import remind
from tests.fixtures.caring import CARED, on, people, report
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import AGREEMENT, VIEW

PDF = b"%PDF-1.7\n%%EOF\n"
FILES = {
    **CARED,
    "views/water-view.yaml": VIEW.replace("people-view", "water-view").replace(
        "department: ecology", "department: water"
    ),
    "agreements/water.yaml": AGREEMENT.replace("ecology-2026", "w")
    .replace("department: ecology", "department: water")
    .replace("430101", "43"),
}
# Made anew in every registry, or sealed: what they stand for is compared elsewhere.
MADE = re.compile(
    rb'[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}|"next":"[^"]*"|\d{4}-\d\d-\d\dT[0-9:.+]*Z?|"snapshot":"[^"]*"'
)


def question(region: str = "430101101", **more: Any) -> dict[str, Any]:
    return {"dataset": "people", "element": "total", "region": region, "period": "2025", "reason": "疑", **more}


def hidden(house: House) -> None:
    """Everything the care of figures knows, done where ecology does not look: by others, or beyond its agreement."""
    clerk, water, east = house.client(region="430102"), house.client(department="water"), house.client(region="430101")
    water.get("/v1/views/water-view/records")
    asked = [water.post("/v1/corrections", json=question(region)).json() for region in ("430102101", "430101101")]
    fixed = report(clerk, "people", people("430102101", total=99))
    said = {"decision": "corrected", "submission": fixed["id"]}
    assert clerk.post(f"/v1/corrections/{asked[0]['id']}/answer", json=said).status_code == 200
    place = {"region": "430102101", "period": "2025"}
    assert (
        clerk.request("DELETE", "/v1/datasets/people/records", params=place, json={"reason": "错"}).status_code == 200
    )
    assert len(water.get("/v1/notices").json()["notices"]) > 2
    upheld = {"decision": "upheld", "reason": "无误"}
    assert east.post(f"/v1/corrections/{asked[1]['id']}/answer", json=upheld).status_code == 200
    files = {"file": ("台账.pdf", PDF)}
    told = east.post("/v1/evidence", files=files, data={"dataset": "people", "region": "430101101", "period": "2025"})
    assert told.status_code == 201
    assert east.post("/v1/datasets/people/still-true", json={"region": "430101", "period": "2025"}).status_code == 200
    case = {"region": "430101101", "period": "2026-01", "received": 7, "closed": 3}
    waiting = [report(east, "cases", {**case, "closed": n})["id"] for n in (1, 2)]
    second = house.client(region="430101", role="confirmer")
    assert second.post(f"/v1/submissions/{waiting[0]}/refuse", json={"reason": "不符"}).status_code == 200


def session(house: House) -> list[tuple[str, int, bytes]]:
    """What ecology asks, and every answer without what is made anew."""
    ecology, said = house.client(department="ecology"), []

    def ask(method: str, path: str, **more: Any) -> Any:
        answer = ecology.request(method, path, **more)
        said.append((f"{method} {path}", answer.status_code, MADE.sub(b"*", answer.content)))
        return answer.json() if answer.headers["content-type"].endswith("json") else None

    ask("GET", "/v1/views/people-view/records")
    for path in (
        "due",
        "due?dataset=people",
        "notices",
        "reminders",
        "corrections",
        "events",
        "submissions",
        "evidence",
    ):
        ask("GET", f"/v1/{path}")
    for region in ("430101101", "430101102", "430102101", "99"):
        for more in ({}, {"element": "men"}, {"element": "watched"}, {"period": "2024"}):
            ask("POST", "/v1/corrections", json=question(region, **more))
        ask("GET", "/v1/evidence", params={"dataset": "people", "region": region, "period": "2025"})
    kept = ask("POST", "/v1/evidence", files={"file": ("台账.pdf", PDF)})
    ask(
        "POST",
        "/v1/evidence",
        files={"file": ("台账.pdf", PDF)},
        data={"dataset": "people", "region": "430101101", "period": "2025"},
    )
    ask("POST", "/v1/corrections", json=question(evidence=[kept["id"]]))
    ask("GET", "/v1/due/workbook", params={"dataset": "people", "period": "2025"})
    clerk = house.client(region="4301")
    clerk.request(
        "DELETE", "/v1/datasets/people/records", params={"region": "430101101", "period": "2025"}, json={"reason": "错"}
    )
    for path in ("notices", "events", "corrections", "views/people-view/records", "views/people-view/changes"):
        ask("GET", f"/v1/{path}")
    return said


def test_two_registries_that_differ_in_what_others_do_answer_the_same(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    worlds = []
    for further in (False, True):
        with serving(new_url(database_kind), tmp_path / str(further)) as house:
            on(house, "2026-03-10")
            house.apply(FILES)
            report(house.client(region="4301"), "people", *(people(r) for r in ("430101101", "430101102", "430102101")))
            if further:
                hidden(house)
            remind(house.registry)
            worlds.append(session(house))
    one, other = worlds
    assert [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]] == []
    assert {status for _, status, _ in one} == {200, 201, 403, 404}
    assert any(b"figure.withdrawn" in body for _, _, body in one)
