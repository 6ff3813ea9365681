from datetime import date
from decimal import Decimal
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Problem
from app.formats.selection import OPERATORS, fields_needed, parse_fields, parse_filters, parse_sort, select
from app.mapping.plan import OutputField
from tests.formats.frames import FIELDS, mapped_of, records_of

TOWNS = [
    {"mc": "长安镇", "rk": Decimal("3.2458"), "rq": date(2024, 3, 5), "sf": True},
    {"mc": "江南镇", "rk": Decimal("-0.5000"), "rq": date(2023, 1, 1), "sf": False},
    {"mc": "羊楼司:镇", "rk": None, "rq": None, "sf": None},
    {"mc": None, "rk": Decimal("100.0000"), "rq": date(2025, 1, 1), "sf": True},
]
TOWN_FIELDS = (
    OutputField("mc", "名称", "text"),
    OutputField("rk", "人口", "number", 4),
    OutputField("rq", "日期", "date"),
    OutputField("sf", "是否", "boolean"),
)


def found(*filters, records=TOWNS, fields=TOWN_FIELDS, sort=None):
    """The row numbers that are left, in their order."""
    frame, _ = select(mapped_of(records, fields), parse_filters(filters, fields), parse_sort(sort, fields), fields)
    return frame.get_column("region").to_list()


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("rk:eq:3.2458", [0]),
        ("rk:eq:3.24580", [0]),
        ("rk:eq:+32.458e-1", [0]),
        ("rk:eq:3.24581", []),
        ("rk:ne:3.2458", [1, 3]),
        ("rk:ne:3.24581", [0, 1, 3]),
        ("rk:ge:3.2458", [0, 3]),
        ("rk:ge:3.24581", [3]),
        ("rk:gt:3.24579", [0, 3]),
        ("rk:gt:3.2458", [3]),
        ("rk:le:3.24579", [1]),
        ("rk:le:3.2458", [0, 1]),
        ("rk:lt:3.24581", [0, 1]),
        ("rk:lt:-0.49999", [1]),
        ("rk:le:-0.50001", []),
        ("rk:in:100,3.2458,7", [0, 3]),
        ("rk:lt:" + "9" * 60, [0, 1, 3]),
        ("rk:gt:" + "9" * 60, []),
        ("rk:ge:-" + "9" * 60, [0, 1, 3]),
        ("rk:ne:1e60", [0, 1, 3]),
        ("mc:eq:长安镇", [0]),
        ("mc:eq:羊楼司:镇", [2]),
        ("mc:ne:长安镇", [1, 2]),
        ("mc:contains:镇", [0, 1, 2]),
        ("mc:contains:.", []),
        ("mc:contains::", [2]),
        ("mc:in:长安镇,江南镇", [0, 1]),
        ("mc:gt:江", [0, 1, 2]),
        ("rq:ge:2024-03-05", [0, 3]),
        ("rq:in:2023-01-01,2025-01-01", [1, 3]),
        ("sf:eq:true", [0, 3]),
        ("sf:ne:true", [1]),
        ("sf:in:true,false", [0, 1, 3]),
    ],
)
def test_filters_compare_the_values_shown_and_missing_ones_match_nothing(condition, rows):
    assert found(condition) == rows


def test_filters_are_anded():
    assert found("rk:ge:0", "mc:contains:长") == [0]


@pytest.mark.parametrize(
    "condition",
    [
        "rk",
        "rk:eq",
        "rk:eq:",
        "rk:eq:abc",
        "rk:eq:1,5",
        "rk:eq:１",
        "rk:eq:nan",
        "rk:eq:1e999",
        "rk:in:1,,2",
        "rk:like:1",
        "rk:contains:1",
        "rq:contains:2",
        "sf:contains:t",
        "sf:lt:true",
        "sf:eq:True",
        "sf:eq:1",
        "rq:eq:2024-3-5",
        "rq:eq:2024-02-30",
        "rq:eq:20240305",
        "",
    ],
)
def test_what_is_out_of_form_is_a_bad_request_in_both_languages(condition):
    with pytest.raises(Problem) as refused:
        parse_filters([condition], TOWN_FIELDS)
    assert refused.value.code == "bad_request"
    assert any("\u4e00" <= c <= "\u9fff" for c in refused.value.detail)
    assert any(c.isascii() and c.isalpha() for c in refused.value.detail)


def test_every_faulty_filter_is_named_at_once():
    with pytest.raises(Problem) as refused:
        parse_filters(["rk:eq:x", "sf:eq:2", "rk:ge:1"], TOWN_FIELDS)
    assert "rk:eq:x" in refused.value.detail
    assert "sf:eq:2" in refused.value.detail


def test_a_field_that_is_not_there_is_refused_in_filter_sort_and_fields():
    for attempt in (
        lambda: parse_filters(["jm:eq:1"], TOWN_FIELDS),
        lambda: parse_filters(["jm:nonsense:1"], TOWN_FIELDS),
        lambda: parse_sort("-jm", TOWN_FIELDS),
        lambda: parse_sort("jm", TOWN_FIELDS),
        lambda: parse_fields("jm", TOWN_FIELDS),
    ):
        with pytest.raises(Problem) as refused:
            attempt()
        assert refused.value.code == "unknown_field"
        assert refused.value.detail == "没有这个字段：jm (no such field: 'jm')"


def test_the_longest_known_name_is_meant_where_names_have_colons():
    fields = (OutputField("a", "", "text"), OutputField("a:eq", "", "text"), OutputField("a:b", "", "text"))
    assert parse_filters(["a:b:eq:x"], fields)[0].field.name == "a:b"
    assert parse_filters(["a:eq:eq:x"], fields)[0].field.name == "a:eq"
    (plain,) = parse_filters(["a:eq:x"], fields)
    assert (plain.field.name, plain.values) == ("a", ("x",))


def test_sort_puts_missing_values_last_in_both_directions_and_keeps_ties_in_row_order():
    assert found(sort="rk") == [1, 0, 3, 2]
    assert found(sort="-rk") == [3, 0, 1, 2]
    assert found(sort="-sf,rk") == [0, 3, 1, 2]
    assert found(sort="sf") == [1, 0, 3, 2]


def test_text_goes_by_code_point():
    names = ["b", "B", "é", "z", "\uffff", "\U00010000", "长", ""]
    fields = (OutputField("mc", "", "text"),)
    order = found(records=[{"mc": name} for name in names], fields=fields, sort="mc")
    assert [names[row] for row in order] == sorted(names)


def test_a_field_twice_in_sort_or_fields_is_refused():
    for attempt in (lambda: parse_sort("rk,-rk", TOWN_FIELDS), lambda: parse_fields("rk,rk", TOWN_FIELDS)):
        with pytest.raises(Problem) as refused:
            attempt()
        assert refused.value.code == "bad_request"


def test_fields_come_in_the_order_asked_and_all_where_none_is_named():
    assert [field.name for field in parse_fields("sf,mc", TOWN_FIELDS)] == ["sf", "mc"]
    assert parse_fields(None, TOWN_FIELDS) == TOWN_FIELDS


def test_what_filter_and_sort_need_is_mapped_though_not_answered():
    filters, sort = parse_filters(["rq:ge:2024-01-01"], TOWN_FIELDS), parse_sort("-rk", TOWN_FIELDS)
    assert fields_needed(filters, sort, parse_fields("mc", TOWN_FIELDS)) == {"mc", "rk", "rq"}


def test_every_operator_has_an_example_that_parses():
    for operator in OPERATORS.values():
        assert operator.description
        assert operator.description_en.isascii()
        name, op, _ = operator.example.split(":", 2)
        assert op == operator.name
        kind = "number" if name.startswith("czrk") else "text"
        assert parse_filters([operator.example], [OutputField(name, "", kind, 4 if kind == "number" else 0)])


SHOWN = st.decimals(-5, 5, places=4)


@given(
    st.lists(st.none() | SHOWN, max_size=20),
    st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
    st.decimals(-6, 6, places=6) | SHOWN,
)
def test_numbers_compare_as_decimals_do(cells, operator, bound):
    fields = (OutputField("n", "", "number", 4),)
    compare = {
        "eq": lambda v: v == bound,
        "ne": lambda v: v != bound,
        "lt": lambda v: v < bound,
        "le": lambda v: v <= bound,
        "gt": lambda v: v > bound,
        "ge": lambda v: v >= bound,
    }[operator]
    expected = [row for row, value in enumerate(cells) if value is not None and compare(value)]
    assert found(f"n:{operator}:{bound:f}", records=[{"n": v} for v in cells], fields=fields) == expected


@given(records_of(most=20), st.lists(st.sampled_from(FIELDS), unique=True, min_size=1, max_size=3), st.integers(0, 7))
def test_any_order_is_the_one_that_comparing_pairs_of_rows_gives(records, by, directions):
    sort = [(field.name, bool(directions >> place & 1)) for place, field in enumerate(by)]
    fields = tuple(field for field in FIELDS if "," not in field.name)
    sort = [(name, down) for name, down in sort if "," not in name]

    def order(one, other):
        for name, down in sort:
            a, b = records[one][name], records[other][name]
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return (-1 if a < b else 1) * (-1 if down else 1)
        return one - other

    text = ",".join(f"-{name}" if down else name for name, down in sort) or None
    assert found(records=records, fields=fields, sort=text) == sorted(range(len(records)), key=cmp_to_key(order))
