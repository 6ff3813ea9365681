"""A check of a file may be answered with the file itself; messages come in the reader's language."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from typer.testing import CliRunner

from app.cli import program
from app.intake.grid import RESULT_SHEET
from tests.fixtures.house import House
from tests.fixtures.small import FILES
from tests.intake.county import xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
GOOD: list[list[Any]] = [["行政区划代码", "总人口", "男", "女"], ["430101101", 10, 4, 6]]
WRONG: list[list[Any]] = [["行政区划代码", "总人口", "男", "女"], ["430101101", 10, 4, 7], ["430101102", "许多", 1, 2]]
GOOD_FILE, WRONG_FILE = xlsx(GOOD), xlsx(WRONG)  # made once: a workbook has the time of its making in it
SAID = {"dataset": "people", "period": "2024", "mode": "check"}


@pytest.fixture
def small(empty_house: House) -> House:
    empty_house.apply(FILES)
    return empty_house


def send(client: httpx.Client, rows: list[list[Any]], accept: str | None = XLSX, **more: str) -> httpx.Response:
    headers = {"Accept": accept} if accept else {}
    headers |= {name: more.pop(name) for name in list(more) if name[0].isupper()}
    files = {"file": ("人口 报表.xlsx", GOOD_FILE if rows is GOOD else WRONG_FILE)}
    return client.post("/v1/submissions", data={**SAID, **more}, files=files, headers=headers)


def test_a_check_asked_for_as_xlsx_gives_the_file_back_with_its_faults(small: House) -> None:
    clerk = small.client(region="430101")
    answer = send(clerk, WRONG)
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    assert "%E4%BA%BA%E5%8F%A3%20%E6%8A%A5%E8%A1%A8-%E6%A0%B8%E5%AF%B9.xlsx" in answer.headers["content-disposition"]
    listed = clerk.get(answer.headers["location"]).json()
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    sheet = book["Sheet1"]
    marked = {c.coordinate for row in sheet.iter_rows() for c in row if c.comment is not None}
    assert marked == {f["cell"] for f in listed["findings"]} == {"B2", "C2", "D2", "B3"}
    assert [c.value for c in book[RESULT_SHEET]["D"]][4:] == [f["message"] for f in listed["findings"]]
    assert (listed["status"], listed["mode"]) == ("checked", "check")
    assert clerk.get("/v1/datasets/people/records").json()["records"] == []


def test_json_stays_the_answer_for_all_who_like_it_as_well(small: House) -> None:
    clerk = small.client(region="430101")
    for accept in (None, "*/*", "application/json", f"application/json, {XLSX};q=0.9", f"application/json, {XLSX}"):
        answer = send(clerk, WRONG, accept)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert send(clerk, WRONG, f"{XLSX}, application/json;q=0.5").headers["content-type"] == XLSX


def test_the_same_check_under_its_idempotency_key_gives_the_same_marks(small: House) -> None:
    clerk = small.client(region="430101")
    first, again = (send(clerk, WRONG, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200), (first.content[:500], again.content[:500])
    assert again.headers.get("idempotent-replayed") == "true"
    marks = [openpyxl.load_workbook(io.BytesIO(answer.content))[RESULT_SHEET]["H"] for answer in (first, again)]
    assert [c.value for c in marks[0]] == [c.value for c in marks[1]]


def test_only_a_checked_file_comes_back(small: House) -> None:
    clerk = small.client(region="430101")
    refused = send(clerk, GOOD, mode="apply")
    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")
    rows = {"dataset": "people", "period": "2024", "mode": "check", "rows": []}
    assert clerk.post("/v1/submissions", json=rows, headers={"Accept": XLSX}).status_code == 406
    assert clerk.get("/v1/submissions").json()["submissions"] == []
    unreadable = clerk.post("/v1/submissions", data=SAID, files={"file": ("a.xlsx", b"%PDF")}, headers={"Accept": XLSX})
    assert (unreadable.status_code, unreadable.json()["code"]) == (415, "unsupported_media_type")


def test_the_list_is_no_part_of_what_is_read_again(small: House) -> None:
    clerk = small.client(region="430101")
    book = openpyxl.load_workbook(io.BytesIO(send(clerk, WRONG).content))
    book["Sheet1"]["D2"], book["Sheet1"]["B3"] = 6, 3
    stream = io.BytesIO()
    book.save(stream)
    sent = clerk.post("/v1/submissions", data={**SAID, "mode": "apply"}, files={"file": ("a.xlsx", stream.getvalue())})
    assert (sent.status_code, sent.json()["counts"]["new"], sent.json()["findings"]) == (201, 2, [])


def test_findings_are_told_in_the_language_that_is_liked_best(small: House) -> None:
    clerk = small.client(region="430101")
    refused = send(clerk, WRONG, None, mode="apply", **{"Accept-Language": "en-GB, zh;q=0.5"})
    assert refused.headers["content-language"] == "en"
    assert refused.json()["title"] == "The data has faults; nothing was stored"
    assert all(f["message"] == f["message_en"] for f in refused.json()["findings"])
    location = f"/v1/submissions/{refused.json()['id']}"
    chinese = clerk.get(location, headers={"Accept-Language": "zh-CN,en;q=0.9"})
    assert chinese.headers["content-language"] == "zh-CN"
    assert [f["message_en"] for f in chinese.json()["findings"]] == [f["message"] for f in refused.json()["findings"]]
    assert all(f["message"] != f["message_en"] for f in chinese.json()["findings"])
    for silent in ("", "*", "fr", "en;q=0", "zh, en", "nonsense;;q=x"):
        kept = clerk.get(location, headers={"Accept-Language": silent}).json()
        assert kept["findings"] == chinese.json()["findings"]
    nothing = clerk.get("/v1/submissions/none", headers={"Accept-Language": "en"})
    assert nothing.json()["title"] == "Not found"


def township(house: House, key: str, *words: str) -> Any:
    return CliRunner().invoke(program(words[0]), list(words), env={"TOWNSHIP_URL": house.url, "TOWNSHIP_KEY": key})


def test_the_client_writes_the_marked_file_where_there_is_anything_to_mend(small: House, tmp_path: Path) -> None:
    key = small.key(region="430101")
    wrong, good, out = tmp_path / "人口.xlsx", tmp_path / "好.xlsx", tmp_path / "改.xlsx"
    wrong.write_bytes(xlsx(WRONG))
    good.write_bytes(xlsx(GOOD))
    said = ("--dataset", "people", "--period", "2024", "--fix-file", str(out))
    fine = township(small, key, "upload", str(good), *said)
    assert (fine.exit_code, out.exists()) == (0, False)
    refused = township(small, key, "upload", str(wrong), *said)
    assert (refused.exit_code, out.exists()) == (1, True)
    assert openpyxl.load_workbook(out)["Sheet1"]["B3"].comment is not None
    out.unlink()
    checked = township(small, key, "upload", str(wrong), "--check", *said)
    assert (checked.exit_code, out.exists()) == (1, True)


def test_a_workbook_of_a_dataset_that_a_department_leads_is_locked_for_a_region(small: House) -> None:
    water, clerk = small.client(department="water"), small.client(region="430101")
    rows = [{"region": "430101101", "number": "W1", "depth": "3.5"}]
    assert water.post("/v1/submissions", json={"dataset": "wells", "rows": rows}).status_code == 201
    theirs, own = (
        openpyxl.load_workbook(io.BytesIO(c.get("/v1/datasets/wells/template").content)).worksheets[0]
        for c in (clerk, water)
    )
    assert {theirs.cell(row, column).protection.locked for row in (4, 5) for column in range(1, 5)} == {True}
    assert "水利局" in str(theirs["A2"].value)
    assert theirs["D4"].value == own["D4"].value == 3.5
    assert [own[place].protection.locked for place in ("A4", "C4", "D4", "C5", "D5")] == [
        True,
        True,
        False,
        False,
        False,
    ]
