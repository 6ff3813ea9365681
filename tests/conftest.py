"""What every test may ask for."""

from __future__ import annotations

import functools
import gc
import os
import ssl
import sys
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures.databases"]

_DEAREST = {
    name: place
    for place, name in enumerate(
        (
            "test_two_worlds_at_scale",
            "test_openapi",
            "test_durability",
            "test_workers",
            "test_two_refined_worlds",
            "test_two_worlds",
            "test_pins",
            "test_kills",
        )
    )
}
"""Files with tests that take many seconds, by what one of their tests takes."""


def pytest_configure(config: pytest.Config) -> None:
    """How fast an example is made says something of the machine's other work, nothing of the code.

    Many tests start the program; whatever the environment says, it is compiled once and not at each start.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    settings.register_profile(
        "house",
        derandomize="TOWNSHIP_EXPLORE" not in os.environ,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The dearest files first: what comes last is short, and several workers end together."""
    items.sort(key=lambda item: _DEAREST.get(item.path.stem, len(_DEAREST)))


def pytest_collection_finish() -> None:
    """Thousands of tests and all of the code are there to stay: whoever looks for garbage need not look at them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _certificates_read_once() -> Iterator[None]:
    """Every HTTP client reads the certificates of the world anew, which takes longer than most of its answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True)
def _outbox_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The client keeps what it sent on the machine: no test finds what another left, or leaves anything at home."""
    monkeypatch.setenv("TOWNSHIP_OUTBOX", str(tmp_path_factory.getbasetemp() / f"outbox-{uuid.uuid4().hex}"))
