"""A served registry of each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.services.registry import Registry
from app.settings import Settings
from tests.fixtures.databases import Kind
from tests.fixtures.house import Clock, House, serving
from tests.fixtures.small import FILES


@pytest.fixture
def empty_house(database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    """A served registry with nothing in it."""
    with serving(new_url(database_kind), tmp_path / "data") as house:
        yield house


@pytest.fixture
def house(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[House]:
    """A served registry with the catalogue of ``schemas/``."""
    with serving(filled_url(database_kind, "schemas", apply_schemas), tmp_path / "data") as house:
        yield house


@pytest.fixture
def small_house(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[House]:
    """A served registry with the small catalogue, and two townships' people of two years in it."""
    with serving(filled_url(database_kind, "small", apply_small), tmp_path / "data") as house:
        rows = [
            {"region": f"430101{n}", "period": f"202{y}", "total": 10 * n + y, "area": f"{n}.{y}"}
            for n in (101, 102)
            for y in (4, 5)
        ]
        house.client(region="430101").post("/v1/submissions", json={"dataset": "people", "rows": rows})
        yield house


def apply_small(url: str) -> None:
    with TemporaryDirectory() as folder, Registry.open(Settings(database_url=url, data_dir=Path(folder))) as registry:
        House(registry, "", Clock()).apply(FILES)


def apply_schemas(url: str) -> None:
    with TemporaryDirectory() as folder, Registry.open(Settings(database_url=url, data_dir=Path(folder))) as registry:
        House(registry, "", Clock()).apply_schemas()
