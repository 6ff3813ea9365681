"""Who fails again and again waits longer each time; nobody else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Problem
from app.services.brake import _SOURCES, Brake, source_of


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def wait(brake: Brake, source: str) -> int:
    try:
        brake.admit(source)
    except Problem as problem:
        return int(problem.headers["Retry-After"]) if problem.code == "rate_limited" else -1
    return 0


def test_the_wait_doubles_with_each_failure_up_to_five_minutes() -> None:
    clock = Clock()
    brake = Brake(3, clock)
    waits = []
    for _ in range(14):
        waits.append(wait(brake, "a"))
        clock.pass_(waits[-1])
        assert wait(brake, "a") == 0
        brake.failed("a")
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert wait(brake, "b") == 0


def test_ten_quiet_minutes_and_all_is_forgotten() -> None:
    clock = Clock()
    brake = Brake(1, clock)
    for _ in range(5):
        brake.failed("a")
    assert wait(brake, "a") == 16
    clock.pass_(601)
    assert wait(brake, "a") == 0
    brake.failed("a")
    assert wait(brake, "a") == 1


def test_very_many_sources_take_no_more_memory() -> None:
    brake = Brake(1, Clock())
    for number in range(_SOURCES + 100):
        brake.failed(str(number))
    assert len(brake._failures) == _SOURCES
    assert wait(brake, "0") == 0
    assert wait(brake, str(_SOURCES)) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        (None, "a socket", True),
    ],
)
def test_a_source_is_an_address_or_the_network_of_one_subscriber(one: str | None, other: str, same: bool) -> None:
    assert (source_of(one) == source_of(other)) == same
