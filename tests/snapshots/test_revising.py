"""A part made from an earlier revision is the part that the truth gives."""

import random

import pytest

from app.snapshots.building import PartChanges, build_part
from app.snapshots.part_files import part_in_memory
from app.snapshots.parts import Parts
from app.snapshots.revising import revised_part
from tests.snapshots.catalogues import LAND, UNITS, dataset, element, row

MEMORY = 1 << 30
UNITS_OF_AREA = ("公顷", "亩", "平方米")


def made_up(dice, version):
    """A record with odd numbers: other units, other digits, missing ones, very large ones."""
    said = {}
    if dice.random() < 0.8:
        number = dice.choice(["0", "-3", "1.5", "100", "33.3333", "7e3", str(dice.randrange(10**24))])
        said["area"] = {"n": number, "u": dice.choice(UNITS_OF_AREA)}
    if dice.random() < 0.8:
        said["people"] = {"n": str(dice.randrange(10**6))} if dice.random() < 0.9 else {"m": "未统计"}
    if dice.random() < 0.5:
        said["name"] = {"t": dice.choice(["", "忠防镇", "莫𡐓村"])}
    if dice.random() < 0.5:
        said["since"] = {"t": "2024-03-05"}
    if dice.random() < 0.5:
        said["hilly"] = {"b": dice.random() < 0.5}
    return row(version, dice.randrange(1, 40), 2025, **said)


def same(revised, built):
    assert revised.frame.schema == built.frame.schema
    assert revised.frame.equals(built.frame)
    assert (revised.scale, revised.bound) == (built.scale, built.bound)


@pytest.mark.parametrize("seed", range(12))
def test_revision_after_revision_is_what_a_build_from_the_truth_gives(seed):
    dice = random.Random(seed)
    shown = {each[1]: each for each in (made_up(dice, version) for version in range(20))}
    part = part_in_memory(build_part(LAND, UNITS, shown.values()))
    for turn in range(1, 6):
        before = dict(shown)
        for region in dice.sample(sorted(shown), k=min(len(shown), dice.randrange(4))):
            del shown[region]
        for each in [made_up(dice, turn * 100 + number) for number in range(dice.randrange(5))]:
            shown[each[1]] = each
        gone = [each[0] for region, each in before.items() if shown.get(region) != each]
        came = [each for region, each in shown.items() if before.get(region) != each]
        revised = revised_part(part, LAND, UNITS, PartChanges(gone, came))
        same(revised, build_part(LAND, UNITS, shown.values()))
        part = part_in_memory(revised)


def test_an_element_that_the_earlier_revision_did_not_have_is_missing_in_its_rows():
    old = dataset(element("people", "integer", "人"))
    new = dataset(element("people", "integer", "人"), element("name", "text"))
    rows = [row(1, 1, 2025, people={"n": "5"}), row(2, 2, 2025, people={"n": "6"})]
    came = [row(3, 2, 2025, people={"n": "7"}, name={"t": "忠防镇"})]
    revised = revised_part(part_in_memory(build_part(old, UNITS, rows)), new, UNITS, PartChanges([2], came))
    same(revised, build_part(new, UNITS, [rows[0], *came]))


def test_a_new_revision_asks_only_for_what_changed(tmp_path):
    first, second = row(1, 1, 2025, people={"n": "5"}), row(2, 1, 2025, people={"n": "8"})
    asked = []

    def changes(since):
        asked.append(since)
        return PartChanges([1], [second])

    def never():
        raise AssertionError("the truth is read whole only for the first revision")

    for parts in (Parts(tmp_path, MEMORY), Parts(tmp_path, MEMORY)):  # from memory, then from another's file
        parts.open(LAND, UNITS, 2025, 3, lambda: [first])
    assert parts.open(LAND, UNITS, 2025, 9, never, changes).frame.get_column("people").to_list() == [8]
    fresh = Parts(tmp_path, MEMORY)
    assert fresh.open(LAND, UNITS, 2025, 11, never, lambda since: PartChanges([], [])).frame.height == 1
    assert asked == [3]


def test_an_earlier_revision_that_no_longer_fits_is_no_basis(tmp_path):
    parts = Parts(tmp_path, MEMORY)
    parts.open(dataset(element("people", "decimal", "公顷")), UNITS, 2025, 3, list)
    read = []

    def truth():
        read.append(True)
        return [row(1, 1, 2025, people={"n": "5"})]

    other = dataset(element("people", "decimal", "亩"))
    parts.open(other, UNITS, 2025, 4, truth, lambda since: PartChanges([], []))
    assert read == [True]
