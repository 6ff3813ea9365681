"""What cannot be carried to the present regions is missing, and said beside the records."""

from __future__ import annotations

from tests.fixtures.house import House
from tests.fixtures.small import FILES, VIEW


def test_a_split_without_shares_is_said_beside_the_records(empty_house: House) -> None:
    present = VIEW.replace("people-view", "now").replace("\nfields:", "\nregions: present\nfields:")
    empty_house.apply({**FILES, "views/now.yaml": present})
    clerk, ecology = empty_house.client(region="430101"), empty_house.client(department="ecology")
    rows = [{"region": code, "period": "2024", "total": 5} for code in ("430101101", "430101102")]
    assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201
    before = ecology.get("/v1/views/now/records").json()
    assert "notes" not in before
    empty_house.apply(
        {
            "regions.csv": "code,name,level,parent\n430101103,五镇,township,430101\n430101104,六镇,township,430101\n",
            "successions.csv": (
                "date,kind,old_code,new_code\n2025-06-01,split,430101102,430101103\n2025-06-01,split,430101102,430101104\n"
            ),
        }
    )
    after = ecology.get("/v1/views/now/records").json()
    assert {record["dm"]: record["rk"] for record in after["records"]}["430101101"] == 0.0005
    assert all(record["rk"] is None for record in after["records"] if record["dm"] != "430101101")
    assert any("二镇" in note for note in after["notes"])
    assert "notes" not in ecology.get("/v1/views/people-view/records").json()
