"""Evidence is kept once: attached to what was reported, recognised when it comes again, shown where an agreement says so."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import httpx
import openpyxl
import pytest

from tests.fixtures.caring import on, people, report
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import AGREEMENT, FILES

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
PLACE: dict[str, Any] = {"dataset": "people", "region": "430101101", "period": "2025", "elements": "total"}


@pytest.fixture
def lone(new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    """As ``small``, on one kind of database: for what no database has a say in."""
    with serving(new_url("sqlite"), tmp_path / "data") as house:
        on(house, "2026-03-10")
        house.apply(FILES)
        report(house.client(region="4301"), "people", people("430101101"), people("430102101"))
        yield house


@pytest.fixture
def small(empty_house: House) -> House:
    on(empty_house, "2026-03-10")
    empty_house.apply(FILES)
    report(empty_house.client(region="4301"), "people", people("430101101"), people("430102101"))
    return empty_house


def attach(client: httpx.Client, data: bytes = PDF, name: str = "台账.pdf", **place: Any) -> httpx.Response:
    return client.post("/v1/evidence", files={"file": (name, data)}, data=place)


def xlsx(**parts: bytes) -> bytes:
    stream = io.BytesIO()
    openpyxl.Workbook().save(stream)
    with zipfile.ZipFile(stream, "a") as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/"), data)
    return stream.getvalue()


def listed(client: httpx.Client, **place: Any) -> list[str]:
    answer = client.get("/v1/evidence", params=place)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["evidence"]]


def test_a_file_is_kept_once_and_recognised_when_it_comes_again(small: House) -> None:
    clerk = small.client(region="430101101")
    first = attach(clerk, **PLACE)
    assert first.status_code == 201, first.text
    kept = first.json()
    assert (kept["filename"], kept["media_type"], kept["size"]) == ("台账.pdf", "application/pdf", len(PDF))
    again = attach(clerk, name="又一份.pdf", **{**PLACE, "period": "2024"})
    assert (again.status_code, again.json()["id"]) == (200, kept["id"])
    assert [place["period"] for place in again.json()["attached"]] == ["2025", "2024"]
    assert len(attach(clerk, **PLACE).json()["attached"]) == 2
    assert listed(clerk, dataset="people", region="430101101", period="2025") == [kept["id"]]
    assert listed(clerk) == [kept["id"]]
    got = clerk.get(f"/v1/evidence/{kept['id']}")
    assert (got.status_code, got.content) == (200, PDF)
    assert got.headers["content-disposition"].startswith("attachment;")
    assert got.headers["x-content-type-options"] == "nosniff"
    files = [path for path in (small.registry.settings.data_dir / "evidence").rglob("*") if path.is_file()]
    assert [path.name for path in files] == [kept["sha256"]]


def test_nobody_learns_that_another_has_sent_the_same_bytes(small: House) -> None:
    one, other = small.client(region="430101101"), small.client(region="430102101")
    first = attach(one, **PLACE).json()
    second = attach(other, **{**PLACE, "region": "430102101"})
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    assert [place["region"] for place in second.json()["attached"]] == ["430102101"]
    assert other.get(f"/v1/evidence/{first['id']}").status_code == 404
    assert other.get(f"/v1/evidence/{first['id']}").json()["detail"] == other.get("/v1/evidence/none").json()["detail"]
    assert listed(other, dataset="people", region="430101101", period="2025") == []
    assert attach(other, **PLACE).status_code == 403
    assert attach(small.client(admin=True), **PLACE).status_code == 403
    county = small.client(region="430101")
    assert county.get(f"/v1/evidence/{first['id']}").status_code == 200
    assert listed(county, dataset="people", region="430101101", period="2025") == [first["id"]]


def test_a_department_sees_evidence_only_where_an_agreement_says_so(small: House) -> None:
    clerk, ecology = small.client(region="430101101"), small.client(department="ecology")
    named = attach(clerk, **PLACE).json()["id"]
    whole = attach(clerk, PDF + b"2", **{**PLACE, "elements": ""}).json()["id"]
    place = {"dataset": "people", "region": "430101101", "period": "2025"}
    assert (listed(ecology, **place), ecology.get(f"/v1/evidence/{named}").status_code) == ([], 404)
    small.apply({"agreements/ecology-2026.yaml": AGREEMENT + "evidence: true\n"})
    assert listed(ecology, **place) == [named]
    assert ecology.get(f"/v1/evidence/{named}").content == PDF
    assert ecology.get(f"/v1/evidence/{whole}").status_code == 404  # it may show figures that are not open to it
    assert listed(ecology, **{**place, "region": "430102101"}) == []
    assert small.client(department="water").get(f"/v1/evidence/{named}").status_code == 404
    exported = small.registry.state().stored["agreement", "ecology-2026"].body
    assert exported["evidence"] is True


def test_evidence_of_a_question_is_seen_by_the_source_and_no_other_department(lone: House) -> None:
    clerk, ecology, water = (
        lone.client(**who) for who in ({"region": "430101101"}, {"department": "ecology"}, {"department": "water"})
    )
    lone.apply(
        {
            "agreements/w.yaml": AGREEMENT.replace("ecology-2026", "w").replace(
                "department: ecology", "department: water"
            )
            + "evidence: true\n"
        }
    )
    mine = attach(ecology).json()["id"]
    assert clerk.get(f"/v1/evidence/{mine}").status_code == 404
    question = {"dataset": "people", "element": "total", "region": "430101101", "period": "2025", "reason": "疑"}
    assert water.post("/v1/corrections", json={**question, "evidence": [mine]}).status_code == 404
    assert ecology.post("/v1/corrections", json={**question, "evidence": [mine]}).status_code == 201
    assert clerk.get(f"/v1/evidence/{mine}").content == PDF
    assert water.get(f"/v1/evidence/{mine}").status_code == 404


def test_what_runs_and_what_is_not_what_it_says_is_refused(lone: House) -> None:
    clerk = lone.client(region="430101101")
    assert attach(clerk, xlsx(), "表.xlsx", **PLACE).status_code == 201
    wrong: list[tuple[bytes, str]] = [
        (b"MZ\x90\x00" + b"\0" * 60, "程序.exe"), (b"MZ\x90\x00", "程序.pdf"), (PDF, "台账.png"), (b"hello", "说明.txt"),
        (xlsx(xl__vbaProject__bin=b"x").replace(b"vbaProject/bin", b"vbaProject.bin"), "表.xlsx"), (PDF, "台账"),
        (PDF.replace(b"/Catalog", b"/Catalog /OpenAction << /S /JavaScript >>"), "台账.pdf"), (b"PK\x03\x04 nothing", "表.xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook\0_VBA_PROJECT".encode("utf-16-le"), "旧表.xls"),
    ]  # fmt: skip
    for data, name in wrong:
        assert attach(clerk, data, name, **PLACE).status_code in (400, 415), name
    assert attach(clerk, b"", **PLACE).status_code == 400
    assert attach(clerk, PDF, **{**PLACE, "elements": "none"}).status_code == 400
    assert attach(clerk, PDF).status_code == 403
    assert len(listed(clerk)) == 1


def test_evidence_of_a_submission_is_seen_by_those_who_see_the_submission(lone: House) -> None:
    clerk = lone.client(region="430101101")
    sent = report(clerk, "people", people("430101101", total=11))
    kept = attach(clerk, submission=sent["id"]).json()
    assert kept["attached"] == [{"dataset": "people", "submission": sent["id"]}]
    assert listed(lone.client(region="430101"), submission=sent["id"]) == [kept["id"]]
    assert lone.client(region="430102").get("/v1/evidence", params={"submission": sent["id"]}).status_code == 404
    assert attach(clerk, submission=sent["id"], dataset="people").status_code == 400


def test_the_storage_may_be_elsewhere_and_files_may_be_scanned(new_url: Callable[[Kind], str], tmp_path: Path) -> None:
    scan = f"{sys.executable} -c 'import sys; sys.exit(b\"EICAR\" in sys.stdin.buffer.read())'"
    more = {"evidence_url": f"memory://evidence-{tmp_path.name}", "evidence_scanner": scan, "evidence_max_bytes": 1024}
    with serving(new_url("sqlite"), tmp_path, **more) as house:
        house.apply(FILES)
        clerk = house.client(region="430101101")
        kept = attach(clerk, **PLACE)
        assert kept.status_code == 201, kept.text
        assert attach(clerk, PDF + b"EICAR", **PLACE).status_code == 415
        assert attach(clerk, PDF + b"0" * 1024, **PLACE).status_code == 413
        digest = kept.json()["sha256"]
        memory = fsspec.filesystem("memory")
        place = f"/evidence-{tmp_path.name}/{digest[:2]}/{digest}"
        assert memory.cat_file(place) == PDF
        assert not (tmp_path / "evidence").exists()
        memory.pipe_file(place, b"%PDF-forged")
        assert clerk.get(f"/v1/evidence/{kept.json()['id']}").status_code == 503
