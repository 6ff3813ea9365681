"""Workbooks as people make them: each is generated with the one trait it stands for, and must be read like a plain one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import openpyxl

from tests.intake.books import CHANGAN, ROWS, TAOKUANG, ods, people, xls
from tests.intake.county import (
    HAZARDS,
    LAND,
    context,
    errors,
    read,
    read_table,
    values,
    xlsx,
)

PLAIN = {CHANGAN: {"resident_population": 8000}, TAOKUANG: {"resident_population": 8731}}


def test_a_plain_xlsx() -> None:
    assert people(read(xlsx(ROWS))) == PLAIN


def test_an_old_xls() -> None:
    assert people(read(xls(ROWS), filename="表.xls")) == PLAIN


def test_an_ods() -> None:
    assert people(read(ods(ROWS), filename="表.ods")) == PLAIN


def test_a_workbook_with_the_wrong_ending_is_read_by_its_content() -> None:
    assert people(read(xls(ROWS), filename="表.xlsx")) == PLAIN
    assert people(read(xlsx(ROWS), filename="表.csv")) == PLAIN


def test_codes_kept_as_numbers() -> None:
    assert people(read_table(["代码", "常住人口"], [430682001, 8000], [430682003.0, 8731])) == PLAIN


def test_codes_of_twelve_digits_that_end_in_zeros() -> None:
    assert people(read_table(["区划代码", "常住人口"], ["430682001000", 8000], [430682003000, 8731])) == PLAIN


def test_numbers_as_text_with_separators_spaces_and_full_width() -> None:
    table: list[list[Any]] = [
        ["乡镇", "常住人口", "户籍人口"],
        ["长安街道", "8,000", " ９０００ "],
        ["桃矿街道", "8 731", "'9811"],
    ]
    found = people(read_table(*table))
    assert found[CHANGAN] == {"resident_population": 8000, "registered_population": 9000}
    assert found[TAOKUANG] == {"resident_population": 8731, "registered_population": 9811}


def test_chinese_numerals_and_scale_words() -> None:
    table: list[list[Any]] = [
        ["乡镇", "常住人口"],
        ["长安街道", "八千"],
        ["桃矿街道", "0.8731万"],
        ["五里牌街道", "两万三"],
        ["云湖街道", "1.2万人"],
    ]
    assert [v["resident_population"] for v in people(read_table(*table)).values()] == [8000, 8731, 23000, 12000]


def test_names_with_offices_spaces_and_prefixes() -> None:
    table: list[list[Any]] = [
        ["单位名称", "常住人口"],
        ["长安街道办事处", 1],
        [" 桃矿 办事处", 2],
        ["临湘市忠防镇", 3],
        ["湖南省岳阳市临湘市聂市镇人民政府", 4],
        ["江　南　镇", 5],
    ]
    found = people(read_table(*table))
    assert list(found) == ["430682001", "430682003", "430682101", "430682103", "430682105"]


def test_code_and_name_in_one_cell() -> None:
    assert (
        people(read_table(["乡镇（街道）", "常住人口"], ["430682001 长安街道", 8000], ["(430682003)桃矿街道", 8731]))
        == PLAIN
    )


def test_a_name_that_exists_next_door_too_means_the_clerks_own() -> None:
    assert list(people(read_table(["乡镇", "常住人口"], ["五里牌街道", 5]))) == ["430682004"]


def test_the_same_name_is_ambiguous_to_the_prefecture_until_the_county_is_given() -> None:
    given = context(root=2)
    assert errors(read_table(["乡镇", "常住人口"], ["五里牌街道", 5], of=given).findings) == [
        ("ambiguous_region", "A2")
    ]
    assert len(people(read_table(["县（市、区）", "乡镇", "常住人口"], ["临湘市", "五里牌街道", 5], of=given))) == 1


def test_titles_notes_captions_and_a_column_of_serial_numbers() -> None:
    reading = read_table(
        ["临湘市2025年人口情况"], ["填报单位：统计局", None, "单位：人"], [], ["序号", "乡镇", "常住人口", "备注"],
        [1, "长安街道", 8000, "已核"], [2, "桃矿街道", 8731, None], ["注：常住人口为年末数。"], ["数据截至年末，尚未终审"],
    )  # fmt: skip
    assert people(reading) == PLAIN
    assert reading.passed_over == 2


def test_totals_subtotals_and_the_countys_own_row_anywhere() -> None:
    reading = read_table(
        ["行政区划代码", "乡镇", "常住人口"],
        ["430682", "临湘市", 16731], [None, "全市合计", 16731], [CHANGAN, "长安街道", 8000], [None, "街道小计", 8000],
        [TAOKUANG, "桃矿街道", 8731], ["总 计", None, 16731],
    )  # fmt: skip
    assert people(reading) == PLAIN
    assert reading.passed_over == 4


def test_a_caption_gives_the_unit_of_all_columns_that_have_none() -> None:
    reading = read_table(
        ["单位：万人"], ["乡镇", "常住人口", "户籍人口（人）"], ["长安街道", 0.8, 9000], ["桃矿街道", 0.8731, 9811]
    )
    assert people(reading)[TAOKUANG] == {"resident_population": 8731, "registered_population": 9811}


def test_a_caption_of_another_dimension_leaves_the_column_alone() -> None:
    reading = read_table(["单位：人"], ["乡镇", "耕地面积"], ["长安街道", 100.5], of=context(LAND))
    assert values(reading, LAND)[CHANGAN]["cultivated_land_area"] == Fraction(201, 2)


def test_units_in_brackets_are_converted_exactly() -> None:
    reading = read_table(
        ["乡镇", "1.耕地面积（亩）", "其中：水田（万亩）", "旱地[公顷]"],
        ["长安街道", 100, 0.001, 1.5],
        of=context(LAND),
    )
    found = values(reading, LAND)[CHANGAN]
    assert found == {
        "cultivated_land_area": Fraction(20, 3),
        "paddy_area": Fraction(2, 3),
        "dry_land_area": Fraction(3, 2),
    }
    kept = reading.rows[0].values["cultivated_land_area"]
    assert (str(kept.number), kept.unit) == ("100", "亩")


def test_a_row_of_units_below_the_headings() -> None:
    reading = read_table(["乡镇", "耕地面积", "水田"], [None, "亩", "公顷"], ["长安街道", 150, 2], of=context(LAND))
    assert values(reading, LAND)[CHANGAN] == {"cultivated_land_area": 10, "paddy_area": 2}


def test_the_row_of_column_numbers_of_a_statistical_form() -> None:
    assert (
        people(
            read_table(
                ["行政区划代码", "乡镇", "常住人口"],
                ["甲", "乙", "1"],
                [CHANGAN, "长安街道", 8000],
                [TAOKUANG, "桃矿街道", 8731],
            )
        )
        == PLAIN
    )
    assert (
        people(
            read_table(
                ["行政区划代码", "乡镇", "常住人口"],
                ["甲", "乙", 1],
                [CHANGAN, "长安街道", 8000],
                [TAOKUANG, "桃矿街道", 8731],
            )
        )
        == PLAIN
    )


def test_group_headings_without_merged_cells() -> None:
    reading = read_table(
        ["代码", "名称", "年末人口", None, "按性别分", None], [None, None, "常住人口", "户籍人口", "男", "女"],
        [CHANGAN, "长安街道", 8000, 9000, 4100, 3900],
    )  # fmt: skip
    assert people(reading)[CHANGAN] == {
        "resident_population": 8000, "registered_population": 9000, "population_male": 4100, "population_female": 3900,
    }  # fmt: skip


def test_three_rows_of_merged_headings_with_a_total_leaf() -> None:
    def merge(book: openpyxl.Workbook) -> None:
        for span in ("A1:A3", "B1:E1", "B2:B3", "C2:D2", "E2:E3"):
            book.worksheets[0].merge_cells(span)

    rows: list[list[Any]] = [
        ["乡镇", "人口情况", None, None, None],
        [None, "常住人口", "其中", None, "户籍人口"],
        [None, None, "男", "女", None],
        ["长安街道", 8000, 4100, 3900, 9000],
    ]
    assert people(read(xlsx(rows, change=merge)))[CHANGAN] == {
        "resident_population": 8000, "population_male": 4100, "population_female": 3900, "registered_population": 9000,
    }  # fmt: skip
    rows = [
        ["乡镇", "常住人口", None, None, "户籍人口"],
        [None, "合计", "男", "女", "合计"],
        ["长安街道", 8000, 4100, 3900, 9000],
    ]
    assert people(read(xlsx(rows)))[CHANGAN] == {
        "resident_population": 8000, "population_male": 4100, "population_female": 3900, "registered_population": 9000,
    }  # fmt: skip


def test_headings_by_element_code_below_the_titles() -> None:
    reading = read_table(
        ["行政区划代码", "常住人口"], ["region", "resident_population"], [CHANGAN, 8000], [TAOKUANG, 8731]
    )
    assert people(reading) == PLAIN


def test_headings_with_line_breaks_stars_and_full_width() -> None:
    assert (
        people(read_table(["行政区\n划代码", "＊（一）常住 人口\n（人）*"], [CHANGAN, 8000], [TAOKUANG, 8731])) == PLAIN
    )
    assert values(read_table(["乡镇", "０－14岁（人）"], ["长安街道", 5]))[CHANGAN] == {"population_0_14": 5}


def test_headings_repeated_on_every_page() -> None:
    reading = read_table(*ROWS[:2], ROWS[0], ROWS[2])
    assert people(reading) == PLAIN
    assert reading.passed_over == 1


def test_a_region_merged_over_the_rows_of_a_list() -> None:
    rows: list[list[Any]] = [
        ["乡镇", "编号", "名称", "威胁人数"],
        ["长安街道", "H-1", "后山", 12],
        [None, "H-2", "石桥", 7],
        ["忠防镇", "H-1", "坡下", 3],
    ]
    reading = read(xlsx(rows, change=lambda book: book.worksheets[0].merge_cells("A2:A3")), context(HAZARDS))
    assert errors(reading.findings) == []
    assert values(reading, HAZARDS) == {
        "430682001/H-1": {"hazard_name": "后山", "threatened": 12},
        "430682001/H-2": {"hazard_name": "石桥", "threatened": 7},
        "430682101/H-1": {"hazard_name": "坡下", "threatened": 3},
    }


def test_a_merged_figure_belongs_to_no_row_for_certain() -> None:
    rows: list[list[Any]] = [["乡镇", "常住人口"], ["长安街道", 8000], ["桃矿街道", None]]
    reading = read(xlsx(rows, change=lambda book: book.worksheets[0].merge_cells("B2:B3")))
    assert errors(reading.findings) == [("merged_value", "B3")]
