"""Leaks planted in what came beside the reading of views are found by asking two worlds the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from tests.fixtures.databases import _copied as copied
from tests.fixtures.planted_leaks import Leak
from tests.fixtures.planted_leaks_of_features import LEAK_THAT_IS_KEPT, LEAKS_OF_FEATURES
from tests.fixtures.twin_worlds import Asked, Twin, Twins
from tests.fixtures.world_catalogue import TOWNSHIPS
from tests.fixtures.world_happenings import directed
from tests.fixtures.world_requests import Asking
from tests.fixtures.worlds import BEGIN, Story, World, settle, tell, world
from tests.stories.test_two_worlds import DIRECTED

_JSON = (("content-type", "application/json"),)


def bare(place: World, story: Story, seed: int) -> str:
    """The same world with nothing in it that the department may not see."""
    other = random.Random(f"directed {seed}")
    key = settle(place, story, other)
    tell(place, story, 0, other)
    place.now = BEGIN + timedelta(hours=12)
    return key


@pytest.fixture(scope="module")
def pair(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Twin]]:
    with a_pair(sqlite_template, tmp_path_factory) as made:
        yield made


@contextmanager
def a_pair(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Twin]]:
    with ExitStack() as stack:
        made = []
        for build in (directed, bare):
            url = copied(template, tmp_path_factory)
            place = stack.enter_context(world(url, tmp_path_factory.mktemp("world")))
            made.append(Twin(place, (build(place, DIRECTED, 1),)))
        yield made[0], made[1]


def noticed(pair: tuple[Twin, Twin]) -> Iterator[str]:
    """What an ordinary day of the department, and a look at what is around it, tells apart, as soon as it does."""
    twins = Twins(*pair)
    for twin in pair:
        twin.place.forget()
    asking = Asking(pair[0].place.http.app.openapi(), 1, pair[0].keys[0])  # type: ignore[attr-defined]
    for asked in asking.usual():
        asking.remember(asked, twins.ask(asked))
        yield from twins.differing
        twins.differing.clear()
    for asked in around():
        twins.ask(asked)
        yield from twins.differing
        twins.differing.clear()


def around() -> Iterator[Asked]:
    for path in ("webhooks", "corrections", "notices", "events", "access-requests", "due", "views/people-view/changes"):
        yield Asked(f"GET /v1/{path}", f"/v1/{path}")
    records = "/v1/views/people-view/records"
    yield Asked("GET /v1/views/{view}/records", records, (), (("prefer", "receipt"),))
    for region in TOWNSHIPS:
        for period in ("2023", "2024", "2025"):
            where = (("dataset", "people"), ("region", region), ("period", period))
            yield Asked("GET /v1/evidence", "/v1/evidence", where)
            body = orjson.dumps({**dict(where), "element": "total", "reason": "疑"})
            yield Asked("POST /v1/corrections", "/v1/corrections", (), _JSON, body)


def test_without_a_leak_nothing_is_found(pair: tuple[Twin, Twin]) -> None:
    assert not list(noticed(pair))


@pytest.mark.parametrize("leak", LEAKS_OF_FEATURES, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_found(pair: tuple[Twin, Twin], leak: Leak) -> None:
    with leak():
        assert next(noticed(pair), None) is not None


def test_a_planted_leak_that_lets_something_be_kept_is_found(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with a_pair(sqlite_template, tmp_path_factory) as pair, LEAK_THAT_IS_KEPT():
        assert next(noticed(pair), None) is not None
