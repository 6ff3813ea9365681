"""The workbook to fill reads back as it was written, and Excel is told what may be typed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import openpyxl

from app.catalogue.model import Catalogue, Dataset
from app.catalogue.periods import Period
from app.catalogue.regions import RegionState
from app.catalogue.values import Reported
from app.formats.reading import read_workbook
from app.formats.template import definition_digest, template
from app.intake import HeldRecord, compare, read_workbook_rows
from tests.intake.county import (
    CATALOGUE,
    DISASTERS,
    FISCAL,
    HAZARDS,
    IDS,
    LAND,
    POPULATION,
    PROFILE,
    REGIONS,
    context,
    dataset,
    element,
    errors,
    warnings,
)

CHANGAN, TAOKUANG = IDS["430682001"], IDS["430682003"]
TOWNSHIPS: list[RegionState] = [
    state for i in IDS.values() if (state := REGIONS.state(i, date(2025, 12, 31))) is not None
]
Held = Mapping[tuple[int, tuple[str, ...]], Mapping[str, Reported]]


def made(of: Dataset, held: Held, period: str = "2025", regions: list[RegionState] | None = None) -> bytes:
    asked = Period("once", 0) if of.frequency == "once" else Period.parse(period, of.frequency)
    return template(of, CATALOGUE, asked, TOWNSHIPS if regions is None else regions, held)


def opened(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def number(value: str, unit: str | None = None) -> Reported:
    return Reported(number=Decimal(value), unit=unit)


PROFILE_HELD: Held = {
    (CHANGAN, ()): {
        "is_county_seat": Reported(flag=True), "terrain": Reported(text="02"), "founded": Reported(text="1984-03-05"),
        "credit_code": Reported(text="014306827000000012"), "address": Reported(text="=1+1"), "postcode": Reported(text="014300"), "index_value": number("1.2345"),
    },
    (TAOKUANG, ()): {"is_county_seat": Reported(flag=False), "terrain": Reported(missing="not_collected"), "address": Reported()},
}  # fmt: skip
LAND_HELD: Held = {
    (CHANGAN, ()): {
        "cultivated_land_area": number("100", "亩"),
        "paddy_area": number("0.0371", "万亩"),
        "dry_land_area": Reported(missing="too_small"),
    },
    (TAOKUANG, ()): {
        "cultivated_land_area": number("99999.95"),
        "parcels": number("123456789012345678"),
        "paddy_area": Reported(missing="unknown"),
    },
}


def back(data: bytes, of: Dataset, held: Held, period: str | None = "2025") -> Any:
    """What the template would change, uploaded as it is, where ``held`` is held."""
    given = context(of, period)
    reading = read_workbook_rows(read_workbook(data, "模板.xlsx"), given)
    asked = given.period.ordinal if given.period is not None else 0
    records = {(region_id, asked, key): HeldRecord(values) for (region_id, key), values in held.items()}
    return compare(reading, records, given)


def test_a_template_uploaded_unchanged_changes_nothing() -> None:
    for of, held in ((LAND, LAND_HELD), (PROFILE, PROFILE_HELD)):
        changes = back(made(of, held), of, held)
        assert errors(changes.findings) == []
        assert (len(changes.new), len(changes.changed), len(changes.unchanged)) == (0, 0, 2)
        assert changes.passed_over == 12, "the townships of which nothing is held are blank rows"


def test_an_empty_template_is_passed_over_row_by_row() -> None:
    changes = back(made(POPULATION, {}), POPULATION, {})
    assert errors(changes.findings) == []
    assert warnings(changes.findings) == ["row_passed_over"]
    assert (changes.counts["rows"], changes.passed_over) == (0, 14)


def test_one_row_a_region_with_code_and_name_locked_and_figures_open() -> None:
    page = opened(made(LAND, LAND_HELD)).worksheets[0]
    assert [cell.value for cell in page[3]] == [
        "行政区划代码",
        "乡镇（街道）",
        "耕地面积（公顷）",
        "水田（公顷）",
        "旱地（公顷）",
        "承包地块（块）",
    ]
    assert [cell.value for cell in page[4]][:4] == ["430682001", "长安街道", 6.7, 24.7]
    assert page["E4"].value == "…"
    assert page.max_row == 3 + 14
    assert page.protection.sheet
    assert [page.cell(5, column).protection.locked for column in range(1, 7)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_headings_say_what_is_meant_and_excel_checks_what_is_typed() -> None:
    page = opened(made(POPULATION, {})).worksheets[0]
    assert "必填" in page["C3"].comment.text
    rules = {
        str(rule.sqref): (rule.type, rule.formula1, rule.formula2) for rule in page.data_validations.dataValidation
    }
    assert rules["C4:C17"] == ("whole", "0", "999999999999999")
    assert rules["I4:I17"] == ("decimal", "0", "100")
    page = opened(made(PROFILE, {})).worksheets[0]
    kinds = {str(rule.sqref): (rule.type, rule.formula1) for rule in page.data_validations.dataValidation}
    assert kinds["C4:C17"] == ("list", '"是,否"')
    assert kinds["D4:D17"] == ("list", "_township!$D$1:$D$3")
    assert kinds["E4:E17"][0] == "date"


def test_the_stamp_says_what_it_was_made_for() -> None:
    data = made(FISCAL, {}, "2025-03")
    assert opened(data)["_township"].sheet_state == "veryHidden"
    workbook = read_workbook(data, "x")
    assert workbook.hidden_sheets == ()
    assert workbook.stamp["dataset"] == "fiscal"
    assert workbook.stamp["period"] == "2025-03"
    assert workbook.stamp["catalogue"] == definition_digest(FISCAL, CATALOGUE)
    assert definition_digest(FISCAL, CATALOGUE) != definition_digest(LAND, CATALOGUE)


def test_the_stamp_gives_the_period_and_notices_the_wrong_template() -> None:
    held: Held = {(CHANGAN, ()): {"tax": number("1.5")}}
    data = made(FISCAL, held, "2025-03")
    reading = read_workbook_rows(read_workbook(data, "x"), context(FISCAL, None))
    assert [str(row.period) for row in reading.rows] == ["2025-03"]
    reading = read_workbook_rows(read_workbook(data, "x"), context(FISCAL, "2025-04"))
    assert "period_in_title" in warnings(reading.findings)
    reading = read_workbook_rows(read_workbook(data, "x"), context(LAND))
    assert ("other_dataset", None) in errors(reading.findings)


def test_a_list_has_what_is_held_and_twenty_empty_rows() -> None:
    held: Held = {
        (CHANGAN, ("H2",)): {"hazard_name": Reported(text="石桥"), "threatened": number("7")},
        (CHANGAN, ("007",)): {"hazard_name": Reported(text="后山")},
    }
    data = made(HAZARDS, held)
    page = opened(data).worksheets[0]
    assert page.max_row == 3 + 2 + 20
    assert [cell.value for cell in page[4]] == ["430682001", "长安街道", "007", "后山", None]
    changes = back(data, HAZARDS, held)
    assert errors(changes.findings) == []
    assert len(changes.unchanged) == 2
    only = made(HAZARDS, {}, regions=TOWNSHIPS[:1])
    assert opened(only).worksheets[0]["A23"].value == "430682001"
    assert back(only, HAZARDS, {}).counts["rows"] == 0


def test_events_are_written_with_their_date() -> None:
    held: Held = {(CHANGAN, ()): {"affected": number("12"), "kind": Reported(text="flood")}}
    changes = back(made(DISASTERS, held, "2025-07-02"), DISASTERS, held, "2025-07-02")
    assert errors(changes.findings) == []
    assert len(changes.unchanged) == 1


def test_a_filled_in_row_is_read() -> None:
    book = opened(made(LAND, LAND_HELD))
    page = book.worksheets[0]
    page["C6"], page["D6"], page["E6"] = 12.5, "不详", "-"
    stream = io.BytesIO()
    book.save(stream)
    changes = back(stream.getvalue(), LAND, LAND_HELD)
    (change,) = changes.new
    assert (change.region_id, change.values["cultivated_land_area"].number, change.values["paddy_area"].missing) == (
        IDS["430682004"],
        Decimal("12.5"),
        "unknown",
    )


def test_titles_that_are_shared_give_way_to_codes() -> None:
    twins = dataset(
        "twins",
        "双",
        [
            element("twins", "a", "在校生", unit="人"),
            element("twins", "b", "在校生", unit="人"),
            element("twins", "c", "名称", "text"),
        ],
    )
    catalogue = Catalogue({"twins": twins}, {}, {}, CATALOGUE.units)
    held: Held = {(CHANGAN, ()): {"a": number("1"), "b": number("2"), "c": Reported(text="一小")}}
    data = template(twins, catalogue, Period.parse("2025"), TOWNSHIPS, held)
    assert [cell.value for cell in opened(data).worksheets[0][3]][2:] == ["a（人）", "b（人）", "名称"]
    reading = read_workbook_rows(read_workbook(data, "x"), context(twins, "2025"))
    assert errors(reading.findings) == []
    assert {code: str(value.number or value.text) for code, value in reading.rows[0].values.items()} == {
        "a": "1",
        "b": "2",
        "c": "一小",
    }


def test_the_same_content_is_the_same_bytes() -> None:
    assert made(LAND, LAND_HELD) == made(LAND, LAND_HELD)
