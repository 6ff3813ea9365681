import json
import multiprocessing
import os
import shutil
import sys
import threading
import time
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from app.catalogue.units import BUILTIN_UNITS, UnitDefinition
from app.snapshots.building import PartError
from app.snapshots.parts import Parts
from tests.snapshots.catalogues import LAND, UNITS, dataset, element, row, values

MEMORY = 1 << 30
ROWS = [
    row(
        7,
        2,
        2025,
        area={"n": "100", "u": "亩", "s": "x", "h": "Sheet1", "c": "C7"},
        people={"n": "32458"},
        name={"t": '莫𡐓村 "a"\n'},
        kind={"t": "01"},
        since={"t": "2024-03-05"},
        hilly={"b": False},
    ),
    row(5, 1, 2025, area={"n": "6.70", "u": "公顷"}, people={"m": "未统计"}, hilly={"b": True}),
]


def open_part(folder, rows=ROWS, of=LAND, units=UNITS, year=2025, revision=3, calls=None):
    def load():
        if calls is not None:
            calls.append(1)
        return iter(rows)

    return Parts(folder, MEMORY).open(of, units, year, revision, load)


def only_file(folder):
    (path,) = [p for p in folder.rglob("*") if p.is_file()]
    return path


def test_a_part_holds_every_type_exactly_in_the_order_of_region_and_period(tmp_path):
    part = open_part(tmp_path)
    assert part.frame.columns == ["region", "period", "_version", "area", "people", "name", "kind", "since", "hilly"]
    assert part.frame.get_column("region").to_list() == [1, 2]
    assert part.frame.get_column("_version").to_list() == [5, 7]
    assert values(part.frame, part.scale, "area") == [Fraction("6.7"), Fraction(20, 3)]
    assert values(part.frame, part.scale, "people") == [None, 32458]
    assert part.frame.get_column("name").to_list() == [None, '莫𡐓村 "a"\n']
    assert part.frame.get_column("kind").to_list() == [None, "01"]
    assert part.frame.get_column("since").to_list() == [None, date(2024, 3, 5)]
    assert part.frame.get_column("hilly").to_list() == [True, False]


def test_the_order_in_which_the_truth_gives_rows_does_not_matter_to_the_bytes(tmp_path):
    one = open_part(tmp_path / "one", ROWS)
    other = open_part(tmp_path / "other", ROWS[::-1])
    assert one.digest == other.digest
    assert only_file(tmp_path / "one").read_bytes() == only_file(tmp_path / "other").read_bytes()


def test_a_second_process_opens_what_the_first_built(tmp_path):
    first = open_part(tmp_path)
    calls = []
    second = open_part(tmp_path, calls=calls)
    assert not calls
    assert second.digest == first.digest
    assert second.frame.equals(first.frame)


def test_a_part_stays_in_memory(tmp_path):
    parts = Parts(tmp_path, MEMORY)
    first = parts.open(LAND, UNITS, 2025, 3, lambda: ROWS)
    shutil.rmtree(tmp_path)
    assert parts.open(LAND, UNITS, 2025, 3, lambda: ROWS) is first


def test_deleting_the_folder_costs_only_time(tmp_path):
    first = open_part(tmp_path)
    shutil.rmtree(tmp_path)
    assert open_part(tmp_path).digest == first.digest


def test_without_a_place_for_files_a_part_is_kept_in_memory_and_is_the_same(tmp_path, caplog):
    kept = open_part(tmp_path / "there")
    (tmp_path / "taken").write_text("a file stands where the folder would be", encoding="utf-8")
    part = open_part(tmp_path / "taken")
    assert part.frame.equals(kept.frame)
    assert (part.digest, part.scale, part.bound, part.size) == (kept.digest, kept.scale, kept.bound, kept.size)
    assert "in memory only" in caplog.text


def test_a_folder_deleted_again_and_again_costs_only_time(tmp_path):
    folder, done = tmp_path / "parts", threading.Event()

    def delete():
        while not done.is_set():
            shutil.rmtree(folder, ignore_errors=True)

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for revision in range(60):
            assert open_part(folder, revision=revision).frame.height == len(ROWS)
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "overwritten"])
def test_a_damaged_file_is_noticed_and_built_anew(tmp_path, damage):
    whole = open_part(tmp_path)
    path = only_file(tmp_path)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
    elif damage == "emptied":
        data = bytearray()
    else:
        data = bytearray(b"not arrow at all" * 10)
    path.unlink()  # a file of its own: the bytes of a mapped one must not change below its reader
    path.write_bytes(data)
    calls = []
    again = open_part(tmp_path, calls=calls)
    assert calls == [1]
    assert again.digest == whole.digest
    assert again.frame.equals(whole.frame)


def test_many_threads_at_once_share_one_build(tmp_path):
    parts = Parts(tmp_path, MEMORY)
    calls = []

    def load():
        calls.append(1)
        time.sleep(0.05)
        return ROWS

    seen = []
    threads = [threading.Thread(target=lambda: seen.append(parts.open(LAND, UNITS, 2025, 3, load))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]
    assert len(seen) == 12
    assert all(part is seen[0] for part in seen)


def test_a_build_that_fails_is_tried_again_by_the_next(tmp_path):
    parts = Parts(tmp_path, MEMORY)

    def fails():
        raise OSError("the database went away")

    with pytest.raises(OSError, match="went away"):
        parts.open(LAND, UNITS, 2025, 3, fails)
    assert parts.open(LAND, UNITS, 2025, 3, lambda: ROWS).frame.height == 2
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def _build_elsewhere(folder, answers):
    answers.put(open_part(folder).digest)


def test_several_processes_may_build_the_same_part_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [context.Process(target=_build_elsewhere, args=(tmp_path, answers)) for _ in range(2)]
    for worker in workers:
        worker.start()
    digests = {answers.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert digests == {open_part(tmp_path).digest}
    assert only_file(tmp_path).suffix == ".arrow"


def test_list_datasets_have_their_key_as_text_columns_and_in_the_order(tmp_path):
    hazards = dataset(element("hazard_id", "code"), element("people", "integer", "人"), key=("hazard_id",))
    rows = [row(1, 1, 5, ("02",), people={"n": "3"}), row(2, 1, 5, ("010",), people={"n": "4"})]
    part = open_part(tmp_path, rows, hazards)
    assert part.frame.columns == ["region", "period", "hazard_id", "_version", "people"]
    assert part.frame.get_column("hazard_id").to_list() == ["010", "02"]


def test_a_part_without_rows_has_all_columns(tmp_path):
    part = open_part(tmp_path, [])
    assert part.frame.height == 0
    assert part.frame.schema["area"] == pl.Int64
    assert part.frame.schema["since"] == pl.Date


def test_a_number_beyond_64_bits_survives_the_file(tmp_path):
    rows = [row(1, 1, 2025, area={"n": "12345678901234567890.123456789"})]
    open_part(tmp_path, rows)
    part = open_part(tmp_path, rows)
    assert values(part.frame, part.scale, "area") == [Fraction("12345678901234567890.123456789")]


def test_more_rows_than_one_batch_come_out_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("app.snapshots.building.BATCH", 7)
    rows = [row(i, i, 2025, area={"n": f"{i}.{i % 10}"}) for i in range(50)]
    part = open_part(tmp_path, rows)
    assert values(part.frame, part.scale, "area") == [Fraction(f"{i}.{i % 10}") for i in range(50)]


def test_json_may_be_spread_over_lines(tmp_path):
    spread = (1, 1, 2025, "[]", json.dumps({"area": {"n": "1.5"}}, indent=2))
    assert values((part := open_part(tmp_path, [spread])).frame, part.scale, "area") == [Fraction(3, 2)]


def test_a_new_element_does_not_rebuild_what_is_there(tmp_path):
    open_part(tmp_path)
    calls = []
    wider = replace(LAND, elements=(*LAND.elements, element("water", "decimal", "公顷")))
    open_part(tmp_path, of=wider, calls=calls)
    assert not calls


def test_a_unit_whose_meaning_changed_leads_to_a_new_part(tmp_path):
    before = BUILTIN_UNITS.extended([UnitDefinition("大亩", "亩", Fraction(2))])
    after = BUILTIN_UNITS.extended([UnitDefinition("大亩", "亩", Fraction(3))])
    rows = [row(1, 1, 2025, area={"n": "5", "u": "大亩"})]
    parts = Parts(tmp_path, MEMORY)
    one = parts.open(LAND, before, 2025, 3, lambda: rows)
    other = parts.open(LAND, after, 2025, 3, lambda: rows)
    assert values(one.frame, one.scale, "area") == [Fraction(2, 3)]
    assert values(other.frame, other.scale, "area") == [Fraction(1)]
    assert values((again := open_part(tmp_path, [], units=before)).frame, again.scale, "area") == [Fraction(2, 3)]


def test_what_cannot_be_represented_names_the_element(tmp_path):
    with pytest.raises(PartError, match=r"land\.area"):
        open_part(tmp_path, [row(1, 1, 2025, area={"n": "3", "u": "户"})])
    with pytest.raises(PartError, match=r"land\.since"):
        open_part(tmp_path, [row(1, 1, 2025, since={"t": "2024-13-40"})])
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_memory_stays_below_its_limit_and_the_least_recently_used_goes_first(tmp_path):
    size = open_part(tmp_path).size
    parts = Parts(tmp_path, int(size * 2.5))
    calls = []

    def opened(year):
        def load():
            calls.append(year)
            return ROWS

        return parts.open(LAND, UNITS, year, 3, load)

    kept = opened(2025)
    opened(2024)
    assert opened(2025) is kept
    opened(2023)
    assert parts.held_bytes <= size * 2.5
    assert opened(2025) is kept
    assert calls == [2024, 2023]


def test_a_part_in_use_outlives_its_eviction_and_its_file(tmp_path):
    parts = Parts(tmp_path, 1)
    part = parts.open(LAND, UNITS, 2025, 3, lambda: ROWS)
    parts.open(LAND, UNITS, 2024, 3, lambda: ROWS)
    shutil.rmtree(tmp_path)
    assert values(part.frame, part.scale, "area") == [Fraction("6.7"), Fraction(20, 3)]


def test_garbage_is_what_no_state_names_and_is_not_fresh(tmp_path):
    parts = Parts(tmp_path, MEMORY)
    for revision in (3, 4, 5):
        parts.open(LAND, UNITS, 2025, revision, lambda: ROWS)
    folder = only_folder(tmp_path)
    (folder / "9-123-abc.partial").write_bytes(b"left behind")
    old = time.time() - 7200
    for path in folder.iterdir():
        if not path.name.startswith("5-"):
            os.utime(path, (old, old))
    assert parts.collect_garbage({("land", 2025, 4)}) == 2
    assert sorted(path.name.partition("-")[0] for path in folder.iterdir()) == ["4", "5"]


def only_folder(folder):
    return next(p for p in folder.rglob("*") if p.is_file()).parent


def test_a_dataset_code_cannot_lead_out_of_the_folder(tmp_path):
    inner = tmp_path / "inner"
    open_part(inner, of=replace(LAND, code="../../x"))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [p for p in inner.rglob("*") if p.is_file()]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is mapped on Linux")
def test_the_columns_of_a_part_lie_in_its_file(tmp_path):
    part = open_part(tmp_path)
    file = str(only_file(tmp_path))
    maps = [line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines() if file in line]
    for code in ("region", "_version", "area", "since"):
        address = part.frame.get_column(code).to_arrow().buffers()[-1].address  # handed over without a copy
        assert any(int(start, 16) <= address < int(end, 16) for start, end in maps), code
