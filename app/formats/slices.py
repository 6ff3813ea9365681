"""Rows written slice by slice, the next ones already while the last is being sent; bounded in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import polars as pl

_AHEAD = 2


def written(frame: pl.DataFrame, size: int, write: Callable[[int, pl.DataFrame], bytes]) -> Iterator[bytes]:
    """``write(start, slice)`` for each ``size`` rows of the frame, in order. Closed early, it waits for what it began."""
    if frame.height <= size:
        if frame.height:
            yield write(0, frame)
        return
    begun: deque[Future[bytes]] = deque()
    try:
        for start in range(0, frame.height, size):
            begun.append(writers().submit(write, start, frame.slice(start, size)))
            if len(begun) > _AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()


@cache
def writers() -> ThreadPoolExecutor:
    """Made when it is first needed: threads do not survive the fork of a worker."""
    return ThreadPoolExecutor(_AHEAD, "writing")
