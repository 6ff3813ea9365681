"""``apply``: everything checked, all faults of all files at once with file and place, nothing applied by half."""

from __future__ import annotations

from app.services.apply import apply_folder, export_folder
from tests.fixtures.house import House
from tests.fixtures.small import AGREEMENT, FILES, PEOPLE, VIEW

BROKEN = {
    "regions.csv": "code,name,level,parent\n43,省,province,\n4301,市,prefecture,43\n430101,县,county,9999\n4301015,镇,township,430101\n",
    "datasets/people.yaml": PEOPLE.replace("title: 人口\n", "title: 人口\ncolour: red\n").replace(
        "unit: 公顷", "unit: 弓"
    ),
    "datasets/cases.yaml": FILES["datasets/cases.yaml"].replace("sharing_basis: 仅用于考核\n", ""),
    "departments.yaml": "departments:\n  - {code: ecology, name: 生态环境局, head: 张三}\n",
    "views/people-view.yaml": VIEW.replace("from: people.men", "from: people.gentlemen").replace(
        "unit: 万人, decimals: 4", "unit: 亩, decimals: 4"
    ),
    "agreements/ecology-2026.yaml": AGREEMENT.replace("people.area", "people.watched").replace("430101", "439999"),
    "notes.txt": "hello",
}
PLACES = {
    ("datasets/people.yaml", "colour"),
    ("datasets/people.yaml", "elements[3].unit"),
    ("datasets/cases.yaml", "sharing_basis"),
    ("departments.yaml", "departments[0].head"),
    ("views/people-view.yaml", "fields[3] (rk)"),
    ("views/people-view.yaml", "fields[5] (nan)"),
    ("agreements/ecology-2026.yaml", "elements[1]"),
    ("agreements/ecology-2026.yaml", "regions[0]"),
    ("notes.txt", ""),
}


def test_all_faults_of_all_files_are_told_at_once_and_nothing_is_applied(empty_house: House) -> None:
    files = {name: text.encode() for name, text in BROKEN.items()}
    plan = apply_folder(empty_house.registry, files)
    assert not plan.applied
    told = {(fault.file, fault.place) for fault in plan.faults}
    assert told >= PLACES
    assert {file for file, _ in told if file == "regions.csv"}
    assert empty_house.registry.state().stored == {}
    assert empty_house.client(admin=True).get("/v1/regions").json() == {"regions": []}


def test_applying_twice_and_applying_an_export_change_nothing(house: House) -> None:
    files = export_folder(house.registry)
    epoch = house.registry.database.epoch()
    again = house.apply(files)
    assert not again.changes
    assert house.registry.database.epoch() == epoch


def test_a_dry_run_tells_the_plan_and_applies_nothing(empty_house: House) -> None:
    files = {name: text.encode() for name, text in FILES.items()}
    plan = apply_folder(empty_house.registry, files, dry_run=True)
    assert not plan.faults
    assert {(line.action, line.kind) for line in plan.lines} >= {("create", "dataset"), ("create", "view")}
    assert empty_house.registry.state().stored == {}


def test_a_folder_may_hold_only_a_view_and_says_what_changes(empty_house: House) -> None:
    empty_house.apply(FILES)
    plan = empty_house.apply({"views/people-view.yaml": VIEW.replace("decimals: 4", "decimals: 2")})
    (line,) = plan.lines
    assert (line.action, line.kind, line.code) == ("change", "view", "people-view")
    assert any("decimals" in detail for detail in line.details)


def test_a_check_of_data_cannot_be_broken_by_a_dataset_that_a_view_rests_on(empty_house: House) -> None:
    empty_house.apply(FILES)
    without = PEOPLE.replace(
        "  - {code: men, title: 男, type: integer, unit: 人, measure: stock, min: 0}\n", ""
    ).replace("men + women == total", "women <= total")
    plan = apply_folder(empty_house.registry, {"datasets/people.yaml": without.encode()})
    assert [(fault.file, fault.place) for fault in plan.faults] == [("people-view", "fields[5] (nan)")]
