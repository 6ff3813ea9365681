"""Joins and grain: finer, coarser and other datasets brought to the rows of a view."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from app.catalogue.periods import Period
from tests.mapping.world import (
    COUNTY,
    EAST,
    NORTH,
    OTHER_COUNTY,
    WEST,
    catalogue,
    dataset,
    element,
    mapped,
    shown,
    values,
    view,
)

KNOWN = catalogue(
    dataset(
        "m",
        "month",
        element("flow", measure="flow", unit="人"),
        element("stock", measure="stock", unit="人"),
        element("paid", measure="cumulative", unit="元"),
        element("rate", "decimal", "ratio", "%", decimals=1),
        element("note", "text", "attribute"),
        element("day", "date", "attribute"),
    ),
    dataset(
        "y",
        "year",
        element("people", unit="人"),
        element("births", measure="flow", unit="人"),
        element("area", "decimal", unit="公顷", decimals=1),
    ),
    dataset("o", "once", element("area", "decimal", unit="公顷", decimals=1), element("name", "text", "attribute")),
    dataset("e", "event", element("hurt", measure="flow", unit="人"), element("level", measure="attribute")),
)


def month(region: int, period: str, **more: Any) -> dict[str, Any]:
    return {"region": region, "period": period, **more}


def one(records: dict[str, Any], expr: str, level: str = "township", frequency: str = "year", **more: Any) -> list[Any]:
    return values(
        mapped(
            view({"name": "x", "expr": expr, "decimals": 2, **more}, level=level, frequency=frequency), KNOWN, records
        )
    )


def test_over_time_a_flow_is_summed_and_a_stock_and_a_cumulative_keep_their_latest() -> None:
    records = {
        "m": [
            month(EAST, "2025-01", flow=3, stock=10, paid=5),
            month(EAST, "2025-02", flow=4, stock=12, paid=9),
            month(EAST, "2025-03", flow=5, stock=None, paid=None),
        ]
    }
    assert [one(records, f"m.{code}") for code in ("flow", "stock", "paid")] == [[12], [12], [9]]


def test_over_regions_all_three_are_summed_after_that() -> None:
    records = {
        "m": [
            month(EAST, "2025-01", flow=3, stock=10, paid=5),
            month(WEST, "2025-02", flow=4, stock=12, paid=9),
            month(EAST, "2025-03", flow=5),
            month(NORTH, "2025-03", flow=100),
        ]
    }
    for code, expected in (("flow", 12), ("stock", 22), ("paid", 14)):
        result = mapped(view({"name": "x", "from": f"m.{code}"}, level="county"), KNOWN, records)
        assert dict(zip(result.frame["region"], values(result), strict=True))[COUNTY] == expected


def test_the_mean_of_regions_is_the_mean_of_their_own_means() -> None:
    records = {
        "m": [month(EAST, "2025-01", rate="10"), month(EAST, "2025-02", rate="20"), month(WEST, "2025-01", rate="60")]
    }
    assert one(records, "m.rate", level="county", aggregate="mean") == [Fraction("37.5")]


def test_a_count_is_the_number_of_values_behind_the_group_however_it_is_divided() -> None:
    records = {
        "m": [
            month(EAST, "2025-01", rate="10", note="a"),
            month(EAST, "2025-02", rate="20"),
            month(WEST, "2025-01", rate="60", note="b"),
            month(WEST, "2025-03", rate=None, note="c"),
        ]
    }
    assert one(records, "m.rate", level="county", aggregate="count") == [3]
    assert one(records, "m.note", level="county", aggregate="count") == [3]
    result = mapped(view({"name": "x", "from": "m.rate", "aggregate": "count"}, frequency="quarter"), KNOWN, records)
    assert values(result) == [2, 1]


def test_of_what_nobody_reported_none_is_counted() -> None:
    records = {"m": [month(EAST, "2025-01", flow=1)], "e": [month(WEST, "2025-01-02", hurt=1)]}
    document = view(
        {"name": "x", "from": "m.flow", "aggregate": "count"}, {"name": "h", "from": "e.hurt", "aggregate": "count"}
    )
    assert shown(mapped(document, KNOWN, records)) == [{"x": 1, "h": 0}, {"x": 0, "h": 1}]


@pytest.mark.parametrize(("aggregate", "expected"), [("min", 10), ("max", 60), ("sum", 13), ("last", 9)])
def test_the_other_aggregates(aggregate: str, expected: int) -> None:
    element = {"min": "m.rate", "max": "m.rate", "sum": "m.stock", "last": "m.flow"}[aggregate]
    records = {
        "m": [
            month(EAST, "2025-01", rate="10", stock=1, flow=1),
            month(EAST, "2025-02", rate="20", stock=2, flow=2),
            month(WEST, "2025-01", rate="60", stock=10, flow=7),
        ]
    }
    assert one(records, element, level="county", aggregate=aggregate) == [expected]


def test_text_and_dates_keep_their_latest_if_that_is_said() -> None:
    records = {
        "m": [month(EAST, "2025-01", note="早"), month(EAST, "2025-12", note="晚"), month(EAST, "2025-02", note="中")]
    }
    result = mapped(view({"name": "x", "from": "m.note", "aggregate": "last"}), KNOWN, records)
    assert values(result) == ["晚"]


def test_elements_are_aggregated_before_the_expression_is_taken() -> None:
    records = {"m": [month(EAST, "2025-01", flow=1, stock=10), month(WEST, "2025-01", flow=9, stock=90)]}
    assert one(records, "m.flow / m.stock * 100", level="county") == [10]


def test_a_yearly_figure_stands_in_every_month_of_its_year() -> None:
    records = {
        "m": [month(EAST, "2025-01", flow=1), month(EAST, "2026-02", flow=2)],
        "y": [month(EAST, "2025", people=100)],
    }
    document = view(
        {"name": "x", "from": "y.people"},
        {"name": "f", "from": "m.flow"},
        {"name": "p", "from": "period"},
        frequency="month",
    )
    assert shown(mapped(document, KNOWN, records)) == [
        {"x": 100, "f": 1, "p": "2025-01"},
        {"x": None, "f": 2, "p": "2026-02"},
    ]


def test_a_coarser_figure_alone_makes_no_row() -> None:
    assert one({"y": [month(EAST, "2025", people=100)]}, "y.people", frequency="month") == []


def test_a_figure_without_period_stands_in_every_period() -> None:
    records = {
        "y": [month(EAST, "2024", people=1), month(EAST, "2025", people=2)],
        "o": [{"region": EAST, "area": "1.5"}],
    }
    assert one(records, "o.area * y.people / y.people") == [Fraction("1.5"), Fraction("1.5")]


def test_a_view_without_periods_has_one_row_a_region_and_no_period() -> None:
    document = view({"name": "x", "from": "o.area"}, {"name": "p", "from": "period"}, frequency="once")
    result = mapped(document, KNOWN, {"o": [{"region": EAST, "area": "1.5"}]})
    assert shown(result) == [{"x": Fraction("1.5"), "p": None}]
    assert result.frame["period"].to_list() == [0]


def test_events_are_their_own_rows_or_are_summed() -> None:
    records = {"e": [month(EAST, "2025-03-17", hurt=2), month(EAST, "2025-03-18", hurt=3)]}
    by_day = mapped(
        view({"name": "x", "from": "e.hurt"}, {"name": "p", "from": "period"}, frequency="event"), KNOWN, records
    )
    assert shown(by_day) == [{"x": 2, "p": "2025-03-17"}, {"x": 3, "p": "2025-03-18"}]
    assert one(records, "e.hurt", frequency="month") == [5]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("previous(m.flow)", [None, 1, 2, None, 4]),
        ("m.flow - previous(m.flow)", [None, 1, 2, None, 4]),
        ("last_year(m.flow)", [None, None, None, None, 1]),
        ("ytd(m.flow)", [1, 3, 7, None, 8]),
        ("ytd(m.flow + 1)", [2, 5, 10, None, 9]),
        ("ytd(m.paid)", [10, 20, 40, 80, 160]),
        ("previous(ytd(m.flow))", [None, 1, 3, None, None]),
        ("coalesce(previous(m.flow), 0)", [0, 1, 2, 0, 4]),
    ],
)
def test_the_past_is_reached_in_periods_of_the_view(expr: str, expected: list[Any]) -> None:
    # January, February, March, then a gap in April, and May; and the January after.
    flows = {"2025-01": 1, "2025-02": 2, "2025-03": 4, "2025-12": 4, "2026-01": 8}
    paid = {"2025-01": 10, "2025-02": 20, "2025-03": 40, "2025-12": 80, "2026-01": 160}
    records = {"m": [month(EAST, period, flow=flow, paid=paid[period]) for period, flow in flows.items()]}
    assert one(records, expr, frequency="month") == expected


def test_in_a_coarser_view_the_past_moves_by_the_coarser_period() -> None:
    records = {
        "m": [
            month(EAST, "2024-12", flow=5),
            month(WEST, "2024-11", flow=2),
            month(EAST, "2025-01", flow=4),
            month(EAST, "2025-03", flow=6),
        ]
    }
    document = view({"name": "x", "expr": "m.flow - previous(m.flow)"}, level="county", frequency="quarter")
    assert values(mapped(document, KNOWN, records)) == [None, 3]


def test_rows_come_in_the_order_of_code_period_and_key() -> None:
    records = {
        "m": [
            month(WEST, "2025-02", flow=1),
            month(NORTH, "2025-01", flow=2),
            month(WEST, "2025-01", flow=3),
            month(EAST, "2025-12", flow=4),
        ]
    }
    result = mapped(
        view({"name": "x", "from": "m.flow"}, {"name": "c", "from": "region.code"}, frequency="month"), KNOWN, records
    )
    assert [(row["c"], row["x"]) for row in shown(result)] == [
        ("430681101", 2),
        ("430682101", 4),
        ("430682102", 3),
        ("430682102", 1),
    ]
    assert result.frame.schema == {
        "region": pl.Int32,
        "code": pl.String,
        "period": pl.Int32,
        "field:x": pl.Int64,
        "field:c": pl.String,
    }


def test_what_is_said_of_the_region() -> None:
    document = view(
        *({"name": name, "from": f"region.{name}"} for name in ("code", "name", "level", "parent")),
        {"name": "x", "from": "m.flow"},
        level="county",
    )
    (row,) = shown(mapped(document, KNOWN, {"m": [month(NORTH, "2025-02", flow=1)]}))
    assert row == {"code": "430681", "name": "汨罗市", "level": "county", "parent": None, "x": 1}


def test_constants_codes_and_defaults() -> None:
    known = catalogue(
        dataset(
            "y",
            "year",
            element("seat", "boolean", "attribute"),
            element("kind", "code", "attribute", codes="k"),
            element("n"),
            element("d", "decimal", decimals=2),
        ),
        codelists={"k": "123"},
    )
    document = view(
        {"name": "s", "from": "y.seat", "codes": {"true": "Y", "false": "N"}},
        {"name": "k", "from": "y.kind", "codes": {"1": "一"}},
        {"name": "kd", "from": "y.kind", "codes": {"1": "一"}, "default": "其他"},
        {"name": "n", "from": "y.n", "codes": {"7": "七"}},
        {"name": "d", "from": "y.d", "default": 0.25},
        {"name": "c", "value": "统一采集"},
        {"name": "v", "value": 1.50},
        {"name": "t", "value": True},
    )
    records = {
        "y": [
            month(EAST, "2025", seat=True, kind="1", n=7, d="1.5"),
            month(WEST, "2025", seat=False, kind="2", n=8),
            month(NORTH, "2025", n=1),
        ]
    }
    rows = shown(mapped(document, known, records))
    assert [row["s"] for row in rows] == [None, "Y", "N"]
    assert [row["k"] for row in rows] == [None, "一", None]
    assert [row["kd"] for row in rows] == ["其他", "一", "其他"]
    assert [row["n"] for row in rows] == [None, "七", None]
    assert [row["d"] for row in rows] == [Fraction("0.25"), Fraction("1.5"), Fraction("0.25")]
    assert {(row["c"], row["v"], row["t"]) for row in rows} == {("统一采集", Fraction("1.5"), True)}


def test_periods_of_the_answer_are_ordinals_of_the_grain() -> None:
    result = mapped(
        view({"name": "x", "from": "m.flow"}, frequency="quarter"), KNOWN, {"m": [month(EAST, "2025-05", flow=1)]}
    )
    assert result.frame["period"].to_list() == [Period.parse("2025-Q2").ordinal]
    assert OTHER_COUNTY not in result.frame["region"]
