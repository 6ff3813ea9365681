"""A served registry of each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving


@pytest.fixture
def empty_house(database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    """A served registry with nothing in it."""
    with serving(new_url(database_kind), tmp_path / "data") as house:
        yield house


@pytest.fixture
def house(empty_house: House) -> House:
    """A served registry with the catalogue of ``schemas/``."""
    empty_house.apply_schemas()
    return empty_house
