from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.snapshots.exact_columns import SHORT, NotRepresentableError, exact_column

FACTORS = {
    "公顷": Fraction(1),
    "亩": Fraction(1, 15),
    "平方公里": Fraction(100),
    "尺": Fraction(9, 7),
    None: Fraction(1),
}
PLAIN = st.decimals(min_value=-(10**12), max_value=10**12, places=4, allow_nan=False).map(str)
ODD = st.sampled_from(["1E+3", "-0", "0E-12", "2.50E+2", "007", "-0.000", "1e-9", "0E+99"])
FEW = st.lists(st.tuples(st.none() | PLAIN | ODD, st.sampled_from(list(FACTORS))), max_size=30)
# Short columns are taken one by one, long ones by the column engine: the same cells again and again make a long one.
CELLS = FEW | FEW.map(lambda cells: cells * (SHORT // max(1, len(cells)) + 1))


@given(CELLS)
def test_every_value_is_the_reported_number_times_the_factor_exactly(cells):
    numbers, units = [n for n, _ in cells], [u for _, u in cells]
    column = exact_column(pl.Series("n", numbers, pl.String), pl.Series("u", units, pl.String), FACTORS)
    expected = [None if n is None else Fraction(Decimal(n)) * FACTORS[u] for n, u in cells]
    assert [None if v is None else Fraction(v, column.scale) for v in column.values.to_list()] == expected


@given(CELLS)
def test_the_scale_is_the_least_common_denominator_however_the_numbers_were_written(cells):
    numbers, units = [n for n, _ in cells], [u for _, u in cells]
    column = exact_column(pl.Series("n", numbers, pl.String), pl.Series("u", units, pl.String), FACTORS)
    denominators = [(Fraction(Decimal(n)) * FACTORS[u]).denominator for n, u in cells if n is not None]
    # The least number that all denominators divide: each of them does, and no prime factor could be spared.
    assert all(column.scale % denominator == 0 for denominator in denominators)
    for prime in (2, 3, 5, 7):
        if column.scale % prime == 0:
            assert any((column.scale // prime) % denominator for denominator in denominators)
    assert column.bound == max((abs(v) for v in column.values.to_list() if v is not None), default=0)


def exact(*texts, unit="公顷"):
    """The column of these few; a long one that repeats them is the same, over and over."""
    few, many = (
        exact_column(pl.Series("n", texts * times, pl.String), pl.Series("u", [unit] * len(texts) * times), FACTORS)
        for times in (1, SHORT + 1)
    )
    assert many.values.to_list() == few.values.to_list() * (SHORT + 1)
    assert (many.scale, many.bound, many.values.dtype) == (few.scale, few.bound, few.values.dtype)
    return few


def test_a_hundred_mu_are_twenty_thirds_of_a_hectare():
    column = exact("100", unit="亩")
    assert (column.values.to_list(), column.scale) == ([20], 3)


def test_integers_of_more_than_64_bits_are_kept_wide_and_exact():
    column = exact("99999999999999999999.5", "1")
    assert column.values.dtype == pl.Int128
    assert [Fraction(v, column.scale) for v in column.values.to_list()] == [Fraction("99999999999999999999.5"), 1]


def test_a_detour_beyond_128_bits_is_no_reason_to_give_up():
    # 37 digits times the least common denominator of unused precision would not fit, the reduced result does.
    column = exact("1" + "0" * 36, "0.5", unit="亩")
    assert [Fraction(v, column.scale) for v in column.values.to_list()] == [Fraction(10**36, 15), Fraction(1, 30)]


def test_numbers_that_cannot_share_38_digits_are_refused():
    with pytest.raises(NotRepresentableError):
        exact("1" + "0" * 30, "0." + "0" * 30 + "1")


def test_an_exponent_out_of_all_bounds_is_refused_without_being_written_out():
    for text in ("1E+999999", "1E-999999", "0E+999999"):
        with pytest.raises(NotRepresentableError):
            exact(text)


def test_a_text_that_is_no_number_is_an_error_and_not_a_missing_value():
    with pytest.raises(ValueError, match="3,5"):
        exact("3,5")


def test_a_unit_without_a_factor_matters_only_where_a_number_has_it():
    numbers = pl.Series("n", [None, "1"], pl.String)
    units = pl.Series("u", ["户", "亩"], pl.String)
    assert exact_column(numbers, units, FACTORS).scale == 15
