"""A part is built some rows at a time; how many makes no difference to it."""

import random
from fractions import Fraction

import pytest

from app.snapshots import building
from app.snapshots.building import PartError, build_part
from app.snapshots.part_files import part_in_memory
from tests.snapshots.catalogues import LAND, UNITS, dataset, element, row, values

LIST = dataset(element("hazard_id", "code"), element("people", "integer", "人"), key=("hazard_id",))
NUMBERS = ["0", "7", "6.7", "-0.05", "1e3", "12345678901234567", "0.0000000000001", "1.50"]


def rows(chance, count):
    for version in range(count):
        given = {
            "area": {"n": chance.choice(NUMBERS), "u": chance.choice(["公顷", "亩", "平方公里"])},
            "people": {"n": str(chance.randrange(10**6))},
            "name": {"t": chance.choice(["甲", "", "乙丙"])},
            "since": {"t": f"2024-0{chance.randrange(1, 10)}-11"},
            "hilly": {"b": chance.random() < 0.5},
        }
        kept = {code: value for code, value in given.items() if chance.random() < 0.7}
        yield row(version, chance.randrange(9), chance.randrange(12), **kept)


@pytest.mark.parametrize("most", [1, 2, 7])
def test_a_part_made_of_many_batches_is_the_one_made_of_one(monkeypatch, most):
    for seed in range(6):
        truth = list(rows(random.Random(seed), 20))
        whole = build_part(LAND, UNITS, truth)
        monkeypatch.setattr(building, "BATCH", most)
        pieced = build_part(LAND, UNITS, truth)
        monkeypatch.undo()
        assert pieced.frame.equals(whole.frame)
        assert pieced.frame.schema == whole.frame.schema
        assert (pieced.scale, pieced.bound, pieced.recipe) == (whole.scale, whole.bound, whole.recipe)
        assert part_in_memory(pieced).digest == part_in_memory(whole).digest


def test_zeros_beside_a_very_fine_number_stay_zeros(monkeypatch):
    monkeypatch.setattr(building, "BATCH", 1)
    built = build_part(LAND, UNITS, [row(1, 1, 1, area={"n": "0"}), row(2, 2, 1, area={"n": "1e-30"})])
    assert values(built.frame, built.scale, "area") == [0, Fraction(1, 10**30)]


def test_batches_without_a_common_scale_are_refused_and_not_wrapped(monkeypatch):
    monkeypatch.setattr(building, "BATCH", 1)
    with pytest.raises(PartError, match=r"land\.area"):
        build_part(LAND, UNITS, [row(1, 1, 1, area={"n": "9" * 37}), row(2, 2, 1, area={"n": "0.00001"})])


def test_rows_of_a_list_are_in_the_order_of_their_keys(monkeypatch):
    monkeypatch.setattr(building, "BATCH", 2)
    truth = [row(n, 1, 5, (key,), people={"n": "1"}) for n, key in enumerate(["c", "a", "d", "b", "e"])]
    assert build_part(LIST, UNITS, truth).frame["hazard_id"].to_list() == ["a", "b", "c", "d", "e"]
