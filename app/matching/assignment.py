"""One element answers one column of a form: the assignment with the greatest total gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_STEP = 1e-4  # of a gain: how far from the greatest total the answer may be, per row
_BIDS_PER_ROW = 400


def assign(gains: Sequence[Mapping[str, float]]) -> list[str | None]:
    """For each row the key it gets, or None; each key goes to one row at most; gains at or below 0 count as none.

    An auction (Bertsekas): a row without a key bids for the one that is worth most to it, up to what its second
    choice would be worth. Ends within ``_STEP`` a row of the greatest sum; the number of bids is bounded.
    """
    prices: dict[str, float] = {}
    holder: dict[str, int] = {}
    given: list[str | None] = [None] * len(gains)
    waiting = [row for row, offered in enumerate(gains) if offered]
    for _ in range(_BIDS_PER_ROW * len(gains)):
        if not waiting:
            break
        row = waiting.pop()
        best, first, second = None, 0.0, 0.0
        for key, gain in sorted(gains[row].items()):
            value = gain - prices.get(key, 0.0)
            if value > first:
                best, first, second = key, value, first
            elif value > second:
                second = value
        if best is None:
            continue
        prices[best] = prices.get(best, 0.0) + first - second + _STEP
        loser = holder.get(best)
        if loser is not None:
            given[loser] = None
            waiting.append(loser)
        holder[best] = row
        given[row] = best
    return given
