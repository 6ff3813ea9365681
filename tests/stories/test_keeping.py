"""Backup while serving, restore into a fresh folder, copy to the other database: the same answers, byte for byte."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import program
from app.store import archive
from app.store.database import Database
from app.store.tables import JOURNAL_TABLES
from tests.fixtures.databases import KINDS, Kind
from tests.fixtures.house import House, serving
from tests.fixtures.programs import until
from tests.fixtures.small import FILES

OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}
QUESTIONS = (
    "/v1/views/people-view/records?format=csv",
    "/v1/views/people-view/records?format=arrow",
    "/v1/views/county-view/records?format=ndjson",
    "/v1/views/people-view/schema",
)


@pytest.fixture
def township(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs one command of the operator on a registry and gives what it printed."""

    def run(url: str, folder: Path, arguments: list[str], exit_code: int = 0) -> str:
        monkeypatch.setenv("TOWNSHIP_DATABASE_URL", url)
        monkeypatch.setenv("TOWNSHIP_DATA_DIR", str(folder))
        monkeypatch.setenv("COLUMNS", "200")
        result = CliRunner().invoke(program(arguments[0]), arguments)
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


def filled(house: House) -> str:
    """Some years of the county that ecology may read; gives ecology's key."""
    house.apply(FILES)
    clerk, water = house.client(region="430101"), house.client(department="water")
    for year, total in ((2024, 10_000), (2025, 12_345), (2025, 12_346)):
        rows = [
            {"region": region, "period": str(year), "total": total, "area": f"{total}.7"}
            for region in ("430101101", "430101102")
        ]
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201
    wells = [{"region": "430101101", "number": number, "depth": "3.10"} for number in ("甲", "b", "B")]
    assert water.post("/v1/submissions", json={"dataset": "wells", "rows": wells}).status_code == 201
    return house.key(department="ecology")


def asked(house: House, key: str) -> list[tuple[str | None, bytes]]:
    with httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        answers = [client.get(question) for question in QUESTIONS]
    assert {answer.status_code for answer in answers} == {200}
    return [(answer.headers.get("ETag"), answer.content) for answer in answers]


@contextmanager
def another_county_going_on(house: House) -> Iterator[list[int]]:
    """Uploads, all the while, of a county that ecology may not read; gives the totals that were acknowledged."""
    done, acknowledged = threading.Event(), list[int]()
    key = house.key(region="430102")

    def upload() -> None:
        with httpx.Client(base_url=house.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            for total in itertools.count(1):
                if done.is_set():
                    return
                rows = [{"region": f"43010210{last}", "period": "2025", "total": total} for last in (1, 2)]
                if client.post("/v1/submissions", json={"dataset": "people", "rows": rows}).status_code == 201:
                    acknowledged.append(total)

    thread = threading.Thread(target=upload)
    thread.start()
    try:
        yield acknowledged
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("target", KINDS)
def test_a_restored_backup_of_a_busy_registry_answers_the_same(
    database_kind: Kind,
    target: Kind,
    new_url: Callable[[Kind], str],
    tmp_path: Path,
    township: Callable[..., str],
) -> None:
    url, restored = new_url(database_kind), new_url(target)
    kept = tmp_path / "kept" / "backup.zip"
    with serving(url, tmp_path / "data") as house:
        key, admin = filled(house), house.key(admin=True)
        before = asked(house, key)
        cursor = house.client(key).get("/v1/views/people-view/changes").json()["next"]
        with another_county_going_on(house) as acknowledged:
            until(lambda: bool(acknowledged))
            least = acknowledged[-1]
            assert "校验无误" in township(url, tmp_path / "data", ["backup", str(kept)])
        most = acknowledged[-1]
        assert asked(house, key) == before
    assert kept.stat().st_mode & 0o077 == 0
    assert "校验无误" in township(restored, tmp_path / "fresh", ["restore", str(kept)])
    with serving(restored, tmp_path / "fresh") as house:
        assert asked(house, key) == before
        changes = house.client(key).get("/v1/views/people-view/changes", params={"since": cursor}).json()
        assert (changes["changes"], changes["more"]) == ([], False)
        records = house.client(admin).get("/v1/datasets/people/records", params={"region": "430102"}).json()["records"]
        assert [record["region"] for record in records] == ["430102101", "430102102"]
        (total,) = {record["total"] for record in records}
        assert least <= total <= most + 1


def test_evidence_goes_with_a_backup_and_with_a_copy_that_is_told_where(
    new_url: Callable[[Kind], str], tmp_path: Path, township: Callable[..., str]
) -> None:
    url, data = new_url("sqlite"), tmp_path / "data"
    scan = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
    with serving(url, data) as house:
        filled(house)
        key = house.key(region="430101101")
        place = {"dataset": "people", "region": "430101101", "period": "2025"}
        with house.client(key) as clerk:
            kept = clerk.post("/v1/evidence", files={"file": ("台账.pdf", scan)}, data=place).json()["id"]
        assert "1 份佐证文件" in township(url, data, ["backup", str(tmp_path / "whole.zip")])
        assert "佐证" not in township(url, data, ["backup", "--no-evidence", str(tmp_path / "rows.zip")])
        copied = new_url("sqlite")
        assert "bucket" in township(url, data, ["copy", "--to", copied, "--evidence-to", str(tmp_path / "bucket")])
    restored, bare = new_url("sqlite"), new_url("sqlite")
    township(restored, tmp_path / "fresh", ["restore", str(tmp_path / "whole.zip")])
    told = township(bare, tmp_path / "bare", ["restore", str(tmp_path / "rows.zip")], 1)
    assert hashlib.sha256(scan).hexdigest() in told
    (tmp_path / "copied").mkdir()
    (tmp_path / "bucket").rename(tmp_path / "copied" / "evidence")
    for place_of, folder, status in ((restored, "fresh", 200), (copied, "copied", 200), (bare, "bare", 503)):
        with serving(place_of, tmp_path / folder) as house, house.client(key) as clerk:
            answer = clerk.get(f"/v1/evidence/{kept}")
            assert answer.status_code == status, folder
            assert (answer.content == scan) == (status == 200)


def test_a_copy_to_the_other_kind_of_database_answers_the_same_and_holds_the_same(
    database_kind: Kind,
    new_url: Callable[[Kind], str],
    tmp_path: Path,
    township: Callable[..., str],
) -> None:
    url, copied = new_url(database_kind), new_url(OTHER[database_kind])  # type: ignore[arg-type]
    with serving(url, tmp_path / "data") as house:
        key = filled(house)
        before = asked(house, key)
        assert "校验无误" in township(url, tmp_path / "data", ["copy", "--to", copied])
        assert asked(house, key) == before
    with serving(copied, tmp_path / "fresh") as house:
        assert asked(house, key) == before
    journal = {table.name for table in JOURNAL_TABLES}  # it goes on while they are read
    same = {name: digest for name, digest in digests(url, tmp_path).items() if name not in journal}
    assert digests(copied, tmp_path).items() >= same.items()
    assert same["record_version"].rows == 9


def digests(url: str, folder: Path) -> dict[str, archive.TableDigest]:
    """What every table holds, in words that are the same for both kinds of database."""
    database = Database.open(url, folder)
    try:
        with database.read() as cx:
            return {name: archive.digest_table(cx, table) for name, table in archive.reflected(cx).items()}
    finally:
        database.close()
