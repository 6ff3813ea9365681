"""A large schema folder, made from numbers alone: the same folder for the same sizes, on any machine."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ELEMENTS_A_DATASET = 30
FREQUENCIES = ("year", "year", "quarter", "month", "half", "year", "month", "once", "event", "year")
UNITS = ("人", "户", "亩", "公顷", "万元", "吨", "千瓦时", "个", "平方米", "公里")
COUNTIES_A_PREFECTURE = 9
TOWNSHIPS_A_COUNTY = 14


@dataclass(frozen=True, slots=True)
class Size:
    """How much to make; ``regions`` is about how many, in all levels together."""

    datasets: int = 100
    views: int = 50
    agreements: int = 50
    regions: int = 45_000


def large_folder(size: Size, regions: bytes | None = None) -> dict[str, bytes]:
    """File name → bytes. ``regions`` is a list to take instead of a made one."""
    listed = regions if regions is not None else made_regions(size.regions)
    files = {"regions.csv": listed, "departments.yaml": _departments(size.views)}
    files["codelists/kind.yaml"] = (
        "code: kind\ntitle: 类型\ncodes:\n"
        + "".join(f'  - {{code: "{n}", label: 类型{n}, aliases: [第{n}类]}}\n' for n in range(1, 21))
    ).encode()
    for number in range(size.datasets):
        files[f"datasets/d{number:03}.yaml"] = _dataset(number).encode()
    for number in range(size.views):
        files[f"views/v{number:03}.yaml"] = _view(number, size.datasets).encode()
    roots = [row["code"] for row in csv.DictReader(io.StringIO(listed.decode("utf-8-sig"))) if row["level"] == "county"]
    for number in range(size.agreements):
        below = roots[number * 7 % len(roots)] if roots else "*"
        files[f"agreements/a{number:03}.yaml"] = _agreement(number, size, below).encode()
    return files


def made_regions(about: int) -> bytes:
    """A country with provinces, prefectures, counties and townships, each below the one before."""
    lines = ["code,name,level,parent"]
    lines += [f"{code},{name},{level},{parent}" for code, name, level, parent in _places(about)]
    return ("\n".join(lines) + "\n").encode()


def _places(about: int) -> Iterator[tuple[str, str, str, str]]:
    left = about
    for prefecture_number in range(31 * 89):
        if left <= 0:
            return
        province = f"{11 + prefecture_number % 31}"
        if prefecture_number < 31:
            left -= 1
            yield province, f"第{province}省", "province", ""
        prefecture = f"{province}{1 + prefecture_number // 31:02}"
        left -= 1 + COUNTIES_A_PREFECTURE * (1 + TOWNSHIPS_A_COUNTY)
        yield prefecture, f"第{prefecture}市", "prefecture", province
        for county_number in range(1, COUNTIES_A_PREFECTURE + 1):
            county = f"{prefecture}{county_number:02}"
            yield county, f"第{county}县", "county", prefecture
            for number in range(1, TOWNSHIPS_A_COUNTY + 1):
                yield f"{county}{number:03}", f"第{county_number}县第{number}镇", "township", county


def _departments(count: int) -> bytes:
    lines = [f"  - {{code: office{number:03}, name: 第{number}局}}" for number in range(count)]
    return ("departments:\n" + "\n".join(lines) + "\n").encode()


def _dataset(number: int) -> str:
    frequency = FREQUENCIES[number % len(FREQUENCIES)]
    measure = "stock" if frequency == "once" else ("flow", "stock")[number % 2]
    lines = [
        f"code: d{number:03}",
        f"title: 第{number}类数据",
        f"frequency: {frequency}",
        "level: township",
        "source: region",
        "sharing: conditional",
        "sharing_basis: 依职责申请",
        "elements:",
    ]
    for place in range(ELEMENTS_A_DATASET):
        lines += [f"  - code: e{place:02}", f"    title: 第{number}类第{place}项指标"]
        lines += [f"    aliases: [指标{number}之{place}, 数据{number:03}项{place:02}]"]
        lines += [f"    definition: 第{number}类数据在本乡镇的第{place}项，按年末实有数填报，不含外来。"]
        lines += _kind_of(place, measure)
    lines += ["checks:"]
    for place in range(3):
        first = place * 3
        lines += [f"  - code: sum{place}", f"    rule: e{first:02} + e{first + 1:02} >= e{first + 2:02}"]
        lines += ["    severity: warning", f"    message: 前两项之和应不小于第{first + 2}项"]
    return "\n".join(lines) + "\n"


def _kind_of(place: int, measure: str) -> list[str]:
    unit = UNITS[place // 3 % len(UNITS)]
    if place < 22:
        whole = ["    type: integer"] if unit in ("人", "户", "个") else ["    type: decimal", "    decimals: 2"]
        return [
            *whole,
            f"    unit: {unit}",
            f"    measure: {measure}",
            "    min: 0",
            f"    required: {str(place < 3).lower()}",
        ]
    if place < 25:
        return ["    type: text", "    measure: attribute", "    pattern: '[^;]{1,60}'"]
    if place < 27:
        return ["    type: code", "    measure: attribute", "    codes: kind"]
    return [f"    type: {'boolean' if place < 29 else 'date'}", "    measure: attribute"]


def _view(number: int, datasets: int) -> str:
    yearly = [n for n in range(datasets) if FREQUENCIES[n % len(FREQUENCIES)] in ("year", "quarter", "half", "month")]
    chosen = [yearly[(number * 3 + step) % len(yearly)] for step in range(4)]
    level = ("township", "township", "county")[number % 3]
    lines = [
        f"code: v{number:03}",
        f"department: office{number:03}",
        f"title: 第{number}局报表",
        f"grain: {{level: {level}, frequency: year}}",
        "fields:",
        "  - {name: dm, title: 代码, from: region.code}",
        "  - {name: mc, title: 名称, from: region.name}",
        "  - {name: nd, title: 年度, from: period}",
    ]
    for n in chosen:
        for place in range(0, 9, 2):
            lines += [f"  - {{name: f{n}_{place}, title: 指标{place}, from: d{n:03}.e{place:02}}}"]
        lines += [
            f'  - {{name: b{n}, title: 比例, expr: "d{n:03}.e00 * 100 / (d{n:03}.e01 + d{n:03}.e02)", decimals: 2}}',
            f'  - {{name: z{n}, title: 增长, expr: "d{n:03}.e03 - last_year(d{n:03}.e03)"}}',
        ]
    return "\n".join(lines) + "\n"


def _agreement(number: int, size: Size, below: str) -> str:
    department = number % max(1, size.views)
    elements = ", ".join(f"d{(department * 3 + step) % size.datasets:03}.*" for step in range(8))
    return f"""code: a{number:03}
department: office{department:03}
purpose: 第{number}项考核
legal_basis: 示例依据
elements: [{elements}]
regions: ["{below}"]
periods: {{from: "2024"}}
valid: {{from: 2026-01-01, until: 2027-12-31}}
"""


def faulty(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same folder with one fault in every tenth data set and every fifth view, and ten in the region list."""
    found = dict(files)
    for place, name in enumerate(sorted(name for name in files if name.startswith("datasets/"))):
        if place % 10 == 0:
            found[name] = files[name].replace("unit: 亩".encode(), "unit: 没有的单位".encode(), 1)
    for place, name in enumerate(sorted(name for name in files if name.startswith("views/"))):
        if place % 5 == 0:
            found[name] = files[name].replace(b".e00 *", b".nothing *", 1)
    lines = files["regions.csv"].decode("utf-8-sig").splitlines()
    for row in range(100, 110):
        lines[row] = lines[row].replace("prefecture", "city").replace("county", "city").replace("township", "city")
    found["regions.csv"] = ("\n".join(lines) + "\n").encode()
    return found
