"""What stands in the cells and sheets of a workbook: formulas, dates, ticks, codes, marks, percentages, periods."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from typing import Any

import openpyxl
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from app.catalogue.periods import Period
from tests.intake.books import CHANGAN, ROWS, TAOKUANG, people, xls
from tests.intake.county import (
    DISASTERS,
    FISCAL,
    IDS,
    LAND,
    POPULATION,
    PROFILE,
    context,
    errors,
    read,
    read_table,
    values,
    warnings,
    xlsx,
)

PLAIN = {CHANGAN: {"resident_population": 8000}, TAOKUANG: {"resident_population": 8731}}


def test_formulas_with_their_kept_results_and_one_that_was_never_calculated() -> None:
    rows: list[list[Any]] = [
        ["乡镇", "常住人口"],
        ["长安街道", "=4000+4000"],
        ["桃矿街道", 8731],
        ["合计", "=SUM(B2:B3)"],
    ]
    reading = read(xlsx(rows))
    assert errors(reading.findings) == [("error_value", "B2")]
    assert "未计算" in next(f.message for f in reading.findings if f.code == "error_value")


def test_dates_in_every_writing() -> None:
    rows: list[list[Any]] = [
        ["乡镇", "成立日期"], ["长安街道", date(2024, 3, 5)], ["桃矿街道", "2024年3月5日"], ["五里牌街道", "2024/3/5"],
        ["云湖街道", 20240305], ["忠防镇", 45356], ["聂市镇", "二〇二四年三月五日"], ["江南镇", datetime.fromisoformat("2024-03-05T13:30:00")],
    ]  # fmt: skip
    found = values(read_table(*rows, of=context(PROFILE)), PROFILE)
    assert {entry["founded"] for entry in found.values()} == {date(2024, 3, 5)}
    assert len(found) == 7


def test_days_of_the_1904_epoch() -> None:
    def change(book: openpyxl.Workbook) -> None:
        book.epoch = CALENDAR_MAC_1904
        book.worksheets[0]["B2"] = date(2024, 3, 5)

    reading = read(
        xlsx([["乡镇", "成立日期"], ["长安街道", None], ["桃矿街道", 43894]], change=change), context(PROFILE)
    )
    assert {entry["founded"] for entry in values(reading, PROFILE).values()} == {date(2024, 3, 5)}
    old = read(
        xls([["乡镇", "成立日期"], ["长安街道", date(2024, 3, 5)], ["桃矿街道", 43894]], dates_1904=True),
        context(PROFILE),
    )
    assert {entry["founded"] for entry in values(old, PROFILE).values()} == {date(2024, 3, 5)}


def test_ticks_and_yes_and_no() -> None:
    marks = ["√", "是", "有", "Y", "1", True, "TRUE", "×", "否", "无", "n", 0, False]
    rows: list[list[Any]] = [
        ["乡镇", "是否县城驻地（是/否）"],
        *([name, mark] for name, mark in zip(IDS, marks, strict=False)),
    ]
    found = [entry["is_county_seat"] for entry in values(read_table(*rows, of=context(PROFILE)), PROFILE).values()]
    assert found == [True] * 7 + [False] * 6


def test_codes_by_code_label_alias_and_with_their_zeros_lost() -> None:
    rows: list[list[Any]] = [
        ["乡镇", "地势"],
        ["长安街道", "01"],
        ["桃矿街道", "丘陵"],
        ["五里牌街道", "丘"],
        ["云湖街道", 3],
        ["忠防镇", "03 山区"],
        ["聂市镇", "高原"],
    ]
    reading = read_table(*rows, of=context(PROFILE))
    assert [entry.get("terrain") for entry in values(reading, PROFILE).values()] == ["01", "02", "02", "03", "03", None]
    assert errors(reading.findings) == [("unknown_code", "B7")]


def test_long_numbers_and_leading_zeros_stay_text() -> None:
    rows: list[list[Any]] = [
        ["乡镇", "统一社会信用代码", "邮政编码"],
        ["长安街道", "914306827000000012", "014300"],
        ["桃矿街道", 914306827000000012, "414300"],
    ]
    reading = read_table(*rows, of=context(PROFILE))
    assert values(reading, PROFILE)[CHANGAN] == {"credit_code": "914306827000000012", "postcode": "014300"}
    assert errors(reading.findings) == [("digits_lost", "B3")]


def test_region_codes_in_scientific_notation_are_refused_with_the_reason() -> None:
    reading = read(b"\xef\xbb\xbf" + "区划代码,常住人口\n4.30682E+11,8000\n".encode(), filename="表.csv")
    assert errors(reading.findings) == [("scientific", "A2")]


def test_missing_marks_and_their_four_meanings() -> None:
    marks = ["-", "—", None, "/", "…", "...", "未统计", "缺", "不详", "x", "不适用"]
    rows: list[list[Any]] = [
        ["乡镇", "常住人口", "户籍人口"],
        *([code, mark, 1] for code, mark in zip(IDS, marks, strict=False)),
    ]
    reading = read_table(*rows)
    assert errors(reading.findings) == []
    assert [row.values["resident_population"].missing for row in reading.rows] == [
        None, None, None, None, "too_small", "too_small", "not_collected", "unknown", "unknown", "unknown", "not_comparable",
    ]  # fmt: skip
    assert all(row.values["resident_population"].number is None for row in reading.rows)


def test_zero_is_a_number() -> None:
    assert people(read_table(["乡镇", "常住人口"], ["长安街道", 0], ["桃矿街道", "零"]))[CHANGAN] == {
        "resident_population": 0
    }


def test_percentages_as_text_as_numbers_and_as_cells_shown_with_the_sign() -> None:
    def as_percent(book: openpyxl.Workbook) -> None:
        book.worksheets[0]["B4"].number_format = "0.0%"

    rows: list[list[Any]] = [
        ["乡镇", "城镇化率（%）"],
        ["长安街道", "93.5%"],
        ["桃矿街道", 93.5],
        ["五里牌街道", 0.935],
        ["云湖街道", 0.935],
    ]
    found = people(read(xlsx(rows, change=as_percent)))
    assert [entry["urban_share"] for entry in found.values()] == [Fraction(187, 2)] * 3 + [Fraction(187, 200)]
    old = xls([["乡镇", "城镇化率"], ["长安街道", 0.935]], percent=True)
    assert people(read(old))[CHANGAN]["urban_share"] == Fraction(187, 2)


def test_periods_in_a_column_of_their_own() -> None:
    rows: list[list[Any]] = [
        ["年份", "月份", "乡镇", "税收收入"],
        [2025, 3, "长安街道", 1.5],
        ["2025年", "4月", "长安街道", 2],
    ]
    reading = read_table(*rows, of=context(FISCAL, None))
    assert [str(row.period) for row in reading.rows] == ["2025-03", "2025-04"]
    rows = [
        ["报告期", "乡镇", "税收收入"],
        ["2025年3月", "长安街道", 1.5],
        ["2025-04", "长安街道", 2],
        [202505, "长安街道", 3],
        [datetime.fromisoformat("2025-06-01"), "长安街道", 3],
    ]
    reading = read_table(*rows, of=context(FISCAL, None))
    assert [str(row.period) for row in reading.rows] == ["2025-03", "2025-04", "2025-05", "2025-06"]


def test_years_side_by_side() -> None:
    rows: list[list[Any]] = [["乡镇", "2024年", "2025年"], [None, "常住人口", "常住人口"], ["长安街道", 7900, 8000]]
    reading = read_table(*rows, of=context(POPULATION, None))
    assert errors(reading.findings) == []
    assert [(str(row.period), str(row.values["resident_population"].number)) for row in reading.rows] == [
        ("2024", "7900"),
        ("2025", "8000"),
    ]


def test_events_have_their_date_in_a_column() -> None:
    rows: list[list[Any]] = [
        ["发生日期", "乡镇", "受灾人口", "灾种"],
        ["2025年7月2日", "长安街道", 12, "洪涝"],
        [date(2025, 7, 9), "长安街道", 3, "drought"],
    ]
    reading = read_table(*rows, of=context(DISASTERS, None))
    assert errors(reading.findings) == []
    assert [row.period for row in reading.rows] == [Period.parse("2025-07-02"), Period.parse("2025-07-09")]


def test_a_sheet_of_one_township_needs_no_region_column() -> None:
    given = context(root=IDS[CHANGAN])
    assert people(read_table(["常住人口", "户籍人口"], [8000, 9000], of=given)) == {
        CHANGAN: {"resident_population": 8000, "registered_population": 9000}
    }
    given = context(region_id=IDS[TAOKUANG])
    assert list(people(read_table(["常住人口"], [8731], of=given))) == [TAOKUANG]


def test_a_table_beside_an_explanation_and_a_hidden_sheet() -> None:
    def hide(book: openpyxl.Workbook) -> None:
        book.worksheets[2].sheet_state = "hidden"

    reading = read(
        xlsx([["填表说明"], ["一、按年末数填报"]], ROWS, ROWS, names=["说明", "数据", "旧数据"], change=hide)
    )
    assert people(reading) == PLAIN
    assert sorted(warnings(reading.findings)) == ["hidden_sheet", "sheet_passed_over"]


def test_two_sheets_with_tables_are_both_read() -> None:
    reading = read(xlsx([ROWS[0], ROWS[1]], [ROWS[0], ROWS[2]]))
    assert people(reading) == PLAIN
    assert [row.place.sheet for row in reading.rows] == ["Sheet1", "Sheet2"]


def test_the_same_record_on_two_sheets_is_given_twice() -> None:
    reading = read(xlsx(ROWS, ROWS[:2], names=["甲", "乙"]))
    assert [(f.code, f.sheet, f.cell) for f in reading.findings if f.severity == "error"] == [
        ("duplicate_record", "乙", "A2")
    ]
    assert "“甲”第2行" in next(f.message for f in reading.findings if f.code == "duplicate_record")
    assert (len(reading.rows), reading.refused) == (2, 1)


def test_csv_in_three_encodings_and_with_three_delimiters() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"):
        for delimiter in (",", ";", "\t"):
            text = (
                "\r\n".join(delimiter.join(f'"{v}"' if encoding == "utf-8" else str(v) for v in row) for row in ROWS)
                + "\r\n"
            )
            assert people(read(text.encode(encoding), filename="表.csv")) == PLAIN, (encoding, delimiter)


def test_an_empty_column_that_is_not_known_is_passed_over() -> None:
    reading = read_table(["乡镇", "常住人口", "颜色"], ["长安街道", 8000, None], ["桃矿街道", 8731, None])
    assert people(reading) == PLAIN
    assert warnings(reading.findings) == ["empty_column"]


def test_rows_without_any_figure_are_passed_over_and_said_so() -> None:
    reading = read_table(
        ["乡镇", "常住人口", "户籍人口"], ["长安街道", 8000, None], ["桃矿街道", None, None], ["一、街道", None, None]
    )
    assert list(people(reading)) == [CHANGAN]
    assert reading.passed_over == 2
    assert "没有填写" in next(f.message for f in reading.findings if f.code == "row_passed_over")


def test_units_behind_a_stroke_or_comma_and_in_the_title() -> None:
    for heading in ("耕地面积/亩", "耕地面积，亩", "耕地面积：亩"):
        assert values(read_table(["乡镇", heading], ["长安街道", 15], of=context(LAND)), LAND) == {
            CHANGAN: {"cultivated_land_area": 1}
        }
    reading = read_table(
        ["耕地情况（万亩）"], ["乡镇", "耕地面积", "水田（公顷）"], ["长安街道", 1.5, 1], of=context(LAND)
    )
    assert values(reading, LAND) == {CHANGAN: {"cultivated_land_area": 1000, "paddy_area": 1}}


def test_a_column_of_units_beside_the_figures_is_never_overlooked() -> None:
    reading = read_table(["乡镇", "单位", "耕地面积"], ["长安街道", "亩", 15], of=context(LAND))
    assert errors(reading.findings) == [("unknown_column", "B1")]


def test_a_column_of_regions_without_heading() -> None:
    assert people(read_table([None, "常住人口"], ["长安街道", 8000], ["桃矿街道", 8731], ["全市", 16731])) == PLAIN
    reading = read_table([None, "常住人口"], ["长安街道", 8000], ["某处", 8731])
    assert "missing_region_column" in [code for code, _ in errors(reading.findings)]
