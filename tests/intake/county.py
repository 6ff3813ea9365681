"""A county of real places with a small catalogue of its own, and the shortest way from a table to what is read of it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import openpyxl

from app.catalogue.model import Catalogue, Check, Code, CodeList, Dataset, Element
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState
from app.catalogue.units import BUILTIN_UNITS
from app.catalogue.values import Reported, canonical
from app.errors import Finding
from app.formats.reading import read_workbook
from app.intake import Context, HeldRecord, Reading, read_workbook_rows

TOWNSHIPS = {
    "430682001": "长安街道", "430682003": "桃矿街道", "430682004": "五里牌街道", "430682005": "云湖街道",
    "430682101": "忠防镇", "430682103": "聂市镇", "430682105": "江南镇", "430682107": "桃林镇", "430682108": "长塘镇",
    "430682109": "白羊田镇", "430682110": "詹桥镇", "430682113": "黄盖镇", "430682114": "羊楼司镇", "430682115": "坦渡镇",
}  # fmt: skip
PROVINCE, PREFECTURE, COUNTY, NEIGHBOUR = 1, 2, 3, 4
IDS = {code: 100 + at for at, code in enumerate(TOWNSHIPS)}
ID_OF_NEIGHBOURS_WULIPAI = 90
CODES = {region_id: code for code, region_id in IDS.items()}

REGIONS = RegionIndex(
    [
        RegionState(PROVINCE, "43", "湖南省", "province", None),
        RegionState(PREFECTURE, "4306", "岳阳市", "prefecture", PROVINCE),
        RegionState(COUNTY, "430682", "临湘市", "county", PREFECTURE),
        RegionState(NEIGHBOUR, "430602", "岳阳楼区", "county", PREFECTURE),
        RegionState(ID_OF_NEIGHBOURS_WULIPAI, "430602006", "五里牌街道", "township", NEIGHBOUR),
        *(RegionState(IDS[code], code, name, "township", COUNTY) for code, name in TOWNSHIPS.items()),
        RegionState(500, "430682001001", "长城社区", "village", IDS["430682001"]),
        RegionState(501, "430682101200", "和平村委会", "village", IDS["430682101"]),
    ]
)


def element(
    dataset: str, code: str, title: str, kind: str = "integer", unit: str | None = None, **more: Any
) -> Element:
    return Element(dataset, code, title, kind, more.pop("measure", "stock"), "open", unit=unit, **more)  # type: ignore[arg-type]


def dataset(code: str, title: str, elements: Sequence[Element], **more: Any) -> Dataset:
    fields: dict[str, Any] = {
        "frequency": "year", "level": "township", "key": (), "source": "region", "sharing": "open", "sharing_basis": None,
        "confirmation": "none",
    }  # fmt: skip
    return Dataset(code, title, elements=tuple(elements), **{**fields, **more})


POPULATION = dataset(
    "population",
    "人口",
    [
        element(
            "population",
            "resident_population",
            "常住人口",
            unit="人",
            required=True,
            min=Decimal(0),
            aliases=("年末常住人口",),
        ),
        element(
            "population", "registered_population", "户籍人口", unit="人", min=Decimal(0), aliases=("年末户籍人口",)
        ),
        element("population", "registered_households", "户籍户数", unit="户", min=Decimal(0)),
        element("population", "population_male", "男", unit="人", min=Decimal(0), aliases=("男性", "男性人口")),
        element("population", "population_female", "女", unit="人", min=Decimal(0), aliases=("女性",)),
        element("population", "population_0_14", "0–14岁", unit="人", min=Decimal(0)),
        element(
            "population", "urban_share", "城镇化率", "decimal", unit="%", decimals=2, min=Decimal(0), max=Decimal(100)
        ),
    ],
    checks=(
        Check(
            "sex_sum",
            "population_male + population_female == resident_population",
            "error",
            "男女人数之和应等于常住人口",
        ),
    ),
)
LAND = dataset(
    "land",
    "土地",
    [
        element(
            "land",
            "cultivated_land_area",
            "耕地面积",
            "decimal",
            unit="公顷",
            decimals=1,
            min=Decimal(0),
            max=Decimal(100000),
        ),
        element("land", "paddy_area", "水田", "decimal", unit="公顷", decimals=1, min=Decimal(0)),
        element("land", "dry_land_area", "旱地", "decimal", unit="公顷", decimals=1, min=Decimal(0)),
        element("land", "parcels", "承包地块", unit="块"),
    ],
    checks=(
        Check(
            "parts", "paddy_area + dry_land_area <= cultivated_land_area", "warning", "水田与旱地之和不应超过耕地面积"
        ),
    ),
)
PROFILE = dataset(
    "profile",
    "基本情况",
    [
        element("profile", "is_county_seat", "是否县城驻地", "boolean", measure="attribute"),
        element("profile", "terrain", "地势", "code", codes="terrain", measure="attribute"),
        element("profile", "founded", "成立日期", "date", measure="attribute"),
        element("profile", "credit_code", "统一社会信用代码", "text", measure="attribute", pattern=r"[0-9A-Z]{18}"),
        element("profile", "address", "驻地地址", "text", measure="attribute"),
        element("profile", "postcode", "邮政编码", "text", measure="attribute", pattern=r"[0-9]{6}"),
        element("profile", "index_value", "指数", "decimal", decimals=3, measure="ratio"),
    ],
    frequency="once",
)
HAZARDS = dataset(
    "hazards",
    "地质灾害隐患点",
    [
        element("hazards", "hazard_id", "编号", "text", measure="attribute"),
        element("hazards", "hazard_name", "隐患点名称", "text", measure="attribute", aliases=("名称",)),
        element("hazards", "threatened", "威胁人数", unit="人"),
    ],
    key=("hazard_id",),
)
DISASTERS = dataset(
    "disasters",
    "灾情",
    [
        element("disasters", "affected", "受灾人口", unit="人"),
        element("disasters", "direct_loss", "直接经济损失", "decimal", unit="万元", decimals=2),
        element("disasters", "kind", "灾种", "code", codes="disaster", measure="attribute"),
    ],
    frequency="event",
)
FISCAL = dataset(
    "fiscal",
    "财政",
    [
        element("fiscal", "revenue", "一般公共预算收入", "decimal", unit="万元", decimals=2, measure="cumulative"),
        element(
            "fiscal", "tax", "税收收入", "decimal", unit="万元", decimals=2, measure="cumulative", aliases=("税收",)
        ),
    ],
    frequency="month",
)
CODELISTS = [
    CodeList("terrain", "地势", (Code("01", "平原"), Code("02", "丘陵", ("丘",)), Code("03", "山区"))),
    CodeList("disaster", "灾种", (Code("flood", "洪涝"), Code("drought", "干旱"))),
]
CATALOGUE = Catalogue(
    {d.code: d for d in (POPULATION, LAND, PROFILE, HAZARDS, DISASTERS, FISCAL)},
    {codes.code: codes for codes in CODELISTS},
    {},
    BUILTIN_UNITS,
)


def context(of: Dataset = POPULATION, period: str | None = "2025", **more: Any) -> Context:
    """The clerk of the county, reporting for 2025, who may write for the county."""
    asked = None if period is None or of.frequency == "once" else Period.parse(period, of.frequency)
    below = REGIONS.subtree(COUNTY, date(2025, 12, 31))
    fields: dict[str, Any] = {"root": COUNTY, "may_write": lambda region_id, _: region_id in below}
    return Context(of, CATALOGUE, REGIONS, date(2026, 1, 15), period=asked, **{**fields, **more})


def xlsx(*sheets: Sequence[Sequence[Any]], names: Sequence[str] = (), change: Any = None) -> bytes:
    """A workbook of the given rows; ``change`` may work on the openpyxl workbook before it is saved."""
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for at, rows in enumerate(sheets):
        sheet = book.create_sheet(names[at] if at < len(names) else f"Sheet{at + 1}")
        for row in rows:
            sheet.append(list(row))
    if change is not None:
        change(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def read(data: bytes, given: Context | None = None, filename: str = "表.xlsx") -> Reading:
    return read_workbook_rows(read_workbook(data, filename), given or context())


def read_table(*rows: Sequence[Any], of: Context | None = None) -> Reading:
    return read(xlsx(rows), of)


def values(reading: Reading, of: Dataset = POPULATION) -> dict[str, dict[str, Any]]:
    """Canonical values by region code (or code and key), missing ones as None, whole numbers as int."""
    found: dict[str, dict[str, Any]] = {}
    for row in reading.rows:
        state = REGIONS.state(row.region_id, date(2025, 12, 31))
        assert state is not None
        name = "/".join((state.code, *row.key))
        assert name not in found
        found[name] = {code: shown(reported, of.by_code[code]) for code, reported in row.values.items()}
    return found


def shown(reported: Reported, of: Element) -> Any:
    value = canonical(reported, of, BUILTIN_UNITS)
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else value


def errors(findings: Iterable[Finding]) -> list[tuple[str, str | None]]:
    """(code, cell or row) of every error."""
    return [
        (finding.code, finding.cell or (None if finding.row is None else str(finding.row)))
        for finding in findings
        if finding.severity == "error"
    ]


def warnings(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings if finding.severity == "warning"]


def held_as(reading: Reading) -> Mapping[Any, HeldRecord]:
    """What would be held after ``reading`` had been stored."""
    return {row.record_key: HeldRecord(row.values) for row in reading.rows}
