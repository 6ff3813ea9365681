"""Two frames have one digest exactly when they show the same."""

import itertools
from datetime import date

import polars as pl
import pytest

from app.services import frame_digests
from app.services.frame_digests import frame_digest, stretch_digests

WIDE = 2**70


def frame(values, kind, name="f"):
    return pl.DataFrame({name: pl.Series(values, dtype=kind)})


DIFFERENT = [
    frame([1, 2], pl.Int64),
    frame([2, 1], pl.Int64),
    frame([1, 2, 3], pl.Int64),
    frame([1, None], pl.Int64),
    frame([1, 0], pl.Int64),
    frame([None, 1], pl.Int64),
    frame([1, 2], pl.Int64, "g"),
    frame([1, WIDE], pl.Int128),
    frame([1, WIDE + 1], pl.Int128),
    frame([None, WIDE], pl.Int128),
    frame(["1", "2"], pl.String),
    frame(["12", ""], pl.String),
    frame(["", "12"], pl.String),
    frame([None, "12"], pl.String),
    frame(["忠", "防"], pl.String),
    frame([True, False], pl.Boolean),
    frame([True, None], pl.Boolean),
    frame([False, True], pl.Boolean),
    frame([date(2024, 1, 1), None], pl.Date),
    frame([date(2024, 1, 1), date(1970, 1, 1)], pl.Date),
    frame([], pl.Int64),
    frame([], pl.String),
]


def test_what_differs_in_anything_shown_has_another_digest():
    assert all(frame_digest(one) != frame_digest(other) for one, other in itertools.combinations(DIFFERENT, 2))


@pytest.mark.parametrize("shown", DIFFERENT, ids=range(len(DIFFERENT)))
def test_the_memory_it_came_from_does_not_matter(shown):
    name = shown.columns[0]
    (kind,) = shown.dtypes
    ballast = shown.clear(3).with_columns(pl.lit(None, dtype=kind).alias(name))
    sliced = pl.concat([ballast, shown, ballast], rechunk=True).slice(3, shown.height)
    assert frame_digest(sliced) == frame_digest(shown)
    in_pieces = pl.concat([shown.head(1), shown.slice(1)], rechunk=False)
    assert frame_digest(in_pieces) == frame_digest(shown)


def test_what_lies_below_a_missing_value_does_not_matter():
    held = pl.DataFrame({"f": [1, 7], "g": ["a", "secret"]})
    hidden = held.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(pl.col(name)).alias(name) for name in "fg")
    assert frame_digest(hidden) == frame_digest(pl.DataFrame({"f": [1, None], "g": ["a", None]}))


def test_the_width_of_a_number_is_not_part_of_its_value():
    assert frame_digest(frame([1, None, -5], pl.Int128)) == frame_digest(frame([1, None, -5], pl.Int32))


@pytest.mark.parametrize("at_once", [0, 100], ids=["on two threads", "on one"])
def test_stretches_of_a_frame_have_the_digests_they_have_by_themselves(monkeypatch, at_once):
    monkeypatch.setattr(frame_digests, "_AT_ONCE", at_once)
    texts = ["忠", "", None, "ab", "防汛", "", "c", None, "d", "é"]
    held = pl.DataFrame(
        {
            "n": [1, None, 3, 4, 5, 6, None, None, 9, 10],
            "w": pl.Series([1, 2, WIDE, None, 5, 6, -WIDE, 8, 9, 10], dtype=pl.Int128),
            "t": pl.Series("t", ["x", *texts]).slice(1),
            "b": [True, None, False, True, True, False, False, True, None, True],
            "d": pl.Series([0, None, 2, 3, 4, 5, 6, 7, 8, 9], dtype=pl.Int32).cast(pl.Date),
        }
    )
    for spans in ([(0, 3), (3, 4), (7, 0), (7, 3)], [(2, 2)], [], [(0, 10)]):
        apart = [pl.DataFrame(held.slice(*span).to_dict(as_series=False), schema=held.schema) for span in spans]
        assert stretch_digests(held, spans) == [frame_digest(each) for each in apart]
    assert len({digest for start in range(10) for digest in stretch_digests(held, [(start, 1)])}) == 10
