"""The folder as a reader without the app finds it: whole, consistent and worth reading."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter

import pytest

from tests.schemas.conftest import FOLDER

WORDS = {"and", "or", "not", "if", "coalesce", "round", "abs", "min", "max", "to", "previous", "last_year", "ytd"}


def _names(rule):
    return set(re.findall(r"[a-z_][a-z0-9_.]*", re.sub(r"'[^']*'", "", rule))) - WORDS


def _paths(field):
    if "expr" in field:
        return {name for name in _names(field["expr"]) if "." in name}
    source = field.get("from", "period")
    return set() if source == "period" or source.startswith("region.") else {source}


def _bare(text):
    return "".join(unicodedata.normalize("NFKC", text).casefold().split()).removeprefix("其中").lstrip(":")


def test_every_element_has_a_definition_of_one_sentence(plain):
    for dataset, element in plain.elements():
        definition = element["definition"]
        assert definition.endswith("。"), (dataset["code"], element["code"])
        assert definition.count("。") == 1, (dataset["code"], element["code"])
        assert len(definition) >= 12, (dataset["code"], element["code"])


def test_no_two_elements_of_a_dataset_answer_to_one_name(plain):
    for code, dataset in plain.datasets.items():
        owners: dict[str, str] = {}
        for element in dataset["elements"]:
            for name in (element["title"], *element.get("aliases", [])):
                assert owners.setdefault(_bare(name), element["code"]) == element["code"], (code, name)


def test_an_alias_is_said_once_and_is_not_the_title(plain):
    for _, element in plain.elements():
        names = [element["title"], *element.get("aliases", [])]
        assert len(names) == len(set(names)), element["code"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("population.population_male", ["男", "男性", "男性人口"]),
        ("population.population_female", ["女", "女性", "女性人口"]),
        ("population.resident_population", ["常住人口", "年末常住人口", "常住居民数", "辖区常住人口"]),
        ("population.registered_population", ["户籍人口", "年末户籍人口", "户籍总人数"]),
        ("land.cultivated_land_area", ["耕地面积", "耕地保有量"]),
        ("land.paddy_area", ["水田", "其中水田"]),
        ("township_profile.admin_area", ["行政区域面积", "辖区面积", "土地总面积"]),
        ("civil_affairs.tekun_persons", ["特困人员"]),
        ("petition_hotline.hotline_orders", ["受理工单", "交办工单", "诉求量"]),
    ],
)
def test_the_departments_other_names_for_the_same_thing_are_known(plain, path, names):
    element = plain.element(path)
    assert set(names) <= {element["title"], *element.get("aliases", [])}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("population.resident_population", "实有人口"),
        ("population.resident_population", "总人口"),
        ("population.population_60_plus", "老年人口"),
        ("population.population_80_plus", "高龄津贴领取"),
        ("land.cultivated_land_area", "确权面积"),
        ("land.effective_irrigated_area", "水浇地"),
        ("livestock.pig_stock", "猪当量"),
        ("livestock.pig_slaughtered", "屠宰量"),
        ("forestry.forest_coverage_rate", "绿化覆盖率"),
        ("civil_affairs.tekun_persons", "五保户"),
        ("fiscal.general_budget_revenue", "财政总收入"),
        ("fiscal.tax_revenue", "税收收入"),
        ("crop_production.grain_output", "收购量"),
    ],
)
def test_a_name_with_another_definition_is_not_an_alias(plain, path, name):
    element = plain.element(path)
    assert name not in {element["title"], *element.get("aliases", [])}


def test_conditional_and_closed_data_say_why_and_on_what_terms(plain):
    for dataset, element in plain.elements():
        for owner in (dataset, element):
            if owner.get("sharing") == "conditional":
                assert "理由" in owner["sharing_basis"], owner["code"]
                assert "条件" in owner["sharing_basis"], owner["code"]
            if owner.get("sharing") == "closed":
                assert owner["sharing_basis"], owner["code"]


def test_every_rule_names_only_elements_of_its_own_dataset(plain):
    for code, dataset in plain.datasets.items():
        own = {element["code"] for element in dataset["elements"]}
        for check in dataset.get("checks", []):
            assert _names(check["rule"]) <= own, (code, check["code"])
            assert check["message"], (code, check["code"])
            assert check["severity"] in ("error", "warning")


def test_every_quantity_is_bounded_below(plain):
    for _, element in plain.elements():
        if element["type"] in ("integer", "decimal"):
            assert element["min"] >= 0, element["code"]


def test_codes_point_at_code_lists_and_every_list_has_distinct_codes_and_labels(plain):
    used = {element["codes"] for _, element in plain.elements() if "codes" in element}
    assert used <= plain.codelists.keys()
    for codelist in plain.codelists.values():
        names = [name for c in codelist["codes"] for name in {c["code"], c["label"], *c.get("aliases", [])}]
        assert [name for name, times in Counter(names).items() if times > 1] == []


def test_at_least_eight_departments_have_a_view_and_an_agreement(plain):
    viewing = {view["department"] for view in plain.views.values()}
    agreed = {agreement["department"] for agreement in plain.agreements.values()}
    assert len(viewing & agreed) >= 8
    assert viewing | agreed <= plain.departments.keys()


def test_every_field_of_every_view_is_of_one_kind_and_has_a_name_of_its_own(plain):
    for code, view in plain.views.items():
        names = [field["name"] for field in view["fields"]]
        assert len(names) == len(set(names)), code
        for field in view["fields"]:
            assert len({"from", "expr", "value"} & field.keys()) == 1, (code, field["name"])
            for path in _paths(field):
                plain.element(path)


def test_an_agreement_names_elements_that_exist_and_none_that_is_closed(plain):
    for code, agreement in plain.agreements.items():
        for pattern in agreement["elements"]:
            if not pattern.endswith(".*"):
                assert plain.sharing(pattern) != "closed", (code, pattern)
        assert plain.opened(agreement), code


def test_a_departments_agreements_cover_every_field_of_its_views(plain):
    for code, view in plain.views.items():
        mine = [a for a in plain.agreements.values() if a["department"] == view["department"]]
        opened = frozenset().union(*(plain.opened(agreement) for agreement in mine))
        needed = {path for field in view["fields"] for path in _paths(field)}
        assert needed <= opened, (code, sorted(needed - opened))


def test_an_agreement_opens_no_dataset_that_its_departments_views_do_not_use(plain):
    for code, agreement in plain.agreements.items():
        views = [view for view in plain.views.values() if view["department"] == agreement["department"]]
        used = {path.partition(".")[0] for view in views for field in view["fields"] for path in _paths(field)}
        assert {path.partition(".")[0] for path in plain.opened(agreement)} <= used, code


def test_the_same_figure_is_read_under_many_names_and_in_many_units(plain):
    readings = {
        (field["name"], field.get("unit", "人"))
        for view in plain.views.values()
        for field in view["fields"]
        if field.get("from") == "population.resident_population"
    }
    assert len({name for name, _ in readings}) >= 2
    assert {unit for _, unit in readings} == {"人", "万人"}


def test_the_regions_are_one_county_with_its_ancestors_townships_and_villages():
    with (FOLDER / "regions.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert Counter(row["level"] for row in rows) == {
        "province": 1,
        "prefecture": 1,
        "county": 1,
        "township": 14,
        "village": 161,
    }
    codes = {row["code"] for row in rows}
    assert len(codes) == len(rows)
    lengths = {"province": 2, "prefecture": 4, "county": 6, "township": 9, "village": 12}
    for row in rows:
        assert len(row["code"]) == lengths[row["level"]]
        assert row["parent"] in codes or row["level"] == "province"
        assert row["code"].startswith(row["parent"])


def test_no_file_is_longer_than_four_hundred_lines():
    for path in FOLDER.rglob("*.yaml"):
        assert len(path.read_text("utf-8").splitlines()) < 400, path.name
