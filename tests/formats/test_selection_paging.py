import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Problem
from app.formats.paging import after, page, row_key
from app.formats.selection import SortKey, select
from app.mapping.plan import OutputField
from app.mapping.run import Mapped
from tests.formats.frames import FIELDS, mapped_of, records_of

ORDERS = st.lists(
    st.tuples(st.sampled_from(FIELDS), st.booleans()), max_size=3, unique_by=lambda pair: pair[0].name
).map(lambda pairs: [SortKey(field, down) for field, down in pairs])


def rows_of(frame):
    return frame.get_column("region").to_list()


@given(records_of(most=25), ORDERS, st.integers(1, 6), st.booleans())
def test_pages_in_a_row_give_every_row_once_in_order(records, sort, limit, by_position):
    frame, _ = select(mapped_of(records), [], sort, FIELDS)
    seen, start = [], 0
    while True:
        got = page(frame, sort, limit, start)
        seen += rows_of(got.frame)
        assert got.frame.height <= limit
        if got.offset is None:
            assert got.position is None
            break
        start = json.loads(json.dumps(got.position)) if by_position else got.offset
    assert seen == rows_of(frame)


@given(records_of(most=15), ORDERS, st.data())
def test_going_on_after_a_row_that_is_gone_gives_what_would_have_followed_it(records, sort, data):
    frame, _ = select(mapped_of(records), [], sort, FIELDS)
    if not frame.height:
        return
    row = data.draw(st.integers(0, frame.height - 1))
    position = row_key(frame, sort, row)
    without = pl.concat([frame.slice(0, row), frame.slice(row + 1)])
    assert rows_of(after(without, sort, position)) == rows_of(frame)[row + 1 :]


def test_a_position_holds_across_a_change_of_decimals():
    def mapped(decimals, integers):
        frame = pl.DataFrame(
            {"code": ["1", "2", "3"], "period": [0, 0, 0], "field:n": pl.Series(integers, dtype=pl.Int64)}
        )
        return frame, [SortKey(OutputField("n", "", "number", decimals))]

    frame, sort = mapped(1, [10, 15, 20])
    position = row_key(frame, sort, 1)
    finer, sort = mapped(3, [1000, 1500, 1501])
    assert after(finer, sort, position).get_column("code").to_list() == ["3"]


def test_list_rows_of_one_region_and_period_are_told_apart_by_their_key():
    frame = pl.DataFrame({"code": ["1"] * 3, "period": [5] * 3, "key:hazard_id": ["a", "b", "c"], "field:n": [1, 1, 1]})
    sort = [SortKey(OutputField("n", "", "number", 0))]
    frame, _ = select(Mapped(frame, (), ("hazard_id",)), [], sort, [])
    got = page(frame, sort, 2)
    assert got.position == {"sort": ["1"], "code": "1", "period": 5, "key": ["b"]}
    assert page(frame, sort, 2, got.position).frame.get_column("key:hazard_id").to_list() == ["c"]


def test_a_position_of_another_order_is_a_bad_cursor():
    frame = mapped_of([dict.fromkeys(field.name for field in FIELDS)]).frame
    good = row_key(frame, [], 0)
    for position in ({**good, "sort": ["x"]}, {**good, "key": ["x"]}, {}):
        with pytest.raises(Problem) as refused:
            page(frame, [], 10, position)
        assert refused.value.code == "bad_cursor"
    number = [SortKey(FIELDS[1])]
    with pytest.raises(Problem):
        page(frame, number, 10, {**good, "sort": ["not a number"]})


def test_an_offset_beyond_the_end_gives_an_empty_last_page():
    got = page(mapped_of([]).frame, [], 10, 7)
    assert (got.frame.height, got.offset, got.position) == (0, None, None)
