"""Rows by the hundred thousand: streams of rows, files in pieces over lines that drop, departments as sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services import submit_stream
from app.services.tidying_leftovers import LeftoverTidying
from app.services.uploads import Uploads
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import FILES

TOWNSHIPS = ("430101101", "430101102", "430102101", "430102102")
WELLS = "/v1/submissions?dataset=wells"
NDJSON = {"Content-Type": "application/x-ndjson"}
PIECE = {"Content-Type": "application/partial-upload"}


@pytest.fixture
def house(database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    with serving(new_url(database_kind), tmp_path) as served:
        served.apply(FILES)
        yield served


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def wells(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"region": TOWNSHIPS[n % 4], "number": f"w{n}", "depth": n + 0.25} for n in range(first, first + count)]


def held(house: House, dataset: str = "wells") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    reader = house.client(admin=True)
    while True:
        question = {"limit": "10000", **({"cursor": cursor} if cursor else {})}
        page = reader.get(f"/v1/datasets/{dataset}/records", params=question).json()
        found += page["records"]
        cursor = page["next"]
        if cursor is None:
            return found


def conserved(body: dict[str, Any], rows: int) -> bool:
    counts = body["counts"]
    return bool(rows == counts["new"] + counts["changed"] + counts["unchanged"] + body["passed_over"] + body["refused"])


def test_a_stream_of_a_department_is_stored_for_all_regions_and_only_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit_stream, "_CHUNK", 100)
    water = house.client(department="water")
    body = lines(*wells(450)) + b"\n  \n"
    first = water.post(WELLS, content=body, headers={**NDJSON, "Idempotency-Key": "k"})
    assert (first.status_code, first.json()["status"]) == (201, "applied")
    assert first.json()["counts"] == {"rows": 450, "new": 450, "changed": 0, "unchanged": 0}
    assert conserved(first.json(), 452)
    assert {(record["region"], record["number"], record["depth"]) for record in held(house)} == {
        (row["region"], row["number"], row["depth"]) for row in wells(450)
    }
    again = water.post(WELLS, content=body, headers={**NDJSON, "Idempotency-Key": "k"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == first.json()
    other = water.post(WELLS, content=body + b"\n", headers={**NDJSON, "Idempotency-Key": "k"})
    assert other.json()["code"] == "idempotency_mismatch"
    changed = lines({"region": TOWNSHIPS[0], "number": "w0", "depth": 9}, *wells(3, first=449))
    third = water.post(WELLS, content=changed, headers=NDJSON).json()
    assert third["counts"] == {"rows": 4, "new": 2, "changed": 1, "unchanged": 1}
    assert water.get(f"/v1/submissions/{third['id']}").json()["counts"] == third["counts"]


def test_a_stream_with_any_fault_stores_nothing_and_names_every_fault_up_to_the_cap(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit_stream, "_CHUNK", 3)
    water = house.client(department="water")
    rows = wells(6)
    body = lines(rows[0], rows[1]) + b"{not json\n" + lines(rows[2], [1], {**rows[3], "depth": "深"}, rows[0])
    body += b'{"region": "430101101", "number": "x\\u0000", "depth": 1}\n' + lines({"region": "99", "number": "q"})
    answer = water.post(WELLS, content=body, headers=NDJSON)
    assert answer.status_code == 422
    told = [(finding["code"], finding["row"]) for finding in answer.json()["findings"]]
    assert sorted(told) == [
        ("bad_row", 2), ("bad_row", 4), ("bad_row", 7), ("duplicate_record", 6), ("not_a_number", 5), ("unknown_region", 8),
    ]  # fmt: skip
    assert conserved(answer.json(), 9)
    assert held(house) == []
    monkeypatch.setattr(submit_stream, "MAX_FINDINGS", 2)
    capped = water.post(f"{WELLS}&mode=check", content=body, headers=NDJSON)
    assert capped.status_code == 200
    assert (len(capped.json()["findings"]), capped.json()["findings_total"]) == (2, 6)
    good = water.post(f"{WELLS}&mode=check", content=lines(*rows), headers=NDJSON)
    assert (good.json()["status"], good.json()["counts"]["new"]) == ("checked", 6)
    assert held(house) == []


def test_who_may_not_report_is_refused_before_the_stream_is_taken(house: House) -> None:
    clerk = house.client(region="430101")
    body = lines(*wells(1))
    assert clerk.post(WELLS, content=body, headers=NDJSON).status_code == 403
    assert house.client(department="ecology").post(WELLS, content=body, headers=NDJSON).status_code == 403
    assert clerk.post("/v1/submissions?dataset=nothing", content=body, headers=NDJSON).status_code == 404
    assert clerk.post("/v1/submissions", content=body, headers=NDJSON).status_code == 400
    assert clerk.post("/v1/submissions?dataset=people", json={"rows": []}).status_code == 400
    people = {"region": "430102101", "period": "2025", "total": 3, "men": 1, "women": 2}
    foreign = clerk.post("/v1/submissions?dataset=people", content=lines(people), headers=NDJSON)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "forbidden")
    own = {**people, "region": "430101101"}
    mine = clerk.post("/v1/submissions?dataset=people&period=2025", content=lines(own), headers=NDJSON)
    assert mine.status_code == 201


def test_a_stream_of_a_dataset_with_a_second_person_waits_for_it(house: House) -> None:
    clerk, confirmer = house.client(region="430101"), house.client(region="430101", role="confirmer")
    row = {"region": "430101101", "period": "2025-03", "received": 3, "closed": 2}
    answer = clerk.post("/v1/submissions?dataset=cases", content=lines(row), headers=NDJSON)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert held(house, "cases") == []
    assert confirmer.post(f"/v1/submissions/{answer.json()['id']}/confirm").status_code == 200
    assert len(held(house, "cases")) == 1


def test_a_department_reports_its_dataset_as_json_as_workbook_and_as_stream(house: House) -> None:
    water = house.client(department="water")
    table = "\n".join(
        ["区划代码,编号,井深（米）", *(f"{row['region']},{row['number']},{row['depth']}" for row in wells(8))]
    )
    by_file = water.post("/v1/submissions", files={"file": ("w.csv", table.encode())}, data={"dataset": "wells"})
    assert by_file.json()["counts"]["new"] == 8
    by_json = water.post("/v1/submissions", json={"dataset": "wells", "rows": wells(10)})
    assert by_json.json()["counts"] == {"rows": 10, "new": 2, "changed": 0, "unchanged": 8}
    by_stream = water.post(WELLS, content=lines(*wells(11)), headers=NDJSON)
    assert by_stream.json()["counts"] == {"rows": 11, "new": 1, "changed": 0, "unchanged": 10}


def begun(client: httpx.Client, name: str, data: bytes, **said: Any) -> str:
    asked = {"filename": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **said}
    answer = client.post("/v1/uploads", json=asked)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/uploads/{answer.json()['id']}"
    return str(answer.json()["id"])


def send(client: httpx.Client, upload: str, at: int, piece: bytes) -> httpx.Response:
    return client.patch(f"/v1/uploads/{upload}", content=piece, headers={**PIECE, "Upload-Offset": str(at)})


def test_a_file_in_pieces_goes_on_where_the_line_dropped(house: House) -> None:
    water = house.client(department="water")
    data = lines(*wells(50))
    upload = begun(water, "wells.ndjson", data)
    assert send(water, upload, 0, data[:1000]).headers["Upload-Offset"] == "1000"
    astray = send(water, upload, 900, data[900:])
    assert (astray.status_code, astray.json()["offset"], astray.headers["Upload-Offset"]) == (409, 1000, "1000")
    asked = water.head(f"/v1/uploads/{upload}")
    assert [asked.headers[name] for name in ("Upload-Offset", "Upload-Length", "Upload-Complete")] == [
        "1000", str(len(data)), "?0",
    ]  # fmt: skip
    assert water.post(f"{WELLS}&upload={upload}").status_code == 409
    assert send(water, upload, 1000, data[1000:] + b"x").status_code == 413
    arrived = int(water.head(f"/v1/uploads/{upload}").headers["Upload-Offset"])
    assert send(water, upload, arrived, data[arrived:]).headers["Upload-Complete"] == "?1"
    answer = water.post(f"{WELLS}&upload={upload}", headers={"Idempotency-Key": "u"})
    assert (answer.status_code, answer.json()["counts"]["new"]) == (201, 50)
    assert water.post(f"{WELLS}&upload={upload}", headers={"Idempotency-Key": "u"}).json() == answer.json()
    assert water.delete(f"/v1/uploads/{upload}").status_code == 204
    assert water.head(f"/v1/uploads/{upload}").status_code == 404


def test_a_workbook_in_pieces_is_read_as_one_sent_whole_and_a_wrong_checksum_is_refused(house: House) -> None:
    clerk = house.client(region="430101")
    data = "区划代码,总人口,男,女\n430101101,3,1,2\n".encode()
    upload = begun(clerk, "人口.csv", data)
    send(clerk, upload, 0, data)
    answer = clerk.post(f"/v1/submissions?dataset=people&period=2025&upload={upload}")
    assert (answer.status_code, answer.json()["counts"]["new"]) == (201, 1)
    wrong = begun(clerk, "人口.csv", data, sha256="0" * 64)
    send(clerk, wrong, 0, data)
    assert clerk.post(f"/v1/submissions?dataset=people&period=2025&upload={wrong}").status_code == 400


def test_an_upload_is_its_owners_and_is_forgotten_in_time(house: House) -> None:
    clerk, other = house.client(region="430101"), house.client(region="430101")
    upload = begun(clerk, "a.csv", b"abc")
    unknown = other.head("/v1/uploads/" + "0" * 32)
    assert other.head(f"/v1/uploads/{upload}").status_code == unknown.status_code == 404
    assert send(other, upload, 0, b"abc").json()["detail"] == send(other, "0" * 32, 0, b"abc").json()["detail"]
    assert other.delete(f"/v1/uploads/{upload}").status_code == 404
    for nobody in (house.client(admin=True), house.client(department="ecology")):
        assert nobody.post("/v1/uploads", json={"filename": "a.csv", "size": 3}).status_code == 403
    assert send(clerk, upload, 0, b"ab").status_code == 204
    house.clock.offset += house.registry.settings.upload_lifetime_seconds + 5
    assert clerk.head(f"/v1/uploads/{upload}").status_code == 404
    Uploads(house.registry).forget_expired()
    assert list((house.registry.settings.data_dir / "uploads").iterdir()) == []


def test_what_was_answered_makes_room_for_more_and_what_is_still_coming_does_not(house: House) -> None:
    water, data = house.client(department="water"), lines(*wells(1))
    for number in range(22):
        upload = begun(water, "wells.ndjson", data)
        send(water, upload, 0, data)
        answer = water.post(f"{WELLS}&upload={upload}", headers={"Idempotency-Key": f"room-{number}"})
        assert answer.status_code == 201, answer.text
    assert water.post(f"{WELLS}&upload={upload}", headers={"Idempotency-Key": "room-21"}).json() == answer.json()
    lost = begun(water, "wells.ndjson", data)
    coming = [begun(water, "wells.ndjson", data) for _ in range(19)]
    for each in coming:
        send(water, each, 0, data[:9])
    asked = {"filename": "wells.ndjson", "size": len(data)}
    assert water.post("/v1/uploads", json=asked).status_code == 413
    house.clock.offset += 700  # an upload without a byte, whose id its sender may never have been told
    assert water.post("/v1/uploads", json=asked).status_code == 201
    assert water.head(f"/v1/uploads/{lost}").status_code == 404
    assert {water.head(f"/v1/uploads/{each}").status_code for each in coming} == {204}


def test_answers_under_old_idempotency_keys_are_forgotten(house: House) -> None:
    clerk = house.client(region="430101")
    row = {"region": "430101101", "period": "2025", "total": 3, "men": 1, "women": 2}
    asked = {"dataset": "people", "rows": [row]}
    first = clerk.post("/v1/submissions", json=asked, headers={"Idempotency-Key": "k"})
    tidying = LeftoverTidying(house.registry, Uploads(house.registry))
    assert tidying.tidy() == (0, 0)
    assert clerk.post("/v1/submissions", json=asked, headers={"Idempotency-Key": "k"}).json() == first.json()
    house.clock.offset += (house.registry.settings.idempotency_days + 1) * 86_400
    assert tidying.tidy() == (1, 0)
    later = clerk.post("/v1/submissions", json=asked, headers={"Idempotency-Key": "k"}).json()
    assert later["id"] != first.json()["id"]
