"""Traits of real workbooks that are easily read wrongly: one small table each, and what a careful colleague reads."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.intake.county import IDS, PROFILE, context, errors, read, read_table, values, warnings, xlsx

CHANGAN, TAOKUANG = "长安街道", "桃矿街道"
THREE = {"430682001": {"resident_population": 8, "population_male": 4, "population_female": 4}}


@pytest.mark.parametrize(
    "rows",
    [
        [["乡镇", "常住人口", "其中：", None], [None, None, "男", "女"]],
        [["乡镇", "常住人口", "其中", None], [None, None, "男", "女"]],
        [["乡镇", "常住人口", None, None], [None, None, "其中：", None], [None, None, "男", "女"]],
        [["人口"], ["乡镇", "常住人口", "其中：", None], [None, None, "男", "女"]],
        [["乡镇", "常住人口", "其中：男", "#女"]],
        [["乡镇", "一、常住人口", "1.1 男", "1.2　女"]],
        [["乡镇", "（一）常住人口（人）", "１．１　男", "1.1.2. 女"]],
        [["乡镇", "①常住人口", "②男", "③女"]],
    ],
)
def test_parts_and_numbers_before_headings_change_nothing(rows: list[list[Any]]) -> None:
    reading = read_table(*rows, [CHANGAN, 8, 4, 4])
    assert errors(reading.findings) == []
    assert values(reading) == THREE


@pytest.mark.parametrize(
    "word",
    [
        "合计",
        "总计",
        "小计",
        "小\u3000\u3000计",
        "全市合计",
        "临湘市",
        "街道小计",
        "其中：街道小计",
        "累计",
        "全市",
        "本页小计",
        "以上合计",
        "镇合计（9个）",
        "平均",
        "全市平均",
        "平均数",
        "合计：",
    ],
)
def test_totals_and_averages_stand_anywhere(word: str) -> None:
    reading = read_table(["乡镇", "常住人口"], [word, 13], [CHANGAN, 5], [word, 13], [TAOKUANG, 8], [word, 13])
    assert errors(reading.findings) == []
    assert warnings(reading.findings) == ["row_passed_over"]
    assert values(reading) == {"430682001": {"resident_population": 5}, "430682003": {"resident_population": 8}}
    assert reading.passed_over == 3


@pytest.mark.parametrize(
    "note",
    ["注：年末数", "说明：", "填表人：张三", "1. 本表为年末数", "数据来源：派出所", "审核人：李四    填表日期：2025年1月5日",
     "*为估计数", "※含开发区", "填报单位（盖章）：", "联系电话：0730-1234567", "①含流动人口"],
)  # fmt: skip
def test_footnotes_and_signatures_are_no_records(note: str) -> None:
    reading = read_table(["乡镇", "常住人口"], [CHANGAN, 5], [note])
    assert (errors(reading.findings), len(reading.rows), reading.passed_over) == ([], 1, 1)


@pytest.mark.parametrize(
    ("caption", "written", "people"),
    [("单位：人", 5, 5), ("单位：万人", 0.5, 5000), ("计量单位：千人", 5, 5000), ("单位：人、户", 5, 5), ("（单位：万人）", 0.5, 5000)],
)  # fmt: skip
def test_a_caption_gives_the_unit_of_what_it_can_measure(caption: str, written: Any, people: int) -> None:
    reading = read_table([None, None, caption], ["乡镇", "常住人口", "户籍户数"], [CHANGAN, written, 2])
    assert errors(reading.findings) == []
    assert values(reading) == {"430682001": {"resident_population": people, "registered_households": 2}}


@pytest.mark.parametrize(
    "written",
    ["2024-3-5", "2024/03/05", "2024.3.5", "20240305", "2024年3月5日", "2024 年 3 月 5 号", "二〇二四年三月五日",
     "二零二四年三月五日", "2024-03-05 00:00:00", "2024年03月05日 星期二", "2024-03-05（周二）", 45356, date(2024, 3, 5)],
)  # fmt: skip
def test_one_day_in_every_writing(written: Any) -> None:
    reading = read_table(["乡镇", "成立日期"], [CHANGAN, written], of=context(PROFILE))
    assert errors(reading.findings) == []
    assert values(reading, PROFILE) == {"430682001": {"founded": date(2024, 3, 5)}}


@pytest.mark.parametrize("written", ["24-3-5", "2024年3月", "3月5日", "05/03/2024", "2024-2-30", "45356", "星期二"])
def test_a_day_that_would_have_to_be_guessed_is_refused(written: str) -> None:
    reading = read_table(["乡镇", "成立日期"], [CHANGAN, written], of=context(PROFILE))
    assert errors(reading.findings) == [("not_a_date", "B2")]
    assert all(finding.accepted for finding in reading.findings)


@pytest.mark.parametrize(
    "written", ["3万2千", "12,34", "1,2345", "1.234.5", "(123)", "8000+", "￥100", "8000*", "同上", "无"]
)
def test_a_number_that_would_have_to_be_guessed_is_refused(written: str) -> None:
    reading = read_table(["乡镇", "常住人口"], [CHANGAN, written])
    assert [code for code, _ in errors(reading.findings)] == ["not_a_number"]


def test_a_form_read_downwards_has_its_groups_numbers_and_other_units() -> None:
    rows: list[list[Any]] = [
        ["临湘市长安街道基本情况"],
        ["指标名称", "计量单位", "数量"],
        ["一、人口", None, None],
        ["1.常住人口", "万人", 0.8],
        ["其中：男", "人", "四千"],
        ["1.2 女", "人", "４０００"],
        ["填表人：张三"],
    ]
    reading = read(xlsx(rows), context(region_id=IDS["430682001"]))
    assert errors(reading.findings) == []
    assert values(reading) == {
        "430682001": {"resident_population": 8000, "population_male": 4000, "population_female": 4000}
    }


def test_hidden_columns_and_rows_and_filters_hide_nothing_from_the_registry() -> None:
    def hide(book: Any) -> None:
        sheet = book.worksheets[0]
        sheet.auto_filter.ref = "A1:B3"
        sheet.row_dimensions[2].hidden = sheet.column_dimensions["B"].hidden = True

    reading = read(xlsx([["乡镇", "常住人口"], [CHANGAN, 5], [TAOKUANG, 6]], change=hide))
    assert values(reading) == {"430682001": {"resident_population": 5}, "430682003": {"resident_population": 6}}
    assert [(f.code, f.row) for f in reading.findings] == [("hidden_row", 2)]


def test_a_region_that_is_not_known_says_which_might_be_meant() -> None:
    for written in (["430682999", 1], ["无此镇", 1]):
        (found,) = read_table(["乡镇", "常住人口"], written).findings
        assert found.code == "unknown_region"
        assert found.accepted is not None
        assert found.accepted.startswith("长安街道（430682001）、桃矿街道（430682003）")
        assert found.accepted.endswith("等14个")


def test_every_fault_of_a_cell_says_what_would_be_accepted_in_both_languages() -> None:
    rows: list[list[Any]] = [
        ["乡镇", "常住人口（人）", "户籍人口（亩）", "城镇化率", "颜色"],
        [CHANGAN, "约一千", 1, 101, "红"],
        [TAOKUANG, 10.5, 1, "无", None],
        ["五里牌街道", -5, 1, "1E+3", None],
        ["无此镇", 5, 1, 5, None],
    ]
    found = read_table(*rows).findings
    assert {finding.code for finding in found} == {
        "approximate", "not_integer", "out_of_range", "unit_mismatch", "not_a_number", "scientific", "unknown_region", "unknown_column",
    }  # fmt: skip
    for finding in found:
        assert finding.accepted
        assert finding.message
        assert finding.message_en
        assert finding.message != finding.message_en
        assert (finding.sheet, finding.cell) == ("Sheet1", f"{finding.column}{finding.row}")


def test_a_total_beside_headings_that_reach_down_is_a_heading() -> None:
    """常住人口 over 合计 and 其中：, which stands over 男 and 女; the columns before them are merged down over all three rows."""
    rows: list[list[Any]] = [
        ["序号", "乡镇（街道）", "常住人口", None, None, "户籍人口（万人）"],
        [None, None, "合计", "其中：", None, None],
        [None, None, None, "男", "女", None],
        ["甲", "乙", 1, 2, 3, 4],
        [1, CHANGAN, 8, 4, 4, "0.0009"],
        [None, "合计", 8, 4, 4, None],
    ]

    def merge(book: Any) -> None:
        for span in ("A1:A3", "B1:B3", "C1:E1", "C2:C3", "D2:E2", "F1:F3"):
            book.active.merge_cells(span)

    reading = read(xlsx(rows, change=merge), context())
    assert errors(reading.findings) == []
    assert values(reading) == {"430682001": {**THREE["430682001"], "registered_population": 9}}


def test_a_row_of_units_may_say_that_it_is_one() -> None:
    reading = read_table(["乡镇", "常住人口", "户籍人口"], ["计量单位", "人", "万人"], [CHANGAN, 8, "0.0009"])
    assert errors(reading.findings) == []
    assert values(reading) == {"430682001": {"resident_population": 8, "registered_population": 9}}


def test_whose_seal_a_line_above_the_table_asks_for_is_the_region() -> None:
    reading = read_table(["填报单位（盖章）：长安街道"], ["常住人口", "户籍人口"], [8, 9])
    assert errors(reading.findings) == []
    assert values(reading) == {"430682001": {"resident_population": 8, "registered_population": 9}}
