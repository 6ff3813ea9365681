"""Parts of snapshots, as readers meet them: built where a submission touched something, once for all who ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.snapshots import parts as building
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import FILES

PATH = "/v1/views/people-view/records"
READERS = 8


def report(house: House, total: int, *years: str) -> None:
    rows = [{"region": "430101101", "period": year, "total": total} for year in years]
    answer = house.client(region="430101").post("/v1/submissions", json={"dataset": "people", "rows": rows})
    assert answer.status_code == 201, answer.text


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """The files of parts, and by what it is seen that one was written again."""
    found = {path: path.stat() for path in folder.rglob("*.arrow")}
    return {path: (about.st_ino, about.st_mtime_ns) for path, about in found.items()}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tells of every part that is built, from the truth or from an earlier revision: how many rows it has."""
    seen: list[int] = []

    def counted(name: str) -> Callable[..., Any]:
        original = getattr(building, name)

        def build(*given: Any) -> Any:
            part = original(*given)
            seen.append(part.frame.height)
            time.sleep(0.05)  # long enough for the others to arrive meanwhile
            return part

        return build

    for name in ("build_part", "revised_part"):
        monkeypatch.setattr(building, name, counted(name))
    return seen


def test_a_submission_costs_the_rows_it_touched_and_later_their_part(
    empty_house: House, tmp_path: Path, built: list[int]
) -> None:
    empty_house.apply(FILES)
    report(empty_house, 10_000, "2023", "2024", "2025")
    ecology = empty_house.client(department="ecology")
    assert ecology.get(PATH).status_code == 200
    assert len(built) == 3
    before = files(tmp_path)
    report(empty_house, 20_000, "2024")
    assert {record["rk"] for record in ecology.get(PATH).json()["records"]} == {1, 2}
    assert (len(built), files(tmp_path)) == (3, before)
    everything = (
        empty_house.client(admin=True).get("/v1/datasets/people/records").json()["records"]
    )  # mapped as a whole
    assert len(everything) == 3
    after = files(tmp_path)
    assert len(built) == 4
    assert {path: after[path] for path in before} == before  # nothing that is there was written again
    (new,) = after.keys() - before.keys()
    assert new.parent.name == "2024"


def test_readers_who_come_at_once_share_the_work(empty_house: House, built: list[int]) -> None:
    empty_house.apply(FILES)
    report(empty_house, 10_000, "2025")
    clients = [empty_house.client(department="ecology") for _ in range(READERS)]
    start = threading.Barrier(READERS)

    def read(number: int) -> bytes:
        start.wait(30)
        return clients[number].get(PATH, params={"format": "csv"}).content

    with ThreadPoolExecutor(READERS) as pool:
        answers = list(pool.map(read, range(READERS)))
    assert built == [1]
    assert len(set(answers)) == 1


def test_what_one_process_built_another_only_opens(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path, built: list[int]
) -> None:
    url, folder = new_url(database_kind), tmp_path / "data"
    with serving(url, folder) as one:
        one.apply(FILES)
        report(one, 10_000, "2024", "2025")
        key = one.key(department="ecology")
        first = one.client(key).get(PATH).content
        assert len(built) == 2
        with serving(url, folder) as other:
            assert other.client(key).get(PATH).content == first
            report(other, 20_000, "2025")
            second = other.client(key).get(PATH).content
        assert one.client(key).get(PATH).content == second != first
        assert len(built) == 2  # the rows that changed are enough for those who hold the others
    for _ in range(2):
        with serving(url, folder) as fresh:
            assert fresh.client(key).get(PATH).content == second
        assert len(built) == 3
