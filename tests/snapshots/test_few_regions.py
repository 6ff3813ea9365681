"""What a few regions show is the same from the earlier part and the changes as from the whole part of the truth."""

import random

import pytest

from app.snapshots import few_regions
from app.snapshots.building import PartChanges, build_part
from app.snapshots.few_regions import NotPlain, of_regions, revised_regions
from app.snapshots.gathering import gather
from app.snapshots.part_files import part_in_memory
from app.snapshots.parts import Parts
from tests.snapshots.catalogues import LAND, UNITS, dataset, element, row, values
from tests.snapshots.test_revising import made_up

MEMORY = 1 << 30
NUMBERS, OTHERS = ("area", "people"), ("region", "period", "name", "since", "hilly")


def shown(part, regions):
    """Everything that a mapping can see of the regions, numbers as they are."""
    rows = gather([part], LAND, ["area", "people", "name", "since", "hilly"], regions)
    numbers = {code: values(rows.frame, rows.scale, code) for code in NUMBERS}
    return {**numbers, **{name: rows.frame[name].to_list() for name in OTHERS}}


@pytest.mark.parametrize("seed", range(12))
def test_a_few_regions_after_changes_show_what_the_truth_shows(seed, monkeypatch):
    dice = random.Random(seed)
    monkeypatch.setattr(few_regions, "FEW", dice.choice([0, 64]))  # by the engine, or one after the other
    truth = {each[1]: each for each in (made_up(dice, version) for version in range(30))}
    part = part_in_memory(build_part(LAND, UNITS, truth.values()))
    before = dict(truth)
    for region in dice.sample(sorted(truth), k=3):
        del truth[region]
    for each in [made_up(dice, 100 + number) for number in range(dice.randrange(6))]:
        truth[each[1]] = each
    whole = part_in_memory(build_part(LAND, UNITS, truth.values()))
    for regions in (dice.sample(range(1, 40), 5), [next(iter(truth))], range(1, 40), [99]):
        of_them = frozenset(regions)
        gone = [each[0] for region, each in before.items() if truth.get(region) != each and region in of_them]
        came = [each for region, each in truth.items() if before.get(region) != each and region in of_them]
        few = revised_regions(part, LAND, UNITS, PartChanges(gone, came), of_them)
        assert shown(few, of_them) == shown(whole, of_them)


def test_what_would_not_fit_the_whole_part_is_left_to_it():
    rows = [row(1, 1, 2025, area={"n": "1" + "0" * 30, "u": "公顷"}), row(2, 2, 2025, area={"n": "1"})]
    part = part_in_memory(build_part(LAND, UNITS, rows))
    came = [row(3, 2, 2025, area={"n": "0." + "0" * 20 + "1"})]
    with pytest.raises(NotPlain):  # in region 2 it would fit, beside region 1 it does not
        revised_regions(part, LAND, UNITS, PartChanges([2], came), {2})


@pytest.mark.parametrize(
    "said", [{"people": {"n": 5}}, {"people": {"n": "fünf"}}, {"since": {"t": "5.3.2024"}}, {"hilly": {"b": "ja"}}]
)
def test_a_record_of_another_form_is_left_to_the_whole_part(said):
    part = part_in_memory(build_part(LAND, UNITS, [row(1, 1, 2025, people={"n": "5"})]))
    with pytest.raises(NotPlain):
        revised_regions(part, LAND, UNITS, PartChanges([1], [row(2, 1, 2025, **said)]), {1})


def test_a_key_and_an_element_that_came_later_stand_in_their_order():
    old = dataset(element("kind", "code"), element("people", "integer", "人"), key=("kind",))
    new = dataset(*old.elements, element("name", "text"), key=("kind",))
    rows = [row(1, 1, 2025, ("b",), people={"n": "5"}), row(2, 1, 2025, ("d",), people={"n": "6"})]
    part = part_in_memory(build_part(old, UNITS, rows))
    came = [row(3, 1, 2025, ("c",), people={"n": "7"}, name={"t": "忠防镇"})]
    few = revised_regions(part, new, UNITS, PartChanges([], came), {1})
    assert few.frame["kind"].to_list() == ["b", "c", "d"]
    assert few.frame["name"].to_list() == [None, "忠防镇", None]
    assert few.frame.schema == build_part(new, UNITS, [*rows, *came]).frame.schema


@pytest.mark.parametrize("count", [3, 80])
def test_the_rows_of_regions_are_those_that_a_scan_finds(count):
    rows = [row(number, number // 2 * 3, 2024 + number % 2, people={"n": "1"}) for number in range(400)]
    frame = build_part(LAND, UNITS, rows).frame
    regions = random.Random(count).sample(range(600), count)
    assert of_regions(frame, regions).equals(frame.filter(frame["region"].is_in(regions)))
    assert of_regions(frame.clear(), regions).height == 0


def test_a_read_of_a_few_regions_writes_no_part_and_its_basis_stays(tmp_path):
    parts = Parts(tmp_path, MEMORY)
    first, second = row(1, 1, 2025, people={"n": "5"}), row(2, 1, 2025, people={"n": "8"})
    changed = PartChanges([1], [second])
    assert parts.of_regions(LAND, UNITS, 2025, 9, {1}, lambda since: changed) is None  # there is nothing to begin from
    parts.open(LAND, UNITS, 2025, 3, lambda: [first])
    files = list(tmp_path.rglob("*.arrow"))
    few = parts.of_regions(LAND, UNITS, 2025, 9, {1}, lambda since: changed if since == 3 else None)
    assert few.frame["people"].to_list() == [8]
    assert parts.collect_garbage({("land", 2025, 9)}, older_than_seconds=-1) == 0
    assert list(tmp_path.rglob("*.arrow")) == files
    assert parts.of_regions(LAND, UNITS, 2025, 9, {1}, lambda since: changed) is not None
    assert parts.open(LAND, UNITS, 2025, 9, list, lambda since: changed).frame["people"].to_list() == [8]
    assert parts.collect_garbage({("land", 2025, 9)}, older_than_seconds=-1) == 1


def test_a_part_far_behind_is_made_anew(tmp_path):
    parts = Parts(tmp_path, MEMORY)
    parts.open(LAND, UNITS, 2025, 3, list)
    assert parts.of_regions(LAND, UNITS, 2025, 1_000, {1}, lambda since: PartChanges([], [])) is None
