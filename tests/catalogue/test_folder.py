from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.building import Definition, build_catalogue, describe_changes, forbidden_changes
from app.catalogue.documents import normal, parse_dataset
from app.catalogue.folder import belongs, read_folder, write_folder
from app.catalogue.region_plan import plan_regions
from app.catalogue.regions import RegionIndex
from app.catalogue.yaml_documents import read_yaml, write_yaml
from tests.catalogue.region_lists import applied
from tests.catalogue.test_documents import POPULATION, changed

FILES = {
    "units.yaml": "units:\n  - {code: 盏}\n  - {code: 万千瓦时, of: 千瓦时, factor: '10000'}\n",
    "departments.yaml": "departments:\n  - {code: ecology, name: 生态环境局}\n  - {code: police, name: 公安局}\n",
    "codelists/yes_no.yaml": "code: yes_no\ntitle: 是否\ncodes:\n  - {code: 1, label: 是, aliases: [Y, 有]}\n  - {code: '0', label: 否}\n",
    "datasets/lamps.yaml": """
code: lamps
title: 路灯
frequency: month
level: village
source: department:police
sharing: open
key: [road]
elements:
  - {code: road, title: 道路, type: text}
  - {code: lamps, title: 路灯, type: integer, unit: 盏, measure: stock}
  - {code: power, title: 用电量, type: decimal, unit: 万千瓦时, decimals: 3, measure: flow, min: 0.001}
  - {code: lit, title: 是否亮灯, type: code, codes: yes_no}
""",
    "views/ecology-lamps.yaml": "code: ecology-lamps\ndepartment: ecology\ntitle: 路灯\ngrain: {level: village, frequency: month}\nfields:\n  - {name: dl, from: lamps.power, default: 0.5}\n",
    "agreements/ecology-2026.yaml": 'code: ecology-2026\ndepartment: ecology\nelements: [lamps.*]\nregions: ["*"]\nvalid: {from: 2026-01-01, until: 2026-12-31}\n',
    "regions.csv": "code,name,level,parent\n43,湖南省,province,\n4306,岳阳市,prefecture,43\n",
    "README.md": "about this folder",
    ".gitkeep": "",
}


def as_bytes(**changes):
    files = {name: text.encode() for name, text in FILES.items()}
    return files | {name: text if isinstance(text, bytes) else text.encode() for name, text in changes.items()}


def test_a_folder_is_read_whole():
    folder = read_folder(as_bytes())
    assert folder.faults == []
    assert sorted((d.kind, d.code) for d in folder.definitions) == [
        ("agreement", "ecology-2026"), ("codelist", "yes_no"), ("dataset", "lamps"), ("department", "ecology"),
        ("department", "police"), ("unit", "万千瓦时"), ("unit", "盏"), ("view", "ecology-lamps"),
    ]  # fmt: skip
    assert [row.code for row in folder.regions] == ["43", "4306"]
    agreement = next(d for d in folder.definitions if d.kind == "agreement")
    assert agreement.body["valid"] == {"from": "2026-01-01", "until": "2026-12-31"}
    catalogue, faults = build_catalogue(folder.definitions)
    assert faults == []
    lit = catalogue.element("lamps.lit")
    assert lit is not None
    assert lit.codes in catalogue.codelists
    assert catalogue.units.factor("万千瓦时", "千瓦时") == 10000
    assert catalogue.datasets["lamps"].source_department == "police"


def test_what_is_written_reads_back_to_the_same():
    folder = read_folder(as_bytes())
    index, _ = applied(RegionIndex(), folder.regions)
    files = write_folder(folder.definitions, index)
    again = read_folder(files)
    assert again.faults == []

    def bodies(definitions):
        return sorted(((d.kind, d.code, d.body) for d in definitions), key=lambda d: d[:2])

    assert bodies(again.definitions) == bodies(folder.definitions)
    assert plan_regions(index, again.regions, again.successions).empty
    assert write_folder(again.definitions, index) == files
    assert set(files) == {name for name in FILES if name not in ("README.md", ".gitkeep")}


def test_an_empty_folder_is_a_folder():
    assert read_folder({}) == read_folder({"README.md": b""})
    assert write_folder([], RegionIndex()) == {}


def test_files_that_do_not_belong_are_named():
    folder = read_folder(
        {
            "datasets/deep/x.yaml": b"",
            "population.yaml": b"",
            "views/x.json": b"{}",
            "regions.xlsx": b"",
            "notes/plan.md": b"",
        }
    )
    assert [fault.file for fault in folder.faults] == [
        "datasets/deep/x.yaml",
        "population.yaml",
        "regions.xlsx",
        "views/x.json",
    ]
    assert belongs("views/x.yml")
    assert not belongs("views/x.json")


def test_the_faults_of_all_files_come_together():
    folder = read_folder(
        as_bytes(
            **{
                "datasets/a.yaml": "code: a\n  title: b\n",
                "datasets/b.yaml": "code: lamps\ncode: lamps\n",
                "datasets/c.yaml": b"code: [",
                "codelists/d.yaml": "code: d\ntitle: 丁\ncodes:\n  - {code: true, label: 是}\n",
                "views/e.yaml": b"\xff\xfe",
                "views/f.yaml": "- 1\n",
                "agreements/g.yaml": "code: Not Good\n",
                "regions.csv": "code,name,level,parent\n43,湖南省,state,\n",
                "units.yaml": "units:\n  - {code: a, of: 亩}\n",
            }
        )
    )
    assert {fault.file for fault in folder.faults} == {
        "datasets/a.yaml", "datasets/b.yaml", "datasets/c.yaml", "codelists/d.yaml", "views/e.yaml", "views/f.yaml",
        "agreements/g.yaml", "regions.csv", "units.yaml",
    }  # fmt: skip
    by_file = {fault.file: str(fault) for fault in folder.faults}
    assert "第 2 行" in by_file["datasets/b.yaml"]
    assert "codes[0].code" in by_file["codelists/d.yaml"]
    assert "units[0].factor" in by_file["units.yaml"]


def test_the_same_code_in_two_files_is_a_fault_of_the_second():
    folder = read_folder(as_bytes(**{"datasets/zz.yaml": FILES["datasets/lamps.yaml"]}))
    assert [(fault.file, "datasets/lamps.yaml" in fault.message) for fault in folder.faults] == [
        ("datasets/zz.yaml", True)
    ]


def definition(kind, document, file="f", place=""):
    return Definition(kind, document["code"], normal(kind, document), file, place)


def test_what_documents_say_of_each_other_is_looked_at():
    _, faults = build_catalogue(
        [
            definition("dataset", changed(e1_unit="蒲式耳", source="department:nobody"), "datasets/population.yaml"),
            definition("unit", {"code": "亩", "of": "公顷", "factor": "1/14"}, "units.yaml", "units[0]"),
            definition("unit", {"code": "甲", "of": "乙", "factor": "2"}, "units.yaml", "units[1]"),
        ]
    )
    assert sorted((fault.file, fault.place) for fault in faults) == [
        ("datasets/population.yaml", "elements[1].unit"),
        ("datasets/population.yaml", "elements[2].codes"),
        ("datasets/population.yaml", "source"),
        ("units.yaml", "units[0]"),
        ("units.yaml", "units[1]"),
    ]


def dataset(**changes):
    parsed, faults = parse_dataset(changed(**changes), "f")
    assert parsed is not None, faults
    return parsed


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"frequency": "month"}, "frequency"),
        ({"level": "village"}, "level"),
        ({"key": ["grade"]}, "key"),
        ({"e1_type": "decimal"}, "elements[1].type"),
        ({"e1_unit": "万人"}, "elements[1].unit"),
        ({"e1_measure": "flow"}, "elements[1].measure"),
        ({"e1_code": "men"}, "elements"),
    ],
)
def test_changes_that_held_data_forbids_are_named(changes, place):
    assert [change.place for change in forbidden_changes(dataset(), dataset(**changes))] == [place]


def test_a_forbidden_change_says_whose_values_stand_against_it():
    old = dataset()
    assert [
        change.element
        for change in forbidden_changes(old, dataset(e1_code="men", e3_measure="attribute", level="village"))
    ] == [None, "population_male", "density"]


def test_other_changes_are_free():
    more = [
        *POPULATION["elements"],
        {"code": "women", "title": "女", "type": "integer", "unit": "人", "measure": "stock"},
    ]
    new = dataset(title="人口情况", elements=more, checks=None, confirmation="second_person")
    assert forbidden_changes(dataset(), new) == []
    assert forbidden_changes(dataset(e3_unit="人/平方公里"), dataset(e3_unit="人/km²")) == []
    assert forbidden_changes(dataset(), dataset(e0_aliases=["人口"], e0_required=False, e3_decimals=1, e0_min=5)) == []


def test_changes_are_told_in_lines():
    more = [
        *POPULATION["elements"][1:],
        {"code": "women", "title": "女", "type": "integer", "unit": "人", "measure": "stock"},
    ]
    old, new = normal("dataset", POPULATION), normal("dataset", changed(title="人口情况", elements=more))
    assert describe_changes("dataset", old, new) == [
        "~ title: 人口 → 人口情况",
        "- elements[resident_population]",
        "+ elements[women] 女",
    ]
    assert describe_changes("dataset", old, normal("dataset", changed(e0_aliases=["甲"], e1_min=1))) == [
        "~ elements[resident_population].aliases: 年末常住人口、常住人口数 → 甲",
        "+ elements[population_male].min: 1",
    ]
    assert describe_changes("dataset", old, old) == []
    reordered = {**old, "elements": old["elements"][::-1]}
    assert len(describe_changes("dataset", old, reordered)) == 1


# -- YAML ----------------------------------------------------------------------------------------------------------
def test_scalars_are_read_predictably():
    text = 'a: yes\nb: 010\nc: 12:30\nd: 2026-01-01\ne: 0.1\nf: 1e5\ng: "1"\nh: 0.12345678901234567890\ni:\nj: ~\nk: true\nl: -7\nm: 43068210101\nn: .5\n'
    value, faults = read_yaml(text.encode(), "f")
    assert not faults
    assert value == {
        "a": "yes", "b": "010", "c": "12:30", "d": "2026-01-01", "e": 0.1, "f": "1e5", "g": "1", "h": "0.12345678901234567890",
        "i": None, "j": None, "k": True, "l": -7, "m": 43068210101, "n": ".5",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "第 3 行: 键“a”重复"),
        ("a: &x [1]\nb: *x\n", "第 1 行: 不支持锚点"),
        ("a: *x\n", "不支持锚点"),
        ("a: !!python/object:os.system 1\n", "不支持标签"),
        ("a: !!int 1\n", "不支持标签"),
        ("? [a]\n: 1\n", "键须为文本"),
        ("a: 1\n---\nb: 2\n", "一个文件只能有一个文档"),
        ("a: [1\n", "不是有效的 YAML"),
        ("[" * 200_000, "嵌套过深"),
        ("a: " + "{a: " * 50 + "1" + "}" * 50, "嵌套过深"),
        ("a: \x07\n", "不是有效的 YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(text, words):
    value, faults = read_yaml(text.encode(), "f.yaml")
    assert value is None
    assert words in str(faults[0])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["code", "yes", "010", "on", "甲", "a b", "1"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["code", "title", "x"]), JSON))
def test_what_is_written_is_read_back(document):
    value, faults = read_yaml(write_yaml(document), "f")
    assert faults == []
    assert value == document


def test_a_catalogue_of_three_thousand_elements_is_read_whole():
    element = dict(POPULATION["elements"][0])
    files = {}
    for n in range(30):
        elements = [
            element | {"code": f"e{i}", "title": f"指标{i}", "aliases": [f"别名{i}", f"又名{i}"]} for i in range(100)
        ]
        files[f"datasets/d{n}.yaml"] = write_yaml(POPULATION | {"code": f"d{n}", "elements": elements, "checks": []})
    folder = read_folder(files)
    catalogue, faults = build_catalogue(folder.definitions)
    assert folder.faults == faults == []
    assert sum(len(d.elements) for d in catalogue.datasets.values()) == 3000


def test_a_region_file_is_dated_by_its_rows():
    folder = read_folder(
        {"regions.csv": "code,name,level,parent,valid_from,valid_to\n43,湖南省,province,,2020-01-01,\n".encode()}
    )
    assert folder.regions[0].valid_from == date(2020, 1, 1)
