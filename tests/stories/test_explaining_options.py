"""An explanation tells of the options of a field too: complete groups, and what becomes of other codes."""

from __future__ import annotations

from tests.fixtures.house import House
from tests.stories.test_explaining import asked, report, small

__all__ = ["small"]


def test_it_is_told_whether_a_group_that_has_to_be_complete_is_and_what_becomes_of_other_codes(small: House) -> None:
    view = """
code: whole-view
department: ecology
title: 报全
grain: {level: county, frequency: year}
fields:
  - {name: dm, from: region.code}
  - {name: rk, from: people.total}
  - {name: qb, from: people.total, complete: required, default: -1}
  - {name: dx, expr: "people.total > 100", codes: {"true": 大}, otherwise: 小}
"""
    small.apply({"views/whole-view.yaml": view})
    ecology = small.client(department="ecology")
    path = "/v1/views/whole-view/explain"
    report(small, [{"region": "430101101", "period": "2024", "total": 5}])
    half = asked(ecology, path, region="430101", period="2024", field="qb")
    assert (half["value"], half["default_used"], half["complete"], half["rule"]["complete"]) == (
        -1,
        True,
        False,
        "required",
    )
    report(small, [{"region": "430101102", "period": "2024", "total": 7}])
    whole = asked(ecology, path, region="430101", period="2024", field="qb")
    assert (whole["value"], whole["default_used"], whole["complete"]) == (12, False, True)
    assert asked(ecology, path, region="430101", period="2024", field="rk")["complete"] is None
    other = asked(ecology, path, region="430101", period="2024", field="dx")
    assert (other["value"], other["code"], other["rule"]["otherwise"]) == (
        "小",
        {"before": "false", "after": "小"},
        "小",
    )
