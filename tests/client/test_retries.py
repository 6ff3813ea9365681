from datetime import UTC, datetime

import pytest

from app.client.retries import Retries, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_waits_double_from_the_first_up_to_the_longest():
    retries = Retries(first=1.0, longest=5.0)
    assert [retries.wait(n, lambda: 1.0) for n in range(1, 6)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_wait_is_drawn_from_the_upper_half_of_its_bound():
    retries = Retries(first=4.0)
    assert retries.wait(1, lambda: 0.0) == 2.0
    assert retries.wait(1, lambda: 0.5) == 3.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("１２", None),
    ],
)
def test_both_forms_of_retry_after_are_read(header, seconds):
    assert retry_after(header, NOW) == seconds
