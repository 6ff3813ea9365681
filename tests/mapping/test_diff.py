from __future__ import annotations

from typing import Any

from app.mapping.diff import changes
from app.mapping.spec import ViewSpec, parse_view
from tests.mapping.world import view

OLD: list[dict[str, Any]] = [
    {"name": "a", "from": "p.people", "unit": "万人", "decimals": 4},
    {"name": "b", "expr": "p.x / p.y", "decimals": 2},
    {"name": "c", "from": "p.kind", "codes": {"1": "甲", "2": "乙"}},
]


def spec(*fields: dict[str, Any], **head: Any) -> ViewSpec:
    found, faults = parse_view(view(*fields) | head, "")
    assert found is not None, faults
    return found


def told(*fields: dict[str, Any], **head: Any) -> list[tuple[str, str | None, str | None]]:
    return [(change.kind, change.field, change.aspect) for change in changes(spec(*OLD), spec(*fields, **head))]


def test_the_same_view_has_no_changes() -> None:
    assert told(*OLD) == []


def test_a_field_added_and_one_removed() -> None:
    assert told(OLD[0], OLD[2], {"name": "d", "value": 1}) == [("added", "d", None), ("removed", "b", None)]


def test_a_field_that_is_the_same_but_for_its_name_is_renamed() -> None:
    assert told(OLD[0] | {"name": "人口"}, *OLD[1:]) == [("renamed", "人口", "name")]


def test_every_option_that_changed_is_told_in_words() -> None:
    new = [OLD[0] | {"unit": "人", "decimals": 0}, *OLD[1:]]
    assert told(*new) == [("changed", "a", "unit"), ("changed", "a", "decimals")]
    messages = [str(change) for change in changes(spec(*OLD), spec(*new))]
    assert messages[0] == "字段“a”的计量单位由“万人”改为“人”（a: unit from 万人 to 人）"


def test_codes_are_compared_one_by_one() -> None:
    new = OLD[2] | {"codes": {"1": "A", "3": "丙"}}
    assert [change.message for change in changes(spec(*OLD), spec(*OLD[:2], new))] == [
        "字段“c”的代码“1”由“甲”改为“A”",
        "字段“c”的代码“2”由“乙”改为（无）",
        "字段“c”的代码“3”由（无）改为“丙”",
    ]


def test_a_new_order_is_told() -> None:
    assert told(OLD[1], OLD[0], OLD[2]) == [("moved", None, "fields")]


def test_the_view_itself_may_change() -> None:
    assert told(*OLD, title="新", grain={"level": "county", "frequency": "month"}) == [
        ("view", None, "title"),
        ("view", None, "grain.level"),
        ("view", None, "grain.frequency"),
    ]
