from __future__ import annotations

from app.intake.form_columns import AskedColumn, AskedTable, read_asked_tables
from app.intake.grid import Cell, Grid, Span, Workbook


def read(rows: list[list[Cell]], *merged: Span) -> AskedTable:
    tables, too_wide = read_asked_tables(Workbook((Grid("表", rows, merged=merged),)), 2_000)
    assert too_wide == 0
    assert len(tables) == 1
    return tables[0]


def shown(table: AskedTable) -> list[str]:
    return ["/".join((*column.path, column.name)) for column in table.columns]


def test_merged_headings_of_three_rows_become_paths():
    table = read(
        [
            ["2025年农村人口与土地情况表", None, None, None, None, None],
            ["填报单位：", None, None, "单位：人、公顷", None, None],
            ["序号", "人口", None, None, "耕地面积", "填表人"],
            [None, "常住人口", "户籍人口", None, None, None],
            [None, None, "合计", "其中：女", None, None],
            ["甲", 1, 2, 3, 4, 5],
            ["1", 100, 90, 40, 33.5, "张"],
        ],
        Span(1, 1, 1, 6), Span(3, 1, 5, 1), Span(3, 2, 3, 4), Span(4, 2, 5, 2), Span(4, 3, 4, 4), Span(3, 5, 5, 5),
        Span(3, 6, 5, 6),
    )  # fmt: skip
    assert (table.title, table.caption) == ("2025年农村人口与土地情况表", "单位：人、公顷")
    assert shown(table) == [
        "序号",
        "人口/常住人口",
        "人口/户籍人口/合计",
        "人口/户籍人口/其中：女",
        "耕地面积",
        "填表人",
    ]
    assert table.columns[4].samples == ("33.5",)  # the row that numbers the columns is no sample


def test_a_group_that_was_not_merged_reaches_as_far_as_blanks_follow_it():
    table = read(
        [["乡镇", "人口", None, "面积（亩）"], [None, "总", "男", None], ["一镇", 10, 5, 3], ["合计", 10, 5, 3]]
    )
    assert shown(table) == ["乡镇", "人口/总", "人口/男", "面积（亩）"]
    assert table.columns[0].samples == ("一镇",)


def test_a_row_of_units_under_the_headings_gives_each_column_its_own():
    table = read([["名称", "人口", "面积"], [None, "（人）", "（公顷）"]])
    assert [column.unit for column in table.columns] == [None, "人", "公顷"]


def test_rows_of_words_below_one_row_of_headings_are_samples():
    table = read([["名称", "类型", "等级"], ["长安街道", "街道", "A"], ["一镇", "镇", "B"]])
    assert shown(table) == ["名称", "类型", "等级"]
    assert table.columns[1].samples == ("街道", "镇")


def test_a_form_with_one_indicator_a_row_is_read_downwards_with_its_groups():
    table = read(
        [
            ["基层情况表", None, None, None, None],
            ["指标名称", "计量单位", "代码", "数量", "上年同期"],
            ["甲", "乙", "丙", 1, 2],
            ["一、人口", None, None, None, None],
            ["　常住人口", "人", "01", 12, None],
            ["　其中：女性", "人", "02", None, None],
            ["二、土地", None, None, None, None],
            ["　耕地面积", "亩", "03", None, None],
            ["审核人：", None, None, None, None],
        ]
    )
    assert table.columns[:3] == (
        AskedColumn("常住人口", ("一、人口",), "人", ("12",)),
        AskedColumn("上年同期", ("一、人口", "常住人口"), "人"),
        AskedColumn("其中：女性", ("一、人口", "常住人口"), "人"),
    )
    assert table.columns[4] == AskedColumn("耕地面积", ("二、土地",), "亩")
    assert len(table.columns) == 6  # no group, no line for a signature


def test_a_list_whose_first_column_is_called_project_is_no_form_of_indicators():
    table = read([["项目名称", "项目地点", "投资（万元）"], ["甲项目", "某地", 12], ["乙项目", "某地", 3]])
    assert shown(table) == ["项目名称", "项目地点", "投资（万元）"]


def test_a_sheet_of_instructions_is_passed_over_beside_a_form_and_every_form_is_read():
    book = Workbook(
        (
            Grid("说明", [["请填写后面的表"]]),
            Grid("一", [["乡镇", "人口"]]),
            Grid("二", [["乡镇", "面积"]]),
        )
    )
    tables, _ = read_asked_tables(book, 2_000)
    assert [table.sheet for table in tables] == ["一", "二"]


def test_a_sheet_too_wide_to_be_filled_is_told_and_not_flattened():
    tables, too_wide = read_asked_tables(Workbook((Grid("宽", [[f"栏{n}" for n in range(3_000)]]),)), 2_000)
    assert (tables, too_wide) == ([], 3_000)


def test_an_empty_workbook_holds_no_form():
    assert read_asked_tables(Workbook((Grid("空", []),)), 2_000) == ([], 0)
