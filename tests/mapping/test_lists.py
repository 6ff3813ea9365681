"""Lists: datasets with a key of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mapping.world import (
    EAST,
    WEST,
    catalogue,
    dataset,
    element,
    mapped,
    shown,
    values,
    view,
)


def month(region: int, period: str, **more: Any) -> dict[str, Any]:
    return {"region": region, "period": period, **more}


def test_a_list_repeats_the_figures_of_its_region_on_each_of_its_rows() -> None:
    known = catalogue(
        dataset("y", "year", element("people", unit="人")),
        dataset("h", "year", element("id", "text", "attribute"), element("threatened", unit="人"), key=("id",)),
    )
    records = {
        "y": [month(EAST, "2025", people=100), month(WEST, "2025", people=50)],
        "h": [
            month(EAST, "2025", id="b", threatened=2),
            month(EAST, "2025", id="a", threatened=1),
            month(EAST, "2025", id="c", threatened=None),
        ],
    }
    document = view(
        {"name": "id", "from": "h.id"}, {"name": "x", "from": "h.threatened"}, {"name": "p", "from": "y.people"}
    )
    result = mapped(document, known, records)
    assert result.key == ("id",)
    assert result.frame["key:id"].to_list() == ["a", "b", "c"]
    assert shown(result) == [
        {"id": "a", "x": 1, "p": 100},
        {"id": "b", "x": 2, "p": 100},
        {"id": "c", "x": None, "p": 100},
    ]


def test_a_list_is_taken_together_at_a_coarser_grain() -> None:
    known = catalogue(
        dataset("h", "year", element("id", "text", "attribute"), element("threatened", unit="人"), key=("id",))
    )
    records = {
        "h": [
            month(EAST, "2025", id="a", threatened=1),
            month(EAST, "2025", id="b", threatened=2),
            month(WEST, "2025", id="a", threatened=4),
        ]
    }
    document = view({"name": "x", "from": "h.threatened"}, level="county")
    assert (values(mapped(document, known, records)), mapped(document, known, records).key) == ([7], ())
    counted = view({"name": "x", "from": "h.id", "aggregate": "count"}, level="county")
    assert values(mapped(counted, known, records)) == [3]


def test_the_latest_of_a_list_is_that_of_each_of_its_keys() -> None:
    known = catalogue(
        dataset("h", "month", element("id", "text", "attribute"), element("threatened", unit="人"), key=("id",))
    )
    records = {
        "h": [
            month(EAST, "2025-01", id="a", threatened=1),
            month(EAST, "2025-02", id="a", threatened=2),
            month(EAST, "2025-01", id="b", threatened=10),
        ]
    }
    assert values(mapped(view({"name": "x", "from": "h.threatened"}), known, records)) == [12]


def test_a_standing_list_joins_the_periods_of_other_data() -> None:
    known = catalogue(
        dataset("y", "year", element("people", unit="人")),
        dataset("h", "once", element("id", "text", "attribute"), element("depth", unit="米"), key=("id",)),
    )
    records = {
        "y": [month(EAST, "2024", people=1), month(EAST, "2025", people=2)],
        "h": [{"region": EAST, "id": "a", "depth": 3}],
    }
    document = view({"name": "x", "from": "h.depth"}, {"name": "p", "from": "y.people"})
    assert shown(mapped(document, known, records)) == [{"x": 3, "p": 1}, {"x": 3, "p": 2}]


@pytest.mark.parametrize(
    ("type", "key", "expected"), [("integer", "7", 7), ("date", "2025-03-17", "2025-03-17"), ("code", "x", "x")]
)
def test_a_key_is_read_as_its_own_kind(type: str, key: str, expected: Any) -> None:
    known = catalogue(dataset("h", "year", element("id", type, "attribute"), element("n"), key=("id",)))
    result = mapped(view({"name": "x", "from": "h.id"}), known, {"h": [month(EAST, "2025", id=key, n=1)]})
    assert [str(value) for value in values(result)] == [str(expected)]
