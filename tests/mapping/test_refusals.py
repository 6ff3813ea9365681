"""What a view may not say, and how that is told."""

from __future__ import annotations

from typing import Any

import pytest

from app.mapping.compile import check_view, compile_view
from app.mapping.spec import parse_view
from tests.mapping.world import catalogue, dataset, element, faults_of, plan_of, view

KNOWN = catalogue(
    dataset(
        "pop",
        "year",
        element("people", unit="人"),
        element("households", unit="户"),
        element("rate", "decimal", "ratio", "%", decimals=1),
        element("income", "decimal", "stock", "元/人"),
        element("money", "decimal", "flow", "万元", decimals=2),
        element("paid", "decimal", "cumulative", "万元", decimals=2),
        element("sewage", "decimal", "stock", "立方米/日"),
        element("name", "text", "attribute"),
        element("since", "date", "attribute"),
        element("seat", "boolean", "attribute"),
        element("kind", "code", "attribute", codes="kinds"),
    ),
    dataset("monthly", "month", element("births", measure="flow", unit="人"), element("beds", unit="张")),
    dataset("county", "year", element("budget", "decimal", "flow", "万元"), level="county"),
    dataset("hazards", "year", element("id", "text", "attribute"), element("people", unit="人"), key=("id",)),
    dataset("sites", "year", element("no", "text", "attribute"), element("area", unit="亩"), key=("no",)),
    dataset("profile", "once", element("area", "decimal", unit="公顷")),
    codelists={"kinds": ["1", "2", "3"]},
)


def refused(*words: str, level: str = "township", frequency: str = "year", **field: Any) -> None:
    """The field is refused for one reason, at its place, and the message has these words."""
    found = faults_of(view({"name": "ok", "value": 1}, {"name": "x", **field}, level=level, frequency=frequency), KNOWN)
    assert [place for place, _ in found] == ["fields[1] (x)"], found
    for word in words:
        assert word in found[0][1]


def accepted(level: str = "township", frequency: str = "year", **field: Any) -> None:
    plan_of(view({"name": "x", **field}, level=level, frequency=frequency), KNOWN)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("pop.peple", ["pop.people"]),
        ("popp.people", ["没有数据集", "pop"]),
        ("people", ["没有数据集"]),
        ("region", ["code、name、level、parent"]),
        ("region.area", ["没有“area”"]),
        ("pop", ["没有元素"]),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_what_may_be_meant(path: str, words: list[str]) -> None:
    refused(*words, **{"from": path})


def test_a_county_figure_is_not_divided_among_townships() -> None:
    refused("county", "township", **{"from": "county.budget"})


@pytest.mark.parametrize("aggregate", [None, "sum"])
@pytest.mark.parametrize("path", ["pop.rate", "pop.income"])
def test_what_has_no_sum_is_not_summed_over_regions(path: str, aggregate: str | None) -> None:
    refused("aggregate", level="county", **{"from": path}, **({"aggregate": aggregate} if aggregate else {}))


def test_the_latest_of_several_regions_is_a_sum_and_refused_for_a_ratio() -> None:
    refused("比率", level="county", aggregate="last", **{"from": "pop.rate"})


@pytest.mark.parametrize("aggregate", ["mean", "min", "max", "count"])
def test_a_ratio_may_be_averaged_if_that_is_said(aggregate: str) -> None:
    accepted(level="county", aggregate=aggregate, **{"from": "pop.rate"})


def test_a_capacity_per_day_adds_up_over_regions() -> None:
    accepted(level="county", **{"from": "pop.sewage"})


def test_the_reason_names_the_element_inside_an_expression() -> None:
    refused("pop.rate", level="county", expr="pop.people * pop.rate", decimals=1)


@pytest.mark.parametrize("path", ["pop.name", "pop.seat", "pop.kind", "pop.since"])
def test_what_is_no_number_is_only_counted_over_regions(path: str) -> None:
    refused("count", level="county", **{"from": path})
    accepted(level="county", aggregate="count", **{"from": path})


def test_a_date_has_an_earliest_and_a_latest() -> None:
    accepted(level="county", aggregate="min", **{"from": "pop.since"})
    refused("count", level="county", aggregate="min", **{"from": "pop.name"})


def test_two_lists_do_not_share_a_row() -> None:
    found = faults_of(view({"name": "a", "from": "hazards.people"}, {"name": "b", "from": "sites.area"}), KNOWN)
    assert [place for place, _ in found] == ["fields[1] (b)"]
    assert "sites" in found[0][1]
    assert "hazards" in found[0][1]


def test_two_lists_in_one_expression_are_refused() -> None:
    refused("名单", expr="if(hazards.people > 1, sites.area, 0)")


def test_two_lists_may_be_summed_at_a_coarser_grain() -> None:
    plan = plan_of(
        view({"name": "a", "from": "hazards.people"}, {"name": "b", "from": "sites.area"}, level="county"), KNOWN
    )
    assert plan.key == ()


def test_a_view_without_periods_takes_only_data_without_periods() -> None:
    refused("没有期间", frequency="once", **{"from": "pop.people"})
    accepted(frequency="once", **{"from": "profile.area"})


@pytest.mark.parametrize("function", ["previous", "last_year", "ytd"])
@pytest.mark.parametrize(("frequency", "path"), [("once", "profile.area"), ("event", "profile.area")])
def test_nothing_moves_where_periods_do_not_follow_each_other(function: str, frequency: str, path: str) -> None:
    refused(function, frequency=frequency, expr=f"{function}({path})")


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("ytd(monthly.beds)", ["时点"]),
        ("ytd(pop.money)", ["周期比视图粗", "pop.money"]),
        ("ytd(monthly.births / monthly.beds)", ["时点"]),
        ("ytd(monthly.births / previous(monthly.births))", ["商"]),
    ],
)
def test_a_year_to_date_that_would_lie_is_refused(expr: str, words: list[str]) -> None:
    refused(*words, frequency="month", expr=expr, decimals=2)


def test_flow_and_cumulative_are_not_accumulated_together() -> None:
    refused("累计", expr="ytd(pop.money + pop.paid)")
    accepted(expr="ytd(pop.money) + ytd(pop.paid)")


def test_movement_in_time_is_not_nested_without_end() -> None:
    accepted(expr="previous(previous(previous(previous(pop.people))))")
    refused("嵌套", expr="previous(" * 5 + "pop.people" + ")" * 5)


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("pop.money + pop.people", ["万元", "人"]),
        ("pop.people - pop.households", ["人", "户"]),
        ("pop.money > pop.people", ["量纲"]),
        ("pop.rate > pop.people", ["量纲"]),
        ("pop.people / pop.people * 100 > pop.people", ["量纲"]),
        ("max(pop.money, pop.people)", ["量纲"]),
        ("if(pop.seat, pop.money, pop.people)", ["量纲"]),
        ("coalesce(pop.money / pop.people, pop.money)", ["元/人"]),
        ("to(pop.money, '人')", ["万元", "人"]),
        ("to(pop.money, '文')", ["没有计量单位"]),
        ("to(pop.money, 1)", ["引号"]),
        ("pop.people + pop.name", ["数", "文本"]),
        ("pop.people + pop.seat", ["真假值"]),
        ("not pop.people", ["真假值"]),
        ("pop.seat and pop.people", ["真假值"]),
        ("if(pop.people, 1, 2)", ["真假值"]),
        ("if(pop.seat, 1, 'a')", ["同一种类"]),
        ("pop.name == 1", ["不能比较"]),
        ("pop.seat < true", ["没有大小"]),
        ("pop.since > 'soon'", ["不能比较"]),
        ("abs(pop.name)", ["abs"]),
        ("min(pop.name, 'a')", ["min"]),
        ("round(pop.people, pop.people)", ["常量"]),
        ("round(pop.people, 0.5)", ["整数"]),
        ("round(pop.people, 99)", ["整数"]),
        ("pop.people / 0", ["除以零"]),
        ("pop.people / (1 - 1)", ["除以零"]),
        ("sum(pop.people)", ["没有函数", "coalesce"]),
        ("if(pop.seat, 1)", ["参数个数"]),
        ("abs()", ["参数个数"]),
        ("ytd(pop.name)", ["数"]),
        ("region.code", ["表达式中不能用"]),
        ("period", ["表达式中不能用"]),
        ("pop.people +", ["缺少一个值", "第 13 个字符"]),
    ],
)
def test_an_expression_without_meaning_is_refused(expr: str, words: list[str]) -> None:
    refused(*words, expr=expr, decimals=2)


@pytest.mark.parametrize(
    "expr",
    [
        "pop.households <= pop.people",
        "pop.since >= '2020-01-01'",
        "pop.name < 'b'",
        "pop.kind == '1'",
        "0 <= pop.rate <= 100",
        "pop.people == 0 or not pop.seat",
        "previous(pop.name) == pop.name",
    ],
)
def test_a_question_that_clerks_ask_is_understood(expr: str) -> None:
    accepted(expr=expr)


def test_an_expression_that_divides_names_its_decimals() -> None:
    refused("decimals", expr="pop.money / pop.people")
    refused("decimals", expr="round(pop.people / 3, 1)")
    refused("decimals", expr="pop.people * (1 / 3)")
    accepted(expr="pop.money / pop.people > 3")


@pytest.mark.parametrize("option", [{"unit": "人"}, {"decimals": 1}, {"rounding": "half_even"}])
@pytest.mark.parametrize(
    "source",
    [
        {"from": "pop.name"},
        {"from": "pop.seat"},
        {"from": "pop.since"},
        {"expr": "pop.people > 1"},
        {"from": "period"},
        {"value": "a"},
    ],
)
def test_only_numbers_have_units_and_decimals(source: dict[str, Any], option: dict[str, Any]) -> None:
    refused(next(iter(option)), **source, **option)


@pytest.mark.parametrize(
    "option", [{"unit": "人"}, {"codes": {"1": "a"}}, {"default": 1}, {"aggregate": "sum"}, {"rounding": "half_up"}]
)
def test_a_constant_is_just_that(option: dict[str, Any]) -> None:
    refused(next(iter(option)), value=1, **option)


@pytest.mark.parametrize(
    "option",
    [
        {"from": "pop.people", "default": "无"},
        {"from": "pop.people", "default": True},
        {"from": "pop.people", "default": 0.5},
        {"from": "pop.name", "default": 0},
        {"from": "pop.seat", "default": "N"},
        {"from": "pop.since", "default": "soon"},
        {"from": "pop.kind", "codes": {"1": "a"}, "default": 1},
        {"from": "period", "default": 1},
    ],
)
def test_a_default_is_of_the_fields_own_kind(option: dict[str, Any]) -> None:
    refused("default", **option)


def test_a_default_may_be_any_value_of_the_field() -> None:
    accepted(**{"from": "pop.people"}, default=-1)
    accepted(**{"from": "pop.money"}, default=0.25)
    accepted(**{"from": "pop.since"}, default="2020-02-29")
    accepted(**{"from": "pop.seat"}, default=False)
    accepted(**{"from": "pop.seat"}, codes={"true": "Y"}, default="N")


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ({"from": "pop.kind", "codes": {"1": "a", "9": "b"}}, "9"),
        ({"from": "pop.seat", "codes": {"True": "Y"}}, "True"),
        ({"from": "pop.since", "codes": {"1": "a"}}, "日期"),
        ({"from": "pop.money", "codes": {"1": "a"}}, "codes"),
        ({"from": "pop.kind", "codes": {"1": "a"}, "decimals": 1}, "decimals"),
    ],
)
def test_a_code_map_fits_what_it_maps(option: dict[str, Any], word: str) -> None:
    refused(word, **option)


def test_a_count_has_no_codes() -> None:
    refused("个数", level="county", aggregate="count", codes={"1": "a"}, **{"from": "pop.kind"})


def test_a_unit_of_another_dimension_is_refused() -> None:
    refused("万元", "人", **{"from": "pop.money"}, unit="人")
    refused("没有计量单位", **{"from": "pop.money"}, unit="文钱")
    refused("元/人", expr="pop.money / pop.people", unit="万元", decimals=1)
    accepted(expr="pop.money / pop.people", unit="元/人", decimals=1)


def test_a_department_that_does_not_exist_is_refused() -> None:
    assert [place for place, _ in faults_of(view({"name": "x", "value": 1}) | {"department": "nobody"}, KNOWN)] == [
        "department"
    ]


def test_a_view_with_ten_faults_lists_ten() -> None:
    document = view(
        {"name": "a", "from": "pop.peeple"},
        {"name": "b", "expr": "pop.money + pop.people + nothing.at_all"},
        {"name": "c", "expr": "1 +"},
        {"name": "d", "from": "pop.people", "unit": "亩"},
        {"name": "e", "from": "pop.people", "wrong": 1, "default": "x"},
        {"name": "f", "value": "x", "decimals": 1},
        {"name": "g", "from": "county.budget"},
    ) | {"department": "nobody"}
    found = faults_of(document, KNOWN)
    assert len(found) == 10, found
    places = [place.partition(" ")[0] for place, _ in found]
    assert places == ["department", *(f"fields[{n}]" for n in (0, 1, 1, 2, 3, 4, 4, 5, 6))]


def test_faults_of_meaning_come_one_by_one_from_a_spec_too() -> None:
    spec, faults = parse_view(view({"name": "a", "from": "x.y"}, {"name": "b", "from": "z.y"}), "f.yaml")
    assert spec is not None, faults
    plan, found = compile_view(spec, KNOWN, "f.yaml")
    assert plan is None
    assert [str(fault).partition("：")[0] for fault in found] == [
        "f.yaml: fields[0] (a): “x.y”",
        "f.yaml: fields[1] (b): “z.y”",
    ]


def warnings(*fields: dict[str, Any], **grain: str) -> list[str]:
    return [warning.message for warning in plan_of(view(*fields, **grain), KNOWN).warnings]


def test_codes_without_a_target_are_told() -> None:
    (message,) = warnings({"name": "x", "from": "pop.kind", "codes": {"1": "a"}})
    assert "2、3" in message
    assert warnings({"name": "x", "from": "pop.kind", "codes": {"1": "a", "2": "b", "3": "c"}}) == []
    assert "false" in warnings({"name": "x", "from": "pop.seat", "codes": {"true": "Y"}})[0]


def test_digits_that_rounding_will_lose_are_told() -> None:
    assert "有效数字" in warnings({"name": "x", "from": "pop.people", "unit": "万人"})[0]
    assert "有效数字" in warnings({"name": "x", "from": "pop.money", "decimals": 1})[0]
    assert warnings({"name": "x", "from": "pop.people", "unit": "万人", "decimals": 4}) == []


def test_a_conversion_written_twice_is_told() -> None:
    assert "重复" in warnings({"name": "x", "expr": "pop.people / 10000", "unit": "万人", "decimals": 4})[0]


def test_a_view_that_can_have_no_rows_is_told() -> None:
    assert any(
        "不会有任何行" in message for message in warnings({"name": "x", "from": "pop.people"}, frequency="month")
    )
    assert (
        warnings({"name": "x", "from": "pop.people"}, {"name": "y", "from": "monthly.births"}, frequency="month") == []
    )


def test_check_view_tells_form_and_meaning_together() -> None:
    plan, faults = check_view(
        view({"name": "a", "from": "pop.people", "unknown": 1}, {"name": "b", "from": "x.y"}), "f", KNOWN
    )
    assert plan is None
    assert [fault.place for fault in faults] == ["fields[0] (a)", "fields[1] (b)"]
