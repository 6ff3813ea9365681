"""What every test may ask for."""

from __future__ import annotations

import os
import uuid

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures.databases"]


def pytest_configure(config: pytest.Config) -> None:
    """How fast an example is made says something of the machine's other work, nothing of the code."""
    settings.register_profile(
        "house",
        derandomize="TOWNSHIP_EXPLORE" not in os.environ,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("house")


@pytest.fixture(autouse=True)
def _outbox_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The client keeps what it sent on the machine: no test finds what another left, or leaves anything at home."""
    monkeypatch.setenv("TOWNSHIP_OUTBOX", str(tmp_path_factory.getbasetemp() / f"outbox-{uuid.uuid4().hex}"))
