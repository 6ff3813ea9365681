from copy import deepcopy
from decimal import Decimal
from fractions import Fraction

import pytest

from app.catalogue.documents import normal, parse_codelist, parse_dataset, parse_departments, parse_units
from app.catalogue.patterns import pattern_fault

POPULATION = {
    "code": "population",
    "title": "人口",
    "frequency": "year",
    "level": "township",
    "key": [],
    "source": "region",
    "sharing": "conditional",
    "sharing_basis": "依职责申请，仅用于本部门考核",
    "confirmation": "none",
    "elements": [
        {
            "code": "resident_population", "title": "常住人口", "aliases": ["年末常住人口", "常住人口数"], "definition": "年末实际居住半年以上的人口",
            "type": "integer", "unit": "人", "decimals": 0, "measure": "stock", "required": True, "min": 0, "sharing": "open",
        },
        {"code": "population_male", "title": "男", "type": "integer", "unit": "人", "measure": "stock"},
        {"code": "grade", "title": "等级", "type": "code", "codes": "grades"},
        {"code": "density", "title": "人口密度", "type": "decimal", "unit": "人/平方公里", "decimals": 3, "measure": "ratio", "max": "99999.5"},
    ],
    "checks": [{"code": "sex_sum", "rule": "population_male <= resident_population", "severity": "error", "message": "男不超过总数"}],
}  # fmt: skip


def changed(**changes):
    """The dataset with keys replaced: ``title=None`` takes one away, ``e1_unit`` means elements[1].unit."""
    document = deepcopy(POPULATION)
    for name, value in changes.items():
        target, key = document, name
        if name.startswith("e") and name[1].isdigit():
            target, key = document["elements"][int(name[1])], name[3:]
        if value is None:
            target.pop(key, None)
        else:
            target[key] = value
    return document


def places(document):
    dataset, faults = parse_dataset(document, "datasets/population.yaml")
    assert (dataset is None) == bool(faults)
    assert all(fault.file == "datasets/population.yaml" for fault in faults)
    return [fault.place for fault in faults]


def test_a_dataset_is_read_with_what_it_leaves_unsaid():
    dataset, faults = parse_dataset(POPULATION, "f")
    assert not faults
    assert dataset is not None
    assert (dataset.code, dataset.frequency, dataset.level, dataset.source) == (
        "population",
        "year",
        "township",
        "region",
    )
    resident, male, grade, density = dataset.elements
    assert (resident.required, resident.min, resident.sharing, resident.sharing_basis) == (
        True,
        Decimal(0),
        "open",
        None,
    )
    assert (male.sharing, male.sharing_basis) == ("conditional", "依职责申请，仅用于本部门考核")
    assert (grade.measure, grade.codes, grade.unit) == ("attribute", "grades", None)
    assert (density.max, density.decimals) == (Decimal("99999.5"), 3)
    assert dataset.checks[0].rule == "population_male <= resident_population"
    assert resident.path == "population.resident_population"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"colour": "red"}, "colour"),
        ({"e1_colour": "red"}, "elements[1].colour"),
        ({"code": None}, "code"),
        ({"code": "Population"}, "code"),
        ({"code": "period"}, "code"),
        ({"title": ""}, "title"),
        ({"frequency": "weekly"}, "frequency"),
        ({"level": "town"}, "level"),
        ({"sharing": None}, "sharing"),
        ({"sharing_basis": None}, "sharing_basis"),
        ({"sharing": "closed", "sharing_basis": None}, "sharing_basis"),
        ({"source": "department"}, "source"),
        ({"confirmation": True}, "confirmation"),
        ({"elements": []}, "elements"),
        ({"elements": "none"}, "elements"),
        ({"elements": None}, "elements"),
        ({"key": ["village"]}, "key[0]"),
        ({"key": ["density"]}, "key[0]"),
        ({"e1_code": "resident_population"}, "elements[1].code"),
        ({"e1_code": "region"}, "elements[1].code"),
        ({"e1_title": " 常住 人口"}, "elements[1].title"),
        ({"e1_type": "number"}, "elements[1].type"),
        ({"e2_unit": "人"}, "elements[2].unit"),
        ({"e2_measure": "stock"}, "elements[2].measure"),
        ({"e2_codes": None}, "elements[2].codes"),
        ({"e1_codes": "grades"}, "elements[1].codes"),
        ({"e1_pattern": "[0-9]+"}, "elements[1].pattern"),
        ({"e1_decimals": 2}, "elements[1].decimals"),
        ({"e3_decimals": 40}, "elements[3].decimals"),
        ({"e1_min": 5, "e1_max": 4}, "elements[1].min"),
        ({"e1_min": "five"}, "elements[1].min"),
        ({"e1_min": True}, "elements[1].min"),
        ({"e1_required": "yes"}, "elements[1].required"),
        ({"e1_sharing": "closed"}, "elements[1].sharing_basis"),
        ({"e0_sharing": "secret"}, "elements[0].sharing"),
        ({"checks": [{"code": "a"}]}, "checks[0].rule"),
        ({"checks": [{"code": "a", "rule": "b", "severity": "fatal"}]}, "checks[0].severity"),
    ],
)  # fmt: skip
def test_a_fault_is_named_at_its_place(changes, place):
    assert places(changed(**changes)) == [place]


def test_all_faults_come_at_once():
    document = changed(colour="red", frequency="weekly", e2_codes=None, e3_max="much")
    assert set(places(document)) == {"colour", "frequency", "elements[2].codes", "elements[3].max"}


@pytest.mark.parametrize("document", [None, [], "population", 7, {"elements": [7]}, {"elements": [None]}, {7: 8}])
def test_what_is_no_dataset_at_all_is_a_fault_and_no_crash(document):
    assert places(document)


def test_key_elements_are_required_without_saying_so():
    dataset, _ = parse_dataset(changed(key=["grade"]), "f")
    assert dataset is not None
    assert [element.code for element in dataset.elements if element.required] == ["resident_population", "grade"]


def test_a_pure_number_needs_no_unit():
    dataset, faults = parse_dataset(changed(e3_unit=None), "f")
    assert not faults
    assert dataset is not None
    assert dataset.elements[3].unit is None


def test_the_normal_form_drops_defaults_and_reads_back_to_the_same():
    body = normal("dataset", POPULATION)
    assert "key" not in body
    assert "source" not in body
    assert "confirmation" not in body
    assert list(body["elements"][0]) == [
        "code",
        "title",
        "aliases",
        "definition",
        "type",
        "unit",
        "measure",
        "required",
        "min",
        "sharing",
    ]
    assert body["elements"][3]["max"] == 99999.5
    assert body["checks"][0] == {
        "code": "sex_sum",
        "rule": "population_male <= resident_population",
        "message": "男不超过总数",
    }
    assert normal("dataset", body) == body
    assert parse_dataset(body, "f") == parse_dataset(POPULATION, "f")


def test_documents_that_mean_the_same_have_the_same_normal_form():
    shuffled = dict(reversed(list(changed(e1_min="0", e1_aliases="男性").items())))
    assert normal("dataset", shuffled) == normal("dataset", changed(e1_min=0, e1_aliases=["男性"]))


def test_a_bound_with_many_digits_is_kept_to_the_last():
    dataset, _ = parse_dataset(changed(e3_max="0.123456789012345678901"), "f")
    assert dataset is not None
    assert dataset.elements[3].max == Decimal("0.123456789012345678901")
    assert (
        normal("dataset", changed(e3_max="0.123456789012345678901"))["elements"][3]["max"] == "0.123456789012345678901"
    )


# -- code lists, departments, units --------------------------------------------------------------------------------
def test_a_code_may_be_written_as_a_whole_number():
    codelist, faults = parse_codelist(
        {
            "code": "yes_no",
            "title": "是否",
            "codes": [{"code": 1, "label": "是", "aliases": ["Y", "有"]}, {"code": "0", "label": "否"}],
        },
        "f",
    )
    assert not faults
    assert codelist is not None
    assert [member.code for member in codelist.codes] == ["1", "0"]
    assert codelist.find("有") is codelist.codes[0]


@pytest.mark.parametrize(
    ("codes", "place", "words"),
    [
        ([{"code": True, "label": "是"}], "codes[0].code", "引号"),
        ([{"code": 1.5, "label": "是"}], "codes[0].code", "引号"),
        ([{"code": "1", "label": "是"}, {"code": 1, "label": "否"}], "codes[1].code", "重复"),
        ([{"code": "1", "label": "是"}, {"code": "2", "label": "是"}], "codes[1].label", "codes[0]"),
        (
            [{"code": "1", "label": "是"}, {"code": "2", "label": "否", "aliases": ["无", "是"]}],
            "codes[1].aliases[1]",
            "codes[0]",
        ),
        (
            [{"code": "1", "label": "是", "aliases": ["2"]}, {"code": "2", "label": "否"}],
            "codes[0].aliases[0]",
            "codes[1]",
        ),
        ([], "codes", "至少"),
    ],
)
def test_a_code_list_must_be_clear(codes, place, words):
    codelist, faults = parse_codelist({"code": "yes_no", "title": "是否", "codes": codes}, "f")
    assert codelist is None
    assert [fault.place for fault in faults] == [place]
    assert words in faults[0].message


def test_departments_are_read_each_at_its_place():
    departments, faults = parse_departments(
        {
            "departments": [
                {"code": "ecology-1", "name": "生态环境局"},
                {"code": "Police", "name": "公安局"},
                {"name": "x"},
            ]
        },
        "departments.yaml",
    )
    assert [department.code for department in departments] == ["ecology-1"]
    assert [fault.place for fault in faults] == ["departments[1].code", "departments[2].code"]


def test_units_are_read_with_exact_factors():
    units, faults = parse_units(
        {
            "units": [
                {"code": "盏"},
                {"code": "万千瓦时", "of": "千瓦时", "factor": 10000},
                {"code": "分地", "of": "亩", "factor": "1/10"},
                {"code": "半", "of": "亩", "factor": 0.5},
            ]
        },
        "units.yaml",
    )
    assert not faults
    assert [(unit.code, unit.of, unit.factor) for unit in units] == [
        ("盏", None, 1), ("万千瓦时", "千瓦时", 10000), ("分地", "亩", Fraction(1, 10)), ("半", "亩", Fraction(1, 2)),
    ]  # fmt: skip
    assert normal("unit", {"code": "半", "of": "亩", "factor": 0.5}) == {"code": "半", "of": "亩", "factor": "0.5"}


@pytest.mark.parametrize(
    ("unit", "place"),
    [
        ({"code": "a", "of": "亩"}, "units[0].factor"),
        ({"code": "a", "factor": "2"}, "units[0].of"),
        ({"code": "a", "of": "亩", "factor": "0"}, "units[0].factor"),
        ({"code": "a", "of": "亩", "factor": "-1/2"}, "units[0].factor"),
        ({"code": "a", "of": "亩", "factor": "a third"}, "units[0].factor"),
        ({"code": "a b"}, "units[0].code"),
        ({"code": "a", "per": "b"}, "units[0].per"),
        ({}, "units[0].code"),
    ],
)
def test_a_unit_out_of_form_is_named(unit, place):
    assert [fault.place for fault in parse_units({"units": [unit]}, "units.yaml")[1]] == [place]


def test_views_and_agreements_become_plain_json_in_order():
    document = {"fields": [{"name": "a", "codes": {True: "Y"}}], "code": "v", "department": "d", "extra": 1}
    assert normal("view", document) == {
        "code": "v",
        "department": "d",
        "fields": [{"name": "a", "codes": {"true": "Y"}}],
        "extra": 1,
    }
    assert list(normal("view", document)) == ["code", "department", "fields", "extra"]


# -- patterns ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9]{6}",
        r"\d{17}[\dX]",
        "(?:省|市)?",
        "[^)(*+]+",
        "a{2,5}b*",
        r"(\d{3}-)?\d{4}",
        r"\(\*\)+",
        "(ab){3}",
        "[]x]*",
    ],
)
def test_ordinary_patterns_are_allowed(pattern):
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*b",
        "(a|aa)+",
        "(?:a?){25}",
        "((ab)*)*",
        "(a{1,9}){9}",
        r"(a)\1",
        "(?=a)b",
        "(?P<n>a)",
        "[a",
        "(",
        "*",
        "a*b*c*d*",
        "a" * 201,
        "a{5000}",
        "(x(a|b)*y)*",
    ],
)
def test_patterns_that_could_be_slow_or_are_none_are_refused(pattern):
    assert pattern_fault(pattern) is not None
