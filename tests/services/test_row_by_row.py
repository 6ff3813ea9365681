"""What is mapped again for some regions only is, to the byte, what mapping everything gives."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest

from app.policy.callers import Caller
from app.services import in_pieces, mapped, read, row_by_row
from app.services.deliveries import Wanted
from app.services.mapped import MappedState, MappedViews, mapped_state
from app.services.questions import Question
from app.services.read import ViewReader
from app.services.registry import Registry
from app.services.visible_views import visible_view
from tests.fixtures.databases import Kind
from tests.fixtures.services import CODES, REGIONS, SUCCESSIONS, VALID, apply, reader_of, registry_of, report

POP = {
    "code": "pop", "title": "人口", "frequency": "year", "level": "township", "source": "region", "sharing": "open",
    "elements": [
        {"code": "total", "title": "总数", "type": "integer", "unit": "人", "measure": "stock"},
        {"code": "land", "title": "土地", "type": "decimal", "decimals": 2, "unit": "公顷", "measure": "stock"},
        {"code": "note", "title": "说明", "type": "text"},
    ],
}  # fmt: skip
SITE = {
    "code": "site", "title": "点位", "frequency": "year", "level": "township", "key": ["number"], "source": "region",
    "sharing": "open",
    "elements": [
        {"code": "number", "title": "编号", "type": "text"},
        {"code": "power", "title": "功率", "type": "decimal", "decimals": 1, "unit": "千瓦", "measure": "stock"},
    ],
}  # fmt: skip
FIELDS = [
    {"name": "dm", "from": "region.code"}, {"name": "mc", "from": "region.name"}, {"name": "nd", "from": "period"},
    {"name": "zs", "from": "pop.total", "default": 0}, {"name": "mu", "from": "pop.land", "unit": "亩", "decimals": 2},
    {"name": "qn", "expr": "pop.total - last_year(pop.total)"}, {"name": "sm", "from": "pop.note"},
    {"name": "rj", "expr": "pop.land / pop.total", "decimals": 3},
]  # fmt: skip
GRAIN: dict[str, Any] = {"level": "township", "frequency": "year"}
VIEWS: dict[str, Any] = {
    "plain": {"grain": GRAIN, "fields": FIELDS},
    "list": {"grain": GRAIN, "fields": [
        {"name": "dm", "from": "region.code"}, {"name": "id", "from": "site.number"}, {"name": "gl", "from": "site.power"},
        {"name": "zs", "from": "pop.total"},
    ]},
    "county": {"grain": {**GRAIN, "level": "county"}, "fields": [
        {"name": "dm", "from": "region.code"}, {"name": "zs", "from": "pop.total"},
    ]},
}  # fmt: skip
CALLER = Caller("department", "d", "ecology", department="ecology")
AGREEMENT = {
    "code": "some", "department": "ecology", "purpose": "试", "legal_basis": "试", "valid": VALID,
    "elements": ["pop.*", "site.*"], "regions": ["430101"], "periods": {"from": "2023"},
}  # fmt: skip


@pytest.fixture
def registry(new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[Registry]:
    with registry_of(new_url("sqlite"), tmp_path) as registry:
        views = {
            f"views/{code}.yaml": {"code": code, "department": "ecology", "title": code, **view}
            for code, view in VIEWS.items()
        }
        apply(
            registry,
            {
                "regions.csv": REGIONS, "successions.csv": SUCCESSIONS, "datasets/pop.yaml": POP,
                "datasets/site.yaml": SITE, "agreements/some.yaml": AGREEMENT, **views,
                "departments.yaml": {"departments": [{"code": "ecology", "name": "生态"}]},
            },
        )  # fmt: skip
        yield registry


def shown(registry: Registry, views: MappedViews, code: str) -> MappedState:
    state, today = registry.state(), registry.today()
    view = visible_view(state, CALLER, code, today)
    return mapped_state(registry, views, state, code, str(view.version), view.plan, view.scope, today)


def some_rows(chance: random.Random) -> list[dict[str, Any]]:
    rows = []
    for region in chance.sample(CODES["township"], chance.randint(1, 3)):
        year = chance.choice([2022, 2023, 2024]) if region not in {"430101105", "430102102"} else 2025
        if region in {"430101103", "430101104", "430101102"}:
            year = min(year, 2024)
        rows.append({
            "region": region, "period": str(year), "total": chance.choice([None, 1, 10**18 - 1, chance.randint(0, 99)]),
            "land": f"{chance.randint(-500, 500)}.{chance.randint(0, 99):02d}", "note": chance.choice(["甲", "", "=乙"]),
        })  # fmt: skip
    return rows


@pytest.mark.parametrize("largest", [2, 16_384])
def test_mapped_again_is_mapped_whole(registry: Registry, largest: int) -> None:
    chance = random.Random(largest)
    views = MappedViews(2**26)
    with (
        patch.object(row_by_row, "LARGEST", largest),
        patch.object(mapped, "spliced", side_effect=row_by_row.spliced) as moved,
        patch.object(mapped, "in_place", side_effect=row_by_row.in_place) as tried,
        patch.object(row_by_row, "_MOST_CHUNKS", 4),
    ):
        for _ in range(9):
            rows = some_rows(chance)
            report(registry, "pop", [{k: v for k, v in row.items() if v != ""} for row in rows])
            if chance.random() < 0.5:
                sites = [
                    {"region": row["region"], "period": row["period"], "number": chance.choice("AB"), "power": "1.5"}
                    for row in rows
                ]
                report(registry, "site", sites)
            for code in VIEWS:
                one, whole = shown(registry, views, code), shown(registry, MappedViews(2**26), code)
                assert one.digest == whole.digest, (code, rows)
                assert one.mapped.frame.cast(whole.mapped.frame.schema).equals(whole.mapped.frame), (code, rows)
                assert one.parts == whole.parts
                assert one.mapped.frame.n_chunks() <= 4
                stood = [one.places.runs(region) for region in range(40)]
                assert stood == [whole.places.runs(region) for region in range(40)]
                assert one.places.taken([(0, 2)]).equals(one.mapped.frame.slice(0, 2))
    assert moved.call_count > 3
    assert tried.call_count - moved.call_count > 3


def test_who_keeps_what_was_written_is_told_which_rows_changed_in_place(registry: Registry) -> None:
    rows = [{"region": region, "period": "2024", "total": 5} for region in ("430101101", "430101102", "430101103")]
    views = MappedViews(2**26)
    told: list[Any] = []
    views.in_place.append(lambda *said: told.append(said))
    report(registry, "pop", rows)
    first = shown(registry, views, "plain")
    report(registry, "pop", [{**rows[1], "total": 6}])
    second = shown(registry, views, "plain")
    differing = [
        number for number in range(3) if not first.mapped.frame[number].equals(second.mapped.frame[number])
    ]  # fmt: skip
    assert len(differing) == 1
    assert told == [(first.digest, second.digest, [(differing[0], differing[0] + 1)])]
    report(registry, "pop", [{**rows[1], "period": "2023"}])  # a row comes in
    assert shown(registry, views, "plain").mapped.frame.height == 4
    assert len(told) == 1


def test_what_takes_in_other_regions_is_mapped_whole(registry: Registry) -> None:
    views = MappedViews(2**26)
    report(registry, "pop", [{"region": "430101101", "period": "2024", "total": 5}])
    assert shown(registry, views, "county").state is None
    assert shown(registry, views, "plain").state is not None
    apply(registry, {"agreements/some.yaml": {**AGREEMENT, "where": {"pop": "pop.total > 3"}}})
    assert shown(registry, views, "plain").state is None


def test_stretches_are_parted_by_what_is_shown() -> None:
    codes = ["430101101", "430101102", "430102101", "430103101", "430181100", "430199999", "440101101"]
    frame = pl.DataFrame({"region": range(7), "code": codes, "field:a": range(7)})
    with patch.object(row_by_row, "LARGEST", 3):
        parts = row_by_row.stretches(frame)
    assert [(part.prefix, part.start, part.length) for part in parts] == [
        ("430101", 0, 2), ("430102", 2, 1), ("430103", 3, 1), ("43018", 4, 1), ("43019", 5, 1), ("4401", 6, 1),
    ]  # fmt: skip


def answered(
    reader: ViewReader, code: str, question: Question
) -> tuple[bytes, Mapping[str, str], Mapping[str, Any], int]:
    answer = reader.read(CALLER, code, question, Wanted(), "test")
    data = b"".join(answer.chunks()) if answer.stream is not None else answer.body
    told = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    return data, told, answer.answered or {}, answer.rows


@pytest.mark.parametrize(("most", "at_once"), [(1, 1), (4, 1), (1_500, 20_000)])
def test_a_view_in_pieces_is_the_view(registry: Registry, most: int, at_once: int) -> None:
    chance = random.Random(most)
    for _ in range(4):
        rows = some_rows(chance)
        report(registry, "pop", [{k: v for k, v in row.items() if v != ""} for row in rows])
    report(registry, "site", [{"region": "430101101", "period": "2024", "number": each, "power": "1"} for each in "AB"])
    with patch.object(read, "_AT_ONCE", at_once), patch.object(in_pieces, "_REGIONS", most):
        for code, format in itertools.product(VIEWS, ("ndjson", "csv", "arrow", "parquet")):
            question = Question(format=format)
            whole = answered(fresh_reader(registry), code, question)
            with (
                patch.object(in_pieces, "LARGE", 0),
                patch.object(read, "mapped_state", wraps=mapped_state) as whole_way,
            ):
                reader = fresh_reader(registry)
                assert answered(reader, code, question) == whole, (code, format)
                assert whole_way.called == (code == "county")
                assert answered(reader, code, question) == whole


def fresh_reader(registry: Registry) -> ViewReader:
    """One that has nothing in memory, and no answers on the disk."""
    shutil.rmtree(registry.answers_folder, ignore_errors=True)
    return reader_of(registry)
