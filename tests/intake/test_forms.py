"""Forms with one indicator a row."""

from __future__ import annotations

from fractions import Fraction

from tests.intake.county import IDS, LAND, context, errors, read_table, values, warnings

CHANGAN, TAOKUANG = "430682001", "430682003"
OF_CHANGAN = context(region_id=IDS[CHANGAN])


def test_indicator_unit_and_quantity() -> None:
    reading = read_table(
        ["长安街道2025年人口基本情况"], ["指标名称", "代码", "计量单位", "数量"], ["甲", "乙", "丙", 1], ["一、常住人口", "01", "万人", 0.8],
        ["  其中：男", "02", "人", 4100], ["　　　女", "03", "人", 3900], ["二、户籍人口", "04", "人", "…"], ["单位负责人：", None, "填表人：", None],
        of=OF_CHANGAN,
    )  # fmt: skip
    assert errors(reading.findings) == []
    assert values(reading) == {
        CHANGAN: {
            "resident_population": 8000,
            "population_male": 4100,
            "population_female": 3900,
            "registered_population": None,
        }
    }
    row = reading.rows[0]
    assert row.values["registered_population"].missing == "too_small"
    assert row.place.cells["population_male"] == "D5"


def test_one_column_for_each_region() -> None:
    reading = read_table(
        ["项目", "单位", "长安街道", "桃矿街道", "合计"],
        ["常住人口", "人", 8000, 8731, 16731],
        ["户籍人口", "人", 9000, None, 9000],
    )
    assert errors(reading.findings) == []
    assert values(reading) == {
        CHANGAN: {"resident_population": 8000, "registered_population": 9000}, TAOKUANG: {"resident_population": 8731, "registered_population": None},
    }  # fmt: skip


def test_one_column_for_each_period() -> None:
    reading = read_table(
        ["指标", "计量单位", "2024年", "2025年"],
        ["常住人口", "人", 7900, 8000],
        of=context(period=None, region_id=IDS[CHANGAN]),
    )
    assert errors(reading.findings) == []
    assert [(str(row.period), int(row.values["resident_population"].number or 0)) for row in reading.rows] == [
        ("2024", 7900),
        ("2025", 8000),
    ]


def test_the_region_may_stand_in_the_line_above() -> None:
    reading = read_table(
        ["填报单位：长安街道办事处（盖章）"],
        ["指标名称", "计量单位", "数量"],
        ["耕地面积", "亩", 100],
        of=context(LAND),
    )
    assert errors(reading.findings) == []
    assert values(reading, LAND) == {CHANGAN: {"cultivated_land_area": Fraction(20, 3)}}


def test_faults_stand_at_the_cell_that_is_wrong() -> None:
    reading = read_table(
        ["指标名称", "计量单位", "数量"], ["常住人口", "亩", 1], ["户籍人口", "斛", 2], ["户籍户数", "户", "约三"], ["外星人口", "人", 4], ["男", "人", 5], ["男", "人", 6],
        of=OF_CHANGAN,
    )  # fmt: skip
    assert sorted(errors(reading.findings), key=lambda e: e[1] or "") == [
        ("unknown_element", "A5"), ("duplicate_column", "A7"), ("unit_mismatch", "B2"), ("unknown_unit", "B3"), ("approximate", "C4"),
    ]  # fmt: skip


def test_a_group_label_without_figures_is_passed_over() -> None:
    reading = read_table(
        ["指标名称", "计量单位", "数量"], ["人口情况", None, None], ["常住人口", "人", 1], of=OF_CHANGAN
    )
    assert errors(reading.findings) == []
    assert warnings(reading.findings) == ["row_passed_over"]
