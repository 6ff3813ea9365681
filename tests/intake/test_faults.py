"""What is wrong is said at its place, all of it at once, and nothing is guessed."""

from __future__ import annotations

import pytest

from app.intake import FINDING_CODES
from app.intake.records import Context
from tests.intake.county import (
    FISCAL,
    HAZARDS,
    IDS,
    LAND,
    NEIGHBOUR,
    context,
    dataset,
    element,
    errors,
    read_table,
    values,
    warnings,
)

CHANGAN = "430682001"


def codes(*rows, of: Context | None = None):
    return errors(read_table(*rows, of=of).findings)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("约一千", "approximate"), ("1000左右", "approximate"), ("5~6", "not_a_number"), ("一千多", "approximate"), ("≥5", "approximate"),
        ("1,5000", "not_a_number"), ("abc", "not_a_number"), ("10.5", "not_integer"), (10.5, "not_integer"), (-5, "out_of_range"),
        ("三五", "not_a_number"), ("1.1E+05", "scientific"), ("12亩", "unit_mismatch"), ("1 2", "not_a_number"), (True, "not_a_number"),
        ("0.87315万", "not_integer"), ("9" * 30, "too_large_number"), (1e16, "digits_lost"), ("√", "not_a_number"),
    ],
)  # fmt: skip
def test_a_cell_that_is_no_figure_is_refused_and_says_what_would_be_accepted(written: object, code: str) -> None:
    reading = read_table(["乡镇", "常住人口"], ["长安街道", written])
    (finding,) = [f for f in reading.findings if f.severity == "error"]
    assert (finding.code, finding.cell, finding.row, finding.column, finding.element) == (
        code,
        "B2",
        2,
        "B",
        "resident_population",
    )
    assert finding.message
    assert finding.message_en
    assert finding.value
    assert reading.rows[0].values == {}
    assert reading.rows[0].faulty == {"resident_population"}


def test_a_unit_that_is_not_known_or_does_not_fit_is_named_at_the_heading() -> None:
    table = ["乡镇", "耕地面积（平方丈）", "水田（人）", "承包地块（块）"], ["长安街道", 1, 2, 3]
    reading = read_table(*table, of=context(LAND))
    assert errors(reading.findings) == [("unknown_unit", "B1"), ("unit_mismatch", "C1")]
    assert values(reading, LAND) == {CHANGAN: {"parcels": 3}}


def test_harmless_notes_in_brackets_are_no_units() -> None:
    assert codes(["乡镇", "耕地面积（亩，保留1位小数）", "水田（必填）"], ["长安街道", 15, 1], of=context(LAND)) == []


def test_two_columns_for_one_element() -> None:
    assert codes(["乡镇", "常住人口", "年末常住人口"], ["长安街道", 1, 2]) == [("duplicate_column", "C1")]


def test_a_leaf_that_may_mean_two_elements_is_told_by_its_path() -> None:
    twins = dataset(
        "twins",
        "双",
        [
            element("twins", "a", "小学/在校生"),
            element("twins", "b", "初中/在校生"),
            element("twins", "c", "在校生", aliases=("学生",)),
            element("twins", "d", "学生"),
        ],
    )
    reading = read_table(["乡镇", "小学", "初中"], [None, "在校生", "在校生"], ["长安街道", 1, 2], of=context(twins))
    assert errors(reading.findings) == []
    assert {code: str(v.number) for code, v in reading.rows[0].values.items()} == {"a": "1", "b": "2"}
    assert codes(["乡镇", "在校生", "学生"], ["长安街道", 1, 2], of=context(twins)) == [("ambiguous_column", "C1")]


def test_a_figure_below_another_elements_heading_is_read_with_a_warning() -> None:
    reading = read_table(["乡镇", "户籍人口", None], [None, "男", "女"], ["长安街道", 1, 2])
    assert warnings(reading.findings) == ["heading_context", "heading_context"]


def test_a_column_of_last_years_figures_is_not_this_years() -> None:
    assert codes(["乡镇", "上年同期", "本年"], [None, "常住人口", "户籍人口"], ["长安街道", 1, 2]) == [
        ("unknown_column", "B2")
    ]


def test_unknown_columns_say_what_may_have_been_meant() -> None:
    reading = read_table(["乡镇", "常住人口", "户籍人口总数"], ["长安街道", 1, 2])
    (finding,) = [f for f in reading.findings if f.severity == "error"]
    assert (finding.code, finding.cell) == ("unknown_column", "C1")
    assert "户籍人口（registered_population）" in (finding.accepted or "")


def test_a_column_without_heading_that_holds_data() -> None:
    assert codes(["乡镇", "常住人口", None], ["长安街道", 1, 77]) == [("unknown_column", "C1")]


def test_regions_that_cannot_be_told() -> None:
    found = codes(
        ["行政区划代码", "乡镇", "常住人口"],
        ["430682999", "无此镇", 1], [None, "无此镇", 1], [CHANGAN, "忠防镇", 1], [None, None, 1], ["430682001001", None, 1],
        ["430602006", None, 1], ["430602", None, 1],
    )  # fmt: skip
    assert found == [
        ("unknown_region", "A2"), ("unknown_region", "B3"), ("region_mismatch", "A4"), ("region_mismatch", "B4"),
        ("missing_region", "A5"), ("wrong_level", "A6"), ("forbidden_region", "A7"), ("wrong_level", "A8"),
    ]  # fmt: skip


def test_every_fault_of_a_row_that_has_no_region_is_still_named() -> None:
    assert codes(["代码", "常住人口"], ["430682999", "约一千"]) == [("unknown_region", "A2"), ("approximate", "B2")]


def test_a_row_outside_of_the_region_that_the_request_names() -> None:
    given = context(region_id=IDS[CHANGAN])
    assert codes(["乡镇", "常住人口"], ["忠防镇", 1], ["长安街道", 2], of=given) == [("other_region", "A2")]


def test_a_region_that_may_not_be_written_is_told_apart() -> None:
    given = context(root=None, may_write=lambda region_id, _: region_id in IDS.values())
    assert codes(["代码", "常住人口"], ["430602006", 1], [CHANGAN, 2], of=given) == [("forbidden_region", "A2")]
    assert NEIGHBOUR not in IDS.values()


def test_no_region_at_all_is_one_fault_not_one_for_each_row() -> None:
    reading = read_table(["常住人口", "户籍人口"], [1, 2], [3, 4])
    assert errors(reading.findings) == [("missing_region_column", "1")]
    assert (len(reading.rows), reading.refused) == (0, 2)


def test_no_period_at_all_is_one_fault_that_names_the_year_of_the_title() -> None:
    reading = read_table(
        ["临湘市2025年人口"], ["乡镇", "常住人口"], ["长安街道", 1], ["桃矿街道", 2], of=context(period=None)
    )
    assert errors(reading.findings) == [("missing_period", "2")]
    assert "2025" in reading.findings[0].message
    assert reading.refused == 2


def test_periods_that_do_not_fit() -> None:
    given = context(FISCAL, "2025-03")
    found = codes(
        ["期间", "乡镇", "税收"],
        ["2025-Q1", "长安街道", 1],
        ["2025-04", "桃矿街道", 1],
        ["三月", "忠防镇", 1],
        ["2025-03", "聂市镇", 1],
        of=given,
    )
    assert found == [("wrong_frequency", "A2"), ("other_period", "A3"), ("bad_period", "A4")]


def test_last_years_title_is_noticed() -> None:
    reading = read_table(["临湘市2024年人口情况"], ["乡镇", "常住人口"], ["长安街道", 1])
    assert warnings(reading.findings) == ["period_in_title"]


def test_a_duplicate_names_the_first_row() -> None:
    reading = read_table(["乡镇", "常住人口"], ["长安街道", 1], ["桃矿街道", 2], ["长安街道办", 3])
    (finding,) = [f for f in reading.findings if f.severity == "error"]
    assert (finding.code, finding.cell) == ("duplicate_record", "A4")
    assert "第2行" in finding.message


def test_a_list_needs_its_key() -> None:
    given = context(HAZARDS)
    assert codes(["乡镇", "编号", "威胁人数"], ["长安街道", None, 1], ["长安街道", "H1", 2], ["长安街道", "H1", 3], of=given) == [
        ("missing_key", "B2"), ("duplicate_record", "B4"),
    ]  # fmt: skip


def test_a_file_without_any_known_heading() -> None:
    reading = read_table(["姓名", "电话"], ["张三", "123"])
    assert errors(reading.findings) == [("no_table", None)]


def test_the_conservation_law_holds() -> None:
    reading = read_table(
        ["乡镇", "常住人口"],
        ["长安街道", 1],
        [None, None],
        ["无此镇", 2],
        ["长安街道", 3],
        ["合计", 6],
        ["桃矿街道", "约"],
        ["注：无"],
    )
    assert len(reading.rows) + reading.refused + reading.passed_over == 7
    assert (len(reading.rows), reading.refused, reading.passed_over) == (2, 2, 3)


def test_every_kind_of_finding_is_described_in_both_languages() -> None:
    assert all(kind.title and kind.title_en and kind.title != kind.title_en for kind in FINDING_CODES.values())
