"""Two persons: the second one may refuse, with a reason; what waits or was refused reaches no department."""

from __future__ import annotations

import httpx
import pytest

from tests.fixtures.house import House
from tests.fixtures.small import AGREEMENT, FILES

ROW = {"region": "430101101", "period": "2026-01", "received": 7, "closed": 3}


@pytest.fixture
def small(empty_house: House) -> House:
    opened = AGREEMENT.replace("people.total, people.area", "people.total, people.area, cases.*")
    empty_house.apply({**FILES, "agreements/ecology-2026.yaml": opened})
    return empty_house


def waiting(client: httpx.Client) -> str:
    answer = client.post("/v1/submissions", json={"dataset": "cases", "rows": [ROW]})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_the_second_person_refuses_with_a_reason_that_the_first_is_told(small: House) -> None:
    clerk, confirmer = small.client(region="430101101"), small.client(region="430101", role="confirmer")
    identity = waiting(clerk)
    path = f"/v1/submissions/{identity}/refuse"
    assert clerk.post(path, json={"reason": "自己拒绝"}).status_code == 403
    assert confirmer.post(path, json={"reason": "  "}).status_code == 400
    assert confirmer.post(path, json={}).status_code == 400
    assert small.client(region="430102", role="confirmer").post(path, json={"reason": "外县"}).status_code == 404
    assert small.client(department="ecology").post(path, json={"reason": "部门"}).status_code == 404
    assert small.client(admin=True).post(path, json={"reason": "管理员"}).status_code == 403
    refused = confirmer.post(path, json={"reason": "受理数与台账不符"})
    assert refused.status_code == 200, refused.text
    told = clerk.get(f"/v1/submissions/{identity}").json()
    assert (told["status"], told["reason"], told["confirmed_by"]) == ("refused", "受理数与台账不符", None)
    assert told["ended_by"] == confirmer.get("/v1/me").json()["credential"]
    (notice,) = clerk.get("/v1/notices").json()["notices"]
    assert (notice["type"], notice["subject"], notice["data"]["reason"]) == (
        "submission.refused",
        identity,
        "受理数与台账不符",
    )
    assert confirmer.post(path, json={"reason": "再拒"}).status_code == 409
    assert confirmer.post(f"/v1/submissions/{identity}/confirm").status_code == 409
    assert [s["id"] for s in clerk.get("/v1/submissions", params={"status": "refused"}).json()["submissions"]] == [
        identity
    ]
    assert clerk.get("/v1/datasets/cases/records").json()["records"] == []


def test_whoever_handed_it_in_takes_it_back_while_it_waits(small: House) -> None:
    clerk, other = small.client(region="430101101"), small.client(region="430101101")
    identity = waiting(clerk)
    assert other.post(f"/v1/submissions/{identity}/withdraw").status_code == 403
    assert clerk.post(f"/v1/submissions/{identity}/withdraw").json()["status"] == "withdrawn"
    assert clerk.post(f"/v1/submissions/{identity}/withdraw").status_code == 409
    assert other.post(f"/v1/submissions/{identity}/confirm").status_code == 409


def test_no_read_of_a_department_notices_what_waits_or_was_refused(small: House) -> None:
    ecology, clerk = small.client(department="ecology"), small.client(region="430101101")
    form = {"title": "表", "columns": [{"name": "受理", "unit": "件"}], "frequency": "month"}
    asked = [
        ("/v1/views", {}), ("/v1/views/county-view/records", {}), ("/v1/views/county-view/changes", {}), ("/v1/events", {}),
        ("/v1/views/county-view/explain", {"region": "430101", "period": "2026", "field": "aj"}), ("/v1/notices", {}),
        ("/v1/submissions", {}), ("/v1/corrections", {}), ("/v1/due", {}), ("/v1/evidence", {}),
    ]  # fmt: skip

    def answers() -> list[tuple[int, bytes]]:
        read = [ecology.get(path, params=more) for path, more in asked]
        verdict = ecology.post("/v1/form-requests", json=form).json()["columns"]
        question = {
            "dataset": "cases",
            "element": "received",
            "region": "430101101",
            "period": "2026-01",
            "reason": "疑",
        }
        refused = ecology.post("/v1/corrections", json=question)
        return [
            *((a.status_code, a.content) for a in read),
            (refused.status_code, refused.content),
            (0, repr(verdict).encode()),
        ]

    before = answers()
    identity = waiting(clerk)
    assert answers() == before
    small.client(region="430101", role="confirmer").post(f"/v1/submissions/{identity}/refuse", json={"reason": "不符"})
    assert answers() == before
