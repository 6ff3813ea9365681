"""A small world to map: a catalogue written in shorthand, records as plain dicts, coverage as plain cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Any

import polars as pl

from app.catalogue.model import Catalogue, Code, CodeList, Dataset, Department, Element
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState
from app.catalogue.units import BUILTIN_UNITS
from app.mapping.compile import check_view
from app.mapping.plan import Plan
from app.mapping.run import Mapped, Rows, run

TODAY = date(2026, 11, 22)
COUNTY, OTHER_COUNTY, EAST, WEST, NORTH = 1, 2, 11, 12, 21
STATES = (
    RegionState(COUNTY, "430682", "临湘市", "county", None),
    RegionState(OTHER_COUNTY, "430681", "汨罗市", "county", None),
    RegionState(EAST, "430682101", "东镇", "township", COUNTY),
    RegionState(WEST, "430682102", "西镇", "township", COUNTY),
    RegionState(NORTH, "430681101", "北镇", "township", OTHER_COUNTY),
)
REGIONS = RegionIndex(STATES)
_POLARS = {"text": pl.String, "code": pl.String, "date": pl.Date, "boolean": pl.Boolean}


def element(
    code: str, type: str = "integer", measure: str = "stock", unit: str | None = None, **more: Any
) -> dict[str, Any]:
    return {"code": code, "type": type, "measure": measure, "unit": unit, **more}


def dataset(
    code: str, frequency: str, *elements: dict[str, Any], level: str = "township", key: tuple[str, ...] = ()
) -> Dataset:
    made = tuple(
        Element(
            dataset=code,
            title=e.get("title", e["code"]),
            sharing="open",
            **{k: v for k, v in e.items() if k != "title"},
        )
        for e in elements
    )
    return Dataset(code, code, frequency, level, key, "region", "open", None, "none", made)  # type: ignore[arg-type]


def catalogue(*datasets: Dataset, codelists: Mapping[str, Sequence[str]] | None = None) -> Catalogue:
    lists = {
        code: CodeList(code, code, tuple(Code(member, f"名{member}") for member in members))
        for code, members in (codelists or {}).items()
    }
    departments = {"ecology": Department("ecology", "生态环境局")}
    return Catalogue({d.code: d for d in datasets}, lists, departments, BUILTIN_UNITS)


def view(*fields: dict[str, Any], level: str = "township", frequency: str = "year") -> dict[str, Any]:
    return {
        "code": "v",
        "department": "ecology",
        "title": "视图",
        "grain": {"level": level, "frequency": frequency},
        "fields": list(fields),
    }


def plan_of(document: dict[str, Any], known: Catalogue) -> Plan:
    plan, faults = check_view(document, "v.yaml", known)
    assert plan is not None, [str(fault) for fault in faults]
    return plan


def faults_of(document: dict[str, Any], known: Catalogue) -> list[tuple[str, str]]:
    plan, faults = check_view(document, "v.yaml", known)
    assert (plan is None) == bool(faults)
    return [(fault.place, fault.message) for fault in faults]


Records = Mapping[str, Sequence[Mapping[str, Any]]]  # dataset → records with region, period (text), key and elements


@dataclass
class GivenRecords:
    """Sources over plain records; what ``coverage`` does not cover is taken out before."""

    catalogue: Catalogue
    records: Records
    coverage: GivenCoverage
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def rows(self, dataset: str, elements: Sequence[str]) -> Rows:
        self.asked.append((dataset, tuple(elements)))
        known = self.catalogue.datasets[dataset]
        given = self.records.get(dataset, ())
        periods = [Period.parse(r.get("period", ""), known.frequency).ordinal for r in given]
        columns: dict[str, pl.Series] = {
            "region": pl.Series([r["region"] for r in given], dtype=pl.Int32),
            "period": pl.Series(periods, dtype=pl.Int32),
        }
        for code in known.key:
            columns[code] = pl.Series([r[code] for r in given], dtype=pl.String)
        scale: dict[str, int] = {}
        for code in elements:
            path = f"{dataset}.{code}"
            values = [
                r.get(code) if self.coverage.covers(path, r["region"], Period(known.frequency, p)) else None
                for r, p in zip(given, periods, strict=True)
            ]
            kind = known.by_code[code].type
            if kind in _POLARS:
                columns[code] = pl.Series(values, dtype=_POLARS[kind])
            else:
                exact = [None if v is None else Fraction(str(v) if isinstance(v, float) else v) for v in values]
                scale[code] = lcm(1, *(v.denominator for v in exact if v is not None))
                columns[code] = pl.Series([None if v is None else int(v * scale[code]) for v in exact], dtype=pl.Int128)
        return Rows(pl.DataFrame(columns), scale)


@dataclass
class GivenCoverage:
    """Coverage by a rule over single cells; ``rule`` None covers everything."""

    rule: Callable[[str, int, Period], bool] | None = None
    claims_everywhere: bool = True

    def covers(self, path: str, region: int, period: Period) -> bool:
        return self.rule is None or self.rule(path, region, period)

    def everywhere(self, path: str) -> bool:
        return self.rule is None and self.claims_everywhere

    def by_record(self, path: str) -> bool:
        return False

    def covered(self, path: str, pairs: pl.DataFrame, frequency: Any) -> pl.Series:
        rows: Iterable[tuple[int, int]] = pairs.select("region", "period").rows()
        return pl.Series([self.covers(path, r, Period(frequency, p)) for r, p in rows], dtype=pl.Boolean)


def mapped(
    document: dict[str, Any],
    known: Catalogue,
    records: Records,
    rule: Callable[[str, int, Period], bool] | None = None,
    regions: RegionIndex = REGIONS,
) -> Mapped:
    coverage = GivenCoverage(rule)
    return run(plan_of(document, known), GivenRecords(known, records, coverage), coverage, regions, TODAY)


def shown(result: Mapped) -> list[dict[str, Any]]:
    """The rows as dicts of field values, numbers as exact fractions."""
    columns: dict[str, list[Any]] = {}
    for output in result.fields:
        values = result.frame[f"field:{output.name}"].to_list()
        if output.kind == "number":
            values = [None if v is None else Fraction(v, 10**output.decimals) for v in values]
        columns[output.name] = values
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def values(result: Mapped, name: str = "x") -> list[Any]:
    return [row[name] for row in shown(result)]
