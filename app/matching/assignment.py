"""One element answers one column of a form: the assignment with the greatest total gain."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

_SMALL = 1e-12  # a gain no larger than this is rounding


def assign(gains: Sequence[Mapping[str, float]]) -> list[str | None]:
    """For each row the key it gets, or None; each key goes to one row at most; gains at or below 0 count as none.

    Rows come in one by one; each takes the best alternating path, on which rows before it may change or give up
    their key. The total is the greatest there is.
    """
    holder: dict[str, int] = {}
    given: list[str | None] = [None] * len(gains)
    for row in range(len(gains)):
        _place(row, gains, holder, given)
    return given


def _place(start: int, gains: Sequence[Mapping[str, float]], holder: dict[str, int], given: list[str | None]) -> None:
    reached = {start: 0.0}  # row that must find another key → gain of the path so far
    came: dict[int, tuple[int, str]] = {}
    best_value, best_row, best_key = 0.0, start, ""  # the empty key: the path ends with a row that goes without
    queue = deque([start])
    while queue:
        row = queue.popleft()
        if reached[row] > best_value + _SMALL:
            best_value, best_row, best_key = reached[row], row, ""
        for key, gain in gains[row].items():
            if gain <= 0 or key == given[row]:
                continue
            value = reached[row] + gain
            owner = holder.get(key)
            if owner is None:
                if value > best_value + _SMALL:
                    best_value, best_row, best_key = value, row, key
            elif value - gains[owner][key] > reached.get(owner, float("-inf")) + _SMALL:
                reached[owner] = value - gains[owner][key]
                came[owner] = (row, key)
                queue.append(owner)
    row, key = best_row, best_key
    while True:
        given[row] = key or None
        if key:
            holder[key] = row
        if row == start:
            return
        row, key = came[row]
