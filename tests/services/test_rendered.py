"""A page cut from what was written before is the page as it is written anew."""

import time
from unittest.mock import patch

import polars as pl
import pytest

from app.formats.writing_json import json_records, write_ndjson
from app.mapping.plan import OutputField
from app.services.rendered import PIECE, RenderedRecords

FIELDS = (OutputField("n", "数", "number", 2), OutputField("t", "文", "text", 0))
ROWS = 2 * PIECE + 7
FRAME = pl.DataFrame(
    {"field:n": range(ROWS), "field:t": [f'甲"\n\\{n}' if n % 3 else None for n in range(ROWS)]},
    schema_overrides={"field:n": pl.Int64},
)


@pytest.mark.parametrize("limit", [0, 40_000, 10_000_000])
def test_any_page_is_what_it_is_when_written_anew_however_little_is_kept(limit: int) -> None:
    rendered = RenderedRecords(limit)
    for start, count in [
        (0, 1000),
        (0, 5),
        (999, 2),
        (1000, 1000),
        (1500, 507),
        (0, ROWS),
        (ROWS, 10),
        (3, 1),
        (0, 1000),
    ]:
        expected = json_records(FIELDS, FRAME.slice(start, count)) if start < ROWS else b"[]"
        assert rendered.array("one", FIELDS, FRAME, start, count) == expected


def test_what_was_kept_of_one_frame_is_never_given_for_another() -> None:
    rendered = RenderedRecords(10_000_000)
    other = FRAME.with_columns(pl.col("field:n") + 1)
    first = rendered.array("one", FIELDS, FRAME, 0, 10)
    assert rendered.array("other", FIELDS, other, 0, 10) == json_records(FIELDS, other.slice(0, 10)) != first


@pytest.mark.parametrize("limit", [0, 130_000, 10_000_000])
def test_what_did_not_change_is_carried_over_and_what_changed_is_not(limit: int) -> None:
    rendered = RenderedRecords(limit)
    rendered.array("one", FIELDS, FRAME, 0, ROWS)
    changed = FRAME.with_columns(
        pl.when(pl.int_range(pl.len()).is_between(PIECE + 3, PIECE + 4)).then(-1).otherwise("field:n").alias("field:n")
    )
    rendered.carry("one", "other", [(PIECE + 3, PIECE + 5)])
    with patch("app.services.rendered.write_ndjson", side_effect=write_ndjson) as written:
        assert rendered.array("other", FIELDS, changed, 0, ROWS) == json_records(FIELDS, changed)
    assert written.call_count == {0: 3, 10_000_000: 1}.get(limit, written.call_count)
    assert rendered.array("one", FIELDS, FRAME, 0, ROWS) == json_records(FIELDS, FRAME)


@pytest.mark.parametrize("limit", [0, 10_000_000])
def test_a_few_records_are_those_written_anew_and_bring_their_piece_in_when_missed_often(limit: int) -> None:
    rendered = RenderedRecords(limit)
    ranges = [(998, 1003), (5, 6), (ROWS - 1, ROWS)]
    rows = [row for first, end in ranges for row in range(first, end)]
    expected = json_records(FIELDS, FRAME[rows])
    for _ in range(6):
        assert rendered.few("one", FIELDS, FRAME, ranges) == expected
    assert rendered.few("one", FIELDS, FRAME, []) == b"[]"
    until = time.monotonic() + 10
    while limit and not rendered.holds("one", 0, ROWS) and time.monotonic() < until:
        assert rendered.few("one", FIELDS, FRAME, ranges) == expected
    assert rendered.holds("one", 0, ROWS) == (limit > 0)
    assert not rendered.holds("other", 0, 1)
    assert rendered.few("one", FIELDS, FRAME, ranges) == expected
