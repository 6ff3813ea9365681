"""What a mapping costs: compiling a large view, and reading through a mapping beside reading the same columns unmapped.

    uv run python -m bench.mapping [--townships 2400] [--months 60] [--runs 7]

Compiling: 60 fields over 6 datasets, sums, quotients, code maps and aggregates among them. Reading: records of 24
elements, once as they are (the same columns, in their own units and names) and once renamed, converted and mapped, turn
by turn in one process, so that both are measured under the same load. ``run`` is the mapping alone; ``ndjson`` is the
way from the records to the bytes of the whole answer. Prints median, spread and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from app.catalogue.building import Definition, build_catalogue
from app.catalogue.model import Catalogue, Frequency
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState
from app.formats.writing import FORMATS
from app.mapping.compile import check_view
from app.mapping.plan import Plan
from app.mapping.run import Mapped, Rows, run

ELEMENTS = 24
TODAY = date(2026, 11, 22)


class Everywhere:
    """Everything is covered."""

    def by_record(self, path: str) -> bool:  # noqa: ARG002 - of the protocol
        return False

    def everywhere(self, path: str) -> bool:  # noqa: ARG002 - of the protocol
        return True

    def covered(self, path: str, pairs: pl.DataFrame, frequency: Frequency) -> pl.Series:  # noqa: ARG002
        return pl.repeat(value=True, n=pairs.height, dtype=pl.Boolean, eager=True)


class Held:
    """Records in memory, typed and scaled as snapshots hold them."""

    def __init__(self, frame: pl.DataFrame, scale: dict[str, int]) -> None:
        self._frame = frame
        self._scale = scale

    def rows(self, dataset: str, elements: Sequence[str]) -> Rows:  # noqa: ARG002 - of the protocol
        return Rows(self._frame.select("region", "period", *elements), self._scale)


def element(number: int) -> dict[str, Any]:
    code, title = f"e{number}", f"数{number}"
    match number % 4:
        case 0:
            return {"code": code, "title": title, "type": "integer", "unit": "人", "measure": "stock"}
        case 1:
            return {"code": code, "title": title, "type": "decimal", "decimals": 2, "unit": "公顷", "measure": "stock"}
        case 2:
            return {"code": code, "title": title, "type": "decimal", "decimals": 2, "unit": "万元", "measure": "flow"}
        case _:
            return {"code": code, "title": title, "type": "code", "codes": "kinds"}


def catalogue_of(datasets: int, frequency: str) -> Catalogue:
    bodies: list[dict[str, Any]] = [
        {
            "code": f"d{n}", "title": f"数据集{n}", "frequency": frequency, "level": "township", "source": "region",
            "sharing": "open", "elements": [element(i) for i in range(ELEMENTS)],
        }
        for n in range(datasets)
    ]  # fmt: skip
    kinds: dict[str, Any] = {
        "code": "kinds",
        "title": "种类",
        "codes": [{"code": str(n), "label": f"种类{n}"} for n in range(8)],
    }
    definitions = [Definition("dataset", str(body["code"]), body) for body in bodies]
    definitions += [
        Definition("codelist", "kinds", kinds),
        Definition("department", "bench", {"code": "bench", "name": "测量"}),
    ]
    known, faults = build_catalogue(definitions)
    if faults:
        raise SystemExit("\n".join(map(str, faults)))
    return known


def compiled(document: dict[str, Any], known: Catalogue) -> Plan:
    plan, faults = check_view(document, "bench", known)
    if plan is None:
        raise SystemExit("\n".join(map(str, faults)))
    return plan


def large_view() -> dict[str, Any]:
    """60 fields over 6 datasets at a coarser grain."""
    fields: list[dict[str, Any]] = []
    for n in range(6):
        name, other = f"d{n}", f"d{(n + 1) % 6}"
        fields += [
            {"name": f"{name} 人数", "from": f"{name}.e0", "unit": "万人", "decimals": 4},
            {"name": f"{name} 面积", "from": f"{name}.e1", "unit": "亩", "decimals": 1, "complete": "required"},
            {"name": f"{name} 收入", "from": f"{name}.e2", "unit": "元", "decimals": 0, "default": 0},
            {"name": f"{name} 个数", "from": f"{name}.e3", "aggregate": "count"},
            {"name": f"{name} 合计", "expr": " + ".join(f"{name}.e{i}" for i in range(0, 24, 4)), "decimals": 0},
            {"name": f"{name} 人均", "expr": f"to({name}.e1 + {other}.e1, '亩') / {name}.e0", "decimals": 3},
            {"name": f"{name} 增减", "expr": f"{name}.e2 - previous({name}.e2)", "decimals": 2},
            {"name": f"{name} 占比", "expr": f"{name}.e5 / {other}.e5", "unit": "%", "decimals": 2},
            {"name": f"{name} 较大", "expr": f"if({name}.e4 > {name}.e8, {name}.e4, coalesce({name}.e8, 0))"},
            {"name": f"{name} 平均", "from": f"{name}.e9", "aggregate": "mean", "decimals": 4},
        ]
    return view("county", "year", fields)


def view(level: str, frequency: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    grain = {"level": level, "frequency": frequency}
    return {"code": "bench", "department": "bench", "title": "测量", "grain": grain, "fields": fields}


def column_fields(*, mapped: bool) -> list[dict[str, Any]]:
    """The region, the period and the 24 elements: as they are, or as a department calls, converts and codes them."""
    fields: list[dict[str, Any]] = [{"name": "dm", "from": "region.code"}, {"name": "qj", "from": "period"}]
    options: list[dict[str, Any]] = [
        {"unit": "万人", "decimals": 4},
        {"unit": "亩", "decimals": 2},
        {"unit": "元", "decimals": 0},
        {"codes": {str(n): f"K{n}" for n in range(8)}},
    ]
    for n in range(ELEMENTS):
        plain: dict[str, Any] = {"name": f"e{n}", "from": f"d0.e{n}"}
        fields.append({**plain, "name": f"部门{n}", **options[n % 4]} if mapped else plain)
    return fields


def world(townships: int, months: int) -> tuple[RegionIndex, Held]:
    states = [RegionState(1, "43", "省", "province", None), RegionState(2, "4301", "市", "prefecture", 1)]
    states += [RegionState(10 + n, f"43{n + 101:04d}", f"县{n}", "county", 2) for n in range(-(-townships // 24))]
    for n in range(townships):
        code = f"43{n // 24 + 101:04d}{n % 24 + 100}"
        states.append(RegionState(100_000 + n, code, f"镇{n}", "township", 10 + n // 24))
    first = Period.parse("2021-01").ordinal
    count = townships * months
    at = pl.int_range(count, dtype=pl.Int64, eager=True)
    columns = {
        "region": (100_000 + at % townships).cast(pl.Int32),
        "period": (first + at // townships).cast(pl.Int32),
    }
    for n in range(ELEMENTS):
        if n % 4 == 3:
            columns[f"e{n}"] = ((at * 7 + n) % 8).cast(pl.String)
        else:
            columns[f"e{n}"] = ((at * 7919 + n * 104_729) % 9_000_000).cast(pl.Int128)
    scale = {f"e{n}": 100 if n % 4 in (1, 2) else 1 for n in range(ELEMENTS)}
    return RegionIndex(states), Held(pl.DataFrame(columns), scale)


def spread(seconds: Sequence[float]) -> str:
    middle = statistics.median(seconds)
    return f"{middle * 1000:9.1f} ms  ({min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f})"


def alternately(runs: int, ways: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Each way as often, turn by turn, after one turn that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--townships", type=int, default=2_400)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    six = catalogue_of(6, "month")
    document = large_view()
    compiling = alternately(max(asked.runs, 20), {"compile": lambda: compiled(document, six)})["compile"]
    print(f"compile {len(document['fields'])} fields over 6 datasets   {spread(compiling)}")
    regions, held = world(asked.townships, asked.months)
    one = catalogue_of(1, "month")
    plans: dict[str, Plan] = {
        name: compiled(view("township", "month", column_fields(mapped=name == "mapped")), one)
        for name in ("unmapped", "mapped")
    }

    def ran(plan: Plan) -> Mapped:
        return run(plan, held, Everywhere(), regions, TODAY)

    def written(plan: Plan) -> int:
        mapped = ran(plan)
        return sum(len(chunk) for chunk in FORMATS["ndjson"].write(mapped.fields, mapped.frame))

    print(f"{asked.townships * asked.months:,} records of {ELEMENTS} elements, {asked.runs} runs each, turn by turn")
    ways: dict[str, Callable[[Plan], object]] = {"run": ran, "ndjson": written}
    for what, way in ways.items():
        found = alternately(asked.runs, {name: partial(way, plan) for name, plan in plans.items()})
        for name, seconds in found.items():
            print(f"{what:7} {name:9} {spread(seconds)}")
        ratio = statistics.median(found["mapped"]) / statistics.median(found["unmapped"])
        print(f"{what:7} mapping costs {100 * (ratio - 1):+.1f} %")


if __name__ == "__main__":
    main()
