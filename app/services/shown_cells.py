"""What is shown of canonical cells under the masks of those agreements that cover them, exactly.

Of a cell that several agreements cover, the value itself is shown if one of them shows it (``suppress_below`` does, above
its limit); else what stands for the narrowest interval of values: a ``round`` for its step, a ``band`` for its width;
of equally narrow ones the first in order of kind and numbers. Where none shows anything, the cell is not covered.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import ceil, lcm
from operator import or_

import polars as pl

from app.catalogue.values import rounded as rounded_one
from app.mapping.exact import LIMIT, TooLarge, largest, of_column, rounded, scaled
from app.policy.cell_masks import CellMask
from app.snapshots.exact_columns import DIGITS, NotRepresentableError

_BIT128 = 2**127 - 1
_HASH_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Cover:
    """The cells that one grant covers (Boolean, without nulls), and what it shows of them; None: the value."""

    inside: pl.Series
    mask: CellMask | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What may be shown: ``whole`` × ``unit``. ``width`` of the interval it stands for, None: without end."""

    width: Fraction | None
    mask: CellMask
    inside: pl.Series
    whole: pl.Series
    unit: Fraction

    @property
    def rank(self) -> tuple[bool, Fraction, str, tuple[Fraction, ...]]:
        return self.width is None, self.width or Fraction(0), self.mask.kind, self.mask.numbers


def hidden(values: pl.Series, scale: int, mask: CellMask) -> pl.Series:
    """Which numbers (integers over ``scale``) a mask hides altogether. Boolean without nulls."""
    limit = _capped(ceil(mask.numbers[0] * scale)) if mask.numbers else 0
    if mask.kind in {"suppress_below", "band"}:
        values = values.cast(pl.Int128)
    if mask.kind == "suppress_below":
        found = (values > _literal(-limit)) & (values < _literal(limit)) & (values != _literal(0))
    elif mask.kind == "band":
        found = values < _literal(limit)
    else:
        return pl.repeat(value=False, n=len(values), dtype=pl.Boolean, eager=True)
    return found.fill_null(value=False)


def any_inside(covers: Iterable[Cover], length: int) -> pl.Series:
    """Which of ``length`` cells any of the grants covers."""
    none = pl.repeat(value=False, n=length, dtype=pl.Boolean, eager=True)
    return reduce(or_, (cover.inside for cover in covers), none)


def told_exactly(values: pl.Series, scale: int, covers: Iterable[Cover]) -> pl.Series:
    """Which cells are shown as they are."""
    exact = pl.repeat(value=False, n=len(values), dtype=pl.Boolean, eager=True)
    for cover in covers:
        if cover.mask is None:
            exact = exact | cover.inside
        elif cover.mask.kind == "suppress_below":
            exact = exact | (cover.inside & ~hidden(values, scale, cover.mask))
    return exact


def shown_numbers(values: pl.Series, scale: int, covers: Sequence[Cover]) -> tuple[pl.Series, int]:
    """The numbers shown, as Int128 over the scale that comes with them; null where nothing is.

    Raises ``NotRepresentableError`` where what is shown does not fit into 128 bits over one scale.
    """
    values = values.cast(pl.Int128)
    exact = told_exactly(values, scale, covers)
    candidates = sorted(
        (each for cover in covers if cover.mask for each in _candidates(values, scale, cover.inside, cover.mask)),
        key=lambda each: each.rank,
        reverse=True,
    )
    units = [candidate.unit for candidate in candidates]
    whole = any(cover.mask is None or cover.mask.kind == "suppress_below" for cover in covers)
    common = lcm(*(unit.denominator for unit in units), scale if whole else 1)
    shown = pl.repeat(None, len(values), dtype=pl.Int128, eager=True)
    for candidate in candidates:
        factor = int(candidate.unit * common)
        shown = _laid_over(shown, candidate.inside, candidate.whole, factor)
    return (_laid_over(shown, exact, values, common // scale) if whole else shown), common


def shown_texts(values: pl.Series, covers: Sequence[Cover], key_of: Callable[[str], bytes]) -> pl.Series:
    """The texts shown: the text itself, or its hash under the key of the first agreement (by code) that gives one."""
    shown = pl.repeat(None, len(values), dtype=pl.String, eager=True)
    hashing = [cover for cover in covers if cover.mask is not None and cover.mask.kind == "hash"]
    for cover in sorted(hashing, key=lambda each: each.mask.keyed if each.mask else "", reverse=True):
        if cover.mask is not None:
            shown = _chosen(cover.inside, hashed(values, key_of(cover.mask.keyed)), shown)
    for cover in covers:
        if cover.mask is None:
            shown = _chosen(cover.inside, values, shown)
    return shown


def hashed(values: pl.Series, key: bytes) -> pl.Series:
    """Each text's keyed hash, 32 hexadecimal digits; the same text has the same hash under one key."""
    texts = values.unique().drop_nulls().to_list()
    table = {text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_HASH_CHARACTERS] for text in texts}
    return values.replace_strict(table, default=None, return_dtype=pl.String)


def _candidates(values: pl.Series, scale: int, inside: pl.Series, mask: CellMask) -> Iterable[_Candidate]:
    if mask.kind == "round":
        (step,) = mask.numbers
        yield _Candidate(step, mask, inside, _steps(values, scale, step), step)
    elif mask.kind == "band":
        one = pl.repeat(1, len(values), dtype=pl.Int128, eager=True)
        for bound, above in zip(mask.numbers, [*mask.numbers[1:], None], strict=True):
            met = values >= _literal(_capped(ceil(bound * scale)))
            if above is not None:
                met = met & (values < _literal(_capped(ceil(above * scale))))
            width = None if above is None else above - bound
            yield _Candidate(width, mask, inside & met.fill_null(value=False), one, bound)


def _steps(values: pl.Series, scale: int, step: Fraction) -> pl.Series:
    """How many steps each number is, to the nearest; halves away from zero."""
    try:
        return rounded(scaled(of_column(values, scale), 1 / step), 0, "half_up").cast(pl.Int128)
    except TooLarge:
        numbers = (None if value is None else Fraction(value, scale) / step for value in values.to_list())
        whole = [None if number is None else rounded_one(number, 0, "half_up") for number in numbers]
        return pl.Series([None if n is None or abs(n) > _BIT128 else n for n in whole], dtype=pl.Int128)


def _laid_over(below: pl.Series, inside: pl.Series, whole: pl.Series, factor: int) -> pl.Series:
    taken = _chosen(inside, whole.cast(pl.Int128), pl.repeat(None, len(whole), dtype=pl.Int128, eager=True))
    if largest(taken) * abs(factor) > LIMIT or abs(factor) > LIMIT:
        raise NotRepresentableError(f"no common denominator of the values and their masks within {DIGITS} digits")
    return _chosen(inside, taken * _literal(factor), below)


def _chosen(mask: pl.Series, then: pl.Series, otherwise: pl.Series) -> pl.Series:
    return pl.select(pl.when(mask).then(then).otherwise(otherwise)).to_series()


def _literal(number: int) -> pl.Series:
    return pl.Series([number], dtype=pl.Int128)


def _capped(number: int) -> int:
    return max(-_BIT128, min(_BIT128, number))
