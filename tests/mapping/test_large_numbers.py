"""Figures that outgrow the columns are computed on fractions, and the answer is the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from app.mapping.run import ResultTooLarge
from tests.mapping.world import EAST, WEST, catalogue, dataset, element, mapped, values, view

KNOWN = catalogue(
    dataset("y", "year", element("a", "decimal", "flow"), element("b", "decimal", "flow")),
    dataset("e", "event", element("n", "decimal", "flow")),
)


def read(records: dict[str, Any], **field: Any) -> list[Any]:
    level = field.pop("level", "township")
    return values(mapped(view({"name": "x", **field}, level=level), KNOWN, records))


def test_a_product_beyond_128_bits_may_come_back_into_them() -> None:
    record = {"region": EAST, "period": "2025", "a": 10**30 + 1, "b": 10**25 + 7}
    assert read({"y": [record]}, expr="y.a * y.b / y.a", decimals=2) == [10**25 + 7]
    assert read({"y": [record]}, expr="y.a * y.b > y.a") == [True]
    assert read({"y": [record]}, expr="if(y.a * y.b > y.a, 'x', 'y')") == ["x"]


def test_a_sum_beyond_128_bits_is_summed_on_fractions() -> None:
    record = {"period": "2025", "a": Fraction(10**36, 7)}
    records = [{"region": region, **record, "b": Fraction(1, 3)} for region in (EAST, WEST)]
    assert read({"y": records}, level="county", expr="y.a / y.a + y.b", decimals=6) == [Fraction("1.666667")]


def test_means_over_many_different_counts_are_exact() -> None:
    """The least common multiple of these counts of days does not fit in 128 bits."""
    known = catalogue(
        dataset("e", "event", element("k", "text", "attribute"), element("n", "decimal", "flow"), key=("k",))
    )
    records = []
    means = []
    counts = [97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193]
    for key, count in enumerate(counts):
        for day in range(count):
            month, dom = divmod(day, 28)
            records.append(
                {"region": EAST, "period": f"2025-{month + 1:02d}-{dom + 1:02d}", "k": str(key), "n": day * key % 11}
            )
        means.append(Fraction(sum(day * key % 11 for day in range(count)), count))
    document = view({"name": "x", "from": "e.n", "aggregate": "mean", "decimals": 18})
    expected = round(sum(means) / len(means) * 10**18) / Fraction(10**18)
    assert values(mapped(document, known, {"e": records})) == [expected]


def test_a_value_of_more_than_38_digits_is_said_and_not_shown() -> None:
    record = {"region": EAST, "period": "2025", "a": 10**30, "b": 10**30}
    with pytest.raises(ResultTooLarge, match="x"):
        read({"y": [record]}, expr="y.a * y.b")
