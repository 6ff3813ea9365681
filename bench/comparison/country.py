"""What is measured with: townships, a catalogue of 24 elements, records of some months, and a view that converts them.

The expected answer is worked out here in whole numbers, apart from the registry's own mapping.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COUNTS = range(10)
AREAS = range(10, 20)
CONVERTED = range(10, 16)  # reported in hectares, read in mu: fifteen times as many
CODES = range(20, 22)
DAY, TEXT = 22, 23
ELEMENTS = 24
FIRST_YEAR = 2021
KINDS = [f"{number:02d}" for number in range(1, 16)]

AGREEMENT = """
code: bench
department: bench
purpose: 测量
elements: [figures.*]
regions: ["*"]
valid: {from: 2020-01-01, until: 2099-12-31}
"""


@dataclass(frozen=True, slots=True)
class Township:
    """A place that reports. ``number`` makes its figures differ from those of the others."""

    number: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Country:
    """The townships measured with, the region list that holds them, and where the names are from."""

    regions: bytes
    province: str
    townships: Sequence[Township]
    origin: str


def country(wanted: int, given: Path | None, shipped: Path) -> Country:
    """As many townships of one province as are wanted, from a list ``code,name,level,parent``.

    Without a list they are the shipped ones, and as many invented places beside them as are missing.
    Raises ValueError when no province of the list has so many.
    """
    lines = list(csv.DictReader(io.StringIO((given or shipped).read_text(encoding="utf-8-sig"))))
    held = Counter(line["code"][:2] for line in lines if line["level"] == "township")
    enough = [province for province, count in held.items() if count >= wanted]
    if enough:
        # The province that is nearest to the number asked for.
        province = min(enough, key=lambda code: (held[code], code))
        chosen = [line for line in lines if line["code"].startswith(province) and line["level"] != "village"]
        origin = "real codes and names"
    elif given is None:
        province = next(iter(held))
        chosen = [line for line in lines if line["level"] != "village"]
        chosen += _invented(province, {line["code"] for line in chosen}, wanted - held[province])
        origin = f"{held[province]} real codes and names, the others invented"
    else:
        raise ValueError(f"no province of {given} has {wanted} townships")
    places = sorted((line["code"], line["name"]) for line in chosen if line["level"] == "township")[:wanted]
    text = io.StringIO()
    writer = csv.DictWriter(text, ("code", "name", "level", "parent"), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(chosen)
    townships = [Township(number, code, name) for number, (code, name) in enumerate(places)]
    return Country(text.getvalue().encode(), province, townships, origin)


def _invented(province: str, taken: AbstractSet[str], count: int) -> Iterator[dict[str, str]]:
    free = [code for number in range(90, 0, -1) if (code := f"{province}{number:02d}") not in taken]
    for number in range(count):
        prefecture, county = divmod(number // 24, 80)
        above = free[prefecture]
        below = f"{above}{county + 1:02d}"
        if number % (24 * 80) == 0:
            yield {"code": above, "name": f"造{prefecture}市", "level": "prefecture", "parent": province}
        if number % 24 == 0:
            yield {"code": below, "name": f"造{number // 24}县", "level": "county", "parent": above}
        yield {"code": f"{below}{100 + number % 24}", "name": f"造{number}镇", "level": "township", "parent": below}


def schema_folder(country: Country, views: int) -> dict[str, bytes]:
    """The catalogue as files: 24 elements, one agreement, and as many views alike, each to be asked a first time."""
    texts = {
        "departments.yaml": "departments: [{code: bench, name: 测量}]",
        "codelists/kind.yaml": "code: kind\ntitle: 种类\ncodes:\n"
        + "\n".join(f'  - {{code: "{code}", label: 第{code}种}}' for code in KINDS),
        "datasets/figures.yaml": "code: figures\ntitle: 数\nfrequency: month\nlevel: township\nsource: region\n"
        "sharing: open\nelements:\n" + "\n".join(map(_element, range(ELEMENTS))),
        "agreements/bench.yaml": AGREEMENT,
    }
    fields = "\n".join(map(_field, range(ELEMENTS)))
    for number in range(views):
        texts[f"views/bench{number}.yaml"] = (
            f"code: bench{number}\ndepartment: bench\ntitle: 测量{number}\ngrain: {{level: township, frequency: month}}\n"
            f"fields:\n  - {{name: dm, from: region.code}}\n  - {{name: qj, from: period}}\n{fields}\n"
        )
    return {"regions.csv": country.regions, **{name: text.encode() for name, text in texts.items()}}


def _element(number: int) -> str:
    if number in COUNTS:
        kind = "type: integer, unit: 人, measure: stock"
    elif number in AREAS:
        kind = "type: decimal, decimals: 2, unit: 公顷, measure: stock"
    elif number in CODES:
        kind = "type: code, codes: kind, measure: attribute"
    else:
        kind = f"type: {'date' if number == DAY else 'text'}, measure: attribute"
    return f"  - {{code: e{number}, title: 指标{number}号, {kind}}}"


def _field(number: int) -> str:
    more = ""
    if number in CONVERTED:
        more = ", unit: 亩, decimals: 2"
    elif number in CODES:
        more = ", codes: {" + ", ".join(f'"{code}": "K{code}"' for code in KINDS) + "}"
    return f"  - {{name: f{number}, from: figures.e{number}{more}}}"


def period(month: int) -> str:
    return f"{FIRST_YEAR + month // 12}-{month % 12 + 1:02d}"


def hundredths(place: int, month: int, number: int) -> int:
    """An area in hundredths of a hectare."""
    return (place * 3_701 + month * 1_109 + number * 53) % 900_000


def figures(township: Township, month: int, shift: int = 0) -> dict[str, Any]:
    """What a township reports for a month, as it is written in a JSON row. ``shift`` makes other figures of it."""
    place = township.number + shift
    row: dict[str, Any] = {f"e{n}": (place * 131 + month * 7 + n * 101) % 90_000 for n in COUNTS}
    for n in AREAS:
        row[f"e{n}"] = written(hundredths(place, month, n))
    for n in CODES:
        row[f"e{n}"] = KINDS[(place + month + n) % len(KINDS)]
    row["e22"] = f"{period(month)}-{place % 28 + 1:02d}"
    row["e23"] = f"{township.name}第{month + place % 7}表"
    return row


def answered(township: Township, month: int, shift: int = 0) -> dict[str, Any]:
    """The same as the department is to read it; areas are written decimals."""
    place = township.number + shift
    held = figures(township, month, shift)
    row: dict[str, Any] = {"dm": township.code, "qj": period(month)}
    for n in range(ELEMENTS):
        row[f"f{n}"] = held[f"e{n}"]
    for n in CONVERTED:
        row[f"f{n}"] = written(hundredths(place, month, n) * 15)
    for n in CODES:
        row[f"f{n}"] = "K" + held[f"e{n}"]
    return row


def written(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def reported(country: Country, month: int) -> list[Mapping[str, Any]]:
    """All rows of a month, as JSON rows."""
    return [{"region": t.code, "period": period(month), **figures(t, month)} for t in country.townships]
