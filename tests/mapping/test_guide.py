"""The examples of the guide to mappings are mappings: every one compiles against the sample catalogue."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.catalogue.building import build_catalogue
from app.catalogue.folder import read_folder
from app.catalogue.model import Catalogue
from app.mapping.compile import check_view

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guide" / "mapping.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
HEAD = {"code": "v", "department": "statistics", "title": "例", "grain": {"level": "township", "frequency": "year"}}


@cache
def sample() -> Catalogue:
    folder = ROOT / "schemas"
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    known, faults = build_catalogue([d for d in read_folder(files).definitions if d.kind not in ("view", "agreement")])
    assert not faults
    return known


def view_of(example: str) -> dict[str, Any]:
    given = yaml.safe_load(example)
    return {**HEAD, "fields": given} if isinstance(given, list) else {**HEAD, **given}


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.strip().splitlines()[-1][:40] for example in EXAMPLES])
def test_an_example_of_the_guide_compiles_without_a_remark(example: str) -> None:
    plan, faults = check_view(view_of(example), "guide", sample())
    assert plan is not None, [str(fault) for fault in faults]
    assert plan.warnings == ()


def test_the_guide_has_examples() -> None:
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ({"from": "land.cultivated_land_area", "unit": "万人"}, "不能换算"),
        ({"expr": "fiscal.general_budget_revenue + population.births"}, "量纲不同"),
        ({"expr": "population.births / population.resident_population"}, "decimals"),
    ],
)
def test_what_the_guide_calls_refused_is_refused(field: dict[str, Any], reason: str) -> None:
    plan, faults = check_view({**HEAD, "fields": [{"name": "x", **field}]}, "guide", sample())
    assert plan is None
    assert any(reason in fault.message for fault in faults)
